use serde_json::{Value, json};

use crate::support::GitLab;

const FLAG: &str = "certificate_based_clusters";

#[tokio::test]
async fn a_flag_that_was_never_set_is_not_listed() {
    let gitlab = GitLab::new().await;
    gitlab.admin("GET /features", Value::Null).await.refused(200, json!([]));
    let definitions = gitlab.admin("GET /features/definitions", Value::Null).await.expect(200);
    let found = definitions.as_array().expect("a list").iter().find(|known| known["name"] == FLAG).expect("the flag");
    assert_eq!((&found["type"], &found["default_enabled"]), (&json!("ops"), &json!(false)));
}

#[tokio::test]
async fn a_flag_is_set_and_goes_back_to_its_default() {
    let gitlab = GitLab::new().await;
    let call = format!("POST /features/{FLAG}");
    let set = gitlab.admin(&call, json!({"value": "true"})).await.expect(201);
    assert_eq!(set["state"], "on");
    assert_eq!(set["gates"], json!([{"key": "boolean", "value": true}, {"key": "expression", "value": null}]));
    assert_eq!(set["definition"]["name"], FLAG);
    gitlab.admin("GET /features", Value::Null).await.refused(200, json!([set]));
    assert_eq!(gitlab.admin(&call, json!({"value": false})).await.expect(201)["state"], "off");
    gitlab.admin(&format!("DELETE /features/{FLAG}"), Value::Null).await.expect(204);
    gitlab.admin("GET /features", Value::Null).await.refused(200, json!([]));
}

#[tokio::test]
async fn a_flag_for_single_projects_does_not_switch_clusters_on() {
    let gitlab = GitLab::new().await;
    let narrow = json!({"value": true, "project": "team/web-app"});
    let set = gitlab.admin(&format!("POST /features/{FLAG}"), narrow).await.expect(201);
    assert_eq!(set["state"], "conditional");
    gitlab
        .on_project("maintainer", "GET /clusters", Value::Null)
        .await
        .refused(404, json!({"message": "404 Not Found"}));
}

#[tokio::test]
async fn flags_are_for_administrators() {
    let gitlab = GitLab::new().await;
    gitlab.as_user("owner", "GET /features", Value::Null).await.refused(403, json!({"message": "403 Forbidden"}));
}
