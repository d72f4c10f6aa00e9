use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::GitLab;

const BEFORE: &str = "Sun, 01 Mar 2026 11:00:00 GMT";
const AFTER: &str = "Sun, 01 Mar 2026 13:00:00 GMT";

/// Deletes below the project with `If-Unmodified-Since`.
async fn delete(gitlab: &GitLab, path: &str, since: &str) -> u16 {
    let call = format!("DELETE {path}");
    gitlab.conditional(&call, since).await.status.as_u16()
}

#[tokio::test]
async fn a_record_that_changed_since_is_not_deleted() {
    let gitlab = GitLab::with_clusters().await;
    let environment = gitlab.on_project("developer", "POST /environments", json!({"name": "x"})).await.expect(201);
    let below = format!("/projects/{}/environments/{}", gitlab.project, environment["id"]);
    gitlab.admin(&format!("POST {below}/stop"), json!({})).await.expect(200);
    let platform = json!({"api_url": "https://kube.example.com", "token": "t"});
    let cluster = json!({"name": "c", "platform_kubernetes_attributes": platform});
    let cluster = gitlab.on_group("maintainer", "POST /clusters/user", cluster).await.expect(201);
    gitlab.on_group("owner", "POST /variables", json!({"key": "KEY", "value": ""})).await.expect(201);
    gitlab.wait(SignedDuration::from_hours(2));
    let group = format!("/groups/{}", gitlab.group);
    let paths = [below, format!("{group}/clusters/{}", cluster["id"]), format!("{group}/variables/KEY")];
    for path in paths {
        let refused = gitlab.conditional(&format!("DELETE {path}"), BEFORE).await;
        refused.refused(412, json!({"message": "412 Precondition Failed"}));
        assert_eq!(delete(&gitlab, &path, AFTER).await, 204, "{path}");
    }
}

#[tokio::test]
async fn a_projects_variable_is_deleted_whatever_the_precondition_says() {
    let gitlab = GitLab::new().await;
    gitlab.on_project("maintainer", "POST /variables", json!({"key": "KEY", "value": ""})).await.expect(201);
    let path = format!("/projects/{}/variables/KEY", gitlab.project);
    assert_eq!(delete(&gitlab, &path, BEFORE).await, 204);
    gitlab.admin(&format!("GET {path}"), Value::Null).await.expect(404);
}
