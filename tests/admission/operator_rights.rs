//! What the operator's limited rights do in practice. Exactly which rights it has is the matter of `tests/rights`.

use gl_k8s_integrator::api::names;
use kube::api::ListParams;
use serde_json::json;

use crate::bed::{
    CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, LIMIT_RANGES, QUOTAS, ROLE_BINDINGS, SECRETS, SERVICE_ACCOUNTS, bed,
    eventually, refusal,
};

const RBAC: &str = "rbac.authorization.k8s.io";

#[tokio::test]
async fn a_list_across_all_namespaces_is_answered_for_one_fixed_name_only() {
    let bed = bed().await;
    let operator = bed.operator().await;
    let named = |name: &str| ListParams::default().fields(&format!("metadata.name={name}"));
    for (kind, name) in [
        (SERVICE_ACCOUNTS, names::SERVICE_ACCOUNT),
        (ROLE_BINDINGS, names::ROLE_BINDING),
        (SECRETS, names::TOKEN_SECRET),
        (SECRETS, names::LEGACY_TOKEN_SECRET),
        (QUOTAS, names::RESOURCE_QUOTA),
        (LIMIT_RANGES, names::LIMIT_RANGE),
    ] {
        let everywhere = kind.api(&operator, None);
        everywhere.list(&named(name)).await.unwrap();
        assert!(refusal(everywhere.list(&ListParams::default()).await).contains("forbidden"), "{}", kind.kind);
        assert!(refusal(everywhere.list(&named("other")).await).contains("forbidden"), "{}", kind.kind);
    }
}

#[tokio::test]
async fn another_role_is_granted_only_after_an_administrator_allowed_it() {
    let bed = bed().await;
    bed.managed_namespace("operator-grants").await;
    let rules = json!([{"apiGroups": ["example.edu"], "resources": ["gpus"], "verbs": ["get"]}]);
    bed.make(&CLUSTER_ROLES, None, json!({"metadata": {"name": "gpu-users"}, "rules": rules})).await;
    let operator = bed.operator().await;
    let binding = json!({
        "metadata": {"name": "gitlab-serviceaccount"},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "gpu-users"},
        "subjects": [{"kind": "ServiceAccount", "name": "gitlab-serviceaccount", "namespace": "operator-grants"}],
    });
    let granted = async || ROLE_BINDINGS.apply(&operator, "operator-grants", binding.clone()).await;
    assert!(refusal(granted().await).contains("attempting to grant RBAC permissions not currently held"));

    // As manifests/rbac.yaml says.
    let name = "gl-k8s-integrator-may-grant-gpu-users";
    let bind = json!([{
        "apiGroups": [RBAC], "resources": ["clusterroles"], "resourceNames": ["gpu-users"], "verbs": ["bind"],
    }]);
    bed.make(&CLUSTER_ROLES, None, json!({"metadata": {"name": name}, "rules": bind})).await;
    let to_operator = json!({
        "metadata": {"name": name},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": "gl-k8s-integrator", "namespace": "gl-k8s-integrator"}],
    });
    bed.make(&CLUSTER_ROLE_BINDINGS, None, to_operator).await;
    eventually("the operator may grant it", async || granted().await.is_ok()).await;
}
