//! What several kinds say about themselves, and the parts of a mapping's status.
//!
//! Everything is optional or has a default, so that a status written by another version of the operator can always be
//! read.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CiAccessMethod, lenient};

/// Kubernetes' own conditions.
pub use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

/// How many mappings name this object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct MappingCounts {
    /// All mappings that name this object.
    pub total: i32,
    /// Those of them that are ready.
    pub ready: i32,
}

/// What is known about the GitLab token of an instance; never the token itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct InstanceTokenStatus {
    /// When GitLab will refuse it; absent when it never expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// The scopes that GitLab reports for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
}

/// The mapped project as GitLab last reported it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ProjectStatus {
    /// Numeric id; never changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
    /// Path with its groups, as last seen; follows renames and transfers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Whether the project is in use, and if not, why.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient::known")]
    pub state: Option<ProjectState>,
}

/// Whether a GitLab project is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ProjectState {
    /// The project is in use.
    Active,
    /// Somebody archived it: GitLab runs no jobs for it.
    Archived,
    /// Somebody deleted it and GitLab keeps it for its grace period.
    MarkedForDeletion,
    /// GitLab no longer knows its id.
    Gone,
}

/// One environment of a mapping: its namespace, its token, what was delivered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnvironmentStatus {
    /// Name of the GitLab environment, exactly as declared.
    pub name: String,
    /// GitLab's slug of it; the first one seen is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slug: Option<String>,
    /// GitLab's id of it; a cache, identity is the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gitlab_id: Option<i64>,
    /// The namespace of this environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<NamespaceStatus>,
    /// The token that this environment's jobs have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenStatus>,
    /// What was delivered into GitLab for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ci_access: Option<CiAccessStatus>,
    /// Whether the rule sends its secrets to protected branches and tags only. What was `true` stays so until the mapping
    /// says `Never`, whatever the method of delivery is meanwhile. Absent until GitLab was read for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protected: Option<bool>,
    /// Conditions of this environment alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// A namespace that belongs to a mapping.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NamespaceStatus {
    /// Its name.
    pub name: String,
    /// Its UID as recorded from its claim; without it the namespace is never deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
}

/// The times of a token; never the token itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TokenStatus {
    /// When it was issued.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issued_at: Option<Time>,
    /// When the cluster will refuse it; absent for a token that never expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
}

/// What was delivered into GitLab.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CiAccessStatus {
    /// How it was delivered.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient::known")]
    pub method: Option<CiAccessMethod>,
    /// Fingerprint of the token last issued; a token with another one is never delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_fingerprint: Option<String>,
    /// GitLab's id of our cluster entry, with `ClusterCertificate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<i64>,
    /// The variables that were delivered, with `Variables`; in `ClusterCertificate` the parts of the entry.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["key"]))]
    pub entries: Vec<DeliveredEntry>,
    /// What is still in GitLab and has to go as soon as GitLab lets us.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub pending_removal: Vec<PendingRemoval>,
}

/// One entry in GitLab that we wrote.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveredEntry {
    /// Key of the variable.
    pub key: String,
    /// Fingerprint of what was written.
    #[serde(default)]
    pub fingerprint: String,
}

/// One entry in GitLab that could not be removed yet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PendingRemoval {
    /// What it is; absent when another version of the operator wrote a kind that this one does not know.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient::known")]
    pub kind: Option<PendingRemovalKind>,
    /// Key of a variable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Environment scope.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// GitLab's id of a cluster entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
}

/// The kinds of things in GitLab that a mapping may have to remove.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PendingRemovalKind {
    /// A CI/CD variable of the project.
    Variable,
    /// A certificate-based cluster entry of the project.
    Cluster,
}

/// A mapping in one line, for `kubectl get`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct MappingSummary {
    /// Number and names of the namespaces: `2: web-app-42-production, web-app-42-staging`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<String>,
    /// When the first of its tokens ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token_expiry: Option<Time>,
    /// Why it is not ready; the reason of the condition `Ready`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The values of the request annotations that were last acted on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HandledRequests {
    /// Of `gl-k8s.dev/renew`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renew: Option<String>,
    /// Of `gl-k8s.dev/revoke`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoke: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::api::{CiAccessMethod, GitLabInstanceStatus, NamespaceClassStatus, ProjectMappingStatus};

    #[test]
    fn an_empty_status_can_be_read() {
        for status in [json!({}), json!({"environments": [{"name": "production", "ciAccess": {}, "namespace": {}}]})] {
            serde_json::from_value::<ProjectMappingStatus>(status).unwrap();
        }
        serde_json::from_value::<GitLabInstanceStatus>(json!({"token": {}, "mappings": {}})).unwrap();
        serde_json::from_value::<NamespaceClassStatus>(json!({})).unwrap();
    }

    #[test]
    fn what_another_version_wrote_does_not_hide_the_rest_of_a_status() {
        let status: ProjectMappingStatus = serde_json::from_value(json!({
            "project": {"id": 42, "state": "Frozen", "starred": true},
            "environments": [{"name": "production", "ciAccess": {
                "method": "Telepathy",
                "tokenFingerprint": "x",
                "pendingRemoval": [{"kind": "Thought", "key": "KUBE_TOKEN"}],
            }}],
        }))
        .unwrap();
        let project = status.project.unwrap();
        assert_eq!((project.id, project.state), (Some(42), None));
        let access = status.environments[0].ci_access.clone().unwrap();
        assert_eq!((access.method, access.token_fingerprint.as_deref()), (None::<CiAccessMethod>, Some("x")));
        assert_eq!(
            (access.pending_removal[0].kind, access.pending_removal[0].key.as_deref()),
            (None, Some("KUBE_TOKEN"))
        );
    }
}
