//! Entries in GitLab that a person made, and what GitLab refuses.

use gitlab_simulator::http::faults::{Fault, FaultKind};
use serde_json::{Value, json};

use super::{only_production, says};
use crate::{bed::eventually, campus::Campus};

pub fn by_certificate() -> Value {
    json!({"environments": [{"name": "production"}], "ciAccess": {"method": "ClusterCertificate"}})
}

impl Campus {
    pub async fn certificate_based_clusters(&self, on: bool) {
        self.gitlab("POST", "/features/certificate_based_clusters", json!({"value": on})).await;
    }

    pub async fn clusters(&self, project: i64) -> Vec<Value> {
        self.gitlab("GET", &format!("/projects/{project}/clusters"), Value::Null).await.as_array().unwrap().clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variable_that_a_person_made_stays_as_it_is() {
    let campus = Campus::new("their-variable").await;
    let healthy = campus.healthy().await;
    let project = campus.project("web-app").await;
    let theirs =
        json!({"key": "KUBE_URL", "value": "https://elsewhere.example.edu", "environment_scope": "production"});
    let theirs = campus.gitlab("POST", &format!("/projects/{project}/variables"), theirs).await;
    campus.map("their-variable-web", "web-app", json!({})).await;
    let message = campus.until_refused("their-variable-web", "NotOurs").await;
    says(&message, &["variable KUBE_URL", "production", "team/web-app", "remove it"]);
    let live = campus.variables(project).await;
    let in_production: Vec<_> = live.iter().filter(|v| v["environment_scope"] == "production").collect();
    assert!(in_production.contains(&&theirs), "{theirs}");
    // Everything else is delivered, to the other environment in full.
    assert_eq!(campus.job(project, "staging", true).await["KUBE_URL"], campus.control_plane.server_url());
    assert!(in_production.iter().any(|variable| variable["key"] == "KUBE_TOKEN"));
    campus.is_untouched(&healthy).await;

    let path = format!("/projects/{project}/variables/KUBE_URL?filter%5Benvironment_scope%5D=production");
    campus.gitlab("DELETE", &path, Value::Null).await;
    campus.until_ready("their-variable-web").await;
    assert_eq!(campus.job(project, "production", true).await["KUBE_URL"], campus.control_plane.server_url());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variable_of_another_cluster_stays_as_it_is() {
    let campus = Campus::new("their-mark").await;
    let project = campus.project("web-app").await;
    let theirs = json!({"key": "KUBE_TOKEN", "value": "token-of-another-cluster", "environment_scope": "production",
        "description": "gl-k8s Other/0b0b0b0b-0000-4000-8000-000000000000/web"});
    let theirs = campus.gitlab("POST", &format!("/projects/{project}/variables"), theirs).await;
    campus.map("their-mark-web", "web-app", only_production()).await;
    let message = campus.until_refused("their-mark-web", "NotOurs").await;
    says(&message, &["variable KUBE_TOKEN", "the cluster Other"]);
    assert!(campus.variables(project).await.contains(&theirs));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_entry_that_a_person_made_stays_as_it_is() {
    let campus = Campus::new("their-cluster").await;
    campus.certificate_based_clusters(true).await;
    let healthy = campus.healthy().await;
    let project = campus.project("web-app").await;
    let theirs = json!({"name": "mine", "environment_scope": "production",
        "platform_kubernetes_attributes": {"api_url": "https://elsewhere.example.edu", "token": "their-token"}});
    let theirs = campus.gitlab("POST", &format!("/projects/{project}/clusters/user"), theirs).await;
    let before = campus.clusters(project).await;
    campus.map("their-cluster-web", "web-app", by_certificate()).await;
    let message = campus.until_refused("their-cluster-web", "NotOurs").await;
    says(&message, &[&format!("cluster entry {}", theirs["id"]), "production", "remove it"]);
    assert_eq!(campus.clusters(project).await, before);
    campus.is_untouched(&healthy).await;
    campus.gitlab("DELETE", &format!("/projects/{project}/clusters/{}", theirs["id"]), Value::Null).await;
    campus.until_ready("their-cluster-web").await;
    assert!(campus.job(project, "production", true).await.contains_key("KUBE_TOKEN"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_gitlab_blocks_names_the_setting() {
    let campus = Campus::new("api-url").await;
    campus.certificate_based_clusters(true).await;
    let healthy = campus.healthy().await;
    let project = campus.project("web-app").await;
    let allow = async |allow: bool| {
        let setting = json!({"allow_local_requests_from_web_hooks_and_services": allow});
        campus.gitlab("PUT", "/application/settings", setting).await;
    };
    allow(false).await;
    campus.map("api-url-web", "web-app", by_certificate()).await;
    let message = campus.until_refused("api-url-web", "ApiUrlRefused").await;
    says(&message, &["blocked", "Outbound requests", "Variables"]);
    assert_eq!(campus.clusters(project).await, Vec::<Value>::new());
    campus.is_untouched(&healthy).await;
    allow(true).await;
    campus.until_ready("api-url-web").await;
    let standing = campus.standing(project).await;

    // Refused again while there is an entry: it keeps the token that it has until a new one can be written.
    allow(false).await;
    campus.patch_mapping("api-url-web", json!({"metadata": {"annotations": {"gl-k8s.dev/renew": "1"}}})).await;
    let message = campus.until_refused("api-url-web", "ApiUrlRefused").await;
    says(&message, &["production", "Outbound requests"]);
    campus.still_stands_with_gitlab(&standing).await;
    campus.is_untouched(&healthy).await;
    allow(true).await;
    campus.until_ready("api-url-web").await;
    let renewed = campus.standing(project).await;
    assert_ne!(renewed.token(), standing.token());
    campus.still_stands_with_gitlab(&renewed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn switched_off_certificate_based_clusters_are_named_and_used_once_they_are_on() {
    let campus = Campus::new("flag").await;
    let healthy = campus.healthy().await;
    let project = campus.project("web-app").await;
    campus.map("flag-web", "web-app", by_certificate()).await;
    let message = campus.until_refused("flag-web", "CertificateBasedClustersOff").await;
    says(&message, &["certificate_based_clusters", "switch it on", "Variables"]);
    campus.is_untouched(&healthy).await;
    campus.certificate_based_clusters(true).await;
    campus.until_ready("flag-web").await;
    let standing = campus.standing(project).await;

    // Switched off again, everything stays: the entry is there when the flag is back.
    campus.certificate_based_clusters(false).await;
    campus.patch_mapping("flag-web", json!({"metadata": {"annotations": {"gl-k8s.dev/renew": "1"}}})).await;
    campus.until_refused("flag-web", "CertificateBasedClustersOff").await;
    campus.still_stands(&standing).await;
    campus.is_untouched(&healthy).await;
    campus.certificate_based_clusters(true).await;
    campus.until_ready("flag-web").await;
    assert_eq!(campus.clusters(project).await.len(), 1);
    assert_ne!(campus.standing(project).await.token(), standing.token());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_that_gitlab_refuses_does_not_hold_up_the_others() {
    let campus = Campus::new("refused-name").await;
    let healthy = campus.healthy().await;
    let project = campus.project("web-app").await;
    // Whatever admission lets pass, a later GitLab may refuse.
    let body = json!({"message": ["Name is reserved"]});
    let refusal = Fault {
        method: Some("POST".into()),
        path: Some(format!("/projects/{project}/environments$")),
        status: Some(400),
        body: Some(body),
        ..Fault::new(FaultKind::Status)
    };
    let fault = campus.simulator.add_fault(refusal.clone()).unwrap();
    let production =
        campus.try_gitlab("POST", &format!("/projects/{project}/environments"), json!({"name": "x"})).await;
    assert_eq!(production.0, 400, "the fault strikes");
    campus.simulator.clear_fault(fault);
    campus.gitlab("POST", &format!("/projects/{project}/environments"), json!({"name": "staging"})).await;
    let fault = campus.simulator.add_fault(refusal).unwrap();
    campus.map("refused-name-web", "web-app", json!({})).await;
    let message = campus.until_refused("refused-name-web", "EnvironmentRefused").await;
    says(&message, &["environment production", "Name is reserved"]);
    assert!(campus.job(project, "staging", true).await.contains_key("KUBE_TOKEN"), "the other one is served");
    campus.is_untouched(&healthy).await;
    campus.simulator.clear_fault(fault);
    campus.until_ready("refused-name-web").await;
}

/// Waits until the operator has compared a project with GitLab so often again.
async fn compared(campus: &Campus, project: i64, times: usize) {
    campus.until_comparisons(project, campus.comparisons(project) + times).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mark_that_a_person_removes_comes_back_where_nothing_else_was_changed() {
    let campus = Campus::with("unmarked", json!({"driftInterval": "1s"}), json!({})).await;
    let healthy = campus.healthy().await;
    let project = campus.project("web-app").await;
    campus.map("unmarked-web", "web-app", only_production()).await;
    campus.until_ready("unmarked-web").await;
    let standing = campus.standing(project).await;
    let before = campus.variables(project).await;
    for key in ["KUBE_URL", "KUBE_TOKEN", "KUBECONFIG"] {
        let path = format!("/projects/{project}/variables/{key}?filter%5Benvironment_scope%5D=production");
        campus.gitlab("PUT", &path, json!({"description": null})).await;
    }
    eventually("the marks are back", async || {
        let now = campus.variables(project).await;
        if now == before { Ok(()) } else { Err(format!("{} variables", now.len())) }
    })
    .await;
    campus.until_ready("unmarked-web").await;
    campus.still_stands_with_gitlab(&standing).await;
    campus.is_untouched(&healthy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variable_that_a_person_made_their_own_is_theirs_until_they_remove_it() {
    let campus = Campus::with("theirs-now", json!({"driftInterval": "1s"}), json!({})).await;
    let healthy = campus.healthy().await;
    let project = campus.project("web-app").await;
    campus.map("theirs-now-web", "web-app", only_production()).await;
    campus.until_ready("theirs-now-web").await;
    let standing = campus.standing(project).await;
    let path = format!("/projects/{project}/variables/KUBE_URL?filter%5Benvironment_scope%5D=production");
    let theirs = json!({"value": "https://elsewhere.example.edu", "description": "the other cluster"});
    let theirs = campus.gitlab("PUT", &path, theirs).await;
    let message = campus.until_refused("theirs-now-web", "NotOurs").await;
    says(&message, &["variable KUBE_URL", "production", "team/web-app", "remove it"]);
    compared(&campus, project, 2).await;
    assert!(campus.variables(project).await.contains(&theirs), "it is left as it is");
    campus.still_stands_with_gitlab(&standing).await;
    campus.is_untouched(&healthy).await;

    // Nor is it removed with the mapping's own: a change of the method leaves it alone, too.
    campus.patch_mapping("theirs-now-web", json!({"spec": {"ciAccess": {"method": "None"}}})).await;
    campus.until_ready("theirs-now-web").await;
    assert_eq!(campus.variables(project).await, [theirs]);
    campus.gitlab("DELETE", &path, Value::Null).await;
    campus.patch_mapping("theirs-now-web", json!({"spec": {"ciAccess": {"method": "Variables"}}})).await;
    campus.until_ready("theirs-now-web").await;
    assert_eq!(campus.job(project, "production", true).await["KUBE_URL"], campus.control_plane.server_url());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_entry_that_a_person_edits_is_put_back_and_one_that_they_take_over_is_left() {
    let campus = Campus::with("edited-entry", json!({"driftInterval": "1s"}), json!({})).await;
    campus.certificate_based_clusters(true).await;
    let project = campus.project("web-app").await;
    campus.map("edited-entry-web", "web-app", by_certificate()).await;
    campus.until_ready("edited-entry-web").await;
    let standing = campus.standing(project).await;
    let before = campus.clusters(project).await;
    let path = format!("/projects/{project}/clusters/{}", before[0]["id"]);
    // A new name is a mark that was removed; everything else is drift.
    for edit in [json!({"name": "mine"}), json!({"enabled": false}), json!({"domain": "other.example.edu"})] {
        campus.gitlab("PUT", &path, edit.clone()).await;
        eventually(&format!("{edit} is put back"), async || {
            let now = campus.clusters(project).await;
            if now == before { Ok(()) } else { Err(format!("{now:#?}")) }
        })
        .await;
    }
    campus.until_ready("edited-entry-web").await;
    campus.still_stands_with_gitlab(&standing).await;

    let other = json!({"api_url": "https://elsewhere.example.edu"});
    campus.gitlab("PUT", &path, json!({"name": "mine", "platform_kubernetes_attributes": other})).await;
    let message = campus.until_refused("edited-entry-web", "NotOurs").await;
    says(&message, &[&format!("cluster entry {}", before[0]["id"]), "production", "team/web-app"]);
    let theirs = campus.clusters(project).await;
    compared(&campus, project, 2).await;
    assert_eq!(campus.clusters(project).await, theirs);
    campus.gitlab("DELETE", &path, Value::Null).await;
    campus.until_ready("edited-entry-web").await;
    campus.still_stands_with_gitlab(&standing).await;
}
