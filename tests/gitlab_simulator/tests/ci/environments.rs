use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::{GitLab, id};

async fn add(gitlab: &GitLab, name: &str) -> u64 {
    id(&gitlab.on_project("developer", "POST /environments", json!({"name": name})).await.expect(201))
}

#[tokio::test]
async fn a_new_environment_has_slug_tier_and_project() {
    let gitlab = GitLab::new().await;
    let new = json!({"name": "review/fix-foo", "external_url": "", "description": "x"});
    let made = gitlab.on_project("developer", "POST /environments", new).await.expect(201);
    assert!(made["slug"].as_str().expect("text").starts_with("review-fix-foo-"));
    assert!(made["slug"].as_str().expect("text").len() <= 24);
    assert_eq!(made["tier"], "development");
    assert_eq!(made["state"], "available");
    assert_eq!(made["external_url"], Value::Null);
    assert_eq!(made["auto_stop_setting"], "always");
    assert_eq!(made["project"]["path_with_namespace"], "team/web-app");
    assert_eq!(made.get("cluster_agent"), None);
    let call = format!("GET /environments/{}", made["id"]);
    let shown = gitlab.on_project("reporter", &call, Value::Null).await.expect(200);
    assert_eq!((shown.get("project"), &shown["last_deployment"]), (None, &Value::Null));
}

#[tokio::test]
async fn creating_answers_errors_as_sentences_and_updating_as_an_object() {
    let gitlab = GitLab::new().await;
    let first = add(&gitlab, "production").await;
    let both = json!({"message": ["Name has already been taken", "Slug has already been taken"]});
    gitlab.on_project("developer", "POST /environments", json!({"name": "production"})).await.refused(400, both);
    let change = json!({"external_url": format!("https://{}", "x".repeat(255))});
    let too_long = json!({"message": {"external_url": ["is too long (maximum is 255 characters)"]}});
    gitlab.on_project("developer", &format!("PUT /environments/{first}"), change).await.refused(400, too_long);
}

#[tokio::test]
async fn a_slug_can_be_taken_alone() {
    let gitlab = GitLab::new().await;
    add(&gitlab, "foo").await;
    let slug = json!({"message": ["Slug has already been taken"]});
    gitlab.on_project("developer", "POST /environments", json!({"name": "foo-"})).await.refused(400, slug);
}

#[tokio::test]
async fn a_bad_name_is_refused_in_a_sentence() {
    let gitlab = GitLab::new().await;
    let sentence = "Name can contain only letters, digits, '-', '_', '/', '$', '{', '}', '.', and spaces, \
                    but it cannot start or end with '/'";
    let refused = gitlab.on_project("developer", "POST /environments", json!({"name": "/x"})).await;
    refused.refused(400, json!({"message": [sentence]}));
}

#[tokio::test]
async fn a_slug_is_refused_and_a_name_never_changes() {
    let gitlab = GitLab::new().await;
    let refused = json!({"error": "slug is automatically generated and cannot be changed"});
    let new = json!({"name": "production", "slug": "prod"});
    gitlab.on_project("developer", "POST /environments", new).await.refused(400, refused.clone());
    let id = add(&gitlab, "production").await;
    let call = format!("PUT /environments/{id}");
    gitlab.on_project("developer", &call, json!({"slug": "prod"})).await.refused(400, refused);
    let changed = gitlab.on_project("developer", &call, json!({"name": "other", "tier": "staging"})).await.expect(200);
    assert_eq!((&changed["name"], &changed["tier"]), (&json!("production"), &json!("staging")));
}

#[tokio::test]
async fn the_parameters_are_checked_before_the_role() {
    let gitlab = GitLab::new().await;
    let missing = json!({"error": "name is missing"});
    gitlab.on_project("reporter", "POST /environments", json!({})).await.refused(400, missing);
    let new = json!({"name": "production"});
    gitlab.on_project("reporter", "POST /environments", new).await.refused(403, json!({"message": "403 Forbidden"}));
    let wrong = json!({"error": "states does not have a valid value"});
    gitlab.on_project("stranger", "GET /environments?states=gone", Value::Null).await.refused(400, wrong);
}

