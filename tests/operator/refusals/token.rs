//! What can be wrong with an instance's GitLab token.

use gitlab_simulator::state::tokens::today;
use gl_k8s_integrator::api::GitLabInstance;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::{Value, json};

use super::{away::keeps_secrets, only_production, says};
use crate::{
    bed::{OWN, eventually},
    campus::Campus,
    neighbour::elsewhere,
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
    says(&message, &[&format!("Secret {OWN}/{}", campus.name)]);
    keeps_secrets(campus, &message, &[]);
    elsewhere().await.is_untouched().await;
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
    pub async fn new_token(&self, scopes: &[&str]) -> String {
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
        says(&message, &[&campus.url, "correct the key"]);
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
    says(&message, &["valid one", "key `token`"]);
    keeps_secrets(&campus, &message, &["glpat-nobody-made-this"]);
    mended(&campus).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_or_broken_token_is_refused_until_a_good_one_is_written() {
    let campus = Campus::undeclared("broken-token").await;
    campus.write_token("glpat-with\na-line-break", &campus.url).await;
    let message = refused(&campus, "TokenInvalid").await;
    says(&message, &["write it into the Secret again", "key `token`"]);
    keeps_secrets(&campus, &message, &["glpat-with", "a-line-break"]);
    campus.write_token("", &campus.url).await;
    campus.until_instance_refused("TokenInvalid").await;
    assert_eq!(campus.requests_of_the_operator(), []);
    mended(&campus).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_without_the_scope_api_is_refused_until_a_good_one_is_written() {
    let campus = Campus::undeclared("scopes").await;
    let token = campus.new_token(&["read_api", "read_user"]).await;
    campus.write_token(&token, &campus.url).await;
    let message = refused(&campus, "TokenScopeInsufficient").await;
    says(&message, &["read_api", "`api`", "key `token`"]);
    keeps_secrets(&campus, &message, &[&token]);
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
    let message = campus.until_instance_refused(reason).await;
    says(&message, &["make a new one", &format!("Secret {OWN}/{name}")]);
    keeps_secrets(&campus, &message, &[standing.token()]);
    campus.still_stands_with_gitlab(&standing).await;
    elsewhere().await.is_untouched().await;
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

#[tokio::test(flavor = "multi_thread")]
async fn another_token_in_the_secret_is_used_from_then_on_and_nothing_is_delivered_anew() {
    let campus = Campus::new("exchanged").await;
    let healthy = campus.healthy().await;
    let project = campus.project("web-app").await;
    campus.map("exchanged-web", "web-app", only_production()).await;
    campus.until_ready("exchanged-web").await;
    let standing = campus.standing(project).await;
    let writes = campus.writes_of_the_operator();

    let token = campus.new_token(&["api"]).await;
    let id = campus.simulator.state().tokens.find_by_value(&token).unwrap().id;
    campus.write_token(&token, &campus.url).await;
    let asked =
        || campus.simulator.requests().into_iter().filter(|request| request.user_id.is_some_and(|user| user != 1));
    eventually("the new token is used", async || {
        let used = asked().any(|request| request.token_id == Some(id));
        if used { Ok(()) } else { Err("the former one".to_owned()) }
    })
    .await;
    campus.until_instance("True", "Ready").await;
    campus.is_untouched(&healthy).await;
    assert_eq!(campus.writes_of_the_operator(), writes, "a GitLab token is not what jobs get");
    campus.still_stands_with_gitlab(&standing).await;

    // The former one may be revoked now: nobody uses it any more.
    let former = campus.simulator.state().tokens.find_by_value(&campus.token).unwrap().id;
    campus.gitlab("DELETE", &format!("/personal_access_tokens/{former}"), Value::Null).await;
    campus.simulator.clear_requests();
    campus.patch_mapping("exchanged-web", json!({"spec": {"ciAccess": {"kubeconfig": false}}})).await;
    campus.until_ready("exchanged-web").await;
    assert!(!campus.job(project, "production", true).await.contains_key("KUBECONFIG"));
    assert!(asked().all(|request| request.token_id == Some(id)), "the former token is used no more");
}
