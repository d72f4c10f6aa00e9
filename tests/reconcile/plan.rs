//! A plan tells beforehand what the next pass does: to both servers, call by call.

use gl_k8s_integrator::{
    commands::plan::{Planned, plan},
    plan::change::{Action, Change},
    reconcile::Key,
    status::Reason,
};
use k8s_openapi::api::{core::v1::ResourceQuota, rbac::v1::RoleBinding};
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::json;

use crate::{
    operator::{Bench, Operator},
    planned::{made, sent},
};

/// A plan for a mapping, made without any write.
async fn planned(operator: &Operator, mapping: &str) -> Planned {
    operator.sees(mapping).await;
    let before = operator.seams.calls().len();
    let plan = plan(&operator.context, vec![Key::Mapping(mapping.to_owned())]).await.remove(0);
    let calls = operator.seams.calls().split_off(before);
    let writes: Vec<_> = calls.iter().filter(|call| call.is_write()).map(ToString::to_string).collect();
    assert!(writes.is_empty() && !calls.is_empty(), "{writes:?}");
    plan
}

/// Plans, lets a pass do its work, and compares.
async fn what_is_planned_is_done(operator: &Operator, mapping: &str, at_least: usize) -> Planned {
    let plan = planned(operator, mapping).await;
    let mut expected: Vec<_> = plan.changes.iter().flat_map(sent).collect();
    let (calls, outcome) = operator.calls_of_a_pass(mapping).await;
    let mut calls: Vec<_> = calls.iter().filter(|call| call.is_write() && !call.is_event()).map(made).collect();
    expected.sort();
    calls.sort();
    assert_eq!(expected, calls, "{plan:#?}");
    assert!(calls.len() >= at_least, "{calls:?}");
    assert_eq!(plan.problem.as_ref().map(|problem| problem.reason), outcome.problem.map(Reason::as_str));
    plan
}

async fn settled(bench: &Bench, path: &str) -> (Operator, String) {
    let mapping = format!("{}-mapping", bench.campus.name);
    bench.mapped(&mapping, path, json!({})).await;
    let operator = bench.operator().await;
    operator.settle(&mapping).await;
    (operator, mapping)
}

