//! The operator's clock is an hour wrong, ahead or behind. The clocks of the API server and of GitLab are right.

use std::time::Duration;

use gitlab_simulator::http::faults::{Fault, FaultKind};
use gl_k8s_integrator::status::Reason;
use jiff::SignedDuration;
use kube::api::DeleteParams;
use serde_json::json;

use crate::operator::{Bench, Operator};

const BOTH: [&str; 2] = ["production", "staging"];
const HOUR: SignedDuration = SignedDuration::from_hours(1);
const MINUTE: Duration = Duration::from_secs(60);

/// An operator whose clock is wrong by so much, and a mapping of tokens that live as long as the clock is wrong.
async fn wrong_by(name: &str, by: SignedDuration) -> (Bench, Operator, String, i64) {
    let class = json!({"serviceAccount": {"token": {"lifetime": "1h"}}});
    let bench = Bench::with(name, json!({"driftInterval": "1000h"}), class).await;
    let mapping = format!("{name}-web");
    let project = bench.mapped(&mapping, "web-app", json!({})).await;
    let operator = bench.operator_whose_clock_is_wrong(by).await;
    operator.settle(&mapping).await;
    (bench, operator, mapping, project)
}

async fn renews_once_in_a_life(name: &str, by: SignedDuration) {
    let (bench, operator, mapping, project) = wrong_by(name, by).await;
    bench.gitlab_holds_living_tokens(project, &BOTH).await;
    for _ in 0..5 {
        operator.rests(&mapping).await;
        operator.advance(MINUTE);
    }
    assert_eq!(operator.tokens_issued(), 2);
    operator.advance(36 * MINUTE);
    operator.settle(&mapping).await;
    assert_eq!(operator.tokens_issued(), 4, "two thirds of its life are over");
    operator.rests(&mapping).await;
    bench.gitlab_holds_living_tokens(project, &BOTH).await;

    // A successor with the same clock may renew once more, and then rests too.
    let successor = bench.restarted(operator).await;
    successor.settle(&mapping).await;
    assert!(successor.tokens_issued() <= 2);
    for _ in 0..3 {
        successor.rests(&mapping).await;
        successor.advance(MINUTE);
    }
    bench.gitlab_holds_living_tokens(project, &BOTH).await;

    // Set right, it goes on as if nothing had been.
    successor.return_to_the_present();
    successor.settle(&mapping).await;
    successor.rests(&mapping).await;
    bench.gitlab_holds_living_tokens(project, &BOTH).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_an_hour_ahead_renews_no_token_again_and_again() {
    renews_once_in_a_life("clock-ahead", HOUR).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_an_hour_behind_lets_no_token_end() {
    renews_once_in_a_life("clock-behind", -HOUR).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_behind_renews_what_comes_from_the_future() {
    let (bench, operator, mapping, project) = wrong_by("clock-future", SignedDuration::ZERO).await;
    drop(operator);
    let before = bench.token(project, "production").await;
    let behind = bench.operator_whose_clock_is_wrong(-HOUR).await;
    behind.settle(&mapping).await;
    assert_ne!(bench.token(project, "production").await, before, "nobody can say how old it is");
    behind.rests(&mapping).await;
    bench.gitlab_holds_living_tokens(project, &BOTH).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_ahead_does_not_take_gitlabs_time_away() {
    let (bench, operator, mapping, _) = wrong_by("clock-patience", HOUR + HOUR).await;
    bench.campus.simulator.add_fault(Fault::new(FaultKind::Cut)).unwrap();
    bench.campus.mappings().delete(&mapping, &DeleteParams::default()).await.unwrap();
    for _ in 0..4 {
        operator.meets(&mapping, Reason::Deleting).await;
        operator.advance(2 * MINUTE);
    }
    bench.campus.simulator.clear_faults();
    operator.advance(MINUTE);
    operator.settle(&mapping).await;
    assert!(bench.campus.mappings().get_opt(&mapping).await.unwrap().is_none());
    assert!(!bench.events(&mapping).await.contains_key("Warning LeftInGitLab"), "GitLab came back in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_behind_gives_up_on_gitlab_later_but_gives_up() {
    let (bench, operator, mapping, _) = wrong_by("clock-given-up", -HOUR).await;
    bench.campus.simulator.add_fault(Fault::new(FaultKind::Cut)).unwrap();
    bench.campus.mappings().delete(&mapping, &DeleteParams::default()).await.unwrap();
    operator.meets(&mapping, Reason::Deleting).await;
    operator.advance(90 * MINUTE);
    operator.meets(&mapping, Reason::Deleting).await;
    operator.advance(40 * MINUTE);
    operator.settle(&mapping).await;
    assert!(bench.campus.mappings().get_opt(&mapping).await.unwrap().is_none());
    assert!(bench.events(&mapping).await.contains_key("Warning LeftInGitLab"));
}
