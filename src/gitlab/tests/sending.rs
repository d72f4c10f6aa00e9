//! How calls are sent: headers, repetition, pace, reports, addresses.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use secrecy::SecretString;
use tokio::time::Instant;

use super::scripted::{Answer, Script, TOKEN, answer, answer_with, broken};
use crate::gitlab::{Client, Error, Observer, Pace, ProjectRef, Transport, TransportError, TransportErrorKind};

const METADATA: &str = r#"{"version":"19.3.0-ee","enterprise":true,"revision":"7d9a9c8f5a2"}"#;

/// Answers that a repetition may turn into success.
fn passing_failures() -> Vec<Answer> {
    vec![broken(TransportErrorKind::Cut), answer(502, "<html>"), answer(503, ""), answer(504, "")]
}

#[tokio::test]
async fn the_token_travels_in_its_header_alone_and_is_marked_sensitive() {
    let script = Script::new([answer(200, METADATA)]);
    script.client().metadata().await.unwrap();
    let headers = script.last_headers();
    assert_eq!(headers["private-token"], TOKEN);
    assert!(headers["private-token"].is_sensitive());
    assert_eq!(script.requests(), ["GET /api/v4/metadata"]);
    let elsewhere: Vec<_> = headers.iter().filter(|(name, _)| *name != "private-token").collect();
    assert!(!format!("{elsewhere:?} {:?}", script.requests()).contains(TOKEN));
}

