//! The objects that are measured with: an ordinary class, and mappings of two environments with all variables.

use serde_json::{Value, json};

/// The group of all projects in GitLab.
pub const GROUP: &str = "bench";
/// The environments of every mapping.
pub const ENVIRONMENTS: [&str; 2] = ["production", "staging"];

/// The last segment of a project's path.
pub fn project_path(number: usize) -> String {
    format!("project-{number:05}")
}

/// The name of a project's mapping.
pub fn mapping_name(number: usize) -> String {
    format!("mapping-{number:05}")
}

/// The Secret with the operator's token for GitLab.
pub fn token_secret(url: &str, token: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "campus-token"},
        "stringData": {"token": token, "url": url}})
}

/// How GitLab reaches the cluster.
pub fn instance(url: &str, api_server: &str) -> Value {
    json!({"apiVersion": "gl-k8s.dev/v1alpha1", "kind": "GitLabInstance", "metadata": {"name": "campus"},
        "spec": {"url": url, "tokenSecretRef": {"name": "campus-token"}, "cluster": {
            "name": "ICC", "apiServer": api_server, "ingressBaseDomain": "icc.university.example"}}})
}

/// Quota, limits, isolation and Pod Security, as a course has them.
pub fn class() -> Value {
    json!({"apiVersion": "gl-k8s.dev/v1alpha1", "kind": "NamespaceClass", "metadata": {"name": "course"},
        "spec": {
            "serviceAccount": {"clusterRole": "gitlab-group-master", "token": {"kind": "Rotated", "lifetime": "24h"}},
            "resourceQuota": {"hard": {"pods": "20", "requests.cpu": "4", "requests.memory": "8Gi"}},
            "limitRange": {"limits": [{"type": "Container", "defaultRequest": {"cpu": "50m", "memory": "64Mi"},
                "default": {"cpu": "500m", "memory": "256Mi"}}]},
            "networkPolicy": {"mode": "Isolated", "ingressFrom": ["ingress-nginx"]},
            "podSecurity": {"enforce": "baseline", "warn": "restricted"}}})
}

/// A mapping of a project.
pub fn mapping(number: usize) -> Value {
    let environments: Vec<_> = ENVIRONMENTS.iter().map(|name| json!({"name": name})).collect();
    json!({"apiVersion": "gl-k8s.dev/v1alpha1", "kind": "ProjectMapping", "metadata": {"name": mapping_name(number)},
        "spec": {"instance": "campus", "class": "course",
            "project": {"path": format!("{GROUP}/{}", project_path(number))}, "environments": environments}})
}
