//! Direct and effective membership.

use http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::client::Scene;

#[tokio::test]
async fn the_effective_level_may_stand_beside_another_memberships_end() {
    let scene = Scene::new();
    let team = scene.group("team").await;
    let sub = scene.subgroup(team, "sub").await;
    let project = scene.project(sub, "web").await;
    let (user, _) = scene.user("user-1").await;
    let source = format!("/projects/{project}");
    let direct = json!({"user_id": user, "access_level": 20, "expires_at": "2027-01-31"});
    scene.post(&format!("{source}/members"), direct).await.expect(201);
    scene.member(&format!("/groups/{sub}"), user, 40).await;
    let own = scene.get(&format!("{source}/members/{user}")).await.expect(200).json();
    assert_eq!((own["access_level"].as_u64(), own["expires_at"].as_str()), (Some(20), Some("2027-01-31")));
    let effective = scene.get(&format!("{source}/members/all/{user}")).await.expect(200).json();
    assert_eq!((effective["access_level"].as_u64(), effective["expires_at"].as_str()), (Some(40), Some("2027-01-31")));
    let all = scene.get(&format!("{source}/members/all?user_ids={user}")).await.expect(200).json();
    assert_eq!(all.as_array().map(Vec::len), Some(1), "one row per user");
}

#[tokio::test]
async fn blocked_members_stay_listed_but_cannot_call() {
    let scene = Scene::new();
    let project = scene.project(scene.group("team").await, "web").await;
    let (user, token) = scene.user("user-1").await;
    scene.member(&format!("/projects/{project}"), user, 30).await;
    scene.call(&token, Method::GET, &format!("/projects/{project}"), Value::Null).await.expect(200);
    scene.post(&format!("/users/{user}/block"), Value::Null).await.expect(201);
    let listed = scene.get(&format!("/projects/{project}/members")).await.json();
    assert_eq!((listed[0]["id"].as_u64(), listed[0]["state"].as_str()), (Some(user), Some("blocked")));
    scene.call(&token, Method::GET, &format!("/projects/{project}"), Value::Null).await.expect(403);
    scene.post(&format!("/users/{user}/unblock"), Value::Null).await.expect(201);
    scene.call(&token, Method::GET, &format!("/projects/{project}"), Value::Null).await.expect(200);
}

#[tokio::test]
async fn an_invited_group_gives_its_members_at_most_the_invitations_level() {
    let scene = Scene::new();
    let (team, guests) = (scene.group("team").await, scene.group("guests").await);
    let project = scene.project(team, "web").await;
    let (user, token) = scene.user("user-1").await;
    scene.member(&format!("/groups/{guests}"), user, 40).await;
    scene.call(&token, Method::GET, &format!("/projects/{project}"), Value::Null).await.expect(404);
    let share = json!({"group_id": guests, "group_access": 30});
    scene.post(&format!("/groups/{team}/share"), share).await.expect(201);
    let path = format!("/projects/{project}/members/all/{user}");
    assert_eq!(scene.get(&path).await.expect(200).json()["access_level"], 30);
    scene.call(&token, Method::GET, &format!("/projects/{project}"), Value::Null).await.expect(200);
    scene.delete(&format!("/groups/{team}/share/{guests}")).await.expect(204);
    scene.get(&path).await.expect(404);
}

#[tokio::test]
async fn adding_checks_for_existing_members_except_in_comma_lists() {
    let scene = Scene::new();
    let group = scene.group("team").await;
    let (one, _) = scene.user("user-1").await;
    let (two, _) = scene.user("user-2").await;
    let path = format!("/groups/{group}/members");
    scene.post(&path, json!({"username": "user-1", "access_level": 30})).await.expect(201);
    let second = scene.post(&path, json!({"user_id": one, "access_level": 40})).await.expect(409);
    assert_eq!(second.json(), json!({"message": "Member already exists"}));
    let several = json!({"user_id": format!("{one},{two}"), "access_level": 40});
    assert_eq!(scene.post(&path, several).await.expect(201).json(), json!({"status": "success"}));
    assert_eq!(scene.get(&format!("{path}/{one}")).await.json()["access_level"], 40);
    let both = json!({"user_id": one, "username": "user-1", "access_level": 40});
    let refused = scene.post(&path, both).await.expect(400);
    assert_eq!(refused.json(), json!({"error": "user_id, username are mutually exclusive"}));
    scene.post(&path, json!({"user_id": 999, "access_level": 40})).await.expect(404);
}

#[tokio::test]
async fn a_membership_ends_on_its_day() {
    let scene = Scene::new();
    let project = scene.project(scene.group("team").await, "web").await;
    let (user, _) = scene.user("user-1").await;
    let body = json!({"user_id": user, "access_level": 30, "expires_at": "2026-11-22"});
    scene.post(&format!("/projects/{project}/members"), body).await.expect(201);
    let path = format!("/projects/{project}/members/all/{user}");
    scene.get(&path).await.expect(200);
    scene.pass(SignedDuration::from_hours(24));
    scene.get(&path).await.expect(404);
}

#[tokio::test]
async fn minimal_access_of_a_group_gives_nothing_in_its_projects() {
    let scene = Scene::new();
    let group = scene.group("team").await;
    let project = scene.project(group, "web").await;
    let (user, token) = scene.user("user-1").await;
    scene.member(&format!("/groups/{group}"), user, 5).await;
    scene.call(&token, Method::GET, &format!("/projects/{project}"), Value::Null).await.expect(404);
    scene.get(&format!("/projects/{project}/members/all/{user}")).await.expect(404);
}
