//! A role that goes while it is bound.

use std::time::Duration;

use gl_k8s_integrator::{api::NamespaceClass, reconcile::Key, status::Reason};
use k8s_openapi::api::rbac::v1::{ClusterRole, RoleBinding};
use kube::{
    Api,
    api::{DeleteParams, PostParams},
};
use serde_json::json;

use crate::operator::Bench;

/// One of ours that no other test of this binary uses, so that the operator may look at it.
const ROLE: &str = "gitlab-group-reporter";
const A_WHILE: Duration = Duration::from_secs(600);

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_goes_is_told_by_its_class_and_nothing_is_touched() {
    let bench = Bench::with("role-gone", json!({}), json!({"serviceAccount": {"clusterRole": ROLE}})).await;
    let project = bench.mapped("role-gone-web", "web-app", json!({})).await;
    let operator = bench.operator().await;
    operator.settle("role-gone-web").await;
    let class = || operator.reconcile(Key::Class("role-gone".into()));
    let outcome = class().await;
    assert_eq!(outcome.problem, None);
    assert!(outcome.again.is_some_and(|again| again <= A_WHILE), "it looks again by itself");

    let admin = &bench.campus.admin;
    let roles: Api<ClusterRole> = Api::all(admin.clone());
    let mut role = roles.get(ROLE).await.unwrap();
    roles.delete(ROLE, &DeleteParams::default()).await.unwrap();
    operator.advance(A_WHILE);
    let before = operator.writes().len();
    let outcome = class().await;
    assert_eq!(outcome.problem, Some(Reason::ClusterRoleNotFound));
    let writes: Vec<_> = operator.writes().split_off(before).iter().map(|call| call.path.clone()).collect();
    let status_only = writes.iter().all(|path| path.contains("/namespaceclasses/role-gone/status"));
    assert!(status_only && writes.len() == 1, "{writes:?}");
    let classes: Api<NamespaceClass> = Api::all(admin.clone());
    let condition = classes.get("role-gone").await.unwrap().status.unwrap().conditions.remove(0);
    assert_eq!((condition.status.as_str(), condition.reason.as_str()), ("False", "ClusterRoleNotFound"));
    assert!(condition.message.contains(ROLE) && condition.message.contains("create it"), "{}", condition.message);
    // Credentials are kept up, for the day when the role is back.
    operator.settle("role-gone-web").await;
    let namespace = bench.campus.namespace(project, "-production");
    let binding: RoleBinding = bench.campus.object(&namespace, "gitlab-serviceaccount").await.unwrap();
    assert_eq!(binding.role_ref.name, ROLE);

    role.metadata.uid = None;
    role.metadata.resource_version = None;
    role.metadata.managed_fields = None;
    roles.create(&PostParams::default(), &role).await.unwrap();
    assert_eq!(class().await.problem, None);
    bench.gitlab_holds_living_tokens(project, &["production", "staging"]).await;
}
