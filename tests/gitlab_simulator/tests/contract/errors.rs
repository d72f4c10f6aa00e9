//! Two keys, three shapes, and what is checked first.

use axum::body::Body;
use http::{Method, Request};
use serde_json::{Value, json};

use crate::client::{ADMIN_TOKEN, Scene};

#[tokio::test]
async fn unknown_paths_and_wrong_methods_use_the_key_error() {
    let scene = Scene::new();
    assert_eq!(scene.get("/nothing/here").await.expect(404).json(), json!({"error": "404 Not Found"}));
    assert_eq!(scene.delete("/version").await.expect(405).json(), json!({"error": "405 Not Allowed"}));
    let old = Request::get("/api/v3/projects").body(Body::empty()).unwrap();
    scene.send(old).await.expect(410);
}

#[tokio::test]
async fn missing_parameters_are_collected_under_error() {
    let scene = Scene::new();
    let reply = scene.post("/groups", json!({})).await.expect(400);
    assert_eq!(reply.json(), json!({"error": "name is missing, path is missing"}));
    let reply = scene.get("/projects?per_page=0&visibility=secret").await.expect(400);
    let errors = "visibility does not have a valid value, per_page has a value not allowed";
    assert_eq!(reply.json(), json!({"error": errors}));
    let reply = scene.get("/projects?page=x").await.expect(400);
    assert_eq!(reply.json(), json!({"error": "page is invalid"}));
}

#[tokio::test]
async fn model_errors_are_an_object_of_arrays_under_message() {
    let scene = Scene::new();
    let group = scene.group("team").await;
    scene.project(group, "web").await;
    let reply = scene.post("/projects", json!({"path": "web", "namespace_id": group})).await.expect(400);
    assert_eq!(reply.json()["message"]["path"], json!(["has already been taken"]));
}

#[tokio::test]
async fn not_found_is_spelled_by_its_origin() {
    let scene = Scene::new();
    let project = scene.project(scene.group("team").await, "web").await;
    let message = async |path: String| scene.get(&path).await.expect(404).json()["message"].clone();
    assert_eq!(message("/projects/999".to_owned()).await, "404 Project Not Found");
    assert_eq!(message("/groups/no%2Fgroup".to_owned()).await, "404 Group Not Found");
    assert_eq!(message("/users/999".to_owned()).await, "404 User Not Found");
    assert_eq!(message(format!("/projects/{project}/members/999")).await, "404 Not found");
    assert_eq!(message(format!("/projects/{project}/deploy_tokens/999")).await, "404 Not found");
}

#[tokio::test]
async fn a_token_is_accepted_in_each_of_its_places() {
    let scene = Scene::new();
    let plain = |uri: String| Request::get(uri).body(Body::empty()).unwrap();
    scene.send(plain(format!("/api/v4/version?private_token={ADMIN_TOKEN}"))).await.expect(200);
    scene.send(plain(format!("/api/v4/version?access_token={ADMIN_TOKEN}"))).await.expect(200);
    let bearer = Request::get("/api/v4/version").header("Authorization", format!("Bearer {ADMIN_TOKEN}"));
    scene.send(bearer.body(Body::empty()).unwrap()).await.expect(200);
    let unknown = scene.call("wrong", Method::GET, "/version", Value::Null).await.expect(401);
    assert_eq!(unknown.json(), json!({"message": "401 Unauthorized"}));
    scene.call("", Method::GET, "/version", Value::Null).await.expect(401);
}

#[tokio::test]
async fn without_a_token_users_are_forbidden_and_private_things_absent() {
    let scene = Scene::new();
    let project = scene.project(scene.group("team").await, "web").await;
    let anonymous = async |path: String| scene.call("", Method::GET, &path, Value::Null).await.status.as_u16();
    assert_eq!(anonymous("/users".to_owned()).await, 403);
    assert_eq!(anonymous("/users/1".to_owned()).await, 403);
    assert_eq!(anonymous(format!("/projects/{project}")).await, 404);
    assert_eq!(anonymous(format!("/projects/{project}/deploy_tokens")).await, 404);
    assert_eq!(anonymous("/groups/team".to_owned()).await, 404);
}

#[tokio::test]
async fn bodies_come_as_json_form_or_multipart() {
    let scene = Scene::new();
    let send = async |kind: &str, body: &str| {
        let request = Request::post("/api/v4/groups").header("PRIVATE-TOKEN", ADMIN_TOKEN).header("Content-Type", kind);
        scene.send(request.body(Body::from(body.to_owned())).unwrap()).await
    };
    send("application/x-www-form-urlencoded", "name=Form&path=form").await.expect(201);
    let part = |name: &str| format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\nparts\r\n");
    let body = format!("{}{}--b--\r\n", part("name"), part("path"));
    send("multipart/form-data; boundary=b", &body).await.expect(201);
    send("application/json", "{not json").await.expect(400);
    scene.get("/groups/form").await.expect(200);
    scene.get("/groups/parts").await.expect(200);
}

#[tokio::test]
async fn a_stale_condition_stops_a_deletion() {
    let scene = Scene::new();
    let project = scene.project(scene.group("team").await, "web").await;
    let conditional = |since: &str| {
        let request = Request::delete(format!("/api/v4/projects/{project}")).header("PRIVATE-TOKEN", ADMIN_TOKEN);
        request.header("If-Unmodified-Since", since).body(Body::empty()).unwrap()
    };
    let reply = scene.send(conditional("Sat, 21 Nov 2026 07:00:00 GMT")).await.expect(412);
    assert_eq!(reply.json(), json!({"message": "412 Precondition Failed"}));
    scene.send(conditional("Sat, 21 Nov 2026 09:00:00 GMT")).await.expect(202);
}
