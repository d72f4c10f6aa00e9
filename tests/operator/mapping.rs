//! What a mapping brings about.

use k8s_openapi::api::{apps::v1::Deployment, core::v1::{Namespace, Pod}};
use kube::{Api, api::{ListParams, PostParams}};
use serde_json::json;

use crate::campus::Campus;

#[tokio::test(flavor = "multi_thread")]
async fn a_job_of_a_mapped_project_deploys_into_its_own_namespace_and_nowhere_else() {
    let campus = Campus::new("deploys").await;
    let project = campus.project("web-app").await;
    campus.map("deploys-web", "web-app", json!({})).await;
    campus.until_ready("deploys-web").await;

    let variables = campus.job(project, "production", true).await;
    let namespace = &variables["KUBE_NAMESPACE"];
    assert_eq!(*namespace, format!("web-app-{project}-production"));
    let client = campus.control_plane.client_with_token(&variables["KUBE_TOKEN"]);
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), namespace);
    let deployment = json!({"metadata": {"name": "web"}, "spec": {"selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web"}]}}}});
    deployments.create(&PostParams::default(), &serde_json::from_value(deployment).unwrap()).await.unwrap();

    for elsewhere in [format!("web-app-{project}-staging"), "default".to_owned(), "kube-system".to_owned()] {
        let pods: Api<Pod> = Api::namespaced(client.clone(), &elsewhere);
        let refused = pods.list(&ListParams::default()).await.unwrap_err();
        assert!(refused.to_string().contains("forbidden"), "{elsewhere}: {refused}");
    }
    let namespaces: Api<Namespace> = Api::all(client);
    assert!(namespaces.list(&ListParams::default()).await.is_err());
}
