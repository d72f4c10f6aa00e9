//! 404 for those who may not see, 403 for those whose role or scope is too small.

use http::Method;
use serde_json::{Value, json};

use crate::client::Scene;

#[tokio::test]
async fn outsiders_see_nothing_and_small_roles_are_forbidden() {
    let scene = Scene::new();
    let project = scene.project(scene.group("team").await, "web").await;
    let (user, token) = scene.user("user-1").await;
    let path = format!("/projects/{project}/deploy_tokens");
    let status = async || scene.call(&token, Method::GET, &path, Value::Null).await.status.as_u16();
    assert_eq!(status().await, 404);
    scene.member(&format!("/projects/{project}"), user, 30).await;
    assert_eq!(status().await, 403);
    scene.put(&format!("/projects/{project}/members/{user}"), json!({"access_level": 40})).await.expect(200);
    assert_eq!(status().await, 200);
}

#[tokio::test]
async fn a_groups_maintainer_reads_deploy_tokens_but_only_an_owner_makes_them() {
    let scene = Scene::new();
    let group = scene.group("team").await;
    let (user, token) = scene.user("user-1").await;
    scene.member(&format!("/groups/{group}"), user, 40).await;
    let path = format!("/groups/{group}/deploy_tokens");
    let body = json!({"name": "gitlab-deploy-token", "scopes": ["read_registry"]});
    scene.call(&token, Method::GET, &path, Value::Null).await.expect(200);
    scene.call(&token, Method::POST, &path, body.clone()).await.expect(403);
    scene.put(&format!("/groups/{group}/members/{user}"), json!({"access_level": 50})).await.expect(200);
    let made = scene.call(&token, Method::POST, &path, body).await.expect(201).json();
    assert!(made["token"].as_str().unwrap().starts_with("gldt-"));
    let shown = scene.get(&format!("{path}/{}", made["id"])).await.expect(200).json();
    assert_eq!((shown["username"].as_str(), shown.get("token")), (Some("gitlab+deploy-token-1"), None));
}

#[tokio::test]
async fn scopes_bound_what_a_token_may_do() {
    let scene = Scene::new();
    let (_, reader) = scene.user_with_scopes("user-1", &["read_api"]).await;
    let (_, user_reader) = scene.user_with_scopes("user-2", &["read_user"]).await;
    scene.call(&reader, Method::GET, "/projects", Value::Null).await.expect(200);
    let refused = scene.call(&reader, Method::POST, "/projects", json!({"name": "x"})).await.expect(403);
    assert_eq!(refused.json()["error"], "insufficient_scope");
    scene.call(&user_reader, Method::GET, "/version", Value::Null).await.expect(200);
    scene.call(&user_reader, Method::GET, "/projects", Value::Null).await.expect(403);
    scene.call(&user_reader, Method::GET, "/personal_access_tokens/self", Value::Null).await.expect(200);
}

#[tokio::test]
async fn only_administrators_reach_admin_endpoints_and_may_act_as_others() {
    let scene = Scene::new();
    let (user, token) = scene.user("user-1").await;
    scene.call(&token, Method::GET, "/application/settings", Value::Null).await.expect(403);
    let as_user = |token: &str, who: &str| {
        let request = http::Request::get("/api/v4/user").header("PRIVATE-TOKEN", token).header("Sudo", who);
        request.body(axum::body::Body::empty()).unwrap()
    };
    let acting = scene.send(as_user(crate::client::ADMIN_TOKEN, "user-1")).await.expect(200);
    assert_eq!(acting.id(), user);
    scene.send(as_user(&token, "root")).await.expect(403);
    scene.send(as_user(crate::client::ADMIN_TOKEN, "nobody")).await.expect(404);
}

#[tokio::test]
async fn with_admin_mode_on_an_administrator_needs_the_scope() {
    let scene = Scene::new();
    let path = "/users/1/personal_access_tokens";
    let body = json!({"name": "with", "scopes": ["api", "admin_mode"]});
    let with = scene.post(path, body).await.expect(201).json()["token"].as_str().unwrap().to_owned();
    scene.put("/application/settings", json!({"admin_mode": true})).await.expect(200);
    scene.get("/application/settings").await.expect(403);
    scene.call(&with, Method::GET, "/application/settings", Value::Null).await.expect(200);
}

#[tokio::test]
async fn internal_projects_are_hidden_from_external_users_and_the_anonymous() {
    let scene = Scene::new();
    let body = json!({"path": "team", "name": "team", "visibility": "public"});
    let group = scene.post("/groups", body).await.expect(201).id();
    let body = json!({"path": "web", "namespace_id": group, "visibility": "internal"});
    let project = scene.post("/projects", body).await.expect(201).id();
    let path = format!("/projects/{project}");
    let (user, token) = scene.user("user-1").await;
    scene.call(&token, Method::GET, &path, Value::Null).await.expect(200);
    scene.put(&format!("/users/{user}"), json!({"external": true})).await.expect(200);
    scene.call(&token, Method::GET, &path, Value::Null).await.expect(404);
    scene.call("", Method::GET, &path, Value::Null).await.expect(404);
}

#[tokio::test]
async fn handing_out_ownership_needs_ownership() {
    let scene = Scene::new();
    let project = scene.project(scene.group("team").await, "web").await;
    let (maintainer, token) = scene.user("user-1").await;
    let (other, _) = scene.user("user-2").await;
    scene.member(&format!("/projects/{project}"), maintainer, 40).await;
    let path = format!("/projects/{project}/members");
    scene.call(&token, Method::POST, &path, json!({"user_id": other, "access_level": 50})).await.expect(403);
    scene.call(&token, Method::POST, &path, json!({"user_id": other, "access_level": 40})).await.expect(201);
}
