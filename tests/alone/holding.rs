//! What is held, what is said of it, and what lets it go.

use std::time::Duration;

use gl_k8s_integrator::status::Reason;
use serde_json::json;

use crate::{ground::Ground, operator::about_projects};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(flavor = "multi_thread")]
async fn more_deletions_than_the_limit_wait_for_a_person_and_only_for_a_person() {
    let ground = Ground::new("held", 3).await;
    let bench = &ground.bench;
    let mut operator = bench.operator().await;
    let names = ["held-a", "held-b", "held-c", "held-d"];
    let mut projects = Vec::new();
    for name in names {
        projects.push(ground.mapped(&operator, name, &["production", "staging"]).await);
    }
    let tokens = [bench.token(projects[1], "production").await, bench.token(projects[1], "staging").await];
    for name in &names[..3] {
        ground.delete(name).await;
    }
    operator.settle("held-a").await;
    let message = operator.meets("held-b", Reason::DeletionHeld).await;
    for said in ["3 namespaces were deleted within the last 10m", "no more than 3", "waits for a person"] {
        assert!(message.contains(said), "{said:?}: {message}");
    }
    assert!(!ground.exists("held-a").await);
    assert_eq!(ground.standing(projects[0]).await, Vec::<String>::new());
    let standing = ground.standing(projects[1]).await;
    assert_eq!(standing.len(), 1);
    assert!(message.contains(&standing[0]), "{message}");

    // The credentials are gone all the same, from the cluster and from GitLab.
    for token in tokens {
        assert!(bench.opens(&token, &standing[0]).await.is_err());
    }
    assert_eq!(ground.variables(projects[1]).await, 0);
    let third = operator.meets("held-c", Reason::DeletionHeld).await;
    assert!(third.contains("1 of other mappings wait"), "{third}");
    assert_eq!(ground.standing(projects[2]).await.len(), 2);
    assert_eq!(ground.variables(projects[2]).await, 0);

    // Looked at again, neither GitLab is asked nor anything written.
    operator.pass("held-b").await;
    let (calls, _) = operator.calls_of_a_pass("held-b").await;
    assert_eq!(about_projects(&calls), Vec::<String>::new());
    let writes: Vec<_> = calls.iter().filter(|call| call.is_write()).map(ToString::to_string).collect();
    assert_eq!(writes, Vec::<String>::new());

    // Neither time nor a restart lifts it, and what is deleted meanwhile waits too.
    operator = bench.restarted(operator).await;
    operator.advance(HOUR);
    operator.meets("held-b", Reason::DeletionHeld).await;
    ground.delete("held-d").await;
    let message = operator.meets("held-d", Reason::DeletionHeld).await;
    assert!(message.contains("0 within the last 10m"), "{message}");
    assert_eq!(ground.standing(projects[3]).await.len(), 2);

    // A release is for one object as it is now.
    let uid = bench.campus.mappings().get("held-c").await.unwrap().metadata.uid.unwrap();
    for value in ["true".to_owned(), uid.clone(), format!("{uid}/1")] {
        let annotation = json!({"metadata": {"annotations": {"gl-k8s.dev/release-deletion": value}}});
        bench.campus.patch_mapping("held-c", annotation).await;
        operator.meets("held-c", Reason::DeletionHeld).await;
        assert_eq!(ground.standing(projects[2]).await.len(), 2, "{value}");
    }
    let message = operator.message("held-c").await;
    ground.runs_what_it_says(&message, "to delete it: ").await;
    operator.settle("held-c").await;
    assert!(!ground.exists("held-c").await);
    assert_eq!(ground.standing(projects[2]).await, Vec::<String>::new());

    // Nobody else was released by it. Who keeps the namespaces loses the mapping alone.
    operator.meets("held-d", Reason::DeletionHeld).await;
    let message = operator.meets("held-b", Reason::DeletionHeld).await;
    ground.runs_what_it_says(&message, "to keep what waits: ").await;
    operator.settle("held-b").await;
    assert!(!ground.exists("held-b").await);
    assert_eq!(ground.standing(projects[1]).await, standing);
    assert!(bench.events("held-b").await.contains_key("Warning DeletionHeld"));
    ground.clear(&operator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_that_leaves_is_counted_and_its_neighbours_work_on() {
    let ground = Ground::new("held-part", 1).await;
    let bench = &ground.bench;
    let operator = bench.operator().await;
    let project = ground.mapped(&operator, "held-part-web", &["production", "a", "b"]).await;
    let tokens = [bench.token(project, "a").await, bench.token(project, "b").await];
    let declare = async |names: &[&str]| {
        let environments: Vec<_> = names.iter().map(|name| json!({"name": name})).collect();
        bench.campus.patch_mapping("held-part-web", json!({"spec": {"environments": environments}})).await;
    };
    declare(&["production"]).await;
    operator.meets("held-part-web", Reason::DeletionHeld).await;
    assert_eq!(ground.standing(project).await.len(), 2, "of two that left one went");
    let held = bench.campus.mappings().get("held-part-web").await.unwrap().status.unwrap().held_deletions;
    let [held] = held.as_slice() else { panic!("{held:?}") };
    for token in &tokens {
        assert!(bench.opens(token, held).await.is_err(), "what left has no credentials");
    }
    bench.gitlab_holds_living_tokens(project, &["production"]).await;
    // It goes on being renewed.
    operator.advance(Duration::from_secs(20 * 3600));
    let before = bench.token(project, "production").await;
    operator.meets("held-part-web", Reason::DeletionHeld).await;
    assert_ne!(bench.token(project, "production").await, before);

    // What comes back before anybody decided is kept.
    let name = if held.ends_with("-a") { "a" } else { "b" };
    declare(&["production", name]).await;
    operator.settle("held-part-web").await;
    bench.gitlab_holds_living_tokens(project, &["production", name]).await;

    declare(&["production"]).await;
    operator.settle("held-part-web").await;
    assert_eq!(ground.standing(project).await.len(), 1, "the window is over and nothing is held");
    ground.clear(&operator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_retained_is_not_counted() {
    let ground = Ground::new("held-retain", 1).await;
    let operator = ground.bench.operator().await;
    for name in ["held-retain-a", "held-retain-b"] {
        ground.mapped(&operator, name, &["production", "staging"]).await;
        ground.bench.campus.patch_mapping(name, json!({"spec": {"deletionPolicy": "Retain"}})).await;
        ground.delete(name).await;
        operator.settle(name).await;
    }
    let project = ground.mapped(&operator, "held-retain-c", &["production"]).await;
    ground.delete("held-retain-c").await;
    operator.settle("held-retain-c").await;
    assert_eq!(ground.standing(project).await, Vec::<String>::new());
    assert_eq!(ground.on_record().await, 1);
}
