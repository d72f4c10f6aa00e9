//! Tokens are renewed in time, reach GitLab, and no moment passes at which GitLab holds a dead one.

use std::time::Duration;

use gitlab_simulator::http::faults::{Fault, FaultKind};
use gl_k8s_integrator::status::Reason;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::operator::{Bench, Operator};

const BOTH: [&str; 2] = ["production", "staging"];
const HOUR: Duration = Duration::from_secs(3600);

/// A bench on which GitLab is not compared while a token's life goes by, and an operator with a mapping that has settled.
async fn settled(name: &str) -> (Bench, Operator, String, i64) {
    let bench = Bench::with(name, json!({"driftInterval": "1000h"}), json!({})).await;
    let mapping = format!("{name}-web");
    let project = bench.mapped(&mapping, "web-app", json!({})).await;
    let operator = bench.operator().await;
    operator.settle(&mapping).await;
    (bench, operator, mapping, project)
}

/// When the token of `production` was issued and when it ends, as the status says.
async fn life(bench: &Bench, mapping: &str) -> (Timestamp, Timestamp) {
    let status = bench.campus.mappings().get(mapping).await.unwrap().status.unwrap();
    let production = status.environments.into_iter().find(|environment| environment.name == "production").unwrap();
    let token = production.token.unwrap();
    (token.issued_at.unwrap().0, token.expires_at.unwrap().0)
}

/// The moment at which every token must have been renewed, and one at which none may be yet.
async fn moments(bench: &Bench, mapping: &str) -> (Timestamp, Timestamp) {
    let (issued, expires) = life(bench, mapping).await;
    let two_thirds = SignedDuration::from_secs(expires.duration_since(issued).as_secs() * 2 / 3);
    let most_jitter = SignedDuration::from_secs(two_thirds.as_secs() / 10);
    let minute = SignedDuration::from_mins(1);
    (issued + two_thirds + minute, issued + two_thirds - most_jitter - minute)
}

fn fault(kind: FaultKind, method: Option<&str>, path: &str) -> Fault {
    Fault { method: method.map(str::to_owned), path: Some(path.to_owned()), ..Fault::new(kind) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_renewed_at_two_thirds_of_its_life_and_not_before() {
    let (bench, operator, mapping, project) = settled("due").await;
    let namespace = bench.campus.namespace(project, "-production");
    let before = bench.token(project, "production").await;
    let (late, early) = moments(&bench, &mapping).await;

    operator.advance_to(early);
    operator.settle(&mapping).await;
    assert_eq!(operator.tokens_issued(), 2, "one for each environment, at the beginning");
    assert_eq!(bench.token(project, "production").await, before);

    operator.advance_to(late);
    operator.settle(&mapping).await;
    assert_eq!(operator.tokens_issued(), 4);
    let after = bench.token(project, "production").await;
    assert_ne!(after, before);
    assert_eq!(bench.opens(&after, &namespace).await, Ok(()));
    assert_eq!(bench.opens(&before, &namespace).await, Ok(()), "the old token ends by its own expiry");
    let secret =
        bench.campus.object::<k8s_openapi::api::core::v1::Secret>(&namespace, "gitlab-serviceaccount-token").await;
    assert_eq!(secret.unwrap().data.unwrap()["token"].0, after.as_bytes());
    assert!(bench.events(&mapping).await.contains_key("Normal TokenRenewed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_renewal_nothing_is_left_to_do() {
    let (bench, operator, mapping, _) = settled("renewed-once").await;
    let (late, _) = moments(&bench, &mapping).await;
    operator.advance_to(late);
    operator.settle(&mapping).await;
    operator.return_to_the_present();
    operator.rests(&mapping).await;
    bench.operator().await.rests(&mapping).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_that_cannot_be_delivered_is_delivered_by_a_later_pass() {
    let (bench, operator, mapping, project) = settled("undelivered").await;
    let (late, _) = moments(&bench, &mapping).await;
    let before = bench.token(project, "production").await;
    let writes = fault(FaultKind::Status, Some("PUT"), "/variables/KUBE_TOKEN");
    bench.campus.simulator.add_fault(writes).unwrap();
    operator.advance_to(late);
    operator.meets(&mapping, Reason::GitLabFailed).await;
    operator.return_to_the_present();
    assert_eq!(operator.tokens_issued(), 4);
    assert_eq!(bench.token(project, "production").await, before);
    bench.gitlab_holds_living_tokens(project, &BOTH).await;

    // The new token is in the Secret and on record: further attempts issue no further ones.
    operator.meets(&mapping, Reason::GitLabFailed).await;
    bench.campus.simulator.clear_faults();
    operator.settle(&mapping).await;
    assert_ne!(bench.token(project, "production").await, before);
    assert_eq!(operator.tokens_issued(), 4);
    bench.gitlab_holds_living_tokens(project, &BOTH).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_whose_answer_is_lost_counts_as_undelivered_until_gitlab_was_seen() {
    let (bench, operator, mapping, project) = settled("answer-lost").await;
    let (late, _) = moments(&bench, &mapping).await;
    let lost = Fault { count: Some(1), ..fault(FaultKind::LostAnswer, Some("PUT"), "/variables/KUBE_TOKEN") };
    bench.campus.simulator.add_fault(lost).unwrap();
    operator.advance_to(late);
    operator.meets(&mapping, Reason::GitLabUnreachable).await;
    operator.return_to_the_present();
    bench.gitlab_holds_living_tokens(project, &BOTH).await;
    operator.settle(&mapping).await;
    assert_eq!(operator.tokens_issued(), 4);
    bench.gitlab_holds_living_tokens(project, &BOTH).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_that_is_due_while_gitlab_is_away_waits_and_then_happens() {
    let (bench, operator, mapping, project) = settled("away").await;
    let (late, _) = moments(&bench, &mapping).await;
    let before = bench.token(project, "production").await;
    bench.campus.simulator.add_fault(Fault::new(FaultKind::Cut)).unwrap();
    operator.advance_to(late);
    for _ in 0..3 {
        operator.meets(&mapping, Reason::GitLabUnreachable).await;
        operator.advance(Duration::from_secs(60));
    }
    assert_eq!(operator.tokens_issued(), 2, "no token is issued that GitLab cannot be told");
    bench.campus.simulator.clear_faults();
    operator.settle(&mapping).await;
    assert_eq!(operator.tokens_issued(), 4);
    assert_ne!(bench.token(project, "production").await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_of_an_archived_project_is_not_renewed_until_it_is_active_again() {
    let (bench, operator, mapping, project) = settled("archived").await;
    let (late, _) = moments(&bench, &mapping).await;
    bench.campus.gitlab("POST", &format!("/projects/{project}/archive"), Value::Null).await;
    operator.advance_to(late);
    let message = operator.meets(&mapping, Reason::ProjectArchived).await;
    assert!(message.contains("unarchive"), "{message}");
    assert_eq!(operator.tokens_issued(), 2);
    bench.campus.gitlab("POST", &format!("/projects/{project}/unarchive"), Value::Null).await;
    operator.advance(HOUR);
    operator.settle(&mapping).await;
    assert_eq!(operator.tokens_issued(), 4);
    bench.gitlab_holds_living_tokens(project, &BOTH).await;
}
