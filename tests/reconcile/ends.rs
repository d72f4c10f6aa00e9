//! Ends: what GitLab does not let go of holds a mapping up for an hour and no longer.

use std::time::Duration;

use gitlab_simulator::http::faults::{Fault, FaultKind};
use gl_k8s_integrator::{api::GitLabInstance, reconcile::Key, status::Reason};
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use kube::{Api, api::DeleteParams};
use serde_json::{Value, json};

use crate::{
    bed::OWN,
    operator::{Bench, Operator, about_projects},
};

const MINUTE: Duration = Duration::from_secs(60);

async fn settled(name: &str) -> (Bench, Operator, String, i64) {
    let bench = Bench::new(name).await;
    let mapping = format!("{name}-web");
    let project = bench.mapped(&mapping, "web-app", json!({})).await;
    let operator = bench.operator().await;
    operator.settle(&mapping).await;
    (bench, operator, mapping, project)
}

async fn delete(bench: &Bench, mapping: &str) {
    bench.campus.mappings().delete(mapping, &DeleteParams::default()).await.unwrap();
}

async fn exists(bench: &Bench, mapping: &str) -> bool {
    bench.campus.mappings().get_opt(mapping).await.unwrap().is_some()
}

async fn keys(bench: &Bench, project: i64) -> Vec<String> {
    let all = bench.campus.gitlab("GET", &format!("/projects/{project}/variables?per_page=100"), Value::Null).await;
    all.as_array().unwrap().iter().map(|one| one["key"].as_str().unwrap().to_owned()).collect()
}

