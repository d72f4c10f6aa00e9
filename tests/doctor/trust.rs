//! An API server with a publicly trusted certificate: jobs get no certificate authority and need none.

use serde_json::{Value, json};

use crate::bed::{Cluster, VARIABLES, eventually, in_the_cluster};
use crate::process::Program;

const INSTANCE: &str = "GitLabInstance/well";

/// Says where jobs find the authority, and lets an operator deliver it until doctor, which trusts `trusted`, finds nothing.
async fn deliver(cluster: &Cluster, source: &str, trusted: &[(&str, &str)]) {
    let patch = json!({"spec": {"cluster": {"caCertificate": {"source": source}}}}).to_string();
    cluster.kubectl(&["patch", "gitlabinstance", "well", "--type=merge", "-p", &patch]).await;
    let mut program = Program::start(cluster.control_plane, &[]).await;
    eventually("the operator delivers for this trust", async || {
        let seen = cluster.doctor_with(trusted, &["--strict"]).await;
        if seen.findings().is_empty() { Ok(()) } else { Err(format!("{:#?}", seen.findings())) }
    })
    .await;
    assert_eq!(program.terminate().await.code(), Some(0));
}

#[test]
fn with_public_trust_jobs_get_no_authority_and_doctor_trusts_what_everybody_does() {
    in_the_cluster(async |cluster| {
        let authorities = cluster.control_plane.folder().join("what-everybody-trusts.pem");
        std::fs::write(&authorities, cluster.control_plane.ca_pem()).unwrap();
        let kubeconfig = ("KUBECONFIG", cluster.control_plane.kubeconfig().to_str().unwrap());
        let public = [kubeconfig, ("SSL_CERT_FILE", authorities.to_str().unwrap())];
        deliver(&cluster, "PublicTrust", &public).await;
        let delivered = cluster.campus.delivered(cluster.projects[VARIABLES], "production", true).await;
        assert!(delivered.contains_key("KUBE_TOKEN") && delivered.contains_key("KUBECONFIG"), "{:?}", delivered.keys());
        assert!(!delivered.keys().any(|key| key.starts_with("KUBE_CA_PEM")), "{:?}", delivered.keys());
        assert!(!delivered["KUBECONFIG"].contains("certificate-authority"), "the kubeconfig names no authority");

        // Whom nobody trusts is not taken for trusted, although doctor's own kubeconfig knows the authority.
        let seen = cluster.doctor(&[]).await;
        seen.found(&[("Error", "endpoint.reachable", INSTANCE), ("Unchecked", "endpoint.cluster", INSTANCE)]);
        assert!(seen.words("endpoint.reachable").contains("does not present a certificate that jobs will trust"));
        let trust = |seen: &Value| {
            let of_check = |finding: &&Value| finding["check"] == "endpoint.certificate";
            seen["findings"].as_array().unwrap().iter().find(of_check).unwrap()["message"].clone()
        };
        assert_eq!(trust(&seen.report), "jobs trust it publicly");

        deliver(&cluster, "ClusterRoot", &[kubeconfig]).await;
        let delivered = cluster.campus.delivered(cluster.projects[VARIABLES], "production", true).await;
        assert_eq!(delivered["KUBE_CA_PEM"].trim(), cluster.control_plane.ca_pem().trim());
    });
}
