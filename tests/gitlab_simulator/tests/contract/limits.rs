//! Two kinds of 429.

use http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::client::Scene;

#[tokio::test]
async fn request_throttles_are_off_until_switched_on_and_answer_in_plain_text() {
    let scene = Scene::new();
    assert_eq!(scene.get("/version").await.expect(200).header("RateLimit-Limit"), None);
    let settings = json!({"throttle_authenticated_api_enabled": true,
        "throttle_authenticated_api_requests_per_period": 3, "throttle_authenticated_api_period_in_seconds": 90});
    scene.put("/application/settings", settings).await.expect(200);
    let first = scene.get("/version").await.expect(200);
    let header = |name: &str| first.header(name).unwrap_or("absent").to_owned();
    assert_eq!(header("RateLimit-Name"), "throttle_authenticated_api");
    assert_eq!(header("RateLimit-Limit"), "2", "three in 90 seconds are two a minute");
    assert_eq!((header("RateLimit-Observed"), header("RateLimit-Remaining")), ("1".to_owned(), "2".to_owned()));
    let reset: i64 = header("RateLimit-Reset").parse().unwrap();
    assert_eq!(reset % 90, 0, "windows are aligned to the epoch");
    scene.get("/version").await.expect(200);
    scene.get("/version").await.expect(200);
    let refused = scene.get("/version").await.expect(429);
    assert_eq!((refused.text.as_str(), refused.header("Content-Type")), ("Retry later\n", Some("text/plain")));
    let wait: i64 = refused.header("Retry-After").unwrap().parse().unwrap();
    assert!(refused.header("RateLimit-ResetTime").unwrap().ends_with(" GMT"));
    scene.pass(SignedDuration::from_secs(wait - 1));
    scene.get("/version").await.expect(429);
    scene.pass(SignedDuration::from_secs(1));
    scene.get("/version").await.expect(200);
}

#[tokio::test]
async fn application_limits_are_on_by_default_and_answer_json_without_headers() {
    let scene = Scene::new();
    let project = scene.project(scene.group("team").await, "web").await;
    let path = format!("/projects/{project}/members/all");
    for _ in 0..200 {
        scene.get(&path).await.expect(200);
    }
    let refused = scene.get(&path).await.expect(429);
    let body = json!({"message": {"error": "This endpoint has been requested too many times. Try again later."}});
    assert_eq!((refused.json(), refused.header("Retry-After")), (body, Some("60")));
    assert_eq!(refused.header("RateLimit-Limit"), None);
    scene.get(&format!("/projects/{project}/members")).await.expect(200);
    scene.pass(SignedDuration::from_secs(60));
    scene.get(&path).await.expect(200);
}

#[tokio::test]
async fn application_limits_follow_the_settings_and_zero_means_none() {
    let scene = Scene::new();
    scene.put("/application/settings", json!({"groups_api_limit": 1, "users_get_by_id_limit": 1})).await.expect(200);
    scene.get("/groups").await.expect(200);
    scene.get("/groups").await.expect(429);
    scene.put("/application/settings", json!({"groups_api_limit": 0})).await.expect(200);
    scene.get("/groups").await.expect(200);
    let (user, token) = scene.user("user-1").await;
    let path = format!("/users/{user}");
    scene.call(&token, Method::GET, &path, Value::Null).await.expect(200);
    scene.call(&token, Method::GET, &path, Value::Null).await.expect(429);
    for _ in 0..3 {
        scene.get(&path).await.expect(200);
    }
}

#[tokio::test]
async fn each_throttle_counts_its_own_requests() {
    let scene = Scene::new();
    let settings = json!({"throttle_authenticated_api_enabled": true, "throttle_authenticated_files_api_enabled": true,
        "throttle_unauthenticated_api_enabled": true, "throttle_unauthenticated_api_requests_per_period": 1});
    scene.put("/application/settings", settings).await.expect(200);
    let name = async |token: &str, path: &str| {
        let reply = scene.call(token, Method::GET, path, Value::Null).await;
        (reply.status.as_u16(), reply.header("RateLimit-Name").map(str::to_owned))
    };
    let files = "/projects/1/repository/files/README.md";
    let token = crate::client::ADMIN_TOKEN;
    assert_eq!(name(token, files).await.1.as_deref(), Some("throttle_authenticated_files_api"));
    assert_eq!(name(token, "/version").await, (200, Some("throttle_authenticated_api".to_owned())));
    assert_eq!(name("", "/projects").await, (200, Some("throttle_unauthenticated_api".to_owned())));
    assert_eq!(name("", "/projects").await, (429, Some("throttle_unauthenticated_api".to_owned())));
    assert_eq!(name(token, "/version").await.0, 200);
}

#[tokio::test]
async fn settings_of_the_wrong_kind_are_refused_and_unknown_ones_ignored() {
    let scene = Scene::new();
    let refused = scene.put("/application/settings", json!({"groups_api_limit": "many"})).await.expect(400);
    assert_eq!(refused.json(), json!({"error": "groups_api_limit is invalid"}));
    let settings =
        scene.put("/application/settings", json!({"unheard_of": 1, "groups_api_limit": 7})).await.expect(200);
    assert_eq!((settings.json().get("unheard_of"), settings.json()["groups_api_limit"].as_u64()), (None, Some(7)));
}
