//! Many new mappings at once: GitLab allows far fewer reads of single projects than there may be mappings.

use futures::future::join_all;
use kube::ResourceExt as _;
use serde_json::json;

use crate::operator::Bench;

/// As many as are worth a listing.
const MANY: usize = 12;

/// A mapping with as little to do as possible.
fn spec() -> serde_json::Value {
    json!({"environments": [{"name": "production"}], "ciAccess": {"method": "None"}})
}

#[tokio::test(flavor = "multi_thread")]
async fn many_new_mappings_find_their_projects_in_one_listing() {
    let bench = Bench::new("arrivals").await;
    let mut projects = Vec::new();
    for number in 0..MANY {
        let name = format!("arrivals-{number}");
        projects.push((name.clone(), bench.mapped(&name, &format!("project-{number}"), spec()).await));
    }
    bench.campus.map("arrivals-unknown", "no-such-project", spec()).await;
    let operator = bench.operator().await;
    for (mapping, _) in &projects {
        operator.sees(mapping).await;
    }
    operator.sees("arrivals-unknown").await;
    bench.campus.simulator.clear_requests();
    // All at once, as the queue does, and before a listing is believed no more.
    join_all(projects.iter().map(|(mapping, _)| operator.settle(mapping))).await;
    for (mapping, id) in &projects {
        let annotations = bench.campus.mappings().get(mapping).await.unwrap().annotations().clone();
        assert_eq!(annotations.get("gl-k8s.dev/project-id"), Some(&id.to_string()), "{mapping}");
    }
    let asked_for = bench.campus.simulator.requests();
    let message = operator.meets("arrivals-unknown", gl_k8s_integrator::status::Reason::ProjectNotFound).await;
    assert!(message.contains("team/no-such-project"), "{message}");

    let count = |start: &str| asked_for.iter().filter(|request| request.path.starts_with(start)).count();
    assert_eq!(count("/api/v4/projects?"), 2, "one page with all projects, and the empty one that ends the listing");
    assert_eq!(count("/api/v4/projects/team%2F"), 0, "none was looked up by itself");
}

#[tokio::test(flavor = "multi_thread")]
async fn namespaces_that_are_made_at_the_same_time_look_at_their_role_once() {
    let bench = Bench::new("one-role").await;
    let environments: Vec<_> = (1..=6).map(|number| json!({"name": format!("review-{number}")})).collect();
    bench.mapped("one-role-web", "web-app", json!({"environments": environments})).await;
    let operator = bench.operator().await;
    operator.settle("one-role-web").await;
    let calls = operator.seams.calls();
    let looks: Vec<_> = calls.iter().filter(|call| call.path.contains("/clusterroles/")).collect();
    assert_eq!(looks.len(), 1, "{looks:#?}");
}
