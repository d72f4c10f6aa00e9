//! What old paths answer.

use http::Method;
use serde_json::{Value, json};

use crate::client::Scene;

#[tokio::test]
async fn an_old_project_path_redirects_reads_in_plain_text_and_refuses_the_rest() {
    let scene = Scene::new();
    let project = scene.project(scene.group("team").await, "web").await;
    scene.put(&format!("/projects/{project}"), json!({"path": "site"})).await.expect(200);
    let moved = scene.get("/projects/team%2Fweb/members?per_page=5").await.expect(301);
    let target = format!("http://localhost/api/v4/projects/{project}/members?per_page=5");
    assert_eq!(moved.header("Location"), Some(target.as_str()));
    assert_eq!(moved.text, format!("This resource has been moved permanently to {target}"));
    let refused = scene.put("/projects/team%2Fweb", json!({"name": "x"})).await.expect(405);
    assert_eq!(refused.json(), json!({"message": "Non GET methods are not allowed for moved projects"}));
    scene.get("/projects/team%2Fsite").await.expect(200);
}

#[tokio::test]
async fn an_old_group_path_is_gone_but_its_projects_old_paths_redirect() {
    let scene = Scene::new();
    let group = scene.group("team").await;
    let project = scene.project(group, "web").await;
    scene.put(&format!("/groups/{group}"), json!({"path": "crew"})).await.expect(200);
    scene.get("/groups/team").await.expect(404);
    let moved = scene.get("/projects/team%2Fweb").await.expect(301);
    assert_eq!(moved.header("Location"), Some(format!("http://localhost/api/v4/projects/{project}").as_str()));
}

#[tokio::test]
async fn a_transfer_redirects_and_a_new_project_ends_the_redirect() {
    let scene = Scene::new();
    let (team, crew) = (scene.group("team").await, scene.group("crew").await);
    let project = scene.project(team, "web").await;
    let transferred = scene.put(&format!("/projects/{project}/transfer"), json!({"namespace": crew})).await.expect(200);
    assert_eq!(transferred.json()["path_with_namespace"], "crew/web");
    scene.get("/projects/team%2Fweb").await.expect(301);
    let newcomer = scene.project(team, "web").await;
    assert_eq!(scene.get("/projects/team%2Fweb").await.expect(200).id(), newcomer);
}

#[tokio::test]
async fn a_redirect_tells_nothing_to_those_who_may_not_see_the_project() {
    let scene = Scene::new();
    let project = scene.project(scene.group("team").await, "web").await;
    scene.put(&format!("/projects/{project}"), json!({"path": "site"})).await.expect(200);
    let (_, token) = scene.user("user-1").await;
    scene.call(&token, Method::GET, "/projects/team%2Fweb", Value::Null).await.expect(404);
}

#[tokio::test]
async fn a_new_username_moves_the_users_personal_projects() {
    let scene = Scene::new();
    let (user, token) = scene.user("user-1").await;
    let project = scene.call(&token, Method::POST, "/projects", json!({"name": "own"})).await.expect(201).id();
    scene.put(&format!("/users/{user}"), json!({"username": "user-2"})).await.expect(200);
    let moved = scene.get("/projects/user-1%2Fown").await.expect(301);
    assert!(moved.header("Location").unwrap().ends_with(&format!("/projects/{project}")));
    scene.get("/projects/user-2%2Fown").await.expect(200);
}
