//! Entries in GitLab that a person made, and what GitLab refuses.

use gitlab_simulator::http::faults::{Fault, FaultKind};
use serde_json::{Value, json};

use super::{only_production, says};
use crate::campus::Campus;

fn by_certificate() -> Value {
    json!({"environments": [{"name": "production"}], "ciAccess": {"method": "ClusterCertificate"}})
}

impl Campus {
    async fn certificate_based_clusters(&self, on: bool) {
        self.gitlab("POST", "/features/certificate_based_clusters", json!({"value": on})).await;
    }

    async fn clusters(&self, project: i64) -> Vec<Value> {
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
    says(&message, &["variable KUBE_URL", "production", "remove it"]);
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
    assert!(campus.job(project, "production", true).await.contains_key("KUBE_TOKEN"));
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
        count: Some(1),
        ..Fault::new(FaultKind::Status)
    };
    let fault = campus.simulator.add_fault(Fault { count: None, ..refusal }).unwrap();
    let production =
        campus.try_gitlab("POST", &format!("/projects/{project}/environments"), json!({"name": "x"})).await;
    assert_eq!(production.0, 400, "the fault strikes");
    campus.map("refused-name-web", "web-app", only_production()).await;
    let message = campus.until_refused("refused-name-web", "EnvironmentRefused").await;
    says(&message, &["environment production", "Name is reserved"]);
    campus.is_untouched(&healthy).await;
    campus.simulator.clear_fault(fault);
    campus.until_ready("refused-name-web").await;
}
