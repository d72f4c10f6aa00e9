//! What the cluster refuses the operator.

use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, RoleBinding};
use kube::Api;
use serde_json::json;

use super::{only_production, says};
use crate::campus::Campus;

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_the_operator_may_not_grant_is_named_with_the_right_that_is_missing() {
    let campus = Campus::new("role").await;
    let healthy = campus.healthy().await;
    campus.project("web-app").await;
    let roles: Api<ClusterRole> = Api::all(campus.admin.clone());
    let rule = json!({"apiGroups": ["example.edu"], "resources": ["widgets"], "verbs": ["get"]});
    campus.create(&roles, json!({"metadata": {"name": "role-of-widgets"}, "rules": [rule]})).await;
    campus.declare_class("role-widgets", json!({"serviceAccount": {"clusterRole": "role-of-widgets"}})).await;
    let mut spec = only_production();
    spec["class"] = json!("role-widgets");
    campus.map("role-web", "web-app", spec).await;
    let message = campus.until_refused("role-web", "KubernetesForbidden").await;
    says(&message, &["role-of-widgets", "`bind`", "gl-k8s-integrator"]);
    campus.is_untouched(&healthy).await;

    let rule = json!({"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"],
        "resourceNames": ["role-of-widgets"], "verbs": ["bind", "get", "list", "watch"]});
    campus.create(&roles, json!({"metadata": {"name": "role-may-grant-widgets"}, "rules": [rule]})).await;
    let binding = json!({"metadata": {"name": "role-may-grant-widgets"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "role-may-grant-widgets"},
        "subjects": [{"kind": "ServiceAccount", "name": "gl-k8s-integrator", "namespace": "gl-k8s-integrator"}]});
    campus.create(&Api::<ClusterRoleBinding>::all(campus.admin.clone()), binding).await;
    let mapping = campus.until_ready("role-web").await;
    let namespace = mapping.status.unwrap().environments[0].namespace.as_ref().unwrap().name.clone();
    let bound = campus.object::<RoleBinding>(&namespace, "gitlab-serviceaccount").await.unwrap();
    assert_eq!(bound.role_ref.name, "role-of-widgets");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_is_being_deleted_is_waited_for_and_made_anew() {
    use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
    use kube::{
        ResourceExt as _,
        api::{DeleteParams, Patch, PatchParams},
    };
    let campus = Campus::new("terminating").await;
    let project = campus.project("web-app").await;
    campus.map("terminating-web", "web-app", only_production()).await;
    campus.until_ready("terminating-web").await;
    let standing = campus.standing(project).await;
    let name = campus.namespace_of(project, "production");
    let held: Api<ConfigMap> = Api::namespaced(campus.admin.clone(), &name);
    campus.create(&held, json!({"metadata": {"name": "held", "finalizers": ["example.edu/held"]}})).await;
    let namespaces: Api<Namespace> = Api::all(campus.admin.clone());
    let before = namespaces.get(&name).await.unwrap().uid();
    namespaces.delete(&name, &DeleteParams::default()).await.unwrap();
    let message = campus.until_refused("terminating-web", "NamespaceTerminating").await;
    says(&message, &[&name, "conditions"]);
    let free = json!({"metadata": {"finalizers": null}});
    held.patch("held", &PatchParams::default(), &Patch::Merge(free)).await.unwrap();
    campus.until_ready("terminating-web").await;
    assert_ne!(namespaces.get(&name).await.unwrap().uid(), before);
    let after = campus.standing(project).await;
    assert_ne!(after.token(), standing.token());
    campus.still_stands_with_gitlab(&after).await;
}