#[tokio::test]
async fn a_line_break_after_the_token_does_no_harm_and_one_inside_is_refused() {
    let client = |token: &str| {
        let transport = Transport::new(tower::service_fn(|_| async { answer(200, METADATA) }));
        Client::new("https://gitlab.example.edu", SecretString::from(token), transport, Arc::new(Pace::new(|| 0.5)))
    };
    assert!(client("glpat-abc\n").is_ok());
    for token in ["", " \n", "glpat\nabc", "glpat-\u{7f}"] {
        assert_eq!(client(token).unwrap_err(), Error::InvalidToken, "{token:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn reads_that_failed_on_the_way_are_repeated() {
    for failure in passing_failures() {
        let script = Script::new([failure, answer(200, METADATA)]);
        let metadata = script.client().metadata().await.unwrap();
        assert_eq!(metadata.version.text, "19.3.0-ee");
        assert_eq!(script.requests().len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn repetition_ends() {
    let script = Script::new((0..10).map(|_| answer(502, "")));
    let error = script.client().metadata().await.unwrap_err();
    assert!(matches!(error, Error::ServerError { status: 502, .. }), "{error:?}");
    assert_eq!(script.requests().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn writes_are_never_repeated() {
    for failure in passing_failures() {
        let script = Script::new([failure, answer(201, "{}")]);
        script.client().create_environment(42, "production", None).await.unwrap_err();
        assert_eq!(script.requests().len(), 1);
    }
    for failure in passing_failures() {
        let script = Script::new([failure, answer(204, "")]);
        script.client().delete_variable(42, "KUBE_TOKEN", "production").await.unwrap_err();
        assert_eq!(script.requests().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_repetition_cannot_help_is_not_repeated() {
    for failure in [
        answer(500, ""),
        answer(401, "{}"),
        answer(404, "{}"),
        answer(429, ""),
        answer_with(503, ("retry-after", "60"), ""),
        broken(TransportErrorKind::TimedOut),
        broken(TransportErrorKind::Tls),
    ] {
        let script = Script::new([failure, answer(200, METADATA)]);
        script.client().metadata().await.unwrap_err();
        assert_eq!(script.requests().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_429_nothing_is_asked_until_the_time_has_come() {
    let script = Script::new([answer_with(429, ("retry-after", "60"), "Retry later\n"), answer(200, METADATA)]);
    let client = script.client();
    client.metadata().await.unwrap_err();
    let error = client.project(ProjectRef::Id(42)).await.unwrap_err();
    assert!(matches!(error, Error::RateLimited { .. }), "{error:?}");
    assert_eq!(script.requests().len(), 1, "the second request must not be sent");
    tokio::time::advance(Duration::from_secs(60)).await;
    client.metadata().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn waits_without_a_given_time_grow_until_an_answer_comes() {
    let script = Script::new([answer(429, ""), answer(429, ""), answer(200, METADATA), answer(429, "")]);
    let client = script.client();
    let wait = async || match client.metadata().await {
        Err(Error::RateLimited { retry_after, .. }) => {
            tokio::time::advance(retry_after).await;
            retry_after
        }
        other => panic!("{other:?}"),
    };
    let (first, second) = (wait().await, wait().await);
    assert!(first < second, "{first:?}, then {second:?}");
    client.metadata().await.unwrap();
    assert_eq!(wait().await, first);
}

#[tokio::test(start_paused = true)]
async fn one_slow_instance_does_not_hold_up_another() {
    let limited = Script::new([answer_with(429, ("retry-after", "60"), "")]);
    limited.client().metadata().await.unwrap_err();
    let start = Instant::now();
    Script::new([answer(200, METADATA)]).client().metadata().await.unwrap();
    assert_eq!(Instant::now(), start);
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_never_answers_is_given_up() {
    let transport = Transport::new(tower::service_fn(|_| std::future::pending::<Answer>()));
    let pace = Arc::new(Pace::new(|| 0.5));
    let client = Client::new("https://gitlab.example.edu", SecretString::from(TOKEN), transport, pace).unwrap();
    let error = client.metadata().await.unwrap_err();
    let Error::Transport { source: TransportError { kind, .. }, .. } = error else { panic!("{error:?}") };
    assert_eq!(kind, TransportErrorKind::TimedOut);
}

#[derive(Default)]
struct Seen(Mutex<Vec<(String, &'static str, Option<u16>)>>);

impl Observer for Seen {
    fn request(&self, instance: &str, endpoint: &'static str, status: Option<u16>, _seconds: f64) {
        self.0.lock().unwrap().push((instance.to_owned(), endpoint, status));
    }
}

#[tokio::test(start_paused = true)]
async fn every_request_is_reported_with_placeholders_instead_of_names() {
    let seen = Arc::new(Seen::default());
    let script = Script::new([broken(TransportErrorKind::Cut), answer(404, r#"{"message":"404 Variable Not Found"}"#)]);
    let client = script.client().observed("campus", seen.clone());
    assert!(client.variable(42, "KUBE_TOKEN", "production").await.unwrap().is_none());
    let endpoint = "GET /projects/:id/variables/:key";
    let expected = [("campus".to_owned(), endpoint, None), ("campus".to_owned(), endpoint, Some(404))];
    assert_eq!(*seen.0.lock().unwrap(), expected);
}

#[test]
fn only_addresses_that_admission_accepts_are_used() {
    let client = |url: &str| {
        let transport = Transport::new(tower::service_fn(|_| async { answer(200, METADATA) }));
        Client::new(url, SecretString::from(TOKEN), transport, Arc::new(Pace::new(|| 0.5)))
    };
    for url in [
        "https://gitlab.example.edu",
        "https://gitlab.example.edu:8443",
        "https://example.edu/gitlab",
        "http://127.0.0.1:3000",
        "http://localhost:3000",
        "http://[::1]:3000",
    ] {
        assert!(client(url).is_ok(), "{url}");
    }
    for url in [
        "",
        "gitlab.example.edu",
        "https://",
        "http://gitlab.example.edu",
        "http://localhost.example.edu",
        "https://gitlab.example.edu/",
        "https://user:hunter2@gitlab.example.edu",
        "https://gitlab.example.edu?private_token=hunter2",
        "https://gitlab.example.edu#x",
        "ftp://gitlab.example.edu",
    ] {
        let error = client(url).unwrap_err();
        assert!(matches!(error, Error::InvalidBaseUrl { .. }), "{url}: {error:?}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
