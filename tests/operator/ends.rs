//! Ends: of a mapping, of an environment, of what mappings name.

use gitlab_simulator::http::faults::{Fault, FaultKind};
use gl_k8s_integrator::api::{GitLabInstance, NamespaceClass, ProjectMapping};
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use kube::{Api, api::DeleteParams};
use serde_json::{Value, json};

use crate::{
    bed::eventually,
    campus::Campus,
    lifecycle::{dies, gone, namespaces, variables, works},
    mapping::deploy,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_retained_namespace_keeps_what_was_deployed_and_loses_every_token() {
    let campus = Campus::new("retained").await;
    let project = campus.project("web-app").await;
    campus.map("retained-web", "web-app", json!({})).await;
    campus.until_ready("retained-web").await;
    let seen = campus.job(project, "production", true).await;
    let namespace = seen["KUBE_NAMESPACE"].clone();
    let client = campus.control_plane.client_with_token(&seen["KUBE_TOKEN"]);
    let deployed = deploy(&client, &namespace).await.unwrap();

    campus.mappings().delete("retained-web", &DeleteParams::default()).await.unwrap();
    gone(&campus.mappings(), "retained-web").await;
    dies(&campus, &seen["KUBE_TOKEN"], &namespace).await;
    let kept = namespaces(&campus).get(&namespace).await.unwrap();
    assert_eq!(kept.metadata.labels.unwrap()["app.kubernetes.io/managed-by"], "gl-k8s-integrator");
    assert!(campus.object::<ServiceAccount>(&namespace, "gitlab-serviceaccount").await.is_none());
    assert!(campus.object::<Secret>(&namespace, "gitlab-serviceaccount-token").await.is_none());
    let name = deployed.metadata.name.unwrap();
    assert!(campus.object::<k8s_openapi::api::apps::v1::Deployment>(&namespace, &name).await.is_some());
    assert_eq!(variables(&campus, project).await, []);
    let all = campus.gitlab("GET", &format!("/projects/{project}/environments"), Value::Null).await;
    assert_eq!(all.as_array().unwrap().len(), 2, "environments are never deleted in GitLab");

    campus.map("retained-again", "web-app", json!({})).await;
    campus.until_ready("retained-again").await;
    let again = campus.job(project, "production", true).await;
    assert_eq!(again["KUBE_NAMESPACE"], namespace, "found again by its claim");
    works(&campus, &again["KUBE_TOKEN"], &namespace).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn deletion_takes_the_namespaces_whose_claim_and_uid_agree() {
    let campus = Campus::new("deleted").await;
    let project = campus.project("web-app").await;
    campus.map("deleted-web", "web-app", json!({"deletionPolicy": "Delete"})).await;
    campus.until_ready("deleted-web").await;
    campus.mappings().delete("deleted-web", &DeleteParams::default()).await.unwrap();
    gone(&campus.mappings(), "deleted-web").await;
    for environment in ["production", "staging"] {
        gone(&namespaces(&campus), &campus.namespace(project, &format!("-{environment}"))).await;
    }
    assert_eq!(variables(&campus, project).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_somebody_made_anew_is_not_deleted() {
    let campus = Campus::new("made-anew").await;
    let project = campus.project("web-app").await;
    campus.map("made-anew-web", "web-app", json!({"deletionPolicy": "Delete"})).await;
    campus.until_ready("made-anew-web").await;
    let name = campus.namespace(project, "-production");
    // Paused, so that the operator does not record the new UID.
    campus.patch_mapping("made-anew-web", json!({"spec": {"paused": true}})).await;
    campus.until_refused("made-anew-web", "Paused").await;
    let old = namespaces(&campus).get(&name).await.unwrap();
    namespaces(&campus).delete(&name, &DeleteParams::default()).await.unwrap();
    gone(&namespaces(&campus), &name).await;
    let copy =
        json!({"metadata": {"name": name, "labels": old.metadata.labels, "annotations": old.metadata.annotations}});
    campus.create(&namespaces(&campus), copy).await;
    campus.mappings().delete("made-anew-web", &DeleteParams::default()).await.unwrap();
    campus.patch_mapping("made-anew-web", json!({"spec": {"paused": false}})).await;
    gone(&campus.mappings(), "made-anew-web").await;
    assert!(namespaces(&campus).get(&name).await.unwrap().metadata.deletion_timestamp.is_none());
    gone(&namespaces(&campus), &campus.namespace(project, "-staging")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_that_leaves_the_mapping_loses_its_credentials() {
    let campus = Campus::new("leaves").await;
    let project = campus.project("web-app").await;
    campus.map("leaves-web", "web-app", json!({})).await;
    campus.until_ready("leaves-web").await;
    let staging = campus.job(project, "staging", true).await;
    campus.patch_mapping("leaves-web", json!({"spec": {"environments": [{"name": "production"}]}})).await;
    let mapping = campus.until_ready("leaves-web").await;
    let names: Vec<_> = mapping.status.unwrap().environments.into_iter().map(|environment| environment.name).collect();
    assert_eq!(names, ["production"]);
    dies(&campus, &staging["KUBE_TOKEN"], &staging["KUBE_NAMESPACE"]).await;
    assert!(variables(&campus, project).await.iter().all(|(scope, _)| scope == "production"));
    assert!(namespaces(&campus).get_opt(&staging["KUBE_NAMESPACE"]).await.unwrap().is_some(), "Retain");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_that_leaves_a_shared_namespace_takes_no_living_token_along() {
    let campus = Campus::new("left-shared").await;
    let project = campus.project("web-app").await;
    campus.map("left-shared-web", "web-app", json!({"namespaces": "PerProject"})).await;
    campus.until_ready("left-shared-web").await;
    let before = campus.job(project, "staging", true).await;
    campus.patch_mapping("left-shared-web", json!({"spec": {"environments": [{"name": "production"}]}})).await;
    campus.until_ready("left-shared-web").await;
    dies(&campus, &before["KUBE_TOKEN"], &before["KUBE_NAMESPACE"]).await;
    let after = campus.job(project, "production", true).await;
    works(&campus, &after["KUBE_TOKEN"], &after["KUBE_NAMESPACE"]).await.unwrap();
    assert!(variables(&campus, project).await.iter().all(|(scope, _)| scope == "production"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_and_a_class_in_use_stay_and_say_by_whom() {
    let campus = Campus::new("in-use").await;
    campus.project("web-app").await;
    campus.map("in-use-web", "web-app", json!({})).await;
    campus.until_ready("in-use-web").await;
    let instances: Api<GitLabInstance> = Api::all(campus.admin.clone());
    let classes: Api<NamespaceClass> = Api::all(campus.admin.clone());
    let mappings: Api<ProjectMapping> = campus.mappings();
    instances.delete("in-use", &DeleteParams::default()).await.unwrap();
    classes.delete("in-use", &DeleteParams::default()).await.unwrap();
    eventually("both say who uses them", async || {
        let instance = instances.get("in-use").await.unwrap().status.unwrap_or_default().conditions;
        let class = classes.get("in-use").await.unwrap().status.unwrap_or_default().conditions;
        let says = |conditions: &[gl_k8s_integrator::api::Condition]| {
            conditions.iter().any(|c| c.reason == "InUse" && c.message.contains("in-use-web"))
        };
        if says(&instance) && says(&class) { Ok(()) } else { Err(format!("{instance:?} {class:?}")) }
    })
    .await;
    mappings.delete("in-use-web", &DeleteParams::default()).await.unwrap();
    gone(&mappings, "in-use-web").await;
    gone(&instances, "in-use").await;
    gone(&classes, "in-use").await;
}

/// An administrator deletes an instance, its class and its mapping with one command.
async fn delete_in_one_go(campus: &Campus, mapping: &str) {
    let name = &campus.name;
    let all = [format!("gitlabinstance/{name}"), format!("namespaceclass/{name}"), format!("projectmapping/{mapping}")];
    let done = campus.control_plane.kubectl().args(["delete", "--wait=false"]).args(all).output().await.unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

async fn all_are_gone(campus: &Campus, mapping: &str) {
    gone(&campus.mappings(), mapping).await;
    gone(&Api::<GitLabInstance>::all(campus.admin.clone()), &campus.name).await;
    gone(&Api::<NamespaceClass>::all(campus.admin.clone()), &campus.name).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_a_class_and_a_mapping_deleted_in_one_go_end_in_order() {
    let campus = Campus::new("one-go").await;
    let project = campus.project("web-app").await;
    campus.map("one-go-web", "web-app", json!({})).await;
    campus.until_ready("one-go-web").await;
    let seen = campus.job(project, "production", true).await;
    delete_in_one_go(&campus, "one-go-web").await;
    all_are_gone(&campus, "one-go-web").await;
    dies(&campus, &seen["KUBE_TOKEN"], &seen["KUBE_NAMESPACE"]).await;
    assert_eq!(variables(&campus, project).await, []);
    assert!(namespaces(&campus).get_opt(&seen["KUBE_NAMESPACE"]).await.unwrap().is_some(), "Retain");
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_in_one_go_while_gitlab_is_away_they_wait_for_it_with_dead_tokens() {
    let elsewhere = crate::neighbour::elsewhere().await;
    let campus = Campus::new("one-go-away").await;
    let project = campus.project("web-app").await;
    campus.map("one-go-away-web", "web-app", json!({})).await;
    campus.until_ready("one-go-away-web").await;
    let seen = campus.job(project, "production", true).await;
    campus.simulator.add_fault(Fault::new(FaultKind::Cut)).unwrap();
    delete_in_one_go(&campus, "one-go-away-web").await;
    dies(&campus, &seen["KUBE_TOKEN"], &seen["KUBE_NAMESPACE"]).await;
    let message = campus.until_refused("one-go-away-web", "Deleting").await;
    assert!(message.contains("revoked in the cluster"), "{message}");
    elsewhere.is_untouched().await;
    campus.simulator.clear_faults();
    all_are_gone(&campus, "one-go-away-web").await;
    assert_eq!(variables(&campus, project).await, []);
}
