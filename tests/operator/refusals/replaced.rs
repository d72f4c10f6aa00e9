//! Namespaces of ours that somebody deleted: stuck on their way out, or come again as somebody else's.

use k8s_openapi::api::{
    core::v1::{ConfigMap, Namespace, Secret, ServiceAccount},
    rbac::v1::RoleBinding,
};
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};

use super::{only_production, says};
use crate::{
    campus::Campus,
    lifecycle::{gone, works},
};

fn namespaces(campus: &Campus) -> Api<Namespace> {
    Api::all(campus.admin.clone())
}

async fn finalizers(campus: &Campus, namespace: &str, finalizers: Value) {
    let patch = Patch::Merge(json!({"metadata": {"finalizers": finalizers}}));
    namespaces(campus).patch(namespace, &PatchParams::default(), &patch).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_a_foreign_finalizer_holds_is_waited_for_and_keeps_its_finalizer() {
    let campus = Campus::new("held-by-finalizer").await;
    let neighbour = campus.healthy().await;
    let project = campus.project("web-app").await;
    campus.map("held-by-finalizer-web", "web-app", json!({})).await;
    campus.until_ready("held-by-finalizer-web").await;
    let name = campus.namespace_of(project, "production");
    let staging = campus.job(project, "staging", true).await;
    finalizers(&campus, &name, json!(["example.edu/held"])).await;
    let before = namespaces(&campus).get(&name).await.unwrap().uid();
    namespaces(&campus).delete(&name, &DeleteParams::default()).await.unwrap();
    let message = campus.until_refused("held-by-finalizer-web", "NamespaceTerminating").await;
    says(&message, &[&name, "being deleted", "conditions"]);
    // The other environment of the mapping works on, and a person decides about the finalizer.
    works(&campus, &staging["KUBE_TOKEN"], &staging["KUBE_NAMESPACE"]).await.unwrap();
    let held = namespaces(&campus).get(&name).await.unwrap();
    assert_eq!((held.uid(), held.finalizers()), (before.clone(), &["example.edu/held".to_owned()][..]));
    campus.is_untouched(&neighbour).await;
    finalizers(&campus, &name, Value::Null).await;
    campus.until_ready("held-by-finalizer-web").await;
    assert_ne!(namespaces(&campus).get(&name).await.unwrap().uid(), before);
    let job = campus.job(project, "production", true).await;
    works(&campus, &job["KUBE_TOKEN"], &name).await.unwrap();
    campus.is_untouched(&neighbour).await;
}

/// Deletes the namespace of a mapping and makes another one of the same name before the operator can.
async fn made_anew_by_somebody_else(campus: &Campus, mapping: &str, metadata: Value) {
    campus.patch_mapping(mapping, json!({"spec": {"paused": true}})).await;
    campus.until_refused(mapping, "Paused").await;
    let name = metadata["name"].as_str().unwrap().to_owned();
    namespaces(campus).delete(&name, &DeleteParams::default()).await.unwrap();
    gone(&namespaces(campus), &name).await;
    campus.create(&namespaces(campus), json!({"metadata": metadata})).await;
    campus.patch_mapping(mapping, json!({"spec": {"paused": false}})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_somebody_else_made_anew_is_theirs() {
    let campus = Campus::new("theirs-now").await;
    let neighbour = campus.healthy().await;
    let project = campus.project("web-app").await;
    campus.map("theirs-now-web", "web-app", only_production()).await;
    campus.until_ready("theirs-now-web").await;
    let name = campus.namespace_of(project, "production");
    made_anew_by_somebody_else(&campus, "theirs-now-web", json!({"name": name, "labels": {"team": "another"}})).await;
    let message = campus.until_refused("theirs-now-web", "NamespaceTaken").await;
    says(&message, &[&name, "nothing that this operator made", "remove it", "namespacePrefix"]);

    let theirs = namespaces(&campus).get(&name).await.unwrap();
    let labels: Vec<_> = theirs.labels().keys().map(String::as_str).collect();
    assert_eq!((labels, theirs.annotations().len()), (vec!["kubernetes.io/metadata.name", "team"], 0));
    assert!(theirs.managed_fields().iter().all(|entry| entry.manager.as_deref() != Some("gl-k8s-integrator")));
    assert!(campus.object::<ServiceAccount>(&name, "gitlab-serviceaccount").await.is_none());
    assert!(campus.object::<RoleBinding>(&name, "gitlab-serviceaccount").await.is_none());
    let secrets: Api<Secret> = Api::namespaced(campus.admin.clone(), &name);
    assert_eq!(secrets.list(&ListParams::default()).await.unwrap().items.len(), 0);
    // The token that GitLab has is of the former namespace and opens nothing.
    let job = campus.job(project, "production", true).await;
    works(&campus, &job["KUBE_TOKEN"], &name).await.unwrap_err();
    campus.is_untouched(&neighbour).await;

    // Nor does the end of the mapping take it along.
    campus.patch_mapping("theirs-now-web", json!({"spec": {"deletionPolicy": "Delete"}})).await;
    campus.mappings().delete("theirs-now-web", &DeleteParams::default()).await.unwrap();
    gone(&campus.mappings(), "theirs-now-web").await;
    let after = namespaces(&campus).get(&name).await.unwrap();
    assert_eq!((after.uid(), after.metadata.deletion_timestamp), (theirs.uid(), None));
    campus.is_untouched(&neighbour).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_was_in_the_way_goes_and_ours_comes_back() {
    let campus = Campus::new("in-the-way").await;
    let neighbour = campus.healthy().await;
    let project = campus.project("web-app").await;
    campus.map("in-the-way-web", "web-app", only_production()).await;
    campus.until_ready("in-the-way-web").await;
    let name = campus.namespace_of(project, "production");
    made_anew_by_somebody_else(&campus, "in-the-way-web", json!({"name": name})).await;
    campus.until_refused("in-the-way-web", "NamespaceTaken").await;
    // With content that goes only when its owner lets it.
    let held: Api<ConfigMap> = Api::namespaced(campus.admin.clone(), &name);
    campus.create(&held, json!({"metadata": {"name": "held", "finalizers": ["example.edu/held"]}})).await;
    namespaces(&campus).delete(&name, &DeleteParams::default()).await.unwrap();
    campus.until_refused("in-the-way-web", "NamespaceTaken").await;
    let free = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    held.patch("held", &PatchParams::default(), &free).await.unwrap();
    campus.until_ready("in-the-way-web").await;
    let job = campus.job(project, "production", true).await;
    works(&campus, &job["KUBE_TOKEN"], &name).await.unwrap();
    campus.is_untouched(&neighbour).await;
}
