//! Environments that people change in GitLab: stopped, deleted, made again.

use gl_k8s_integrator::api::EnvironmentStatus;
use serde_json::{Value, json};

use super::{only_production, says};
use crate::{bed::eventually, campus::Campus};

/// What only GitLab knows is seen at the next comparison.
pub fn soon() -> Value {
    json!({"driftInterval": "1s"})
}

impl Campus {
    /// An environment as GitLab has it.
    pub async fn environment(&self, project: i64, name: &str) -> Option<Value> {
        let found = self.gitlab("GET", &format!("/projects/{project}/environments?name={name}"), Value::Null).await;
        found.as_array().unwrap().first().cloned()
    }

    async fn stop(&self, project: i64, environment: &Value) {
        let path = format!("/projects/{project}/environments/{}/stop", environment["id"]);
        self.gitlab("POST", &path, Value::Null).await;
    }

    async fn stop_and_delete(&self, project: i64, environment: &Value) {
        self.stop(project, environment).await;
        let path = format!("/projects/{project}/environments/{}", environment["id"]);
        self.gitlab("DELETE", &path, Value::Null).await;
    }

    /// What the status of a mapping says about its only environment.
    pub async fn only_status(&self, mapping: &str) -> EnvironmentStatus {
        let status = self.mappings().get(mapping).await.unwrap().status.unwrap();
        assert_eq!(status.environments.len(), 1);
        status.environments.into_iter().next().unwrap()
    }

    /// Waits until the operator has compared a project with GitLab twice from now on.
    pub async fn compared(&self, project: i64) {
        self.until_comparisons(project, self.comparisons(project) + 2).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_that_is_stopped_keeps_its_credentials_and_is_not_started() {
    let campus = Campus::with("stopped", soon(), json!({})).await;
    let healthy = campus.healthy().await;
    let project = campus.project("web-app").await;
    campus.map("stopped-web", "web-app", only_production()).await;
    campus.until_ready("stopped-web").await;
    let standing = campus.standing(project).await;
    let writes = campus.writes_of_the_operator();
    campus.stop(project, &campus.environment(project, "production").await.unwrap()).await;
    campus.compared(project).await;
    campus.until_ready("stopped-web").await;
    assert_eq!(campus.environment(project, "production").await.unwrap()["state"], "stopped");
    assert_eq!(campus.writes_of_the_operator(), writes);
    campus.still_stands_with_gitlab(&standing).await;
    campus.is_untouched(&healthy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_that_is_deleted_in_gitlab_is_made_again_and_loses_nothing() {
    let campus = Campus::with("deleted-env", soon(), json!({})).await;
    let healthy = campus.healthy().await;
    let project = campus.project("web-app").await;
    campus.map("deleted-env-web", "web-app", only_production()).await;
    campus.until_ready("deleted-env-web").await;
    let standing = campus.standing(project).await;
    let before = campus.environment(project, "production").await.unwrap();
    campus.stop_and_delete(project, &before).await;
    eventually("it is made again and on record", async || {
        let now = campus.environment(project, "production").await.ok_or("it is not there")?;
        let recorded = campus.only_status("deleted-env-web").await.gitlab_id;
        if now["id"] != before["id"] && now["id"].as_i64() == recorded { Ok(()) } else { Err(format!("{recorded:?}")) }
    })
    .await;
    campus.until_ready("deleted-env-web").await;
    campus.still_stands_with_gitlab(&standing).await;
    campus.is_untouched(&healthy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_that_comes_back_with_another_slug_keeps_its_namespace() {
    let campus = Campus::with("new-slug", soon(), json!({})).await;
    let project = campus.project("web-app").await;
    campus.map("new-slug-web", "web-app", only_production()).await;
    campus.until_ready("new-slug-web").await;
    let standing = campus.standing(project).await;
    let before = campus.only_status("new-slug-web").await;

    // Nobody looks between the two: it is another environment of the same name, with a slug that it got for itself.
    let deleted = campus.environment(project, "production").await.unwrap();
    let id = deleted["id"].as_u64().unwrap();
    {
        let mut state = campus.simulator.state();
        let mut again = state.environments.remove(&id).unwrap();
        again.id = id + 1000;
        again.slug = "production-a1b2c3".to_owned();
        state.environments.insert(again.id, again);
    }
    eventually("the new one is on record", async || {
        let recorded = campus.only_status("new-slug-web").await.gitlab_id;
        if recorded == i64::try_from(id + 1000).ok() { Ok(()) } else { Err(format!("{recorded:?}")) }
    })
    .await;
    campus.compared(project).await;
    campus.until_ready("new-slug-web").await;
    let after = campus.only_status("new-slug-web").await;
    assert_eq!((after.slug, after.namespace), (before.slug, before.namespace));
    campus.still_stands_with_gitlab(&standing).await;
    assert_eq!(campus.job(project, "production", true).await["KUBE_NAMESPACE"], standing.namespace);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slug_that_an_environment_outside_the_mapping_has_is_named() {
    let campus = Campus::with("slug-outside", soon(), json!({})).await;
    let healthy = campus.healthy().await;
    let project = campus.project("web-app").await;
    let theirs = campus.gitlab("POST", &format!("/projects/{project}/environments"), json!({"name": "foo"})).await;
    campus.map("slug-outside-web", "web-app", json!({"environments": [{"name": "foo-"}, {"name": "bar"}]})).await;
    let message = campus.until_refused("slug-outside-web", "SlugTaken").await;
    says(&message, &["environment foo-", "team/web-app", "Slug has already been taken", "rename"]);
    assert!(campus.job(project, "bar", true).await.contains_key("KUBE_TOKEN"), "the other one is served");
    campus.is_untouched(&healthy).await;
    campus.stop_and_delete(project, &theirs).await;
    campus.until_ready("slug-outside-web").await;
    assert!(campus.job(project, "foo-", true).await.contains_key("KUBE_TOKEN"));
}