/// The mapping is deleted while GitLab's part cannot be removed for this reason: the tokens die at once, the finalizer stays
/// for an hour, and then goes with a warning that names what stayed.
async fn waits_for_an_hour(bench: &Bench, operator: &Operator, mapping: &str, project: i64, why: &str) {
    let namespace = bench.campus.namespace(project, "-production");
    delete(bench, mapping).await;
    for minutes in [0, 30, 25] {
        operator.advance(minutes * MINUTE);
        let message = operator.meets(mapping, Reason::Deleting).await;
        assert!(message.contains(why), "{message}");
        assert!(bench.campus.object::<ServiceAccount>(&namespace, "gitlab-serviceaccount").await.is_none());
    }
    operator.advance(6 * MINUTE);
    assert_eq!(operator.pass(mapping).await.problem, None);
    assert!(!exists(bench, mapping).await);
    let events = bench.events(mapping).await;
    let left = events["Warning LeftInGitLab"].join("\n");
    for word in ["KUBE_TOKEN", "production", "staging", &format!("project {project}"), why] {
        assert!(left.contains(word), "{word} is not named: {left}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gitlab_that_is_away_holds_an_end_up_for_an_hour() {
    let (bench, operator, mapping, project) = settled("end-away").await;
    bench.campus.simulator.add_fault(Fault::new(FaultKind::Cut)).unwrap();
    waits_for_an_hour(&bench, &operator, &mapping, project, "the connection broke off").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_holds_an_end_up_for_an_hour() {
    let (bench, operator, mapping, project) = settled("end-401").await;
    let fault = Fault {
        status: Some(401),
        body: Some(json!({"message": "401 Unauthorized"})),
        ..Fault::new(FaultKind::Status)
    };
    bench.campus.simulator.add_fault(fault).unwrap();
    waits_for_an_hour(&bench, &operator, &mapping, project, "refused the token").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_role_holds_an_end_up_for_an_hour() {
    let (bench, operator, mapping, project) = settled("end-403").await;
    let fault = Fault {
        status: Some(403),
        path: Some("/projects/".into()),
        body: Some(json!({"message": "403 Forbidden"})),
        ..Fault::new(FaultKind::Status)
    };
    bench.campus.simulator.add_fault(fault).unwrap();
    waits_for_an_hour(&bench, &operator, &mapping, project, "forbids it").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_token_secret_holds_an_end_up_for_an_hour() {
    let (bench, operator, mapping, project) = settled("end-secret").await;
    let secrets: Api<Secret> = Api::namespaced(bench.campus.admin.clone(), OWN);
    secrets.delete("end-secret", &DeleteParams::default()).await.unwrap();
    let operator = bench.restarted(operator).await;
    waits_for_an_hour(&bench, &operator, &mapping, project, "end-secret does not exist").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_instance_holds_an_end_up_for_an_hour() {
    let (bench, operator, mapping, project) = settled("end-instance").await;
    let instances: Api<GitLabInstance> = Api::all(bench.campus.admin.clone());
    instances.delete("end-instance", &DeleteParams::default()).await.unwrap();
    waits_for_an_hour(&bench, &operator, &mapping, project, "no GitLabInstance end-instance").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_was_held_up_goes_on_as_soon_as_gitlab_answers() {
    let (bench, operator, mapping, project) = settled("end-resumed").await;
    bench.campus.simulator.add_fault(Fault::new(FaultKind::Cut)).unwrap();
    delete(&bench, &mapping).await;
    operator.advance(10 * MINUTE);
    let outcome = operator.pass(&mapping).await;
    assert_eq!(outcome.problem, Some(Reason::Deleting));
    bench.campus.simulator.clear_faults();
    operator.advance(outcome.again.unwrap());
    operator.settle(&mapping).await;
    assert!(!exists(&bench, &mapping).await);
    assert_eq!(keys(&bench, project).await, Vec::<String>::new());
    assert!(!bench.events(&mapping).await.contains_key("Warning LeftInGitLab"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_ours_in_gitlab_is_no_obstacle_and_stays() {
    let bench = Bench::new("end-foreign").await;
    let project = bench.campus.project("web-app").await;
    let foreign =
        json!({"key": "KUBE_URL", "value": "https://elsewhere.example.edu", "environment_scope": "production"});
    bench.campus.gitlab("POST", &format!("/projects/{project}/variables"), foreign).await;
    bench.campus.map("end-foreign-web", "web-app", json!({})).await;
    let operator = bench.operator().await;
    operator.meets("end-foreign-web", Reason::NotOurs).await;
    delete(&bench, "end-foreign-web").await;
    operator.settle("end-foreign-web").await;
    assert!(!exists(&bench, "end-foreign-web").await);
    assert_eq!(keys(&bench, project).await, ["KUBE_URL"]);
    let seen = bench.campus.job(project, "production", true).await;
    assert_eq!(seen["KUBE_URL"], "https://elsewhere.example.edu");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_class_does_not_hold_an_end_up() {
    let (bench, operator, mapping, project) = settled("end-class").await;
    let classes: Api<gl_k8s_integrator::api::NamespaceClass> = Api::all(bench.campus.admin.clone());
    classes.delete("end-class", &DeleteParams::default()).await.unwrap();
    operator.meets(&mapping, Reason::ClassNotFound).await;
    delete(&bench, &mapping).await;
    operator.settle(&mapping).await;
    assert!(!exists(&bench, &mapping).await);
    assert_eq!(keys(&bench, project).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_that_never_held_anything_ends_without_asking_gitlab() {
    let (bench, operator, first, project) = settled("end-second").await;
    bench.campus.map("end-second-late", "web-app", json!({})).await;
    operator.meets("end-second-late", Reason::AlreadyMapped).await;
    delete(&bench, "end-second-late").await;
    operator.sees("end-second-late").await;
    let before = operator.seams.calls().len();
    operator.reconcile(Key::Mapping("end-second-late".into())).await;
    let calls = operator.seams.calls().split_off(before);
    assert_eq!(about_projects(&calls), Vec::<String>::new());
    assert!(!exists(&bench, "end-second-late").await);
    operator.rests(&first).await;
    bench.gitlab_holds_living_tokens(project, &["production", "staging"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_a_class_and_a_mapping_deleted_in_one_go_end_in_order_even_if_gitlab_never_comes_back() {
    let (bench, operator, mapping, project) = settled("end-in-one-go").await;
    let name = "end-in-one-go";
    let keys = [Key::Instance(name.into()), Key::Class(name.into())];
    for key in &keys {
        operator.reconcile(key.clone()).await;
    }
    bench.campus.simulator.add_fault(Fault::new(FaultKind::Cut)).unwrap();
    let mut kubectl = bench.campus.control_plane.kubectl();
    let all = [format!("gitlabinstance/{name}"), format!("namespaceclass/{name}"), format!("projectmapping/{mapping}")];
    assert!(kubectl.args(["delete", "--wait=false"]).args(all).output().await.unwrap().status.success());

    let message = operator.meets(&mapping, Reason::Deleting).await;
    assert!(message.contains("revoked in the cluster"), "{message}");
    let namespace = bench.campus.namespace(project, "-production");
    assert!(bench.campus.object::<ServiceAccount>(&namespace, "gitlab-serviceaccount").await.is_none());
    for key in &keys {
        assert_eq!(operator.reconcile(key.clone()).await.problem, Some(Reason::InUse));
    }
    operator.advance(61 * MINUTE);
    operator.settle(&mapping).await;
    assert!(!exists(&bench, &mapping).await);
    operator.sees(&mapping).await;
    for key in &keys {
        assert_eq!(operator.reconcile(key.clone()).await.problem, None);
    }
    let instances: Api<GitLabInstance> = Api::all(bench.campus.admin.clone());
    let classes: Api<gl_k8s_integrator::api::NamespaceClass> = Api::all(bench.campus.admin.clone());
    assert!(instances.get_opt(name).await.unwrap().is_none() && classes.get_opt(name).await.unwrap().is_none());
    assert!(bench.events(&mapping).await.contains_key("Warning LeftInGitLab"));
}
