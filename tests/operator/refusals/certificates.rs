//! Certificates: those that jobs are to trust, and that of GitLab itself.

use std::sync::Arc;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Value, json};
use tokio_rustls::rustls::{ServerConfig, crypto::ring};

use super::{only_production, says};
use crate::{bed::OWN, campus::Campus};

impl Campus {
    async fn config_map(&self, name: &str, key: &str, pem: &str) {
        let maps: Api<ConfigMap> = Api::namespaced(self.admin.clone(), OWN);
        let mut map = json!({"metadata": {"name": name}, "data": {}});
        map["data"][key] = Value::from(pem);
        self.create(&maps, map).await;
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
    says(&message, &["certificate"]);
    assert_eq!(campus.requests_of_the_operator(), []);

    let reference = json!({"caCertificate": {"configMap": {"name": "gitlab-ca", "key": "ca.crt"}}});
    campus.declare_instance("gitlab-ca", reference).await;
    let message = campus.until_refused("gitlab-ca-web", "CaCertificateMissing").await;
    says(&message, &[&format!("{OWN}/gitlab-ca"), "ca.crt"]);
    campus.config_map("gitlab-ca", "ca.crt", &authority).await;
    campus.until_ready("gitlab-ca-web").await;
    assert!(campus.job(project, "production", true).await.contains_key("KUBE_TOKEN"));
}
