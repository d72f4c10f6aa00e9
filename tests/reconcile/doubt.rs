//! What was read in part, or not at all, takes nothing along.

use std::time::Duration;

use gitlab_simulator::http::faults::{Fault, FaultKind};
use gl_k8s_integrator::reconcile::Key;
use serde_json::json;

use crate::operator::{Bench, about_projects};

/// GitLab's listing of projects is empty, as it is for a token whose memberships are not there for a moment; each project by
/// itself is there.
#[tokio::test(flavor = "multi_thread")]
async fn a_project_that_a_listing_lacks_is_read_by_its_id_and_loses_nothing() {
    let bench = Bench::new("lacking").await;
    let operator = bench.operator().await;
    let names: Vec<String> = (0..10).map(|number| format!("lacking-{number}")).collect();
    let spec = json!({"environments": [{"name": "test"}]});
    let mut projects = Vec::new();
    for name in &names {
        projects.push(bench.mapped(name, name, spec.clone()).await);
        operator.settle(name).await;
    }
    let path = Some(r"^/api/v4/projects\?".to_owned());
    let fault = Fault { path, body: Some(json!([])), ..Fault::new(FaultKind::Garbage) };
    bench.campus.simulator.add_fault(fault).unwrap();
    operator.advance(Duration::from_secs(3600));
    let writes = operator.writes().len();
    operator.reconcile(Key::Instance("lacking".into())).await;
    let listed = about_projects(&operator.seams.calls());
    assert!(listed.iter().any(|call| call.contains("/projects?")), "the projects were listed: {listed:?}");
    for (name, project) in names.iter().zip(&projects) {
        let (calls, outcome) = operator.calls_of_a_pass(name).await;
        assert_eq!(outcome.problem, None, "{name}");
        let single = format!("/projects/{project}");
        assert!(
            about_projects(&calls).iter().any(|call| call.contains(&single)),
            "{name} is read by its id: {calls:?}"
        );
        bench.gitlab_holds_living_tokens(*project, &["test"]).await;
    }
    let of_mappings = operator.writes().split_off(writes);
    let changed: Vec<_> = of_mappings.iter().filter(|call| !call.path.contains("/gitlabinstances/")).collect();
    assert!(changed.is_empty(), "nothing was written: {changed:?}");
}

/// Whoever sees the id in the annotation knows which project everything else belongs to, even if its path changes hands.
#[tokio::test(flavor = "multi_thread")]
async fn the_projects_id_is_on_record_before_anything_else_is_written() {
    let bench = Bench::new("recorded-first").await;
    let project = bench.mapped("recorded-first-web", "web-app", json!({})).await;
    let operator = bench.operator().await;
    operator.settle("recorded-first-web").await;
    let writes = operator.writes();
    let own = writes.iter().take_while(|call| call.path.contains("/projectmappings/recorded-first-web")).count();
    let before: Vec<_> = writes[..own].iter().map(ToString::to_string).collect();
    assert_eq!(before.len(), 1, "the finalizer and the id: {before:?}");
    assert!(writes.len() > own + 10 && project > 0, "{writes:?}");
}
