//! What can be wrong with an instance's GitLab token.

use gitlab_simulator::state::tokens::today;
use gl_k8s_integrator::api::GitLabInstance;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::{Value, json};

use super::{only_production, says};
use crate::{
    bed::{OWN, eventually},
    campus::Campus,
};

/// A mapping whose instance has a token that does not work from the start; its project is there. Gives the message.
async fn refused(campus: &Campus, reason: &str) -> String {
    campus.declare_instance(&campus.name, json!({})).await;
    campus.declare_class(&campus.name, json!({})).await;
    campus.project("web-app").await;
    let mapping = format!("{}-web", campus.name);
    campus.map(&mapping, "web-app", only_production()).await;
    let message = campus.until_refused(&mapping, reason).await;
    assert_eq!(campus.until_instance_refused(reason).await, message, "instance and mapping say the same");
    assert_eq!(campus.writes_of_the_operator(), []);
    message
}

/// A good token in the Secret is taken up by the running operator.
async fn mended(campus: &Campus) {
    campus.write_token(&campus.token, &campus.url).await;
    campus.until_ready(&format!("{}-web", campus.name)).await;
    campus.until_instance("True", "Ready").await;
}

impl Campus {
    /// Waits for the condition `Ready` of the instance; gives its message.
    async fn until_instance(&self, status: &str, reason: &str) -> String {
        let api: Api<GitLabInstance> = Api::all(self.admin.clone());
        eventually(&format!("the instance {} is {status} ({reason})", self.name), async || {
            let conditions = api.get(&self.name).await.unwrap().status.unwrap_or_default().conditions;
            let met =
                |c: &&gl_k8s_integrator::api::Condition| c.type_ == "Ready" && c.status == status && c.reason == reason;
            conditions.iter().find(met).map(|c| c.message.clone()).ok_or_else(|| format!("{conditions:#?}"))
        })
        .await
    }

    /// Waits until the instance is not ready for this reason; gives the message.
    pub async fn until_instance_refused(&self, reason: &str) -> String {
        self.until_instance("False", reason).await
    }

    /// A new token of the operator's user.
    async fn new_token(&self, scopes: &[&str]) -> String {
        let user = self.integrator().await;
        let token = json!({"name": "another", "scopes": scopes});
        let token = self.gitlab("POST", &format!("/users/{user}/personal_access_tokens"), token).await;
        token["token"].as_str().unwrap().to_owned()
    }

    fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.admin.clone(), OWN)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_token_secret_is_named_and_taken_up_when_it_is_created() {
    let campus = Campus::undeclared("secret-missing").await;
    let message = refused(&campus, "TokenSecretMissing").await;
    says(&message, &[&format!("{OWN}/secret-missing"), "does not exist", "create it", "`token`", "`url`"]);
    mended(&campus).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_secret_without_one_of_its_keys_says_which() {
    let campus = Campus::undeclared("key-missing").await;
    let empty = json!({"metadata": {"name": "key-missing"}, "stringData": {"url": campus.url}});
    campus.create(&campus.secrets(), empty).await;
    let message = refused(&campus, "TokenSecretMissing").await;
    says(&message, &[&format!("{OWN}/key-missing"), "has no key `token`"]);
    let swapped = json!({"stringData": {"token": campus.token}, "data": {"url": null}});
    campus.secrets().patch("key-missing", &PatchParams::default(), &Patch::Merge(swapped)).await.unwrap();
    eventually("the other key is missed", async || {
        let message = campus.until_refused("key-missing-web", "TokenSecretMissing").await;
        if message.contains("has no key `url`") { Ok(()) } else { Err(message) }
    })
    .await;
    mended(&campus).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_never_sent_to_another_gitlab_than_the_one_beside_it_in_its_secret() {
    let campus = Campus::undeclared("misplaced").await;
    let other = Campus::new("misplaced-other").await;
    for url in [other.url.clone(), format!("{}/", other.url), format!("{}.example.edu", campus.url), String::new()] {
        campus.write_token(&campus.token, &url).await;
        let message = refused(&campus, "TokenSecretMisplaced").await;
        says(&message, &[&format!("{OWN}/misplaced"), &campus.url, "correct the key"]);
        assert!(!message.contains(&campus.token));
        assert_eq!(campus.requests_of_the_operator(), [], "the token reached GitLab");
        campus.mappings().delete("misplaced-web", &DeleteParams::default()).await.unwrap();
        campus.until_gone("misplaced-web").await;
        let project = campus.gitlab("GET", "/projects/team%2Fweb-app", Value::Null).await;
        let id = project["id"].as_u64().unwrap();
        campus.simulator.state().destroy_project(id);
    }
    campus.project("web-app").await;
    campus.map("misplaced-web", "web-app", only_production()).await;
    mended(&campus).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_gitlab_does_not_know_is_refused_until_a_good_one_is_written() {
    let campus = Campus::undeclared("wrong-token").await;
    campus.write_token("glpat-nobody-made-this", &campus.url).await;
    let message = refused(&campus, "TokenInvalid").await;
    says(&message, &["valid one", "Secret"]);
    assert!(!message.contains("glpat-nobody-made-this"));
    mended(&campus).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_or_broken_token_is_refused_until_a_good_one_is_written() {
    let campus = Campus::undeclared("broken-token").await;
    campus.write_token("glpat-with\na line break", &campus.url).await;
    refused(&campus, "TokenInvalid").await;
    mended(&campus).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_without_the_scope_api_is_refused_until_a_good_one_is_written() {
    let campus = Campus::undeclared("scopes").await;
    campus.write_token(&campus.new_token(&["read_api", "read_user"]).await, &campus.url).await;
    let message = refused(&campus, "TokenScopeInsufficient").await;
    says(&message, &["read_api", "`api`"]);
    mended(&campus).await;
}

/// A mapping was ready; then its instance's token dies, and a new one is written into the Secret.
async fn dies(name: &str, reason: &str, die: impl AsyncFnOnce(&Campus, u64)) {
    let campus = Campus::with(name, json!({"driftInterval": "1s"}), json!({})).await;
    let project = campus.project("web-app").await;
    let mapping = format!("{name}-web");
    campus.map(&mapping, "web-app", only_production()).await;
    campus.until_ready(&mapping).await;
    let standing = campus.standing(project).await;
    let token = campus.simulator.state().tokens.find_by_value(&campus.token).unwrap().id;
    die(&campus, token).await;
    let message = campus.until_refused(&mapping, reason).await;
    says(&message, &["make a new one", "Secret"]);
    campus.until_instance_refused(reason).await;
    campus.still_stands_with_gitlab(&standing).await;
    campus.write_token(&campus.new_token(&["api"]).await, &campus.url).await;
    campus.until_ready(&mapping).await;
    campus.until_instance("True", "Ready").await;
    campus.still_stands_with_gitlab(&standing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_takes_nothing_along_and_a_new_one_is_taken_up() {
    dies("expired", "TokenExpired", async |campus, token| {
        let yesterday = today(campus.simulator.now()).yesterday().unwrap();
        campus.simulator.state().tokens.get_mut(token).unwrap().expires_at = Some(yesterday);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_takes_nothing_along_and_a_new_one_is_taken_up() {
    dies("revoked-token", "TokenRevoked", async |campus, token| {
        campus.gitlab("DELETE", &format!("/personal_access_tokens/{token}"), Value::Null).await;
    })
    .await;
}
