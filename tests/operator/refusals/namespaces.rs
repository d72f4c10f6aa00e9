//! Namespaces and slugs that belong to somebody else.

use k8s_openapi::api::{
    core::v1::{Namespace, ServiceAccount},
    rbac::v1::RoleBinding,
};
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::json;

use super::{only_production, says};
use crate::campus::Campus;

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_exists_without_a_claim_is_left_exactly_as_it_is() {
    let campus = Campus::new("taken").await;
    let healthy = campus.healthy().await;
    let project = campus.project("web-app").await;
    let name = campus.namespace_of(project, "production");
    let namespaces: Api<Namespace> = Api::all(campus.admin.clone());
    campus.create(&namespaces, json!({"metadata": {"name": name, "labels": {"team": "somebody-else"}}})).await;
    campus.map("taken-web", "web-app", json!({})).await;
    let message = campus.until_refused("taken-web", "NamespaceTaken").await;
    says(&message, &[&name, "nothing that this operator made", "remove it", "namespacePrefix"]);

    // The other environment of the mapping is not held up.
    let variables = campus.job(project, "staging", true).await;
    assert_eq!(variables["KUBE_NAMESPACE"], campus.namespace_of(project, "staging"));
    assert!(!campus.job(project, "production", true).await.contains_key("KUBE_TOKEN"));
    campus.is_untouched(&healthy).await;

    let namespace = namespaces.get(&name).await.unwrap();
    let labels: Vec<_> = namespace.labels().keys().map(String::as_str).collect();
    assert_eq!(labels, ["kubernetes.io/metadata.name", "team"]);
    assert!(namespace.annotations().is_empty());
    assert!(namespace.managed_fields().iter().all(|entry| entry.manager.as_deref() != Some("gl-k8s-integrator")));
    assert!(campus.object::<ServiceAccount>(&name, "gitlab-serviceaccount").await.is_none());
    assert!(campus.object::<RoleBinding>(&name, "gitlab-serviceaccount").await.is_none());

    namespaces.delete(&name, &DeleteParams::default()).await.unwrap();
    campus.until_ready("taken-web").await;
    assert_eq!(campus.job(project, "production", true).await["KUBE_NAMESPACE"], name);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_of_another_project_is_left_as_it_is() {
    let campus = Campus::new("foreign-claim").await;
    let project = campus.project("web-app").await;
    let name = campus.namespace_of(project, "production");
    let namespaces: Api<Namespace> = Api::all(campus.admin.clone());
    let labels = json!({"app.kubernetes.io/managed-by": "gl-k8s-integrator", "gl-k8s.dev/instance": "elsewhere",
        "gl-k8s.dev/project-id": "1"});
    let annotations = json!({"gl-k8s.dev/gitlab-url": "https://gitlab.example.edu",
        "gl-k8s.dev/environment": "production", "gl-k8s.dev/mapping": "elsewhere"});
    let claimed = json!({"metadata": {"name": name, "labels": labels, "annotations": annotations}});
    campus.create(&namespaces, claimed).await;
    let before = namespaces.get(&name).await.unwrap();
    campus.map("foreign-claim-web", "web-app", only_production()).await;
    let message = campus.until_refused("foreign-claim-web", "NamespaceTaken").await;
    says(&message, &[&name, "project 1 of https://gitlab.example.edu", "mapping elsewhere"]);
    let after = namespaces.get(&name).await.unwrap();
    assert_eq!((after.labels(), after.annotations()), (before.labels(), before.annotations()));
    assert!(campus.object::<ServiceAccount>(&name, "gitlab-serviceaccount").await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_lost_its_label_is_left_alone_until_it_is_labelled_again() {
    let campus = Campus::new("claim-lost").await;
    let healthy = campus.healthy().await;
    let project = campus.project("web-app").await;
    campus.map("claim-lost-web", "web-app", only_production()).await;
    campus.until_ready("claim-lost-web").await;
    let standing = campus.standing(project).await;
    let name = campus.namespace_of(project, "production");
    let namespaces: Api<Namespace> = Api::all(campus.admin.clone());
    let label = async |value: Option<&str>| {
        let patch = json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": value}}});
        namespaces.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    };
    label(None).await;
    let message = campus.until_refused("claim-lost-web", "ClaimLost").await;
    let command = format!("kubectl label namespace {name} app.kubernetes.io/managed-by=gl-k8s-integrator");
    says(&message, &[&command]);
    campus.still_stands_with_gitlab(&standing).await;
    campus.is_untouched(&healthy).await;
    label(Some("gl-k8s-integrator")).await;
    campus.until_ready("claim-lost-web").await;
    campus.still_stands_with_gitlab(&standing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reserved_namespace_is_not_made() {
    let campus = Campus::new("names").await;
    let healthy = campus.healthy().await;
    let project = campus.project("web-app").await;
    campus.declare_instance("names-reserved", json!({"namespacePrefix": "reserved-"})).await;
    let mut spec = only_production();
    spec["instance"] = json!("names-reserved");
    campus.map("names-web", "web-app", spec).await;
    let message = campus.until_refused("names-web", "NamespaceReserved").await;
    let name = format!("reserved-web-app-{project}-production");
    says(&message, &[&name, "rename the project", "namespacePrefix"]);
    assert!(Api::<Namespace>::all(campus.admin.clone()).get_opt(&name).await.unwrap().is_none());
    assert_eq!(campus.variables(project).await, Vec::<serde_json::Value>::new());
    campus.is_untouched(&healthy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_names_with_the_same_slug_the_second_is_refused() {
    let campus = Campus::new("slug").await;
    let healthy = campus.healthy().await;
    let project = campus.project("web-app").await;
    campus.map("slug-web", "web-app", json!({"environments": [{"name": "foo"}]})).await;
    campus.until_ready("slug-web").await;
    let before = campus.job(project, "foo", true).await;
    // In whichever order they are declared.
    campus.patch_mapping("slug-web", json!({"spec": {"environments": [{"name": "foo-"}, {"name": "foo"}]}})).await;
    let message = campus.until_refused("slug-web", "SlugTaken").await;
    says(&message, &["foo-"]);
    let after = campus.job(project, "foo", true).await;
    assert_eq!(after["KUBE_TOKEN"], before["KUBE_TOKEN"]);
    assert_eq!(after["KUBE_NAMESPACE"], campus.namespace_of(project, "foo"));
    let scopes: Vec<_> = campus.variables(project).await.iter().map(|v| v["environment_scope"].clone()).collect();
    assert!(!scopes.is_empty() && scopes.iter().all(|scope| scope == "foo"), "{scopes:?}");
    campus.is_untouched(&healthy).await;
    campus.patch_mapping("slug-web", json!({"spec": {"environments": [{"name": "foo"}]}})).await;
    campus.until_ready("slug-web").await;
}
