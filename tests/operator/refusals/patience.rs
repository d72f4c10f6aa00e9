//! A GitLab that asks for fewer requests, in either of its two ways.

use std::collections::BTreeMap;

use gitlab_simulator::http::faults::Fault;
use serde_json::json;

use super::{
    away::{status, while_gitlab},
    only_production, says,
};
use crate::{campus::Campus, neighbour::elsewhere};

/// The request throttle: plain text, and headers that tell of the quota.
fn request_throttle(seconds: &str) -> Fault {
    let headers = [
        ("Retry-After", seconds),
        ("RateLimit-Name", "throttle_authenticated_api"),
        ("RateLimit-Limit", "120"),
        ("RateLimit-Observed", "7201"),
        ("RateLimit-Remaining", "0"),
    ];
    Fault { headers: of(&headers), body: Some(json!("Retry later\n")), ..status(429) }
}

/// An application limit: JSON, and no such headers.
fn application_limit(seconds: &str) -> Fault {
    let error = "This endpoint has been requested too many times. Try again later.";
    Fault { headers: of(&[("Retry-After", seconds)]), body: Some(json!({"message": {"error": error}})), ..status(429) }
}

fn of(headers: &[(&str, &str)]) -> BTreeMap<String, String> {
    headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

async fn is_left_alone(name: &str, fault: Fault) {
    let campus = Campus::with(name, json!({"driftInterval": "1s"}), json!({})).await;
    let (old, new) = (format!("{name}-web"), format!("{name}-later"));
    let project = campus.project("web-app").await;
    campus.map(&old, "web-app", only_production()).await;
    campus.until_ready(&old).await;
    let standing = campus.standing(project).await;

    campus.project("later").await;
    campus.simulator.add_fault(fault).unwrap();
    let message = campus.until_refused(&old, "GitLabRateLimited").await;
    says(&message, &["GitLab asks to wait", "limits"]);
    let asked = campus.requests_of_the_operator().len();

    // Neither a new mapping nor what goes on at another GitLab makes the operator ask again.
    campus.map(&new, "later", only_production()).await;
    campus.until_refused(&new, "GitLabRateLimited").await;
    let other = Campus::new(&format!("{name}-other")).await;
    other.healthy().await;
    assert!(!other.requests_of_the_operator().is_empty(), "the other GitLab is asked meanwhile");
    assert_eq!(campus.requests_of_the_operator().len(), asked);
    campus.still_stands(&standing).await;
    elsewhere().await.is_untouched().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gitlab_whose_request_throttle_asks_for_patience_is_left_alone_and_the_others_are_not() {
    is_left_alone("patience", request_throttle("3000")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gitlab_whose_application_limit_asks_for_patience_is_left_alone_and_the_others_are_not() {
    is_left_alone("patience-app", application_limit("3000")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_time_that_a_request_throttle_asked_for_is_over_the_work_goes_on() {
    while_gitlab("patience-over", request_throttle("1"), "GitLabRateLimited", &["wait"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_time_that_an_application_limit_asked_for_is_over_the_work_goes_on() {
    while_gitlab("patience-app-over", application_limit("1"), "GitLabRateLimited", &["wait"]).await;
}