fn told<'a>(plan: &'a Planned, object: &str) -> &'a Change {
    let found = plan.changes.iter().find(|change| change.object.contains(object));
    found.unwrap_or_else(|| panic!("no {object} in {plan:#?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_mapping_is_planned_whole_and_then_done() {
    let bench = Bench::new("plan-new").await;
    let mapping = format!("{}-mapping", bench.campus.name);
    bench.mapped(&mapping, "web-app", json!({})).await;
    let operator = bench.operator().await;
    let plan = what_is_planned_is_done(&operator, &mapping, 30).await;
    let namespaces = plan.changes.iter().filter(|change| change.object.starts_with("Namespace ")).count();
    assert_eq!(namespaces, 2, "{plan:#?}");
    let token = told(&plan, "variable KUBE_TOKEN (production)");
    assert_eq!(token.fields[0].after.as_deref(), Some("known after it is issued"));
    operator.settle(&mapping).await;
    let nothing = planned(&operator, &mapping).await;
    assert!(nothing.changes.is_empty() && nothing.problem.is_none(), "{nothing:#?}");
}

async fn namespace_of(bench: &Bench, mapping: &str) -> String {
    let status = bench.campus.mappings().get(mapping).await.unwrap().status.unwrap();
    status.environments[0].namespace.clone().unwrap().name
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_changed_is_planned_field_by_field() {
    let bench = Bench::with("plan-drift", json!({}), json!({"resourceQuota": {"hard": {"pods": "20"}}})).await;
    let (operator, mapping) = settled(&bench, "web-app").await;
    let namespace = namespace_of(&bench, &mapping).await;
    let admin = &bench.campus.admin;
    let quotas: Api<ResourceQuota> = Api::namespaced(admin.clone(), &namespace);
    let more = Patch::Merge(json!({"spec": {"hard": {"pods": "99"}}}));
    quotas.patch("gitlab-quota", &PatchParams::default(), &more).await.unwrap();
    let bindings: Api<RoleBinding> = Api::namespaced(admin.clone(), &namespace);
    bindings.delete("gitlab-serviceaccount", &DeleteParams::default()).await.unwrap();
    let plan = what_is_planned_is_done(&operator, &mapping, 2).await;
    let quota = told(&plan, "ResourceQuota");
    let field = quota.fields.iter().find(|field| field.path == "spec.hard.pods").unwrap();
    assert_eq!((field.before.as_deref(), field.after.as_deref()), (Some("99"), Some("20")));
    assert_eq!(told(&plan, "RoleBinding").action, Action::Create);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_a_lost_environment_and_another_method_are_planned_as_they_are_done() {
    let bench = Bench::new("plan-changes").await;
    bench.campus.gitlab("POST", "/features/certificate_based_clusters", json!({"value": true})).await;
    let (operator, mapping) = settled(&bench, "web-app").await;
    let revoke = json!({"metadata": {"annotations": {"gl-k8s.dev/revoke": "1"}}});
    bench.campus.patch_mapping(&mapping, revoke).await;
    let plan = what_is_planned_is_done(&operator, &mapping, 10).await;
    assert_eq!(told(&plan, "ServiceAccount").action, Action::Delete);
    operator.settle(&mapping).await;

    let method = json!({"spec": {"ciAccess": {"method": "ClusterCertificate"}}});
    bench.campus.patch_mapping(&mapping, method).await;
    what_is_planned_is_done(&operator, &mapping, 5).await;
    operator.settle(&mapping).await;

    let leave = json!({"spec": {"environments": [{"name": "production", "tier": "production"}]}});
    bench.campus.patch_mapping(&mapping, leave).await;
    what_is_planned_is_done(&operator, &mapping, 5).await;
    operator.settle(&mapping).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_is_planned_as_it_is_done() {
    for policy in ["Retain", "Delete"] {
        let bench = Bench::new(&format!("plan-end-{}", policy.to_lowercase())).await;
        let (operator, mapping) = settled(&bench, "web-app").await;
        bench.campus.patch_mapping(&mapping, json!({"spec": {"deletionPolicy": policy}})).await;
        operator.settle(&mapping).await;
        bench.campus.mappings().delete(&mapping, &DeleteParams::default()).await.unwrap();
        let plan = what_is_planned_is_done(&operator, &mapping, 10).await;
        let goes = plan.changes.iter().any(|change| change.object.starts_with("Namespace "));
        assert_eq!(goes, policy == "Delete", "{plan:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_problem_is_planned_with_what_to_do() {
    let bench = Bench::new("plan-problem").await;
    let mapping = format!("{}-mapping", bench.campus.name);
    bench.campus.map(&mapping, "nowhere", json!({})).await;
    let operator = bench.operator().await;
    let plan = what_is_planned_is_done(&operator, &mapping, 1).await;
    let problem = plan.problem.unwrap();
    assert_eq!(problem.reason, "ProjectNotFound");
    assert!(problem.message.contains("nowhere"), "{}", problem.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_shows_no_secret() {
    let bench = Bench::new("plan-secrets").await;
    let (operator, mapping) = settled(&bench, "web-app").await;
    let project = bench.campus.mappings().get(&mapping).await.unwrap().status.unwrap().project.unwrap().id.unwrap();
    let token = bench.token(project, "production").await;
    assert!(!token.is_empty());
    bench.campus.patch_mapping(&mapping, json!({"metadata": {"annotations": {"gl-k8s.dev/renew": "1"}}})).await;
    let plan = planned(&operator, &mapping).await;
    let text = format!("{plan:?} {}", serde_json::to_string(&plan).unwrap());
    let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &token);
    assert!(text.contains("sha256:") && text.contains("KUBE_TOKEN"), "{text}");
    for secret in [token.as_str(), &encoded, &token[token.len() - 40..], OWN_TOKEN_START] {
        assert!(!text.contains(secret), "a plan shows a secret");
    }
}

/// How every token of GitLab begins in these tests.
const OWN_TOKEN_START: &str = "glpat-";
