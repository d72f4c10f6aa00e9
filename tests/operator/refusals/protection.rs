//! Tiers belong to Developers: whatever they make of one, and whatever an administrator switches meanwhile, what was protected
//! stays so until the mapping says otherwise.

use gl_k8s_integrator::api::ProjectMapping;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::{away::status, environments::soon};
use crate::{bed::eventually, campus::Campus};

/// Neither of the two ways in which a Developer lowers a tier gives the secrets to jobs on other branches; what `lower` does is
/// one of them.
async fn stays_protected(campus: &Campus, mapping: &str, project: i64, lower: impl AsyncFnOnce(Value)) {
    let secrets = async |protected: bool| {
        let seen = campus.job(project, "eu", protected).await;
        [seen.contains_key("KUBE_TOKEN"), seen.contains_key("KUBECONFIG"), seen.contains_key("KUBE_URL")]
    };
    let environment = campus.environment(project, "eu").await.unwrap();
    assert_eq!(environment["tier"], "production");
    lower(environment).await;
    assert_eq!(campus.environment(project, "eu").await.unwrap()["tier"], "development");
    campus.compared(project).await;
    assert_eq!(secrets(false).await, [false, false, true]);
    // Nor does what is delivered anew.
    let before = campus.job(project, "eu", true).await;
    campus.patch_mapping(mapping, json!({"metadata": {"annotations": {"gl-k8s.dev/renew": "1"}}})).await;
    eventually("a new token is delivered", async || {
        let now = campus.job(project, "eu", true).await;
        if now["KUBE_TOKEN"] == before["KUBE_TOKEN"] { Err("the former one".to_owned()) } else { Ok(()) }
    })
    .await;
    campus.compared(project).await;
    campus.until_ready(mapping).await;
    assert_eq!(secrets(false).await, [false, false, true]);
    assert_eq!(secrets(true).await, [true, true, true]);
}

