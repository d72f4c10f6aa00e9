//! Tests of the server over loopback.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
};

use super::*;
use crate::gitlab::Observer;

/// Longer than anything here should take.
const BOUND: Duration = Duration::from_secs(300);

struct Running {
    address: SocketAddr,
    readiness: Readiness,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

async fn running() -> Running {
    let (readiness, metrics) = (Readiness::new(), Arc::new(Metrics::new("1.2.3")));
    let listener = listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let task = tokio::spawn(serve(listener, router(readiness.clone(), metrics.clone()), stop.clone()));
    Running { address, readiness, metrics, stop, task }
}

/// The whole answer to a request, head and body.
async fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(BOUND, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    answer
}

#[tokio::test]
async fn the_program_is_ready_when_the_last_component_is() {
    let server = running().await;
    let (first, second) = (server.readiness.wait_for("mappings"), server.readiness.wait_for("instances"));
    let answer = get(server.address, "/readyz").await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.ends_with("waiting for mappings, instances\n"), "{answer}");
    drop(first);
    assert!(get(server.address, "/readyz").await.ends_with("waiting for instances\n"));
    drop(second);
    assert!(get(server.address, "/readyz").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn the_program_lives_while_it_waits() {
    let server = running().await;
    let _waiting = server.readiness.wait_for("mappings");
    assert!(get(server.address, "/livez").await.starts_with("HTTP/1.1 200"));
    assert!(get(server.address, "/elsewhere").await.starts_with("HTTP/1.1 404"));
}

#[tokio::test]
async fn what_was_counted_is_scraped() {
    let server = running().await;
    server.metrics.reconciled("ProjectMapping", "ok", 0.25);
    server.metrics.failed("ProjectMapping", "AlreadyMapped");
    server.metrics.request("campus", "GET /projects/:id", Some(200), 0.1);
    server.metrics.request("campus", "GET /projects/:id", None, 0.1);
    let series = InstanceSeries { state: "Ready".into(), token_ends: Some(1_800_000_000) };
    server.metrics.set_instance("campus", series);
    let answer = get(server.address, "/metrics").await;
    assert!(answer.to_lowercase().contains("content-type: application/openmetrics-text"), "{answer}");
    for line in [
        r#"gl_k8s_build_info{version="1.2.3"} 1"#,
        r#"gl_k8s_reconciles_total{kind="ProjectMapping",result="ok"} 1"#,
        r#"gl_k8s_reconcile_duration_seconds_count{kind="ProjectMapping"} 1"#,
        r#"gl_k8s_errors_total{kind="ProjectMapping",reason="AlreadyMapped"} 1"#,
        r#"gl_k8s_gitlab_requests_total{gitlab_instance="campus",call="GET /projects/:id",status="200"} 1"#,
        r#"gl_k8s_gitlab_requests_total{gitlab_instance="campus",call="GET /projects/:id",status="none"} 1"#,
        r#"gl_k8s_gitlab_request_duration_seconds_count{gitlab_instance="campus",call="GET /projects/:id"} 2"#,
        r#"gl_k8s_gitlab_token_expiry_timestamp_seconds{gitlab_instance="campus"} 1800000000"#,
    ] {
        assert!(answer.lines().any(|found| found == line), "{line} is missing in\n{answer}");
    }
    assert!(answer.ends_with("# EOF\n"), "{answer}");
}

#[test]
fn series_follow_their_objects() {
    let metrics = Metrics::new("1.2.3");
    let token = |environment: &str, ends| TokenSeries { environment: environment.to_owned(), issued: Some(1), ends };
    let mapping = |state: &str, undelivered: Option<&str>, tokens: &[TokenSeries]| MappingSeries {
        instance: "campus".to_owned(),
        state: state.to_owned(),
        undelivered: undelivered.map(str::to_owned),
        tokens: tokens.to_vec(),
    };
    let instance = |state: &str, token_ends| InstanceSeries { state: state.to_owned(), token_ends };
    metrics.set_mapping("one", mapping("Ready", None, &[token("production", 10), token("staging", 20)]));
    metrics.set_mapping("two", mapping("Ready", None, &[]));
    let text = metrics.to_text().unwrap();
    let has = |text: &str, line: &str| assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
    has(&text, r#"gl_k8s_mappings{gitlab_instance="campus",state="Ready"} 2"#);
    has(&text, r#"gl_k8s_token_expiry_timestamp_seconds{mapping="one",environment="staging"} 20"#);
    has(&text, r#"gl_k8s_token_issued_timestamp_seconds{mapping="one",environment="staging"} 1"#);

    metrics.set_mapping("one", mapping("NotOurs", Some("NotOurs"), &[token("production", 30)]));
    metrics.forget_mapping("two");
    metrics.set_instance("campus", instance("Ready", Some(5)));
    metrics.set_instance("other", instance("TokenExpired", Some(6)));
    metrics.set_instance("campus", instance("GitLabUnreachable", None));
    metrics.forget_instance("other");
    let text = metrics.to_text().unwrap();
    has(&text, r#"gl_k8s_mappings{gitlab_instance="campus",state="NotOurs"} 1"#);
    has(&text, r#"gl_k8s_undelivered_mappings{gitlab_instance="campus",reason="NotOurs"} 1"#);
    has(&text, r#"gl_k8s_instances{gitlab_instance="campus",state="GitLabUnreachable"} 1"#);
    let past = [r#"state="Ready""#, "staging", "TokenExpired", "gl_k8s_gitlab_token_expiry_timestamp_seconds{"];
    assert!(!past.iter().any(|past| text.contains(past)), "{text}");
}

#[test]
fn two_operators_in_one_process_count_apart() {
    let (one, two) = (Metrics::new("1"), Metrics::new("1"));
    one.failed("ProjectMapping", "AlreadyMapped");
    assert!(one.to_text().unwrap().contains("AlreadyMapped"));
    assert!(!two.to_text().unwrap().contains("AlreadyMapped"));
}

#[tokio::test]
async fn a_server_that_stops_lets_go_of_its_port_and_of_idle_connections() {
    let server = running().await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    assert!(get(server.address, "/livez").await.starts_with("HTTP/1.1 200"));
    server.stop.cancel();
    // Sooner than the silent connection would have been given up anyway.
    tokio::time::timeout(HEAD_TIMEOUT / 2, server.task).await.expect("the server ends").unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
    assert_eq!(tokio::time::timeout(BOUND, idle.read(&mut [0; 10])).await.unwrap().unwrap_or(0), 0);
}

#[tokio::test(start_paused = true)]
async fn connections_that_say_nothing_do_not_keep_others_out_for_ever() {
    let server = running().await;
    let mut silent = Vec::new();
    for _ in 0..CONNECTIONS + 5 {
        silent.push(TcpStream::connect(server.address).await.unwrap());
    }
    assert!(get(server.address, "/livez").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let server = running().await;
    let error = listen(server.address).await.unwrap_err();
    assert!(error.to_string().contains(&server.address.to_string()), "{error}");
}
