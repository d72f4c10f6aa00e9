//! What the operator's account may do by its roles alone, before the fence.

use std::collections::BTreeSet;

use gl_k8s_integrator::api::names;
use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule, Role};
use kube::{Api, api::ListParams};

use serde_json::json;

use crate::{
    bed::{
        CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, LIMIT_RANGES, QUOTAS, ROLE_BINDINGS, SECRETS, SERVICE_ACCOUNTS, bed,
        eventually, refusal,
    },
    project_roles::may,
};

const OPERATOR: &str = "system:serviceaccount:gl-k8s-integrator:gl-k8s-integrator";
const RBAC: &str = "rbac.authorization.k8s.io";
const COORDINATION: &str = "coordination.k8s.io";

#[tokio::test]
async fn the_operator_may_do_its_work() {
    let bed = bed().await;
    let table = [
        ("list", "gl-k8s.dev", "projectmappings", None, None),
        ("patch", "gl-k8s.dev", "projectmappings/status", None, Some("web-app")),
        ("create", "", "namespaces", None, None),
        ("update", "gl-k8s.dev", "namespaceclaims", None, None),
        ("patch", "", "serviceaccounts", Some("any"), Some("gitlab-serviceaccount")),
        ("create", "", "serviceaccounts/token", Some("any"), Some("gitlab-serviceaccount")),
        ("watch", "", "secrets", None, Some("gitlab-serviceaccount-token")),
        ("create", "", "secrets", Some("any"), Some("gitlab-serviceaccount-token-legacy")),
        ("delete", RBAC, "rolebindings", Some("any"), Some("gitlab-serviceaccount")),
        ("bind", RBAC, "clusterroles", None, Some("gitlab-group-master")),
        ("bind", RBAC, "clusterroles", None, Some("gitlab-group-developer")),
        ("bind", RBAC, "clusterroles", None, Some("gitlab-group-reporter")),
        ("create", "networking.k8s.io", "networkpolicies", Some("any"), Some("gitlab-policy-15")),
        ("get", "", "secrets", Some("gl-k8s-integrator"), Some("campus-token")),
        ("watch", "", "configmaps", Some("gl-k8s-integrator"), None),
        ("create", "", "configmaps", Some("gl-k8s-integrator"), Some(names::DELETION_RECORD)),
        ("patch", "", "configmaps", Some("gl-k8s-integrator"), Some(names::DELETION_RECORD)),
        ("create", COORDINATION, "leases", Some("gl-k8s-integrator"), None),
        ("update", COORDINATION, "leases", Some("gl-k8s-integrator"), Some("gl-k8s-integrator")),
        ("watch", COORDINATION, "leases", Some("gl-k8s-integrator"), Some("gl-k8s-integrator")),
        ("create", "events.k8s.io", "events", Some("default"), None),
        ("patch", "events.k8s.io", "events", Some("gl-k8s-integrator"), Some("x")),
    ];
    for (verb, group, resource, namespace, name) in table {
        let allowed = may(&bed.admin, OPERATOR, verb, group, resource, namespace, name).await;
        assert!(allowed, "{verb} {group}/{resource} {namespace:?} {name:?}");
    }
}

