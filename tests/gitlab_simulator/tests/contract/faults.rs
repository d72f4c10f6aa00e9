//! Faults on demand, and the record.

use axum::body::Body;
use gitlab_simulator::RunningSimulator;
use http::{Request, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::client::{ADMIN_TOKEN, Scene};

async fn control(scene: &Scene, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
    let request = Request::builder().method(method).uri(format!("/-/simulator{path}"));
    let request = request.header("Content-Type", "application/json").body(Body::from(body.to_string())).unwrap();
    let reply = scene.send(request).await;
    (reply.status, reply.json())
}

async fn served(scene: &Scene) -> RunningSimulator {
    scene.simulator.serve(TcpListener::bind("127.0.0.1:0").await.unwrap()).unwrap()
}

/// The raw bytes that a request over a socket is answered with; none when the connection is cut.
async fn over_socket(running: &RunningSimulator, method: &str, path: &str) -> String {
    let address = running.base_url().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "{method} /api/v4{path} HTTP/1.1\r\nHost: {address}\r\nPRIVATE-TOKEN: {ADMIN_TOKEN}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_status_fault_strikes_the_asked_requests_without_effect() {
    let scene = Scene::new();
    let fault = json!({"kind": "status", "method": "POST", "path": "/groups", "count": 1, "skip": 1, "status": 503,
                       "headers": {"Retry-After": "60"}, "body": {"message": "read-only"}});
    assert_eq!(control(&scene, "POST", "/faults", fault).await.0, StatusCode::CREATED);
    scene.group("one").await;
    let struck = scene.post("/groups", json!({"name": "two", "path": "two"})).await.expect(503);
    assert_eq!((struck.header("Retry-After"), struck.json()), (Some("60"), json!({"message": "read-only"})));
    scene.get("/groups/two").await.expect(404);
    scene.group("two").await;
    let (_, listed) = control(&scene, "GET", "/faults", Value::Null).await;
    assert_eq!(listed[0]["kind"], "status");
    control(&scene, "DELETE", "/faults", Value::Null).await;
    assert_eq!(control(&scene, "GET", "/faults", Value::Null).await.1, json!([]));
}

#[tokio::test]
async fn a_lost_answer_takes_effect_and_a_cut_connection_does_not() {
    let scene = Scene::new();
    let project = scene.project(scene.group("team").await, "web").await;
    let running = served(&scene).await;
    let path = format!("/projects/{project}/archive");
    control(&scene, "POST", "/faults", json!({"kind": "cut", "path": "archive", "count": 1})).await;
    control(&scene, "POST", "/faults", json!({"kind": "lost_answer", "path": "archive", "count": 1})).await;
    let archived = async || scene.get(&format!("/projects/{project}")).await.json()["archived"].as_bool().unwrap();
    assert_eq!(over_socket(&running, "POST", &path).await, "");
    assert!(!archived().await);
    assert_eq!(over_socket(&running, "POST", &path).await, "");
    assert!(archived().await);
    assert!(over_socket(&running, "POST", &path).await.starts_with("HTTP/1.1 400"));
}

#[tokio::test]
async fn garbage_looks_like_success_and_is_no_json() {
    let scene = Scene::new();
    control(&scene, "POST", "/faults", json!({"kind": "garbage", "path": "/version$"})).await;
    let reply = scene.get("/version").await.expect(200);
    assert_eq!(reply.header("Content-Type"), Some("application/json"));
    assert!(serde_json::from_str::<Value>(&reply.text).is_err());
}

#[tokio::test]
async fn a_cut_body_takes_effect_and_breaks_off_in_the_middle() {
    let scene = Scene::new();
    let project = scene.project(scene.group("team").await, "web").await;
    let running = served(&scene).await;
    control(&scene, "POST", "/faults", json!({"kind": "cut_body", "path": "archive", "count": 1})).await;
    let answer = over_socket(&running, "POST", &format!("/projects/{project}/archive")).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let length = head.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    assert_eq!(length.map(|length: usize| length / 2), Some(body.len()), "{head}");
    assert!(head.starts_with("HTTP/1.1 201") && !body.is_empty(), "{head}");
    assert_eq!(scene.get(&format!("/projects/{project}")).await.json()["archived"], true);
}

#[tokio::test]
async fn a_large_body_has_the_size_that_was_asked_for() {
    let scene = Scene::new();
    let running = served(&scene).await;
    let fault = json!({"kind": "large", "bytes": 300_000, "headers": {"Content-Length": "300000"}});
    control(&scene, "POST", "/faults", fault).await;
    let answer = over_socket(&running, "GET", "/version").await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200") && head.to_lowercase().contains("content-length: 300000"), "{head}");
    assert_eq!(body.len(), 300_000);
    assert!(serde_json::from_str::<Vec<u8>>(body).is_ok());
}

#[tokio::test]
async fn an_impossible_fault_is_refused() {
    let scene = Scene::new();
    for fault in [json!({"kind": "status", "path": "("}), json!({"kind": "flood"}), json!({"kind": "cut", "pth": "x"})]
    {
        assert_eq!(control(&scene, "POST", "/faults", fault).await.0, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn the_record_names_every_request_and_no_secret() {
    let scene = Scene::new();
    let (user, token) = scene.user("user-1").await;
    control(&scene, "DELETE", "/requests", Value::Null).await;
    let secret = "a-very-secret-value";
    let body = json!({"name": "x", "token": secret, "platform": {"token": secret}});
    scene.call(&token, http::Method::POST, &format!("/projects?private_token={secret}"), body).await;
    let (_, record) = control(&scene, "GET", "/requests", Value::Null).await;
    assert_eq!(record.as_array().map(Vec::len), Some(1), "control requests are not recorded");
    let entry = &record[0];
    assert_eq!(
        (entry["method"].as_str(), entry["status"].as_u64(), entry["user_id"].as_u64()),
        (Some("POST"), Some(201), Some(user))
    );
    assert_eq!(entry["body"]["name"], "x");
    let recorded = scene.simulator.requests();
    let printed = format!("{record} {recorded:?}");
    assert!(!printed.contains(secret) && !printed.contains(&token), "{printed}");
    assert!(entry["body"]["token"].as_str().unwrap().starts_with("sha256:"));
    assert_eq!(recorded[0].body_with_secrets()["token"], secret);
}

#[tokio::test]
async fn without_a_socket_a_cut_connection_is_a_body_that_fails() {
    use tower::ServiceExt;
    let scene = Scene::new();
    control(&scene, "POST", "/faults", json!({"kind": "cut"})).await;
    let request = Request::get("/api/v4/version").body(Body::empty()).unwrap();
    let response = scene.simulator.router().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
    axum::body::to_bytes(response.into_body(), 1024).await.unwrap_err();
}
