//! What jobs are to get through GitLab, by method, and what has to change there.

pub mod certificate;
pub mod telling;
pub mod variables;

use secrecy::SecretString;

use super::ownership::Mark;
use crate::api::{CiAccessMethod, CiAccessStatus, DeliveredEntry};

/// How jobs reach this cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The API server's URL.
    pub api_server: String,
    /// Its CA certificate; `None` when jobs trust it anyway.
    pub ca_pem: Option<String>,
    /// What becomes `KUBE_INGRESS_BASE_DOMAIN`.
    pub ingress_base_domain: Option<String>,
}

/// What the jobs of one environment are to get.
#[derive(Clone, Copy, Debug)]
pub struct Access<'a> {
    /// The environment's exact name: the scope of everything that is delivered.
    pub environment: &'a str,
    /// The namespace that its jobs work in.
    pub namespace: &'a str,
    /// The token.
    pub token: &'a SecretString,
    /// How to reach the cluster.
    pub endpoint: &'a Endpoint,
    /// Whether a `KUBECONFIG` is wanted.
    pub kubeconfig: bool,
    /// Whether secrets go to protected refs only.
    pub protected: bool,
    /// The mark that the entries carry.
    pub mark: &'a Mark,
}

/// An entry that exists and is not ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// What it is: `variable KUBE_TOKEN`, `cluster entry 7`.
    pub what: String,
    /// Its environment scope.
    pub scope: String,
    /// Whose it is.
    pub owner: String,
}

/// Whether status says that exactly this was delivered, so that GitLab need not be asked.
pub fn is_recorded(
    status: Option<&CiAccessStatus>,
    method: CiAccessMethod,
    token_fingerprint: &str,
    entries: &[DeliveredEntry],
) -> bool {
    status.is_some_and(|status| {
        status.method == Some(method)
            && status.token_fingerprint.as_deref() == Some(token_fingerprint)
            && status.pending_removal.is_empty()
            && status.entries == entries
    })
}

/// The recorded fingerprint of an entry.
pub fn recorded_fingerprint<'a>(status: Option<&'a CiAccessStatus>, key: &str) -> Option<&'a str> {
    let entry = status?.entries.iter().find(|entry| entry.key == key)?;
    Some(entry.fingerprint.as_str())
}