#[tokio::test]
async fn the_operator_may_not_do_more() {
    let bed = bed().await;
    let table = [
        ("*", "*", "*", None, None),
        ("get", "", "secrets", Some("any"), Some("database-password")),
        ("list", "", "secrets", None, None),
        ("list", "", "secrets", Some("any"), None),
        ("create", "", "secrets", Some("any"), None),
        ("patch", "", "secrets", Some("gl-k8s-integrator"), Some("campus-token")),
        ("get", "", "configmaps", Some("kube-system"), Some("x")),
        ("patch", "", "configmaps", Some("gl-k8s-integrator"), Some("kube-root-ca.crt")),
        ("patch", "", "configmaps", Some("any"), Some(names::DELETION_RECORD)),
        ("delete", "", "configmaps", Some("gl-k8s-integrator"), Some(names::DELETION_RECORD)),
        ("create", "", "serviceaccounts", Some("any"), Some("default")),
        ("create", "", "serviceaccounts/token", Some("any"), Some("default")),
        ("create", "", "serviceaccounts/token", Some("kube-system"), Some("namespace-controller")),
        ("impersonate", "", "users", None, None),
        ("impersonate", "", "groups", None, Some("system:masters")),
        ("impersonate", "", "serviceaccounts", Some("any"), Some("gitlab-serviceaccount")),
        ("bind", RBAC, "clusterroles", None, Some("cluster-admin")),
        ("bind", RBAC, "clusterroles", None, Some("admin")),
        ("bind", RBAC, "clusterroles", None, None),
        ("escalate", RBAC, "clusterroles", None, Some("gitlab-group-master")),
        ("patch", RBAC, "clusterroles", None, Some("gitlab-group-master")),
        ("create", RBAC, "clusterrolebindings", None, None),
        ("patch", RBAC, "rolebindings", Some("any"), Some("other")),
        ("create", RBAC, "roles", Some("any"), None),
        ("patch", "", "namespaces/status", None, Some("any")),
        ("update", "", "namespaces/finalize", None, Some("any")),
        ("create", "gl-k8s.dev", "projectmappings", None, None),
        ("delete", "gl-k8s.dev", "projectmappings", None, Some("web-app")),
        ("get", "", "pods", Some("any"), None),
        ("create", "", "pods", Some("gl-k8s-integrator"), None),
        ("create", "", "pods/exec", Some("any"), Some("x")),
        ("patch", "apps", "deployments", Some("gl-k8s-integrator"), Some("gl-k8s-integrator")),
        ("patch", "admissionregistration.k8s.io", "validatingadmissionpolicies", None, Some("gl-k8s-integrator-fence")),
        ("delete", "admissionregistration.k8s.io", "validatingadmissionpolicybindings", None, None),
        ("create", "events.k8s.io", "events", Some("kube-system"), None),
        ("create", COORDINATION, "leases", Some("kube-system"), None),
        ("update", COORDINATION, "leases", Some("kube-system"), Some("kube-controller-manager")),
        ("update", COORDINATION, "leases", Some("kube-node-lease"), Some("gl-k8s-integrator")),
        ("update", COORDINATION, "leases", Some("gl-k8s-integrator"), Some("other")),
        ("delete", COORDINATION, "leases", Some("gl-k8s-integrator"), Some("gl-k8s-integrator")),
    ];
    for (verb, group, resource, namespace, name) in table {
        let allowed = may(&bed.admin, OPERATOR, verb, group, resource, namespace, name).await;
        assert!(!allowed, "{verb} {group}/{resource} {namespace:?} {name:?}");
    }
}

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
async fn nearly_every_right_is_limited_to_the_names_that_the_program_uses() {
    let bed = bed().await;
    let role = Api::<ClusterRole>::all(bed.admin.clone()).get("gl-k8s-integrator").await.unwrap();
    let mut named = BTreeSet::new();
    for rule in role.rules.unwrap() {
        has_no_wildcard(&rule);
        let resources = rule.resources.unwrap();
        if let Some(rule_names) = rule.resource_names {
            named.extend(
                resources.iter().flat_map(|resource| rule_names.iter().map(move |name| format!("{resource} {name}"))),
            );
            continue;
        }
        let ours = rule.api_groups.unwrap() == ["gl-k8s.dev"];
        assert!(ours || resources == ["namespaces"] || resources == ["networkpolicies"], "{resources:?} without names");
    }
    let expected = [
        format!("serviceaccounts {}", names::SERVICE_ACCOUNT),
        format!("serviceaccounts/token {}", names::SERVICE_ACCOUNT),
        format!("secrets {}", names::TOKEN_SECRET),
        format!("secrets {}", names::LEGACY_TOKEN_SECRET),
        format!("rolebindings {}", names::ROLE_BINDING),
        format!("resourcequotas {}", names::RESOURCE_QUOTA),
        format!("limitranges {}", names::LIMIT_RANGE),
        format!("clusterroles {}", names::DEFAULT_CLUSTER_ROLE),
        "clusterroles gitlab-group-developer".to_owned(),
        "clusterroles gitlab-group-reporter".to_owned(),
    ];
    assert_eq!(named, expected.into());

    for namespace in ["gl-k8s-integrator", "default"] {
        let roles = Api::<Role>::namespaced(bed.admin.clone(), namespace).list(&Default::default()).await.unwrap();
        roles.items.into_iter().flat_map(|role| role.rules.unwrap_or_default()).for_each(|rule| has_no_wildcard(&rule));
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

fn has_no_wildcard(rule: &PolicyRule) {
    let words = rule.api_groups.iter().flatten().chain(rule.resources.iter().flatten()).chain(&rule.verbs);
    for word in words {
        assert!(!["*", "escalate", "impersonate"].contains(&word.as_str()), "{rule:?}");
    }
}
