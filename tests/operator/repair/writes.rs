//! Nothing is written where nothing changed.

use control_plane::AuditedWrite;
use serde_json::json;

use crate::{
    bed::{OPERATOR, eventually},
    campus::Campus,
};

impl Campus {
    /// What the operator wrote about this test's objects.
    fn writes_to_kubernetes(&self) -> Vec<AuditedWrite> {
        let mut writes = self.control_plane.writes_by(OPERATOR).unwrap();
        let ours = |text: &str| text == self.name || text.starts_with(&format!("{}-", self.name));
        writes.retain(|write| ours(&write.name) || ours(&write.namespace));
        writes
    }

    /// How often a comparison with GitLab began: a pass that reads everything.
    pub fn comparisons(&self, project: i64) -> usize {
        let path = format!("/api/v4/projects/{project}/variables");
        let reads = self.requests_of_the_operator();
        reads.iter().filter(|(method, asked)| method == "GET" && asked.starts_with(&path)).count()
    }

    pub async fn until_comparisons(&self, project: i64, count: usize) {
        eventually(&format!("{count} comparisons"), async || {
            let seen = self.comparisons(project);
            if seen >= count { Ok(()) } else { Err(seen.to_string()) }
        })
        .await;
    }
}

async fn a_converged_mapping_writes_nothing(name: &str, spec: serde_json::Value, class: serde_json::Value) {
    let campus = Campus::with(name, json!({"driftInterval": "1s"}), class).await;
    campus.gitlab("POST", "/features/certificate_based_clusters", json!({"value": true})).await;
    let project = campus.project("web-app").await;
    let mapping = format!("{name}-web");
    campus.map(&mapping, "web-app", spec).await;
    campus.until_ready(&mapping).await;
    // The first comparison after it became ready; instance and class have counted the mapping by then.
    campus.until_comparisons(project, campus.comparisons(project) + 1).await;
    let kubernetes = campus.writes_to_kubernetes();
    let gitlab = campus.writes_of_the_operator();
    assert!(!kubernetes.is_empty(), "writes are seen");

    let annotation = json!({"metadata": {"annotations": {"example.edu/note": "unrelated"}}});
    campus.patch_mapping(&mapping, annotation).await;
    campus.until_comparisons(project, campus.comparisons(project) + 3).await;
    assert_eq!(campus.writes_of_the_operator(), gitlab);
    assert_eq!(campus.writes_to_kubernetes(), kubernetes);

    // A new generation is noted in status, and nothing else is written for a field without effect.
    campus.patch_mapping(&mapping, json!({"spec": {"deletionPolicy": "Delete"}})).await;
    campus.until_ready(&mapping).await;
    campus.until_comparisons(project, campus.comparisons(project) + 2).await;
    assert_eq!(campus.writes_of_the_operator(), gitlab);
    let more = &campus.writes_to_kubernetes()[kubernetes.len()..];
    let written: Vec<_> = more.iter().map(|write| (write.resource.as_str(), write.name.as_str())).collect();
    assert_eq!(written, [("projectmappings/status", mapping.as_str())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_pass_over_variables_writes_nothing() {
    a_converged_mapping_writes_nothing("quiet-variables", json!({}), json!({})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_pass_over_a_shared_namespace_with_a_legacy_token_writes_nothing() {
    let class = json!({"serviceAccount": {"token": {"kind": "Legacy"}}, "networkPolicy": {"mode": "Open", "ingressFrom": null}});
    a_converged_mapping_writes_nothing("quiet-shared", json!({"namespaces": "PerProject"}), class).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_pass_over_cluster_entries_and_oddly_spelt_quantities_writes_nothing() {
    let policy = json!({"podSelector": {}, "ingress": [{"ports": [{"port": 80}], "from": [{"podSelector": {}}]}]});
    let class = json!({
        "resourceQuota": {"hard": {"requests.cpu": "0.5", "limits.memory": "1024Mi", "pods": "10"},
            "scopeSelector": {"matchExpressions": [{"scopeName": "NotTerminating", "operator": "Exists"}]}},
        "limitRange": {"limits": [{"type": "Container", "default": {"cpu": "0.1", "memory": "0.5Gi"}, "max": {"cpu": 2}}]},
        "networkPolicy": {"mode": "Custom", "policies": [policy, {"podSelector": {}}], "ingressFrom": null},
    });
    a_converged_mapping_writes_nothing("quiet-cluster", json!({"ciAccess": {"method": "ClusterCertificate"}}), class)
        .await;
}
