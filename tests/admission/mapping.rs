//! The rules of `ProjectMapping`.

use serde_json::{Value, json};

use crate::{
    bed::{MAPPINGS, bed},
    rules::{refused, try_all},
};

fn valid() -> Value {
    json!({
        "metadata": {"name": "rules-of-mappings"},
        "spec": {
            "instance": "campus",
            "project": {"path": "team/web-app"},
            "class": "course",
            "environments": [{"name": "production"}, {"name": "ICC-K8s"}],
        },
    })
}

fn environments(count: usize) -> Vec<Value> {
    (0..count).map(|number| json!({"name": format!("e{number}")})).collect()
}

#[tokio::test]
async fn a_malformed_mapping_is_refused_with_the_reason() {
    let bed = bed().await;
    let accepted = [
        ("/metadata/name", json!("n".repeat(63))),
        ("/spec/project", json!({"id": 42})),
        ("/spec/project/path", json!("Group_1/sub.group/-not/.dot/web-app_2.0".replace("-not", "not"))),
        ("/spec/namespaces", json!("PerProject")),
        ("/spec/environments", json!([{"name": "review/$CI_COMMIT_REF_SLUG {x}"}])),
        ("/spec/environments", json!([{"name": "n".repeat(255)}])),
        ("/spec/environments", json!(environments(100))),
        ("/spec/environments/0", json!({"name": "production", "tier": "production", "protected": "Always"})),
        ("/spec/ciAccess", json!({"method": "ClusterCertificate"})),
        ("/spec/ciAccess", json!({"method": "None"})),
        ("/spec/ciAccess", json!({"kubeconfig": false})),
        ("/spec/deletionPolicy", json!("Delete")),
        ("/spec/paused", json!(true)),
    ];
    let path = "must be the path of a project with its groups, such as team/web-app";
    let one = "needs exactly one of path and id";
    let name = "must be the exact name of a GitLab environment";
    let on_create = [
        refused("/metadata/name", json!("n".repeat(64)), "metadata.name must have at most 63 characters"),
        refused("/spec/instance", Value::Null, "spec.instance: Required value"),
        refused("/spec/instance", json!("Campus"), "must be the name of a Kubernetes object"),
        refused("/spec/instance", json!("n".repeat(64)), "spec.instance: Too long"),
        refused("/spec/class", Value::Null, "spec.class: Required value"),
        refused("/spec/class", json!("a/b"), "must be the name of a Kubernetes object"),
        refused("/spec/project", Value::Null, "spec.project: Required value"),
        refused("/spec/project", json!({}), one),
        refused("/spec/project", json!({"path": "team/web-app", "id": 42}), one),
        refused("/spec/project", json!({"id": 0}), "spec.project.id"),
        refused("/spec/project", json!({"path": "web-app"}), path),
        refused("/spec/project", json!({"path": "/team/web-app"}), path),
        refused("/spec/project", json!({"path": "team/web-app/"}), path),
        refused("/spec/project", json!({"path": "team//web-app"}), path),
        refused("/spec/project", json!({"path": "team/../web-app"}), path),
        refused("/spec/project", json!({"path": "team/web-app.git"}), path),
        refused("/spec/project", json!({"path": "team/-web-app"}), path),
        refused("/spec/project", json!({"path": "team/web app"}), path),
        refused("/spec/project", json!({"path": "https://gitlab.example.edu/team/web-app"}), path),
        refused("/spec/namespaces", json!("PerBranch"), "Unsupported value: \"PerBranch\""),
        refused("/spec/environments", Value::Null, "spec.environments: Required value"),
        refused("/spec/environments", json!([]), "spec.environments"),
        refused("/spec/environments", json!(environments(101)), "must have at most 100 items"),
        refused("/spec/environments", json!([{"name": "a"}, {"name": "a"}]), "spec.environments[1]: Duplicate value"),
        refused("/spec/environments/0", json!({}), "spec.environments[0].name: Required value"),
        refused("/spec/environments/0/name", json!(""), "spec.environments[0].name"),
        refused("/spec/environments/0/name", json!("   "), name),
        refused("/spec/environments/0/name", json!("n".repeat(256)), "Too long"),
        refused("/spec/environments/0/name", json!("review/*"), name),
        refused("/spec/environments/0/name", json!("Prüfung"), name),
        refused("/spec/environments/0/name", json!("a\nb"), name),
        refused("/spec/environments/0/name", json!("/production"), "must not begin or end with '/'"),
        refused("/spec/environments/0/name", json!("production/"), "must not begin or end with '/'"),
        refused("/spec/environments/0/name", json!(" production"), "must not begin or end with a space"),
        refused("/spec/environments/0/name", json!("production "), "must not begin or end with a space"),
        refused("/spec/environments/0/tier", json!("prod"), "Unsupported value: \"prod\""),
        refused("/spec/environments/0/protected", json!("Maybe"), "Unsupported value: \"Maybe\""),
        refused("/spec/ciAccess/method", json!("Agent"), "Unsupported value: \"Agent\""),
        refused("/spec/deletionPolicy", json!("Orphan"), "Unsupported value: \"Orphan\""),
    ];
    let on_change = [
        refused("/spec/instance", json!("other"), "spec.instance: Invalid value: \"other\": is immutable"),
        refused("/spec/project", json!({"path": "team/other"}), "is immutable"),
        refused("/spec/project", json!({"path": null, "id": 42}), "is immutable"),
        refused(
            "/spec/namespaces",
            json!("PerProject"),
            "spec.namespaces: Invalid value: \"PerProject\": is immutable",
        ),
    ];
    try_all(&bed, &MAPPINGS, &valid(), &accepted, &on_create, &on_change).await;
}
