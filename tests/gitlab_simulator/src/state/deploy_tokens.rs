//! Deploy tokens of projects and groups. Their secret is shown once and not kept.

use jiff::Timestamp;
use secrecy::SecretString;

use super::members::Source;

/// One deploy token.
#[derive(Clone, Debug)]
pub struct DeployToken {
    /// Numeric id.
    pub id: u64,
    /// Project or group.
    pub source: Source,
    /// Name; not unique.
    pub name: String,
    /// Login name for the registry.
    pub username: String,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// What it may do.
    pub scopes: Vec<String>,
    /// Taken back?
    pub revoked: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// The secret: jobs see the one of a token called `gitlab-deploy-token`.
    pub secret: SecretString,
}

impl DeployToken {
    /// Past its end?
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}
