//! Accounts that tests act with.

use kube::Client;
use serde_json::{Value, json};

use crate::bed::{Bed, CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, SERVICE_ACCOUNTS};

/// One rule of a role.
pub fn rule(group: &str, resource: &str, verb: &str) -> Value {
    json!({"apiGroups": [group], "resources": [resource], "verbs": [verb]})
}

/// An account of its own with these rights in the whole cluster.
pub async fn with_rules(bed: &Bed, name: &str, rules: &Value) -> Client {
    bed.make(&SERVICE_ACCOUNTS, Some("default"), json!({"metadata": {"name": name}})).await;
    bed.make(&CLUSTER_ROLES, None, json!({"metadata": {"name": name}, "rules": rules})).await;
    let binding = json!({
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "default"}],
    });
    bed.make(&CLUSTER_ROLE_BINDINGS, None, binding).await;
    acting(bed, "default", name).await
}

/// An account in this namespace with a ClusterRole there, as a project's CI jobs have.
pub async fn with_role(bed: &Bed, namespace: &str, role: &str) -> Client {
    bed.make(&SERVICE_ACCOUNTS, Some(namespace), json!({"metadata": {"name": role}})).await;
    let binding = json!({
        "metadata": {"name": role},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": role, "namespace": namespace}],
    });
    bed.make(&ROLE_BINDINGS, Some(namespace), binding).await;
    acting(bed, namespace, role).await
}

async fn acting(bed: &Bed, namespace: &str, account: &str) -> Client {
    let token = bed.control_plane.token_for(namespace, account).await.unwrap();
    bed.control_plane.client_with_token(&token)
}
