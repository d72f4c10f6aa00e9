//! Deletion in two steps, archiving, and what `simple=true` hides.

use http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::client::Scene;

#[tokio::test]
async fn deleting_a_project_marks_and_renames_it_and_restoring_undoes_both() {
    let scene = Scene::new();
    let project = scene.project(scene.group("team").await, "web").await;
    let path = format!("/projects/{project}");
    scene.delete(&path).await.expect(202);
    let marked = scene.get(&path).await.expect(200).json();
    assert_eq!(marked["path"], format!("web-deletion_scheduled-{project}"));
    assert_eq!(marked["name"], format!("web-deletion_scheduled-{project}"));
    assert_eq!(marked["marked_for_deletion_on"], "2026-11-21");
    assert_eq!(marked["marked_for_deletion_at"], marked["marked_for_deletion_on"]);
    scene.get("/projects/team%2Fweb").await.expect(301);
    let again = scene.delete(&path).await.expect(400);
    assert_eq!(again.json(), json!({"message": "Project has already been marked for deletion"}));
    let restored = scene.post(&format!("{path}/restore"), Value::Null).await.expect(201).json();
    assert_eq!((restored["path"].as_str(), restored["marked_for_deletion_on"].is_null()), (Some("web"), true));
    scene.post(&format!("{path}/restore"), Value::Null).await.expect(400);
}

#[tokio::test]
async fn removing_for_good_needs_the_mark_and_the_suffixed_path() {
    let scene = Scene::new();
    let project = scene.project(scene.group("team").await, "web").await;
    let remove = |full_path: String| format!("/projects/{project}?permanently_remove=true&full_path={full_path}");
    scene.delete(&remove("team/web".to_owned())).await.expect(400);
    scene.delete(&format!("/projects/{project}")).await.expect(202);
    scene.delete(&remove("team/web".to_owned())).await.expect(400);
    scene.delete(&remove(format!("team/web-deletion_scheduled-{project}"))).await.expect(202);
    scene.get(&format!("/projects/{project}")).await.expect(404);
}

#[tokio::test]
async fn a_marked_project_is_gone_after_the_retention_period() {
    let scene = Scene::new();
    let project = scene.project(scene.group("team").await, "web").await;
    scene.delete(&format!("/projects/{project}")).await.expect(202);
    scene.pass(SignedDuration::from_hours(29 * 24));
    scene.get(&format!("/projects/{project}")).await.expect(200);
    scene.pass(SignedDuration::from_hours(24));
    scene.get(&format!("/projects/{project}")).await.expect(404);
}

#[tokio::test]
async fn below_a_marked_group_projects_show_no_mark_and_deleting_marks_nothing() {
    let scene = Scene::new();
    let group = scene.group("team").await;
    let project = scene.project(group, "web").await;
    scene.delete(&format!("/groups/{group}")).await.expect(202);
    scene.delete(&format!("/projects/{project}")).await.expect(202);
    let shown = scene.get(&format!("/projects/{project}")).await.expect(200).json();
    assert_eq!((&shown["marked_for_deletion_on"], shown["path"].as_str()), (&Value::Null, Some("web")));
    scene.delete(&format!("/groups/{group}")).await.expect(400);
}

#[tokio::test]
async fn archiving_twice_is_refused_and_an_ancestor_archives_its_projects() {
    let scene = Scene::new();
    let group = scene.group("team").await;
    let project = scene.project(group, "web").await;
    let path = format!("/projects/{project}");
    assert_eq!(scene.post(&format!("{path}/archive"), Value::Null).await.expect(201).json()["archived"], true);
    scene.post(&format!("{path}/archive"), Value::Null).await.expect(400);
    assert_eq!(scene.get("/projects?archived=false").await.text, "[]");
    scene.post(&format!("{path}/unarchive"), Value::Null).await.expect(201);
    scene.post(&format!("/groups/{group}/archive"), Value::Null).await.expect(201);
    assert_eq!(scene.get(&path).await.json()["archived"], true);
    assert_eq!(scene.get("/projects?active=true").await.text, "[]");
}

#[tokio::test]
async fn an_archived_project_cannot_be_transferred_by_anybody() {
    let scene = Scene::new();
    let project = scene.project(scene.group("team").await, "web").await;
    let crew = scene.group("crew").await;
    scene.post(&format!("/projects/{project}/archive"), Value::Null).await.expect(201);
    scene.put(&format!("/projects/{project}/transfer"), json!({"namespace": crew})).await.expect(403);
}

#[tokio::test]
async fn the_simple_form_hides_archiving_deletion_and_permissions() {
    let scene = Scene::new();
    let group = scene.group("team").await;
    scene.project(group, "web").await;
    let hidden = ["archived", "marked_for_deletion_on", "permissions"];
    let simple = scene.get("/projects?simple=true").await.json();
    let full = scene.get("/projects").await.json();
    for key in hidden {
        assert!(simple[0].get(key).is_none() && full[0].get(key).is_some(), "{key}");
    }
    let below = scene.get(&format!("/groups/{group}/projects")).await.json();
    assert!(below[0].get("permissions").is_none() && below[0].get("archived").is_some());
    let public = json!({"path": "open", "visibility": "public"});
    scene.post("/projects", public).await.expect(201);
    let anonymous = scene.call("", Method::GET, "/projects", Value::Null).await.expect(200).json();
    assert!(anonymous[0].get("archived").is_none());
}

#[tokio::test]
async fn the_updated_at_filter_must_be_paired_with_its_order() {
    let scene = Scene::new();
    let refused = scene.get("/projects?updated_after=2026-01-01T00:00:00Z").await.expect(400);
    let sentence = "400 Bad request - `updated_at` filter and `updated_at` sorting must be paired";
    assert_eq!(refused.json(), json!({"message": sentence}));
    scene.get("/projects?updated_after=2026-01-01T00:00:00Z&order_by=updated_at").await.expect(200);
}

#[tokio::test]
async fn all_projects_below_a_group_come_only_when_asked_for() {
    let scene = Scene::new();
    let (team, crew) = (scene.group("team").await, scene.group("crew").await);
    let sub = scene.subgroup(team, "sub").await;
    let (own, below, other) =
        (scene.project(team, "own").await, scene.project(sub, "below").await, scene.project(crew, "other").await);
    let share = json!({"group_id": team, "group_access": 30});
    scene.post(&format!("/projects/{other}/share"), share).await.expect(201);
    let ids =
        async |query: &str| scene.get(&format!("/groups/{team}/projects?sort=asc&order_by=id{query}")).await.ids();
    assert_eq!(ids("").await, [own, other]);
    assert_eq!(ids("&with_shared=false").await, [own]);
    assert_eq!(ids("&with_shared=false&include_subgroups=true").await, [own, below]);
}
