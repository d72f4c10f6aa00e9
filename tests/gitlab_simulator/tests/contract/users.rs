//! Users as administrators and others see them.

use http::Method;
use serde_json::{Value, json};

use crate::client::Scene;

#[tokio::test]
async fn others_see_the_short_form_and_no_blocked_users() {
    let scene = Scene::new();
    let (_, token) = scene.user("user-1").await;
    let (blocked, _) = scene.user("user-2").await;
    scene.post(&format!("/users/{blocked}/block"), Value::Null).await.expect(201);
    let listed = scene.call(&token, Method::GET, "/users", Value::Null).await.expect(200);
    assert_eq!(listed.ids(), [2, 1], "by id, newest first");
    let keys: Vec<String> = listed.json()[0].as_object().unwrap().keys().cloned().collect();
    assert!(!keys.iter().any(|key| key == "email" || key == "is_admin"), "{keys:?}");
    let for_admin = scene.get("/users?blocked=true").await.expect(200).json();
    assert_eq!(for_admin[0]["email"], "user-2@example.com");
    let named = scene.get("/users?username=USER-1").await.expect(200);
    assert_eq!(named.ids(), [2]);
}

#[tokio::test]
async fn creating_a_user_needs_a_password_and_a_free_name_and_address() {
    let scene = Scene::new();
    let body = json!({"username": "user-1", "name": "One", "email": "one@example.com"});
    let refused = scene.post("/users", body).await.expect(400);
    let sentence =
        "password, reset_password, force_random_password are missing, at least one parameter must be provided";
    assert_eq!(refused.json(), json!({"error": sentence}));
    scene.user("user-1").await;
    let body = json!({"username": "user-1", "name": "One", "email": "other@example.com", "reset_password": true});
    let taken = scene.post("/users", body).await.expect(409);
    assert_eq!(taken.json(), json!({"message": "Username has already been taken"}));
}

#[tokio::test]
async fn the_sole_owner_of_a_group_is_not_deleted() {
    let scene = Scene::new();
    let (user, token) = scene.user("user-1").await;
    let body = json!({"name": "own", "path": "own"});
    let group = scene.call(&token, Method::POST, "/groups", body).await.expect(201).id();
    scene.delete(&format!("/users/{user}")).await.expect(409);
    scene.delete(&format!("/groups/{group}")).await.expect(202);
    let full_path = format!("own-deletion_scheduled-{group}");
    scene.delete(&format!("/groups/{group}?permanently_remove=true&full_path={full_path}")).await.expect(202);
    scene.delete(&format!("/users/{user}")).await.expect(204);
    scene.get(&format!("/users/{user}")).await.expect(404);
}
