use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::{GitLab, seen};

async fn stop(gitlab: &GitLab, environment: &Value, body: Value) -> Value {
    let call = format!("POST /environments/{}/stop", environment["id"]);
    gitlab.on_project("developer", &call, body).await.expect(200)
}

async fn state(gitlab: &GitLab, environment: &Value) -> Value {
    let call = format!("GET /environments/{}", environment["id"]);
    gitlab.on_project("reporter", &call, Value::Null).await.expect(200)["state"].clone()
}

#[tokio::test]
async fn a_stop_runs_the_stop_job_in_state_stopping() {
    let gitlab = GitLab::new().await;
    let on_stop = json!({"name": "undeploy", "delay_ms": 60_000, "variables": {"MODE": "down"}});
    let job = json!({"environment": "review/app", "on_stop": on_stop, "ref": "fix", "ref_protected": true});
    let environment = gitlab.job(job).await["environment"].clone();
    let key = json!({"key": "SECRET", "value": "s", "protected": true});
    gitlab.on_project("maintainer", "POST /variables", key).await.expect(201);
    assert_eq!(stop(&gitlab, &environment, json!({})).await["state"], "stopping");
    assert_eq!(state(&gitlab, &environment).await, "stopping");
    let delete = format!("DELETE /environments/{}", environment["id"]);
    gitlab.on_project("developer", &delete, Value::Null).await.expect(403);
    gitlab.wait(SignedDuration::from_secs(60));
    assert_eq!(state(&gitlab, &environment).await, "stopped");
    let jobs = gitlab.jobs().await;
    let last = jobs.last().expect("the stop job");
    assert_eq!((&last["name"], &last["status"]), (&json!("undeploy"), &json!("success")));
    let keys = ["MODE", "SECRET", "CI_COMMIT_REF_NAME", "CI_ENVIRONMENT_ACTION", "CI_ENVIRONMENT_NAME"];
    assert_eq!(keys.map(|key| seen(last, key)), ["down", "s", "fix", "stop", "review/app"].map(Some));
}

#[tokio::test]
async fn force_stops_without_the_stop_job() {
    let gitlab = GitLab::new().await;
    let job = json!({"environment": "review/app", "on_stop": "undeploy"});
    let environment = gitlab.job(job).await["environment"].clone();
    assert_eq!(stop(&gitlab, &environment, json!({"force": true})).await["state"], "stopped");
    assert_eq!(gitlab.jobs().await.len(), 1, "only the deployment ran");
}

#[tokio::test]
async fn a_failed_stop_job_makes_the_environment_available_again() {
    let gitlab = GitLab::new().await;
    let job = json!({"environment": "review/app", "on_stop": {"name": "undeploy", "outcome": "failed"}});
    let environment = gitlab.job(job).await["environment"].clone();
    assert_eq!(stop(&gitlab, &environment, json!({})).await["state"], "stopping");
    assert_eq!(state(&gitlab, &environment).await, "available");
}

#[tokio::test]
async fn a_job_with_the_action_stop_stops_and_a_later_deployment_starts_again() {
    let gitlab = GitLab::new().await;
    let environment = gitlab.job(json!({"environment": "review/app"})).await["environment"].clone();
    let failed = json!({"environment": "review/app", "environment_action": "stop", "outcome": "failed"});
    assert_eq!(gitlab.job(failed).await["environment"]["state"], "available");
    let stopping = json!({"environment": "review/app", "environment_action": "stop"});
    assert_eq!(gitlab.job(stopping).await["environment"]["state"], "stopped");
    let again = gitlab.job(json!({"environment": "review/app"})).await["environment"].clone();
    assert_eq!(
        (&again["state"], &again["id"], &again["slug"]),
        (&json!("available"), &environment["id"], &environment["slug"])
    );
}

#[tokio::test]
async fn an_environment_that_stops_only_with_a_job_needs_one_or_force() {
    let gitlab = GitLab::new().await;
    let new = json!({"name": "production", "auto_stop_setting": "with_action"});
    let environment = gitlab.on_project("developer", "POST /environments", new).await.expect(201);
    let call = format!("POST /environments/{}/stop", environment["id"]);
    let sentence = "400 Bad request - Attempted to stop the environment but failed to change the status";
    gitlab.on_project("developer", &call, json!({})).await.refused(400, json!({"message": sentence}));
    assert_eq!(stop(&gitlab, &environment, json!({"force": true})).await["state"], "stopped");
}

#[tokio::test]
async fn a_reporter_may_not_stop() {
    let gitlab = GitLab::new().await;
    let environment = gitlab.job(json!({"environment": "production"})).await["environment"].clone();
    let call = format!("POST /environments/{}/stop", environment["id"]);
    gitlab.on_project("reporter", &call, json!({})).await.refused(403, json!({"message": "403 Forbidden"}));
}
