//! Two GitLabs that number and name their projects alike.

use gitlab_simulator::state::ids::Sequence;
use kube::api::DeleteParams;
use serde_json::json;

use super::{only_production, says};
use crate::campus::Campus;

/// Two GitLabs, and in each a project `team/web-app` with the same id.
async fn twins(first: &str, second: &str) -> (Campus, Campus, i64) {
    let second = Campus::new(second).await;
    let first = Campus::new(first).await;
    let id = first.project("web-app").await;
    while second.simulator.state().ids.next(Sequence::Project) + 1 < id.unsigned_abs() {}
    assert_eq!(second.project("web-app").await, id);
    (first, second, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn projects_of_two_gitlabs_with_the_same_id_and_path_have_nothing_in_common() {
    let (one, two, id) = twins("twin-a", "twin-b").await;
    one.map("twin-a-web", "web-app", json!({"deletionPolicy": "Delete"})).await;
    two.map("twin-b-web", "web-app", json!({})).await;
    one.until_ready("twin-a-web").await;
    two.until_ready("twin-b-web").await;
    let (of_one, of_two) = (one.standing(id).await, two.standing(id).await);
    assert_ne!(of_one.namespace, of_two.namespace);
    assert_ne!(of_one.token(), of_two.token());
    one.still_stands_with_gitlab(&of_one).await;
    two.still_stands_with_gitlab(&of_two).await;

    // What ends for one goes on for the other.
    let writes = two.writes_of_the_operator();
    one.mappings().delete("twin-a-web", &DeleteParams::default()).await.unwrap();
    one.until_gone("twin-a-web").await;
    assert_eq!(one.variables(id).await, Vec::<serde_json::Value>::new());
    two.until_ready("twin-b-web").await;
    two.still_stands_with_gitlab(&of_two).await;
    assert_eq!(two.writes_of_the_operator(), writes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_name_that_another_gitlabs_project_has_is_refused_until_a_prefix_tells_them_apart() {
    let (one, two, id) = twins("same-name", "same-name-two").await;
    let healthy = one.healthy().await;
    one.map("same-name-web", "web-app", only_production()).await;
    one.until_ready("same-name-web").await;
    let standing = one.standing(id).await;

    // The administrator gave the second one the prefix of the first.
    two.declare_instance("same-name-again", json!({"namespacePrefix": "same-name-"})).await;
    let mut spec = only_production();
    spec["instance"] = json!("same-name-again");
    two.map("same-name-again", "web-app", spec).await;
    let message = two.until_refused("same-name-again", "NamespaceTaken").await;
    says(
        &message,
        &[
            &standing.namespace,
            &format!("project {id} of {}", one.url),
            "mapping same-name-web",
            "another namespacePrefix",
        ],
    );
    assert_eq!(two.variables(id).await, Vec::<serde_json::Value>::new());
    one.until_ready("same-name-web").await;
    one.still_stands_with_gitlab(&standing).await;
    one.is_untouched(&healthy).await;

    two.mappings().delete("same-name-again", &DeleteParams::default()).await.unwrap();
    two.until_gone("same-name-again").await;
    two.map("same-name-two-web", "web-app", only_production()).await;
    two.until_ready("same-name-two-web").await;
    assert_ne!(two.standing(id).await.namespace, standing.namespace);
    one.still_stands_with_gitlab(&standing).await;
}
