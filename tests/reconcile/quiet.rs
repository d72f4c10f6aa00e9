//! When nothing changed, nothing is written: not to Kubernetes, not to GitLab, whatever the mapping asks for.

use std::time::Duration;

use gl_k8s_integrator::reconcile::Key;
use serde_json::{Value, json};

use crate::{
    installed::comes_to_rest,
    operator::{Bench, Operator, about_projects},
};

/// The user that the operator is for the API server.
const OPERATOR: &str = "system:serviceaccount:gl-k8s-integrator:gl-k8s-integrator";

/// Settles a mapping with this spec, and then looks at it once more as it is, once with everything compared, and once after
/// a restart: in none of these is anything written.
async fn settles_and_rests(name: &str, mapping: Value, class: Value) {
    let bench = Bench::with(name, json!({}), class).await;
    bench.campus.gitlab("POST", "/features/certificate_based_clusters", json!({"value": true})).await;
    let web = format!("{name}-web");
    let project = bench.mapped(&web, "web-app", mapping).await;
    let operator = bench.operator().await;
    assert_eq!(operator.settle(&web).await, 1, "nothing that one pass cannot do");
    settle_declarations(&operator, name).await;
    let audited = writes_about(&bench, name).await;
    bench.campus.simulator.clear_requests();

    operator.rests(&web).await;
    operator.advance(Duration::from_secs(6 * 3600));
    let compared = about_projects(&operator.rests(&web).await);
    assert!(compared.iter().any(|call| call.contains("/variables")), "everything was compared: {compared:?}");
    let restarted = bench.restarted(operator).await;
    restarted.rests(&web).await;
    for key in [Key::Instance(name.to_owned()), Key::Class(name.to_owned())] {
        assert_eq!(restarted.reconcile(key).await.problem, None);
    }

    assert_eq!(restarted.writes(), []);
    let requests = bench.campus.simulator.requests();
    let written: Vec<_> = requests.iter().filter(|request| request.method != "GET").collect();
    assert!(written.is_empty(), "GitLab saw: {written:?}");
    assert_eq!(writes_about(&bench, name).await, audited, "the API server saw a write");
    assert!(project > 0);
}

/// Instance and class count their mappings; then they rest too.
async fn settle_declarations(operator: &Operator, name: &str) {
    operator.sees(&format!("{name}-web")).await;
    for key in [Key::Instance(name.to_owned()), Key::Class(name.to_owned())] {
        operator.reconcile(key.clone()).await;
        operator.reconcile(key).await;
    }
}

/// How many writes of the operator the API server's audit log has about this test's objects, once the log has come to rest:
/// its last lines can be late.
async fn writes_about(bench: &Bench, name: &str) -> usize {
    let count = || {
        let writes = bench.campus.control_plane.writes_by(OPERATOR).unwrap();
        let ours = |text: &str| text.starts_with(&format!("{name}-")) || text == name;
        writes.iter().filter(|write| ours(&write.namespace) || ours(&write.name)).count()
    };
    comes_to_rest("the audit log", Duration::from_millis(100), count).await
}

#[tokio::test(flavor = "multi_thread")]
async fn variables_rest() {
    settles_and_rests("rest-variables", json!({}), json!({})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cluster_entries_rest() {
    let mapping = json!({"ciAccess": {"method": "ClusterCertificate"}});
    settles_and_rests("rest-clusters", mapping, json!({})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_namespace_rests() {
    settles_and_rests("rest-shared", json!({"namespaces": "PerProject"}), json!({})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn legacy_tokens_rest() {
    let class = json!({"serviceAccount": {"token": {"kind": "Legacy"}}});
    settles_and_rests("rest-legacy", json!({}), class).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_without_ci_access_rests() {
    settles_and_rests("rest-none", json!({"ciAccess": {"method": "None"}}), json!({})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_class_with_policies_of_its_own_and_quantities_in_other_spellings_rests() {
    let class = json!({"networkPolicy": {"mode": "Custom", "ingressFrom": null, "policies": [
            {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"ports": [{"port": 80}]}]},
            {"podSelector": {"matchLabels": {"app": "web"}}, "egress": [{}], "policyTypes": ["Egress"]}]},
        "resourceQuota": {"hard": {"limits.cpu": "1000m", "limits.memory": "1024Mi", "pods": "10"}},
        "limitRange": {"limits": [{"type": "Container", "default": {"cpu": "0.5", "memory": "1000Mi"}}]}});
    settles_and_rests("rest-custom", json!({}), class).await;
}
