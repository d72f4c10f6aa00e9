//! Projects that change for the worse after they were mapped.

use serde_json::{Value, json};

use super::{entries::by_certificate, only_production, says};
use crate::campus::Campus;

/// What only GitLab knows is seen at the next comparison.
fn soon() -> Value {
    json!({"driftInterval": "1s"})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_that_is_gone_for_good_takes_neither_namespace_nor_token_along() {
    let campus = Campus::with("gone", soon(), json!({})).await;
    let healthy = campus.healthy().await;
    let project = campus.project("web-app").await;
    campus.map("gone-web", "web-app", only_production()).await;
    campus.until_ready("gone-web").await;
    let standing = campus.standing(project).await;
    campus.gitlab("DELETE", &format!("/projects/{project}"), Value::Null).await;
    let marked = campus.gitlab("GET", &format!("/projects/{project}"), Value::Null).await;
    let for_good = json!({"permanently_remove": true, "full_path": marked["path_with_namespace"]});
    campus.gitlab("DELETE", &format!("/projects/{project}"), for_good).await;
    let message = campus.until_refused("gone-web", "ProjectGone").await;
    says(&message, &["nothing is deleted", "delete this mapping"]);
    let status = campus.mappings().get("gone-web").await.unwrap().status.unwrap();
    assert_eq!(serde_json::to_value(status.project.unwrap()).unwrap()["state"], "Gone");
    campus.still_stands(&standing).await;
    campus.is_untouched(&healthy).await;
    campus.event("gone-web", "ProjectGone", "Warning").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archived_project_keeps_everything_and_gets_nothing_new_until_it_is_unarchived() {
    let campus = Campus::with("archived", soon(), json!({})).await;
    let healthy = campus.healthy().await;
    let project = campus.project("web-app").await;
    campus.map("archived-web", "web-app", only_production()).await;
    campus.until_ready("archived-web").await;
    let standing = campus.standing(project).await;
    campus.gitlab("POST", &format!("/projects/{project}/archive"), Value::Null).await;
    let message = campus.until_refused("archived-web", "ProjectArchived").await;
    says(&message, &["team/web-app", "unarchive"]);
    let writes = campus.writes_of_the_operator();
    campus.patch_mapping("archived-web", json!({"spec": {"ciAccess": {"kubeconfig": false}}})).await;
    campus.until_refused("archived-web", "ProjectArchived").await;
    campus.still_stands(&standing).await;
    assert_eq!(campus.writes_of_the_operator(), writes);
    campus.is_untouched(&healthy).await;
    campus.gitlab("POST", &format!("/projects/{project}/unarchive"), Value::Null).await;
    campus.until_ready("archived-web").await;
    assert!(!campus.job(project, "production", true).await.contains_key("KUBECONFIG"));
    campus.still_stands_with_gitlab(&standing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_that_is_marked_for_deletion_keeps_everything_until_it_is_restored() {
    let campus = Campus::with("marked", soon(), json!({})).await;
    let healthy = campus.healthy().await;
    let project = campus.project("web-app").await;
    campus.map("marked-web", "web-app", only_production()).await;
    campus.until_ready("marked-web").await;
    let standing = campus.standing(project).await;
    let writes = campus.writes_of_the_operator();
    campus.gitlab("DELETE", &format!("/projects/{project}"), Value::Null).await;
    let message = campus.until_refused("marked-web", "ProjectMarkedForDeletion").await;
    says(&message, &["restore"]);
    campus.still_stands(&standing).await;
    campus.is_untouched(&healthy).await;
    campus.gitlab("POST", &format!("/projects/{project}/restore"), Value::Null).await;
    campus.until_ready("marked-web").await;
    campus.still_stands_with_gitlab(&standing).await;
    assert_eq!(campus.writes_of_the_operator(), writes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_too_low_is_named_and_taking_it_back_is_enough() {
    let campus = Campus::with("forbidden", soon(), json!({})).await;
    let healthy = campus.healthy().await;
    let user = campus.integrator().await;
    let group = campus.gitlab("POST", "/groups", json!({"name": "Guests", "path": "guests"})).await["id"].clone();
    let role = |level: u8| json!({"user_id": user, "access_level": level});
    campus.gitlab("POST", &format!("/groups/{group}/members"), role(40)).await;
    let project = json!({"name": "web-app", "path": "web-app", "namespace_id": group});
    let project = campus.gitlab("POST", "/projects", project).await["id"].as_i64().unwrap();
    let mut spec = only_production();
    spec["project"] = json!({"path": "guests/web-app"});
    campus.map("forbidden-web", "web-app", spec).await;
    campus.until_ready("forbidden-web").await;
    let standing = campus.standing(project).await;
    campus.gitlab("PUT", &format!("/groups/{group}/members/{user}"), role(30)).await;
    let message = campus.until_refused("forbidden-web", "ProjectForbidden").await;
    says(&message, &["Maintainer"]);
    campus.still_stands_with_gitlab(&standing).await;
    campus.is_untouched(&healthy).await;
    campus.gitlab("PUT", &format!("/groups/{group}/members/{user}"), role(40)).await;
    campus.until_ready("forbidden-web").await;

    // Without any role GitLab hides the project: that is no proof that it is gone.
    campus.gitlab("DELETE", &format!("/groups/{group}/members/{user}"), Value::Null).await;
    let message = campus.until_refused("forbidden-web", "ProjectGone").await;
    says(&message, &["nothing is deleted", "role back"]);
    campus.still_stands_with_gitlab(&standing).await;
    campus.gitlab("POST", &format!("/groups/{group}/members"), role(40)).await;
    campus.until_ready("forbidden-web").await;
    campus.still_stands_with_gitlab(&standing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feature_that_is_switched_off_in_the_project_is_named() {
    let campus = Campus::new("feature-off").await;
    let healthy = campus.healthy().await;
    let project = campus.project("web-app").await;
    let set = async |feature: &str, access: &str| {
        let mut body = json!({});
        body[feature] = json!(access);
        campus.gitlab("PUT", &format!("/projects/{project}"), body).await;
    };
    set("builds_access_level", "disabled").await;
    campus.map("feature-off-web", "web-app", only_production()).await;
    let message = campus.until_refused("feature-off-web", "FeatureSwitchedOff").await;
    says(&message, &["team/web-app", "CI/CD", "Settings > General > Visibility"]);
    campus.is_untouched(&healthy).await;
    set("builds_access_level", "enabled").await;
    campus.until_ready("feature-off-web").await;

    let code = campus.project("code").await;
    campus.gitlab("PUT", &format!("/projects/{code}"), json!({"repository_access_level": "disabled"})).await;
    campus.map("feature-off-code", "code", only_production()).await;
    let message = campus.until_refused("feature-off-code", "FeatureSwitchedOff").await;
    says(&message, &["team/code", "the repository"]);

    let other = campus.project("other").await;
    campus.gitlab("PUT", &format!("/projects/{other}"), json!({"environments_access_level": "disabled"})).await;
    campus.map("feature-off-other", "other", only_production()).await;
    let message = campus.until_refused("feature-off-other", "FeatureSwitchedOff").await;
    says(&message, &["team/other", "environments"]);
    campus.gitlab("PUT", &format!("/projects/{other}"), json!({"environments_access_level": "enabled"})).await;
    campus.until_ready("feature-off-other").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switched_off_feature_that_is_not_needed_is_not_blamed() {
    let campus = Campus::new("not-blamed").await;
    let user = campus.integrator().await;
    let group = campus.gitlab("POST", "/groups", json!({"name": "Guests", "path": "guests"})).await["id"].clone();
    campus.gitlab("POST", &format!("/groups/{group}/members"), json!({"user_id": user, "access_level": 30})).await;
    let project = json!({"name": "web-app", "path": "web-app", "namespace_id": group,
        "infrastructure_access_level": "disabled"});
    campus.gitlab("POST", "/projects", project).await;
    let mut spec = only_production();
    spec["project"] = json!({"path": "guests/web-app"});
    campus.map("not-blamed-web", "web-app", spec).await;
    let message = campus.until_refused("not-blamed-web", "ProjectForbidden").await;
    says(&message, &["Maintainer"]);
    campus.gitlab("PUT", &format!("/groups/{group}/members/{user}"), json!({"access_level": 40})).await;
    campus.until_ready("not-blamed-web").await;
}

/// A feature is switched off in a project whose jobs work already: everything stays, a renewal waits, and when it is on again
/// all goes on.
async fn switched_off_later(name: &str, feature: &str, word: &str, spec: Value) {
    let campus = Campus::with(name, soon(), json!({})).await;
    campus.certificate_based_clusters(true).await;
    let healthy = campus.healthy().await;
    let project = campus.project("web-app").await;
    let mapping = format!("{name}-web");
    campus.map(&mapping, "web-app", spec).await;
    campus.until_ready(&mapping).await;
    let standing = campus.standing(project).await;
    let set = async |access: &str| {
        let mut body = json!({});
        body[feature] = json!(access);
        campus.gitlab("PUT", &format!("/projects/{project}"), body).await;
    };
    set("disabled").await;
    let message = campus.until_refused(&mapping, "FeatureSwitchedOff").await;
    says(&message, &["team/web-app", word, "switched off", "nothing is lost", "Settings > General > Visibility"]);
    campus.patch_mapping(&mapping, json!({"metadata": {"annotations": {"gl-k8s.dev/renew": "1"}}})).await;
    campus.until_refused(&mapping, "FeatureSwitchedOff").await;
    campus.still_stands(&standing).await;
    campus.is_untouched(&healthy).await;
    set("enabled").await;
    campus.until_ready(&mapping).await;
    let renewed = campus.standing(project).await;
    campus.still_stands_with_gitlab(&renewed).await;
    campus.still_stands(&standing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn builds_that_are_switched_off_later_take_nothing_along() {
    switched_off_later("builds-off", "builds_access_level", "CI/CD", only_production()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn environments_that_are_switched_off_later_take_nothing_along() {
    switched_off_later("env-off", "environments_access_level", "environments", only_production()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn infrastructure_that_is_switched_off_later_takes_nothing_along() {
    switched_off_later("infra-off", "infrastructure_access_level", "infrastructure", by_certificate()).await;
}
