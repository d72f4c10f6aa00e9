//! A GitLab that cannot be reached, is ill, or too old.

use gitlab_simulator::http::faults::{Fault, FaultKind};
use serde_json::json;

use super::{only_production, says};
use crate::{
    bed::{eventually, logs},
    campus::Campus,
    neighbour::elsewhere,
    way,
};

/// Requests to GitLab meet this fault: what was delivered stays, new mappings wait, mappings of other GitLabs notice nothing,
/// and all become ready by themselves when it is over.
pub async fn while_gitlab(name: &str, fault: Fault, reason: &str, words: &[&str]) {
    let campus = Campus::with(name, json!({"driftInterval": "1s"}), json!({})).await;
    during(&campus, fault, reason, words).await;
}

/// The same on a campus that stands already.
pub async fn during(campus: &Campus, fault: Fault, reason: &str, words: &[&str]) {
    let elsewhere = elsewhere().await;
    let project = campus.project("web-app").await;
    campus.project("later").await;
    let (old, new) = (format!("{}-web", campus.name), format!("{}-later", campus.name));
    campus.map(&old, "web-app", only_production()).await;
    campus.until_ready(&old).await;
    let standing = campus.standing(project).await;

    campus.simulator.add_fault(fault).unwrap();
    campus.map(&new, "later", only_production()).await;
    for mapping in [&old, &new] {
        let message = campus.until_refused(mapping, reason).await;
        says(&message, words);
        assert!(message.contains(&campus.url) || message.contains("team/"), "where? {message}");
        keeps_secrets(campus, &message, &[standing.token()]);
    }
    campus.still_stands(&standing).await;
    elsewhere.is_untouched().await;

    campus.simulator.clear_faults();
    campus.until_ready(&old).await;
    campus.until_ready(&new).await;
    campus.still_stands_with_gitlab(&standing).await;
}

/// Neither a message nor the log holds the GitLab token or one of these.
#[track_caller]
pub fn keeps_secrets(campus: &Campus, message: &str, others: &[&str]) {
    let logs = logs();
    for secret in others.iter().chain([&campus.token.as_str()]) {
        assert!(!message.contains(secret), "a secret stands in a message");
        assert!(!logs.contains(secret), "a secret stands in the log");
    }
}

pub fn status(status: u16) -> Fault {
    Fault { status: Some(status), ..Fault::new(FaultKind::Status) }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_break_are_an_unreachable_gitlab() {
    while_gitlab("cut", Fault::new(FaultKind::Cut), "GitLabUnreachable", &["could not", "the connection broke off"])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_break_off_count_for_nothing() {
    let words = ["the connection broke off", "tried again"];
    while_gitlab("cut-body", Fault::new(FaultKind::CutBody), "GitLabUnreachable", &words).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gitlab_that_does_not_answer_in_time_is_given_up_and_asked_again() {
    let campus = Campus::undeclared("slow").await;
    way::impatient_with(&campus.url);
    campus.write_token(&campus.token, &campus.url).await;
    campus.declare_instance("slow", json!({"driftInterval": "1s"})).await;
    campus.declare_class("slow", json!({})).await;
    let fault = Fault { delay_ms: 20_000, ..Fault::new(FaultKind::Delay) };
    during(&campus, fault, "GitLabUnreachable", &["no complete answer in time", "tried again"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_gitlab_itself_are_waited_out() {
    while_gitlab("status-500", status(500), "GitLabFailed", &["500", "logs"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_error_page_of_a_proxy_is_waited_out() {
    let page = json!("<html><body><h1>502 Bad Gateway</h1></body></html>");
    let fault = Fault { body: Some(page), ..status(502) };
    while_gitlab("status-502", fault, "GitLabFailed", &["502", "in front of it", "logs"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gitlab_that_is_switched_off_is_waited_for() {
    let elsewhere = elsewhere().await;
    let mut campus = Campus::with("away", json!({"driftInterval": "1s"}), json!({})).await;
    let project = campus.project("web-app").await;
    campus.project("later").await;
    campus.map("away-web", "web-app", only_production()).await;
    campus.until_ready("away-web").await;
    let standing = campus.standing(project).await;

    drop(campus.server.take());
    campus.map("away-later", "later", only_production()).await;
    for mapping in ["away-web", "away-later"] {
        let message = campus.until_refused(mapping, "GitLabUnreachable").await;
        says(&message, &["no connection", "network", "tried again"]);
    }
    campus.until_instance_refused("GitLabUnreachable").await;
    campus.still_stands(&standing).await;
    elsewhere.is_untouched().await;

    let address = campus.url.trim_start_matches("http://").to_owned();
    let listener = eventually("the address is free again", async || {
        tokio::net::TcpListener::bind(&address).await.map_err(|error| error.to_string())
    })
    .await;
    campus.server = Some(campus.simulator.serve(listener).unwrap());
    campus.until_ready("away-web").await;
    campus.until_ready("away-later").await;
    campus.still_stands_with_gitlab(&standing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_not_resolved_is_told_and_tried_again_until_it_is() {
    let mut campus = Campus::undeclared("no-name").await;
    let address = campus.url.clone();
    campus.url = "https://gitlab-of-the-test.invalid".to_owned();
    campus.write_token(&campus.token, &campus.url).await;
    campus.declare_instance("no-name", json!({})).await;
    campus.declare_class("no-name", json!({})).await;
    let project = campus.project("web-app").await;
    campus.map("no-name-web", "web-app", only_production()).await;
    let message = campus.until_refused("no-name-web", "GitLabUnreachable").await;
    says(&message, &["https://gitlab-of-the-test.invalid", "the host name could not be resolved", "see to the URL"]);
    assert_eq!(campus.until_instance_refused("GitLabUnreachable").await, message);
    keeps_secrets(&campus, &message, &[]);
    assert_eq!(campus.requests_of_the_operator(), []);
    elsewhere().await.is_untouched().await;

    way::leads_to(&campus.url, &address);
    campus.until_ready("no-name-web").await;
    assert!(campus.job(project, "production", true).await.contains_key("KUBE_TOKEN"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gitlab_older_than_17_gets_nothing_written_until_it_is_upgraded() {
    let campus = Campus::undeclared("too-old").await;
    campus.simulator.state().version = "16.11.10-ee".to_owned();
    campus.write_token(&campus.token, &campus.url).await;
    campus.declare_instance("too-old", json!({})).await;
    campus.declare_class("too-old", json!({})).await;
    campus.project("web-app").await;
    campus.map("too-old-web", "web-app", only_production()).await;
    let message = campus.until_refused("too-old-web", "GitLabTooOld").await;
    says(&message, &["16.11.10", "17.0", "upgrade"]);
    assert_eq!(campus.writes_of_the_operator(), []);
    campus.simulator.state().version = "17.0.0".to_owned();
    campus.until_ready("too-old-web").await;
}