#[tokio::test]
async fn the_list_is_filtered_by_name_search_and_state() {
    let gitlab = GitLab::new().await;
    for name in ["production", "review/app", "review/other", "prod"] {
        add(&gitlab, name).await;
    }
    let names = async |query: &str| {
        let list = gitlab.on_project("reporter", &format!("GET /environments?{query}"), Value::Null).await.expect(200);
        list.as_array().expect("a list").iter().map(|found| found["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(names("name=prod").await, ["prod"]);
    assert_eq!(names("search=PRO").await, ["production", "prod"]);
    assert_eq!(names("search=app").await, ["review/app"]);
    assert_eq!(names("search=rod").await, Vec::<Value>::new());
    assert_eq!(names("states=available&per_page=1&page=2").await, ["review/app"]);
    assert_eq!(names("states=stopped").await, Vec::<Value>::new());
    let both = json!({"error": "name, search cannot be used together"});
    gitlab.on_project("reporter", "GET /environments?name=a&search=abc", Value::Null).await.refused(400, both);
    let short = json!({"message": "400 Bad request - Search query is less than 3 characters"});
    gitlab.on_project("reporter", "GET /environments?search=ab", Value::Null).await.refused(400, short);
}

#[tokio::test]
async fn only_a_stopped_environment_can_be_deleted() {
    let gitlab = GitLab::new().await;
    let id = add(&gitlab, "production").await;
    let delete = format!("DELETE /environments/{id}");
    gitlab.on_project("developer", &delete, Value::Null).await.refused(403, json!({"message": "403 Forbidden"}));
    let stop = format!("POST /environments/{id}/stop");
    assert_eq!(gitlab.on_project("developer", &stop, json!({})).await.expect(200)["state"], "stopped");
    assert_eq!(gitlab.on_project("developer", &stop, json!({})).await.expect(200)["state"], "stopped");
    let taken = gitlab.on_project("developer", "POST /environments", json!({"name": "production"})).await;
    taken.expect(400);
    gitlab.on_project("developer", &delete, Value::Null).await.expect(204);
    gitlab.on_project("developer", &delete, Value::Null).await.refused(404, json!({"message": "404 Not found"}));
    add(&gitlab, "production").await;
}

#[tokio::test]
async fn an_environment_of_another_project_is_not_found() {
    let gitlab = GitLab::new().await;
    let id = add(&gitlab, "production").await;
    let other = gitlab.new_project("other", gitlab.group).await;
    let call = format!("GET /projects/{other}/environments/{id}");
    gitlab.as_user("owner", &call, Value::Null).await.refused(404, json!({"message": "404 Not found"}));
}

#[tokio::test]
async fn an_archived_project_refuses_changes_to_everybody() {
    let gitlab = GitLab::new().await;
    let id = add(&gitlab, "production").await;
    gitlab.admin(&format!("POST /projects/{}/archive", gitlab.project), json!({})).await.expect(201);
    let below = format!("/projects/{}/environments", gitlab.project);
    let forbidden = || json!({"message": "403 Forbidden"});
    gitlab.admin(&format!("POST {below}"), json!({"name": "x"})).await.refused(403, forbidden());
    gitlab.admin(&format!("PUT {below}/{id}"), json!({"tier": "other"})).await.refused(403, forbidden());
    gitlab.admin(&format!("DELETE {below}/{id}"), Value::Null).await.refused(403, forbidden());
    gitlab.admin(&format!("GET {below}/{id}"), Value::Null).await.expect(200);
}

#[tokio::test]
async fn agents_and_what_needs_them_are_refused() {
    let gitlab = GitLab::new().await;
    let agent = json!({"name": "production", "cluster_agent_id": 1});
    let reason = "400 Bad request - cluster agent doesn't exist or cannot be associated with this environment";
    gitlab.on_project("developer", "POST /environments", agent).await.refused(400, json!({"message": reason}));
    let namespace = json!({"name": "production", "kubernetes_namespace": "x"});
    let sentence = json!({"message": ["Kubernetes namespace cannot be set without a cluster agent"]});
    gitlab.on_project("developer", "POST /environments", namespace).await.refused(400, sentence);
}

#[tokio::test]
async fn anonymous_callers_may_not_read_environments_of_public_projects() {
    let gitlab = GitLab::new().await;
    gitlab.admin(&format!("PUT /groups/{}", gitlab.group), json!({"visibility": "public"})).await.expect(200);
    gitlab.admin(&format!("PUT /projects/{}", gitlab.project), json!({"visibility": "public"})).await.expect(200);
    gitlab.on_project("stranger", "GET /environments", Value::Null).await.expect(200);
    let call = format!("GET /projects/{}/environments", gitlab.project);
    gitlab.call("", &call, Value::Null).await.refused(401, json!({"message": "401 Unauthorized"}));
}

#[tokio::test]
async fn stale_environments_are_stopped_by_maintainers() {
    let gitlab = GitLab::new().await;
    add(&gitlab, "old").await;
    gitlab.wait(SignedDuration::from_hours(24 * 20));
    add(&gitlab, "new").await;
    let call = "POST /environments/stop_stale?before=2026-03-05T00:00:00Z";
    gitlab.on_project("developer", call, Value::Null).await.expect(403);
    let invalid = json!({"message": "400 Bad request - Invalid Date"});
    let young = "POST /environments/stop_stale?before=2026-03-20";
    gitlab.on_project("maintainer", young, Value::Null).await.refused(400, invalid);
    gitlab.on_project("maintainer", call, Value::Null).await.expect(200);
    let list = gitlab.on_project("reporter", "GET /environments", Value::Null).await.expect(200);
    assert_eq!((&list[0]["state"], &list[1]["state"]), (&json!("stopped"), &json!("available")));
}

#[tokio::test]
async fn review_apps_are_deleted_a_week_after_they_were_scheduled() {
    let gitlab = GitLab::new().await;
    let id = add(&gitlab, "review/app").await;
    gitlab.on_project("developer", &format!("POST /environments/{id}/stop"), json!({})).await.expect(200);
    let nothing = gitlab.on_project("developer", "DELETE /environments/review_apps", Value::Null).await.expect(400);
    assert_eq!((&nothing["scheduled_entries"], &nothing["unprocessable_entries"]), (&json!([]), &json!([])));
    assert!(nothing["message"].is_string());
    gitlab.on_project("reporter", "DELETE /environments/review_apps", Value::Null).await.expect(401);
    gitlab.wait(SignedDuration::from_hours(24 * 31));
    let dry = gitlab.on_project("developer", "DELETE /environments/review_apps", Value::Null).await.expect(200);
    assert_eq!(dry["scheduled_entries"][0]["name"], "review/app");
    let call = "DELETE /environments/review_apps?dry_run=false&limit=1000";
    gitlab.on_project("developer", call, Value::Null).await.expect(200);
    let show = format!("GET /environments/{id}");
    gitlab.on_project("reporter", &show, Value::Null).await.expect(200);
    gitlab.wait(SignedDuration::from_hours(24 * 7));
    gitlab.on_project("reporter", &show, Value::Null).await.expect(404);
}
