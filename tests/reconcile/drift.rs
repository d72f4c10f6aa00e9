//! GitLab is read when there is a reason to, and not more.

use std::time::Duration;

use gl_k8s_integrator::reconcile::Key;
use serde_json::{Value, json};

use crate::{
    operator::{Bench, about_projects},
    seams::Server,
};

const HOUR: Duration = Duration::from_secs(3600);

async fn edit(bench: &Bench, project: i64) {
    let path = format!("/projects/{project}/variables/KUBE_NAMESPACE?filter[environment_scope]=production");
    bench.campus.gitlab("PUT", &path, json!({"value": "kube-system"})).await;
}

async fn seen_by_a_job(bench: &Bench, project: i64) -> String {
    bench.campus.job(project, "production", true).await.remove("KUBE_NAMESPACE").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_delivered_is_compared_once_per_drift_interval_and_not_in_between() {
    let bench = Bench::with("compared", json!({"driftInterval": "6h"}), json!({})).await;
    let project = bench.mapped("compared-web", "web-app", json!({})).await;
    let operator = bench.operator().await;
    operator.settle("compared-web").await;
    edit(&bench, project).await;

    // Jitter takes at most half of the interval.
    operator.advance(Duration::from_secs(3 * 3600 - 60));
    for _ in 0..3 {
        let asked = about_projects(&operator.rests("compared-web").await);
        let read: Vec<_> =
            asked.iter().filter(|call| call.contains("variables") || call.contains("environments")).collect();
        assert_eq!(read, Vec::<&String>::new());
    }
    assert_eq!(seen_by_a_job(&bench, project).await, "kube-system");
    operator.advance(3 * HOUR + Duration::from_secs(120));
    let outcome = operator.pass("compared-web").await;
    assert_eq!(outcome.problem, None);
    assert_eq!(seen_by_a_job(&bench, project).await, bench.campus.namespace(project, "-production"));
    assert!(outcome.again.is_some_and(|again| again <= 6 * HOUR), "the next comparison is planned: {outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_project_itself_is_read_again_after_its_refresh_only() {
    let bench = Bench::new("refreshed").await;
    let project = bench.mapped("refreshed-web", "web-app", json!({})).await;
    let operator = bench.operator().await;
    operator.settle("refreshed-web").await;
    for _ in 0..5 {
        assert_eq!(about_projects(&operator.rests("refreshed-web").await), Vec::<String>::new());
        operator.advance(Duration::from_secs(50));
    }
    operator.advance(Duration::from_secs(600));
    let asked = about_projects(&operator.rests("refreshed-web").await);
    assert_eq!(asked, [format!("GitLab GET /api/v4/projects/{project}")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_reads_nothing_about_converged_projects_and_writes_nothing() {
    let bench = Bench::new("restart").await;
    let operator = bench.operator().await;
    let names: Vec<String> = (0..4).map(|number| format!("restart-{number}")).collect();
    for name in &names {
        bench.mapped(name, name, json!({"environments": [{"name": "production"}]})).await;
        operator.settle(name).await;
    }
    let restarted = bench.restarted(operator).await;
    for name in &names {
        let calls = restarted.rests(name).await;
        assert_eq!(about_projects(&calls), Vec::<String>::new());
    }
    let asked: Vec<_> = restarted.seams.calls().into_iter().filter(|call| call.server == Server::GitLab).collect();
    assert!((1..=4).contains(&asked.len()), "the instance's facts, once for all: {asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_mapping_is_compared_at_once() {
    let bench = Bench::new("changed").await;
    let project = bench.mapped("changed-web", "web-app", json!({})).await;
    let operator = bench.operator().await;
    operator.settle("changed-web").await;
    edit(&bench, project).await;
    let path = format!("/projects/{project}/variables/KUBE_URL?filter[environment_scope]=staging");
    bench.campus.gitlab("DELETE", &path, Value::Null).await;
    bench.campus.patch_mapping("changed-web", json!({"spec": {"ciAccess": {"kubeconfig": false}}})).await;
    operator.settle("changed-web").await;
    assert_eq!(seen_by_a_job(&bench, project).await, bench.campus.namespace(project, "-production"));
    let staging = bench.campus.job(project, "staging", true).await;
    assert!(staging.contains_key("KUBE_URL") && !staging.contains_key("KUBECONFIG"));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_projects_are_refreshed_in_bulk() {
    let bench = Bench::new("bulk").await;
    let operator = bench.operator().await;
    let names: Vec<String> = (0..10).map(|number| format!("bulk-{number}")).collect();
    let spec = json!({"environments": [{"name": "test"}], "ciAccess": {"method": "None"}});
    let mut projects = Vec::new();
    for name in &names {
        projects.push(bench.mapped(name, name, spec.clone()).await);
        operator.settle(name).await;
    }
    let renamed = json!({"path": "renamed", "name": "renamed"});
    bench.campus.gitlab("PUT", &format!("/projects/{}", projects[5]), renamed).await;
    operator.advance(Duration::from_secs(3600));
    operator.reconcile(Key::Instance("bulk".into())).await;
    for name in &names {
        let (calls, outcome) = operator.calls_of_a_pass(name).await;
        assert_eq!(outcome.problem, None);
        assert_eq!(about_projects(&calls), Vec::<String>::new(), "{name}: no single read");
    }
    let status = bench.campus.mappings().get("bulk-5").await.unwrap().status.unwrap();
    assert_eq!(status.project.unwrap().path.as_deref(), Some("team/renamed"));
}
