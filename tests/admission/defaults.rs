//! What the API server fills in, that our types read it, and what `kubectl get` shows.

use gl_k8s_integrator::api::{
    CaSource, CiAccess, CiAccessMethod, DeletionPolicy, GitLabInstance, NamespaceClass, NamespaceLayout,
    NetworkPolicyMode, Period, ProjectMapping, Protection, TokenKind,
};
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::json;

use crate::bed::{Bed, CLASSES, INSTANCES, MAPPINGS, bed};

async fn make_all(bed: &Bed, name: &str) {
    let instance = json!({"metadata": {"name": name}, "spec": {
        "url": "https://gitlab.example.edu",
        "tokenSecretRef": {"name": "campus-token"},
        "cluster": {"name": "ICC", "apiServer": "https://icc.example.edu:6443"},
    }});
    let class =
        json!({"metadata": {"name": name}, "spec": {"resourceQuota": {"hard": {"pods": 10, "limits.cpu": "2"}}}});
    let mapping = json!({"metadata": {"name": name}, "spec": {
        "instance": name, "project": {"path": "team/web-app"}, "class": name, "environments": [{"name": "production"}],
    }});
    bed.make(&INSTANCES, None, instance).await;
    bed.make(&CLASSES, None, class).await;
    bed.make(&MAPPINGS, None, mapping).await;
}

#[tokio::test]
async fn what_is_left_out_is_filled_in() {
    let bed = bed().await;
    make_all(&bed, "defaults").await;

    let stored = bed.get(&INSTANCES.resource(), None, "defaults").await.data;
    assert_eq!(stored["spec"]["driftInterval"], json!("6h"));
    assert_eq!(stored["spec"]["namespacePrefix"], json!(""));
    assert_eq!(stored["spec"]["cluster"]["caCertificate"], json!({"source": "ClusterRoot"}));

    let stored = bed.get(&CLASSES.resource(), None, "defaults").await.data;
    let account = json!({"clusterRole": "gitlab-group-master", "token": {"kind": "Rotated", "lifetime": "24h"}});
    assert_eq!(stored["spec"]["serviceAccount"], account);
    assert_eq!(stored["spec"]["networkPolicy"], json!({"mode": "Isolated"}));

    let stored = bed.get(&MAPPINGS.resource(), None, "defaults").await.data;
    assert_eq!(stored["spec"]["namespaces"], json!("PerEnvironment"));
    assert_eq!(stored["spec"]["environments"], json!([{"name": "production", "protected": "Auto"}]));
    assert_eq!(stored["spec"]["ciAccess"], json!({"method": "Variables", "kubeconfig": true}));
    assert_eq!(stored["spec"]["deletionPolicy"], json!("Retain"));
    assert_eq!(stored["spec"]["paused"], json!(false));
}

#[tokio::test]
async fn the_operators_types_read_what_is_stored() {
    let bed = bed().await;
    make_all(&bed, "typed").await;

    let instance = Api::<GitLabInstance>::all(bed.admin.clone()).get("typed").await.unwrap();
    assert_eq!(instance.spec.drift_interval, Period::hours(6));
    assert_eq!(instance.spec.cluster.ca_certificate.source, CaSource::ClusterRoot);

    let class = Api::<NamespaceClass>::all(bed.admin.clone()).get("typed").await.unwrap();
    assert_eq!(class.spec.service_account.token.kind, TokenKind::Rotated);
    assert_eq!(class.spec.network_policy.mode, NetworkPolicyMode::Isolated);
    let hard = class.spec.resource_quota.unwrap().hard.unwrap();
    assert_eq!(hard["pods"].0, "10", "a quantity written as a number");
    assert_eq!(hard["limits.cpu"].0, "2");

    let mapping = Api::<ProjectMapping>::all(bed.admin.clone()).get("typed").await.unwrap();
    assert_eq!(mapping.spec.namespaces, NamespaceLayout::PerEnvironment);
    assert_eq!(mapping.spec.environments[0].protected, Protection::Auto);
    assert_eq!(mapping.spec.ci_access, CiAccess { method: CiAccessMethod::Variables, kubeconfig: true });
    assert_eq!(mapping.spec.deletion_policy, DeletionPolicy::Retain);
}

#[tokio::test]
async fn kubectl_get_answers_whether_why_not_where_and_until_when() {
    let bed = bed().await;
    make_all(&bed, "columns").await;
    let condition = |kind: &str| {
        json!({"type": kind, "status": "False", "reason": "TokenRefused", "message": "renew the token",
            "lastTransitionTime": "2026-11-01T00:00:00Z"})
    };
    let conditions = json!([condition("Other"), condition("Ready")]);
    let instance = json!({"conditions": conditions, "version": "19.3.0", "mappings": {"total": 7},
        "token": {"expiresAt": "2027-01-31T00:00:00Z"}});
    let mapping = json!({"conditions": conditions, "project": {"id": 42, "path": "team/renamed", "state": "Active"},
        "summary": {"namespaces": "2: web-app-42-production, web-app-42-staging", "reason": "TokenRefused",
            "nextTokenExpiry": "2026-11-22T00:00:00Z"}});
    for (kind, status) in [(INSTANCES, instance), (CLASSES, json!({"conditions": conditions})), (MAPPINGS, mapping)] {
        let patch = Patch::Merge(json!({"status": status}));
        kind.api(&bed.admin, None).patch_status("columns", &PatchParams::default(), &patch).await.unwrap();
    }

    for (short_name, shown) in [
        ("gli", vec!["https://gitlab.example.edu", "False", "TokenRefused", "19.3.0", "7", "2027-01-31T00:00:00Z"]),
        ("nsc", vec!["False", "TokenRefused", "gitlab-group-master", "Rotated", "Isolated"]),
        (
            "pm",
            vec![
                "team/renamed",
                "False",
                "TokenRefused",
                "2: web-app-42-production, web-app-42-staging",
                "2026-11-22T00:00:00Z",
            ],
        ),
    ] {
        let output = bed.control_plane.kubectl().args(["get", short_name, "columns"]).output().await.unwrap();
        let table = String::from_utf8_lossy(&output.stdout).into_owned();
        for text in shown {
            assert!(table.contains(text), "{short_name} should show {text}:\n{table}");
        }
    }
}
