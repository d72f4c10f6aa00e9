//! Tokens: who am I, end of life, rotation.

use http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::client::{Reply, Scene};

async fn own(scene: &Scene, token: &str) -> Reply {
    scene.call(token, Method::GET, "/personal_access_tokens/self", Value::Null).await
}

async fn rotate(scene: &Scene, token: &str, body: Value) -> Reply {
    scene.call(token, Method::POST, "/personal_access_tokens/self/rotate", body).await
}

fn value(reply: &Reply) -> String {
    reply.json()["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn rotation_kills_the_old_token_at_once_and_gives_the_new_one_a_week() {
    let scene = Scene::new();
    let (user, old) = scene.user("user-1").await;
    assert_eq!(own(&scene, &old).await.expect(200).json()["expires_at"], "2027-11-21", "a year when nothing is said");
    let rotated = rotate(&scene, &old, Value::Null).await.expect(200);
    assert_eq!(rotated.json()["expires_at"], "2026-11-28");
    assert_eq!(rotated.json()["user_id"], user);
    let dead = own(&scene, &old).await.expect(401);
    assert_eq!(dead.json()["error"], "invalid_token");
    assert_eq!(dead.json()["error_description"], "Token was revoked. You have to re-authorize from the user.");
    own(&scene, &value(&rotated)).await.expect(200);
}

#[tokio::test]
async fn using_a_dead_token_for_rotation_kills_its_descendants_and_for_anything_else_nothing() {
    let scene = Scene::new();
    let (_, old) = scene.user("user-1").await;
    let new = value(&rotate(&scene, &old, json!({"expires_at": "2027-01-31"})).await.expect(200));
    own(&scene, &old).await.expect(401);
    own(&scene, &new).await.expect(200);
    rotate(&scene, &old, Value::Null).await.expect(401);
    own(&scene, &new).await.expect(401);
}

#[tokio::test]
async fn a_token_is_dead_from_the_first_moment_of_its_day() {
    let scene = Scene::new();
    let body = json!({"name": "short", "scopes": ["api"], "expires_at": "2026-11-22"});
    let token = value(&scene.post("/users/1/personal_access_tokens", body).await.expect(201));
    scene.pass(SignedDuration::from_hours(15));
    own(&scene, &token).await.expect(200);
    scene.pass(SignedDuration::from_hours(1));
    let dead = own(&scene, &token).await.expect(401);
    assert!(dead.header("WWW-Authenticate").unwrap().starts_with("Bearer "));
    assert!(dead.json()["error_description"].as_str().unwrap().starts_with("Token is expired."));
}

#[tokio::test]
async fn a_token_with_only_the_scope_self_rotate_can_rotate_itself_and_nothing_else() {
    let scene = Scene::new();
    let (_, token) = scene.user_with_scopes("user-1", &["self_rotate"]).await;
    scene.call(&token, Method::GET, "/version", Value::Null).await.expect(403);
    rotate(&scene, &token, Value::Null).await.expect(200);
    let (_, reader) = scene.user_with_scopes("user-2", &["read_api"]).await;
    rotate(&scene, &reader, Value::Null).await.expect(403);
}

#[tokio::test]
async fn a_token_describes_and_revokes_itself() {
    let scene = Scene::new();
    let (user, token) = scene.user("user-1").await;
    let shape = own(&scene, &token).await.expect(200).json();
    assert_eq!((shape["user_id"].as_u64(), shape["scopes"].clone()), (Some(user), json!(["api"])));
    assert_eq!((shape["active"].as_bool(), shape["revoked"].as_bool()), (Some(true), Some(false)));
    assert!(shape.get("token").is_none());
    scene.call(&token, Method::DELETE, "/personal_access_tokens/self", Value::Null).await.expect(204);
    own(&scene, &token).await.expect(401);
}

#[tokio::test]
async fn a_projects_access_token_acts_as_a_bot_that_is_a_member_like_others() {
    let scene = Scene::new();
    let project = scene.project(scene.group("team").await, "web").await;
    let path = format!("/projects/{project}/access_tokens");
    let made = scene.post(&path, json!({"name": "deploy", "scopes": ["api"], "access_level": 30})).await.expect(201);
    let (bot, token) = (made.json()["user_id"].clone(), value(&made));
    assert_eq!(made.json()["access_level"], 30);
    assert_eq!(own(&scene, &token).await.expect(200).json()["user_id"], bot);
    let members = scene.get(&format!("/projects/{project}/members")).await.json();
    assert_eq!(members[0]["id"], bot);
    assert!(members[0]["username"].as_str().unwrap().starts_with(&format!("project_{project}_bot_")));
    assert!(members[0].get("bot").is_none());
    let other = scene.project(scene.group("crew").await, "other").await;
    scene.call(&token, Method::GET, &format!("/projects/{other}"), Value::Null).await.expect(404);
    scene.post(&path, json!({"name": "none", "scopes": []})).await.expect(422);
    assert_eq!(scene.get(&path).await.json().as_array().map(Vec::len), Some(1));
    scene.delete(&format!("{path}/{}", made.id())).await.expect(204);
    own(&scene, &token).await.expect(401);
}
