//! A GitLab that is away, ill, too old, or something else than a GitLab.

use std::collections::BTreeMap;

use gitlab_simulator::http::faults::{Fault, FaultKind};
use serde_json::json;

use super::{only_production, says};
use crate::{bed::eventually, campus::Campus};

/// Every request to GitLab meets this fault: what was delivered stays, new mappings wait, and all become ready by
/// themselves when it is over.
async fn while_gitlab(name: &str, fault: Fault, reason: &str, words: &[&str]) {
    let campus = Campus::with(name, json!({"driftInterval": "1s"}), json!({})).await;
    let project = campus.project("web-app").await;
    campus.project("later").await;
    let (old, new) = (format!("{name}-web"), format!("{name}-later"));
    campus.map(&old, "web-app", only_production()).await;
    campus.until_ready(&old).await;
    let standing = campus.standing(project).await;

    campus.simulator.add_fault(fault).unwrap();
    campus.map(&new, "later", only_production()).await;
    for mapping in [&old, &new] {
        let message = campus.until_refused(mapping, reason).await;
        says(&message, words);
    }
    campus.still_stands(&standing).await;

    campus.simulator.clear_faults();
    campus.until_ready(&old).await;
    campus.until_ready(&new).await;
    campus.still_stands_with_gitlab(&standing).await;
}

fn status(status: u16) -> Fault {
    Fault { status: Some(status), ..Fault::new(FaultKind::Status) }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_break_are_an_unreachable_gitlab() {
    while_gitlab("cut", Fault::new(FaultKind::Cut), "GitLabUnreachable", &["could not"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_gitlab_itself_are_waited_out() {
    while_gitlab("status-500", status(500), "GitLabFailed", &["500", "logs"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_page_is_not_taken_for_gitlab() {
    let page = json!("<html><body>Please log in</body></html>");
    let fault = Fault { body: Some(page), ..Fault::new(FaultKind::Garbage) };
    while_gitlab("login-page", fault, "GitLabUnexpectedAnswer", &["login page"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_not_followed_with_the_token() {
    let headers = BTreeMap::from([("Location".to_owned(), "https://login.example.edu/saml".to_owned())]);
    let fault = Fault { headers, ..status(302) };
    while_gitlab("redirect", fault, "GitLabUnexpectedAnswer", &["login.example.edu", "not followed"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gitlab_that_is_switched_off_is_waited_for() {
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

#[tokio::test(flavor = "multi_thread")]
async fn a_gitlab_that_asks_for_patience_is_left_alone_and_the_others_are_not() {
    let campus = Campus::with("patience", json!({"driftInterval": "1s"}), json!({})).await;
    let project = campus.project("web-app").await;
    campus.map("patience-web", "web-app", only_production()).await;
    campus.until_ready("patience-web").await;
    let standing = campus.standing(project).await;

    campus.project("later").await;
    let headers = BTreeMap::from([("Retry-After".to_owned(), "3000".to_owned())]);
    campus.simulator.add_fault(Fault { headers, ..status(429) }).unwrap();
    let message = campus.until_refused("patience-web", "GitLabRateLimited").await;
    says(&message, &["wait"]);
    let asked = campus.requests_of_the_operator().len();

    // Neither a new mapping nor what goes on at another GitLab makes the operator ask again.
    campus.map("patience-later", "later", only_production()).await;
    campus.until_refused("patience-later", "GitLabRateLimited").await;
    let other = Campus::new("patience-other").await;
    other.healthy().await;
    assert_eq!(campus.requests_of_the_operator().len(), asked);
    campus.still_stands(&standing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_time_that_gitlab_asked_for_is_over_the_work_goes_on() {
    let headers = BTreeMap::from([("Retry-After".to_owned(), "1".to_owned())]);
    while_gitlab("patience-over", Fault { headers, ..status(429) }, "GitLabRateLimited", &["wait"]).await;
}
