//! Certificate-based clusters.

use jiff::Timestamp;
use secrecy::SecretString;

use super::State;
use super::owner::Owner;

/// How GitLab acts in a cluster; kept, of no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthorizationType {
    /// Roles.
    Rbac,
    /// Attributes.
    Abac,
    /// Not known.
    Unknown,
}

impl AuthorizationType {
    /// GitLab's words.
    pub const WORDS: &'static [&'static str] = &["unknown_authorization", "rbac", "abac"];

    /// GitLab's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Rbac => "rbac",
            Self::Abac => "abac",
            Self::Unknown => "unknown_authorization",
        }
    }

    /// From GitLab's word.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "rbac" => Some(Self::Rbac),
            "abac" => Some(Self::Abac),
            "unknown_authorization" => Some(Self::Unknown),
            _ => None,
        }
    }
}

/// How GitLab reaches a cluster (`platform_kubernetes`).
#[derive(Clone, Debug)]
pub struct Platform {
    /// Address of the API server.
    pub api_url: String,
    /// Bearer token; never answered.
    pub token: SecretString,
    /// CA certificate in PEM.
    pub ca_cert: Option<String>,
    /// The namespace for everything, if one is given.
    pub namespace: Option<String>,
    /// RBAC or ABAC.
    pub authorization_type: AuthorizationType,
}

/// A certificate-based cluster.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Numeric id.
    pub id: u64,
    /// What it belongs to.
    pub owner: Owner,
    /// Name; not unique.
    pub name: String,
    /// Disabled ones serve no jobs.
    pub enabled: bool,
    /// Does GitLab make namespaces and accounts in it?
    pub managed: bool,
    /// One namespace per environment, or one per project?
    pub namespace_per_environment: bool,
    /// Environments it serves.
    pub environment_scope: String,
    /// Base domain of ingresses.
    pub domain: Option<String>,
    /// The project whose jobs get the cluster's own token.
    pub management_project: Option<u64>,
    /// Who added it.
    pub user_id: u64,
    /// How it is reached.
    pub platform: Platform,
    /// When it was added.
    pub created_at: Timestamp,
    /// Last change; answers do not show it.
    pub updated_at: Timestamp,
}

impl State {
    /// The clusters of one owner, by id.
    pub fn clusters_of(&self, owner: Owner) -> impl Iterator<Item = &Cluster> {
        self.clusters.values().filter(move |cluster| cluster.owner == owner)
    }
}
