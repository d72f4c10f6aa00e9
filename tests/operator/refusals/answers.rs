//! Answers that GitLab would not give: login pages, redirects, bodies without end.

use std::collections::BTreeMap;

use gitlab_simulator::http::faults::{Fault, FaultKind};
use serde_json::{Value, json};

use super::away::{during, status, while_gitlab};
use crate::campus::Campus;

const UNEXPECTED: &str = "GitLabUnexpectedAnswer";

#[tokio::test(flavor = "multi_thread")]
async fn a_login_page_is_not_taken_for_gitlab() {
    let page = json!("<html><body>Please log in</body></html>");
    let fault = Fault { body: Some(page), ..Fault::new(FaultKind::Garbage) };
    while_gitlab("login-page", fault, UNEXPECTED, &["login page", "no JSON"]).await;
}

/// A proxy that wants a login speaks with GitLab's statuses. Neither is the token taken for a refused one, nor the project
/// for one that is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_401_a_403_and_a_404_without_json_are_not_gitlabs() {
    for number in [401, 403, 404] {
        let fault = Fault { body: Some(json!("<html><body>Not here</body></html>")), ..status(number) };
        let words = [&format!("status {number}"), "no JSON", "proxy"];
        while_gitlab(&format!("page-{number}"), fault, UNEXPECTED, &words).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn json_that_ends_in_the_middle_is_no_answer() {
    while_gitlab("half-json", Fault::new(FaultKind::Garbage), UNEXPECTED, &["no JSON"]).await;
}

fn redirect(to: &str) -> Fault {
    let headers = BTreeMap::from([("Location".to_owned(), to.to_owned())]);
    Fault { headers, body: Some(json!("<html><body>You are being redirected</body></html>")), ..status(302) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_to_another_host_is_not_followed_and_that_host_never_sees_the_token() {
    let campus = Campus::with("redirect", json!({"driftInterval": "1s"}), json!({})).await;
    let other = Campus::undeclared("redirect-other").await;
    other.simulator.clear_requests();
    let target = format!("{}/api/v4/personal_access_tokens/self", other.url);
    during(&campus, redirect(&target), UNEXPECTED, &["redirected to 127.0.0.1", "not followed"]).await;
    assert!(other.simulator.requests().is_empty(), "the other host was asked: {:?}", other.simulator.requests());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_to_a_login_page_is_named_and_not_followed() {
    let words = ["redirected to another path of the same host", "not followed", "login page"];
    while_gitlab("redirect-login", redirect("/users/sign_in"), UNEXPECTED, &words).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_100_megabytes_is_not_read_to_its_end() {
    let words = ["the answer is too large", "8388608 bytes", "GitLab"];
    while_gitlab("large", Fault::new(FaultKind::Large), UNEXPECTED, &words).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_says_that_it_has_100_megabytes_is_not_read_at_all() {
    let headers = BTreeMap::from([("Content-Length".to_owned(), "104857600".to_owned())]);
    let words = ["the answer is too large", "8388608 bytes", "GitLab"];
    while_gitlab("announced", Fault { headers, ..Fault::new(FaultKind::Large) }, UNEXPECTED, &words).await;
}

fn variables(count: usize) -> Value {
    let one = |number: usize| {
        json!({"variable_type": "env_var", "key": format!("KEY_{number}"), "value": "x", "hidden": false,
            "protected": false, "masked": false, "raw": true, "environment_scope": "production", "description": null})
    };
    (0..count).map(one).collect()
}

fn variables_are(fault: Fault) -> Fault {
    Fault { method: Some("GET".to_owned()), path: Some(r"/projects/\d+/variables\?".to_owned()), ..fault }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_repeats_for_ever_is_not_read_for_ever() {
    let page = Fault { body: Some(variables(100)), ..status(200) };
    while_gitlab("repeated", variables_are(page), UNEXPECTED, &["does not end", "2 pages", "proxy"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_that_never_gets_to_the_page_after_is_no_listing() {
    let headers = BTreeMap::from([("X-Next-Page".to_owned(), "1".to_owned())]);
    let page = Fault { body: Some(variables(1)), headers, ..status(200) };
    while_gitlab("circle", variables_are(page), UNEXPECTED, &["the page after page 1"]).await;
}