/// A name that says nothing about its tier; the live tier alone has made it production.
async fn eu(name: &str) -> (Campus, String, i64) {
    let campus = Campus::with(name, soon(), json!({})).await;
    let project = campus.project("web-app").await;
    let production = json!({"name": "eu", "tier": "production"});
    campus.gitlab("POST", &format!("/projects/{project}/environments"), production).await;
    let mapping = format!("{name}-web");
    campus.map(&mapping, "web-app", json!({"environments": [{"name": "eu"}]})).await;
    campus.until_ready(&mapping).await;
    (campus, mapping, project)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tier_that_a_developer_lowers_by_the_api_unprotects_nothing() {
    let (campus, mapping, project) = eu("lowered-api").await;
    let developer = campus.developer().await;
    stays_protected(&campus, &mapping, project, async |environment| {
        let path = format!("/projects/{project}/environments/{}", environment["id"]);
        let status = campus.gitlab_as(&developer, "PUT", &path, json!({"tier": "development"})).await;
        assert_eq!(status, 200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tier_that_a_job_lowers_by_deployment_tier_unprotects_nothing() {
    let (campus, mapping, project) = eu("lowered-job").await;
    stays_protected(&campus, &mapping, project, async |_| {
        let job = json!({"project": project, "ref": "feature", "ref_protected": false, "environment": "eu",
            "deployment_tier": "development"});
        let seen = campus.gitlab("POST", "/-/simulator/jobs", job).await;
        let keys: Vec<_> =
            seen["variables"].as_array().unwrap().iter().map(|variable| variable["key"].clone()).collect();
        assert!(keys.contains(&json!("KUBE_URL")) && !keys.contains(&json!("KUBE_TOKEN")), "{keys:?}");
    })
    .await;
}

impl Campus {
    /// The token of somebody who is a Developer in the group `team`.
    async fn developer(&self) -> String {
        let user = json!({"username": "developer-1", "name": "Developer", "email": "developer-1@gitlab.example.edu",
            "password": "correct-horse-battery", "skip_confirmation": true});
        let user = self.gitlab("POST", "/users", user).await["id"].as_i64().unwrap();
        self.gitlab("POST", "/groups/team/members", json!({"user_id": user, "access_level": 30})).await;
        let token = json!({"name": "developer", "scopes": ["api"]});
        let token = self.gitlab("POST", &format!("/users/{user}/personal_access_tokens"), token).await;
        token["token"].as_str().unwrap().to_owned()
    }
}

impl Campus {
    /// Which of the secrets a job of `eu` gets on a branch that is not protected.
    async fn given_away(&self, project: i64) -> Vec<String> {
        let seen = self.job(project, "eu", false).await;
        seen.into_keys().filter(|key| ["KUBE_TOKEN", "KUBECONFIG"].contains(&key.as_str())).collect()
    }

    async fn lower_the_tier(&self, project: i64) {
        let environment = self.environment(project, "eu").await.unwrap();
        let path = format!("/projects/{project}/environments/{}", environment["id"]);
        assert_eq!(self.gitlab_as(&self.developer().await, "PUT", &path, json!({"tier": "development"})).await, 200);
    }

    async fn protect(&self, mapping: &str, protected: &str) {
        let environments = json!([{"name": "eu", "protected": protected}]);
        self.patch_mapping(mapping, json!({"spec": {"environments": environments}})).await;
        self.until_ready(mapping).await;
    }
}

/// While another method has the word, no variable remembers the protection: a Developer who lowers the tier then must gain
/// nothing when the variables come back.
async fn stays_protected_through(name: &str, method: &str) {
    let (campus, mapping, project) = eu(name).await;
    campus.certificate_based_clusters(true).await;
    let switch = async |method: &str| {
        campus.patch_mapping(&mapping, json!({"spec": {"ciAccess": {"method": method}}})).await;
        campus.until_ready(&mapping).await;
    };
    switch(method).await;
    assert_eq!(campus.variables(project).await, Vec::<Value>::new(), "nothing in GitLab remembers");
    campus.lower_the_tier(project).await;
    switch("Variables").await;
    assert_eq!(campus.given_away(project).await, Vec::<String>::new());
    assert!(campus.job(project, "eu", true).await.contains_key("KUBE_TOKEN"));
    assert_eq!(campus.only_status(&mapping).await.protected, Some(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tier_that_is_lowered_while_nothing_is_delivered_unprotects_nothing() {
    stays_protected_through("lowered-none", "None").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tier_that_is_lowered_while_a_cluster_entry_is_delivered_unprotects_nothing() {
    stays_protected_through("lowered-cluster", "ClusterCertificate").await;
}

/// A status that an older operator wrote, or that was wiped, says nothing: then the variables still do, also in the pass that
/// removes them.
#[tokio::test(flavor = "multi_thread")]
async fn a_wiped_status_is_filled_again_before_the_variables_go() {
    let (campus, mapping, project) = eu("lowered-wiped").await;
    let wipe = Patch::Merge(json!({"status": null}));
    let method = json!({"spec": {"ciAccess": {"method": "None"}}});
    // Paused, so that nobody looks between the two.
    campus.patch_mapping(&mapping, json!({"spec": {"paused": true}})).await;
    campus.until(&mapping, "Ready", "False", "Paused").await;
    campus.lower_the_tier(project).await;
    let wiped: ProjectMapping = campus.mappings().patch_status(&mapping, &PatchParams::default(), &wipe).await.unwrap();
    assert!(wiped.status.is_none_or(|status| status.environments.is_empty()));
    campus.patch_mapping(&mapping, method).await;
    campus.patch_mapping(&mapping, json!({"spec": {"paused": false}})).await;
    campus.until_ready(&mapping).await;
    assert_eq!(campus.variables(project).await, Vec::<Value>::new());
    campus.patch_mapping(&mapping, json!({"spec": {"ciAccess": {"method": "Variables"}}})).await;
    campus.until_ready(&mapping).await;
    assert_eq!(campus.given_away(project).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_never_unprotects_and_then_all_is_forgotten() {
    let (campus, mapping, project) = eu("unprotected").await;
    campus.lower_the_tier(project).await;
    campus.compared(project).await;
    assert_eq!(campus.given_away(project).await, Vec::<String>::new());
    campus.protect(&mapping, "Never").await;
    assert_eq!(campus.given_away(project).await, ["KUBECONFIG", "KUBE_TOKEN"]);
    assert_eq!(campus.only_status(&mapping).await.protected, Some(false));
    campus.protect(&mapping, "Auto").await;
    campus.compared(project).await;
    assert_eq!(campus.given_away(project).await, ["KUBECONFIG", "KUBE_TOKEN"], "its tier says development now");
}

/// The change of a mapping meets a GitLab that is ill: the variables look as recorded, and are protected all the same as soon as
/// GitLab is well, not only at the next comparison, which is hours away.
#[tokio::test(flavor = "multi_thread")]
async fn protection_that_is_asked_for_while_gitlab_is_ill_is_made_up_for() {
    let campus = Campus::new("protect-ill").await;
    let project = campus.project("web-app").await;
    campus.map("protect-ill-web", "web-app", json!({"environments": [{"name": "eu"}]})).await;
    campus.until_ready("protect-ill-web").await;
    assert_eq!(campus.given_away(project).await, ["KUBECONFIG", "KUBE_TOKEN"]);
    campus.simulator.add_fault(status(502)).unwrap();
    let always = json!({"spec": {"environments": [{"name": "eu", "protected": "Always"}]}});
    campus.patch_mapping("protect-ill-web", always).await;
    campus.until_refused("protect-ill-web", "GitLabFailed").await;
    campus.simulator.clear_faults();
    campus.until_ready("protect-ill-web").await;
    assert_eq!(campus.given_away(project).await, Vec::<String>::new());
}
