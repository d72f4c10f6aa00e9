//! Certificates: those that jobs are to trust, and that of GitLab itself.

use std::sync::Arc;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Value, json};
use tokio_rustls::rustls::{ServerConfig, crypto::ring};

use super::{only_production, says};
use crate::{
    bed::{OWN, eventually},
    campus::Campus,
    neighbour::elsewhere,
};

impl Campus {
    async fn config_map(&self, name: &str, key: &str, pem: &str) {
        let maps: Api<ConfigMap> = Api::namespaced(self.admin.clone(), OWN);
        let mut map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {}});
        map["data"][key] = Value::from(pem);
        maps.patch(name, &PatchParams::apply("test").force(), &Patch::Apply(map)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_certificate_of_the_cluster_is_named_and_taken_up_when_it_is_created() {
    let source = json!({"source": "ConfigMap", "configMap": {"name": "cluster-ca", "key": "ca.pem"}});
    let campus = Campus::with("cluster-ca", json!({"cluster": {"caCertificate": source}}), json!({})).await;
    let project = campus.project("web-app").await;
    campus.map("cluster-ca-web", "web-app", only_production()).await;
    let message = campus.until_refused("cluster-ca-web", "CaCertificateMissing").await;
    says(&message, &[&format!("{OWN}/cluster-ca"), "ca.pem", "create it"]);
    assert!(!campus.job(project, "production", true).await.contains_key("KUBE_TOKEN"));
    campus.config_map("cluster-ca", "ca.pem", campus.control_plane.ca_pem()).await;
    campus.until_ready("cluster-ca-web").await;
    let seen = campus.job(project, "production", true).await;
    assert_eq!(seen["KUBE_CA_PEM"].trim(), campus.control_plane.ca_pem().trim());
}

/// A certificate authority and a server's configuration with a certificate of it for 127.0.0.1.
fn private_authority() -> (String, Arc<ServerConfig>) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key.into())
        .unwrap();
    (authority.pem(), Arc::new(config))
}

#[tokio::test(flavor = "multi_thread")]
async fn another_certificate_of_the_cluster_reaches_the_jobs_with_the_same_token() {
    let source = json!({"source": "ConfigMap", "configMap": {"name": "renewed-ca", "key": "ca.pem"}});
    let campus = Campus::undeclared("renewed-ca").await;
    campus.write_token(&campus.token, &campus.url).await;
    campus.config_map("renewed-ca", "ca.pem", campus.control_plane.ca_pem()).await;
    campus.declare_instance("renewed-ca", json!({"cluster": {"caCertificate": source}})).await;
    campus.declare_class("renewed-ca", json!({})).await;
    let project = campus.project("web-app").await;
    campus.map("renewed-ca-web", "web-app", only_production()).await;
    campus.until_ready("renewed-ca-web").await;
    let standing = campus.standing(project).await;

    // Both authorities side by side, as administrators do while they exchange one.
    let (another, _) = private_authority();
    let both = format!("{}\n{another}", campus.control_plane.ca_pem().trim());
    campus.config_map("renewed-ca", "ca.pem", &both).await;
    eventually("jobs are given both authorities", async || {
        let pem = campus.job(project, "production", true).await["KUBE_CA_PEM"].clone();
        if pem.trim() == both.trim() { Ok(()) } else { Err(pem) }
    })
    .await;
    campus.until_ready("renewed-ca-web").await;
    campus.still_stands_with_gitlab(&standing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gitlab_whose_authority_is_exchanged_is_trusted_again_when_the_new_one_is_given() {
    let elsewhere = elsewhere().await;
    let mut campus = Campus::undeclared("exchanged-ca").await;
    let (first, config) = private_authority();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = campus.simulator.serve_tls(listener, config).unwrap();
    campus.url = server.base_url().to_owned();
    campus.server = Some(server);
    campus.write_token(&campus.token, &campus.url).await;
    campus.config_map("exchanged-ca", "ca.crt", &first).await;
    let reference = json!({"configMap": {"name": "exchanged-ca", "key": "ca.crt"}});
    campus.declare_instance("exchanged-ca", json!({"caCertificate": reference, "driftInterval": "1s"})).await;
    campus.declare_class("exchanged-ca", json!({})).await;
    let project = campus.project("web-app").await;
    campus.map("exchanged-ca-web", "web-app", only_production()).await;
    campus.until_ready("exchanged-ca-web").await;
    let standing = campus.standing(project).await;

    let (second, config) = private_authority();
    drop(campus.server.take());
    let listener = eventually("the address is free again", async || {
        tokio::net::TcpListener::bind(address).await.map_err(|error| error.to_string())
    })
    .await;
    campus.server = Some(campus.simulator.serve_tls(listener, config).unwrap());
    let message = campus.until_refused("exchanged-ca-web", "GitLabCertificateUntrusted").await;
    says(&message, &["TLS", "spec.caCertificate"]);
    campus.still_stands_with_gitlab(&standing).await;
    elsewhere.is_untouched().await;

    campus.config_map("exchanged-ca", "ca.crt", &second).await;
    campus.until_ready("exchanged-ca-web").await;
    campus.still_stands_with_gitlab(&standing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gitlab_with_a_private_certificate_gets_no_token_before_its_authority_is_given() {
    let mut campus = Campus::undeclared("gitlab-ca").await;
    let (authority, config) = private_authority();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = campus.simulator.serve_tls(listener, config).unwrap();
    campus.url = server.base_url().to_owned();
    campus.server = Some(server);
    campus.write_token(&campus.token, &campus.url).await;
    campus.declare_instance("gitlab-ca", json!({})).await;
    campus.declare_class("gitlab-ca", json!({})).await;
    let project = campus.project("web-app").await;
    campus.map("gitlab-ca-web", "web-app", only_production()).await;
    let message = campus.until_refused("gitlab-ca-web", "GitLabCertificateUntrusted").await;
    says(&message, &[&campus.url, "TLS", "spec.caCertificate", "ConfigMap"]);
    elsewhere().await.is_untouched().await;
    assert_eq!(campus.requests_of_the_operator(), []);

    let reference = json!({"caCertificate": {"configMap": {"name": "gitlab-ca", "key": "ca.crt"}}});
    campus.declare_instance("gitlab-ca", reference).await;
    let message = campus.until_refused("gitlab-ca-web", "CaCertificateMissing").await;
    says(&message, &[&format!("{OWN}/gitlab-ca"), "ca.crt"]);
    for no_certificate in ["no PEM at all", "-----BEGIN CERTIFICATE-----\nno base64\n-----END CERTIFICATE-----"] {
        campus.config_map("gitlab-ca", "ca.crt", no_certificate).await;
        let message = campus.until_refused("gitlab-ca-web", "CaCertificateMissing").await;
        says(&message, &[&format!("ConfigMap {OWN}/gitlab-ca"), "ca.crt", "PEM"]);
    }
    campus.config_map("gitlab-ca", "ca.crt", &authority).await;
    campus.until_ready("gitlab-ca-web").await;
    assert!(campus.job(project, "production", true).await.contains_key("KUBE_TOKEN"));
}
