//! What a mapping brings about.

use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{LimitRange, Namespace, Pod, ResourceQuota, Secret, ServiceAccount},
    networking::v1::NetworkPolicy,
    rbac::v1::RoleBinding,
};
use kube::{
    Api, Client,
    api::{ListParams, PostParams},
};
use serde_json::{Value, json};

use crate::{bed::eventually, campus::Campus};

/// Creates a Deployment, as a job does.
pub async fn deploy(client: &Client, namespace: &str) -> kube::Result<Deployment> {
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), namespace);
    let deployment = json!({"metadata": {"generateName": "web-"}, "spec": {"selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web"}]}}}});
    deployments.create(&PostParams::default(), &serde_json::from_value(deployment).unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_of_a_mapped_project_deploys_into_its_own_namespace_and_nowhere_else() {
    let campus = Campus::new("deploys").await;
    let project = campus.project("web-app").await;
    campus.map("deploys-web", "web-app", json!({})).await;
    campus.until_ready("deploys-web").await;

    let variables = campus.job(project, "production", true).await;
    let namespace = &variables["KUBE_NAMESPACE"];
    assert_eq!(*namespace, campus.namespace(project, "-production"));
    let client = campus.control_plane.client_with_token(&variables["KUBE_TOKEN"]);
    deploy(&client, namespace).await.unwrap();

    for elsewhere in [campus.namespace(project, "-staging"), "default".to_owned(), "kube-system".to_owned()] {
        let pods: Api<Pod> = Api::namespaced(client.clone(), &elsewhere);
        let refused = pods.list(&ListParams::default()).await.unwrap_err();
        assert!(refused.to_string().contains("forbidden"), "{elsewhere}: {refused}");
    }
    let namespaces: Api<Namespace> = Api::all(client);
    assert!(namespaces.list(&ListParams::default()).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_holds_what_its_class_says() {
    let campus = Campus::new("contents").await;
    let project = campus.project("web-app").await;
    campus.map("contents-web", "web-app", json!({})).await;
    campus.until_ready("contents-web").await;
    let name = campus.namespace(project, "-production");

    let namespace = Api::<Namespace>::all(campus.admin.clone()).get(&name).await.unwrap();
    let labels = namespace.metadata.labels.unwrap();
    for (key, value) in [
        ("app.kubernetes.io/managed-by", "gl-k8s-integrator"),
        ("gl-k8s.dev/instance", "contents"),
        ("gl-k8s.dev/project-id", &project.to_string()),
        ("app.gitlab.com/app", "team-web-app"),
        ("app.gitlab.com/env", "production"),
        ("faculty", "informatics"),
        ("pod-security.kubernetes.io/enforce", "baseline"),
        ("pod-security.kubernetes.io/warn", "restricted"),
    ] {
        assert_eq!(labels.get(key).map(String::as_str), Some(value), "{key}");
    }
    let binding = campus.object::<RoleBinding>(&name, "gitlab-serviceaccount").await.unwrap();
    assert_eq!(binding.role_ref.name, "gitlab-group-master");
    assert!(campus.object::<ServiceAccount>(&name, "gitlab-serviceaccount").await.is_some());
    let quota = campus.object::<ResourceQuota>(&name, "gitlab-quota").await.unwrap();
    assert_eq!(quota.spec.unwrap().hard.unwrap()["pods"].0, "10");
    assert!(campus.object::<LimitRange>(&name, "gitlab-limits").await.is_some());
    let policy = campus.object::<NetworkPolicy>(&name, "gitlab-isolation").await.unwrap().spec.unwrap();
    assert_eq!(policy.ingress.unwrap()[0].from.as_ref().unwrap().len(), 2);
    let secret = campus.object::<Secret>(&name, "gitlab-serviceaccount-token").await.unwrap().data.unwrap();
    let delivered = campus.job(project, "production", true).await;
    assert_eq!(secret["token"].0, delivered["KUBE_TOKEN"].as_bytes());
    assert_eq!(secret["namespace"].0, name.as_bytes());
    assert_eq!(String::from_utf8_lossy(&secret["ca.crt"].0).trim(), delivered["KUBE_CA_PEM"].trim());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_gets_everything_that_it_needs_and_on_an_unprotected_branch_no_secret() {
    let campus = Campus::new("gets").await;
    let project = campus.project("web-app").await;
    let environments = json!([{"name": "production"}, {"name": "ICC-K8s"}]);
    campus.map("gets-web", "web-app", json!({"environments": environments})).await;
    campus.until_ready("gets-web").await;

    let seen = campus.job(project, "production", true).await;
    assert_eq!(seen["KUBE_URL"], campus.control_plane.server_url());
    assert_eq!(seen["KUBE_INGRESS_BASE_DOMAIN"], "icc.example.edu");
    assert_eq!(seen["KUBE_CA_PEM"], seen["KUBE_CA_PEM_FILE"]);
    assert!(seen["KUBECONFIG"].contains(&seen["KUBE_TOKEN"]) && seen["KUBECONFIG"].contains("gitlab-deploy"));
    let unprotected = campus.job(project, "production", false).await;
    assert!(!unprotected.contains_key("KUBE_TOKEN") && !unprotected.contains_key("KUBECONFIG"));
    assert_eq!(unprotected["KUBE_NAMESPACE"], seen["KUBE_NAMESPACE"]);
    // Not production or staging by name, tier or declaration: its jobs run on every branch.
    let other = campus.job(project, "ICC-K8s", false).await;
    assert_ne!(other["KUBE_TOKEN"], seen["KUBE_TOKEN"]);
    assert!(
        other["KUBE_NAMESPACE"].starts_with(&campus.namespace(project, "-icc-k8s-")),
        "{}",
        other["KUBE_NAMESPACE"]
    );
    let without = json!({"project": project, "ref_protected": true});
    let without = campus.gitlab("POST", "/-/simulator/jobs", without).await.to_string();
    assert!(!without.contains("KUBE_"), "a job without an environment gets nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn declared_environments_are_created_in_gitlab_with_their_tier_and_found_again_by_name() {
    let campus = Campus::new("environments").await;
    let project = campus.project("web-app").await;
    campus.gitlab("POST", &format!("/projects/{project}/environments"), json!({"name": "there"})).await;
    let environments = json!([{"name": "there", "tier": "production"}, {"name": "new", "tier": "testing"}]);
    campus.map("environments-web", "web-app", json!({"environments": environments})).await;
    let mapping = campus.until_ready("environments-web").await;
    let all = campus.gitlab("GET", &format!("/projects/{project}/environments"), Value::Null).await;
    let all: Vec<_> = all.as_array().unwrap().iter().map(|one| (one["name"].clone(), one["tier"].clone())).collect();
    assert_eq!(all, [(json!("there"), json!("other")), (json!("new"), json!("testing"))]);
    let status = mapping.status.unwrap();
    assert!(status.environments.iter().all(|environment| environment.gitlab_id.is_some()));
    assert_eq!(status.project.unwrap().path.as_deref(), Some("team/web-app"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_per_project_mapping_shares_one_namespace_and_one_token() {
    let campus = Campus::new("shared").await;
    let project = campus.project("web-app").await;
    campus.map("shared-web", "web-app", json!({"namespaces": "PerProject"})).await;
    let mapping = campus.until_ready("shared-web").await;
    let production = campus.job(project, "production", true).await;
    let staging = campus.job(project, "staging", true).await;
    assert_eq!(production["KUBE_NAMESPACE"], campus.namespace(project, ""));
    assert_eq!(production["KUBE_TOKEN"], staging["KUBE_TOKEN"]);
    assert_eq!(
        mapping.status.unwrap().summary.unwrap().namespaces.unwrap(),
        format!("1: {}", campus.namespace(project, ""))
    );
    let namespace = Api::<Namespace>::all(campus.admin.clone()).get(&production["KUBE_NAMESPACE"]).await.unwrap();
    assert_eq!(namespace.metadata.annotations.unwrap()["gl-k8s.dev/environment"], "");
    assert!(!namespace.metadata.labels.unwrap().contains_key("app.gitlab.com/env"));
}

#[tokio::test(flavor = "multi_thread")]
async fn cluster_entries_give_jobs_the_same() {
    let campus = Campus::new("clusters").await;
    campus.gitlab("POST", "/features/certificate_based_clusters", json!({"value": true})).await;
    let project = campus.project("web-app").await;
    campus.map("clusters-web", "web-app", json!({"ciAccess": {"method": "ClusterCertificate"}})).await;
    campus.until_ready("clusters-web").await;
    let seen = campus.job(project, "production", true).await;
    assert_eq!(seen["KUBE_NAMESPACE"], campus.namespace(project, "-production"));
    assert!(seen["KUBECONFIG"].contains("gitlab-deploy"));
    deploy(&campus.control_plane.client_with_token(&seen["KUBE_TOKEN"]), &seen["KUBE_NAMESPACE"]).await.unwrap();
    let clusters = campus.gitlab("GET", &format!("/projects/{project}/clusters"), Value::Null).await;
    for cluster in clusters.as_array().unwrap() {
        assert_eq!((&cluster["managed"], &cluster["enabled"]), (&json!(false), &json!(true)));
    }
    let variables = campus.gitlab("GET", &format!("/projects/{project}/variables"), Value::Null).await;
    assert_eq!(variables, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_ci_access_there_is_a_namespace_and_no_account() {
    let campus = Campus::new("no-access").await;
    let project = campus.project("web-app").await;
    campus.map("no-access-web", "web-app", json!({"ciAccess": {"method": "None"}})).await;
    campus.until_ready("no-access-web").await;
    let name = campus.namespace(project, "-production");
    assert!(campus.object::<ResourceQuota>(&name, "gitlab-quota").await.is_some());
    assert!(campus.object::<ServiceAccount>(&name, "gitlab-serviceaccount").await.is_none());
    assert!(campus.object::<RoleBinding>(&name, "gitlab-serviceaccount").await.is_none());
    assert!(campus.object::<Secret>(&name, "gitlab-serviceaccount-token").await.is_none());
    assert!(!campus.job(project, "production", true).await.keys().any(|key| key.starts_with("KUBE")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_legacy_token_works_and_lasts() {
    let campus = Campus::with("legacy", json!({}), json!({"serviceAccount": {"token": {"kind": "Legacy"}}})).await;
    let project = campus.project("web-app").await;
    campus.map("legacy-web", "web-app", json!({})).await;
    let mapping = campus.until_ready("legacy-web").await;
    let seen = campus.job(project, "production", true).await;
    deploy(&campus.control_plane.client_with_token(&seen["KUBE_TOKEN"]), &seen["KUBE_NAMESPACE"]).await.unwrap();
    let status = mapping.status.unwrap();
    assert!(status.environments.iter().all(|e| e.token.as_ref().is_none_or(|token| token.expires_at.is_none())));
    let secret = campus.object::<Secret>(&seen["KUBE_NAMESPACE"], "gitlab-serviceaccount-token-legacy").await.unwrap();
    assert_eq!(secret.type_.as_deref(), Some("kubernetes.io/service-account-token"));

    campus.patch_mapping("legacy-web", json!({"metadata": {"annotations": {"gl-k8s.dev/renew": "1"}}})).await;
    let events: Api<k8s_openapi::api::events::v1::Event> = Api::namespaced(campus.admin.clone(), "default");
    eventually("a person is told that it is not renewed", async || {
        let all = events.list(&ListParams::default()).await.unwrap();
        let about = |event: &k8s_openapi::api::events::v1::Event| {
            event.regarding.as_ref().and_then(|object| object.name.as_deref()) == Some("legacy-web")
        };
        let told = all.items.iter().any(|event| about(event) && event.reason.as_deref() == Some("LegacyTokenKept"));
        if told { Ok(()) } else { Err("no such event".to_owned()) }
    })
    .await;
    assert_eq!(campus.job(project, "production", true).await["KUBE_TOKEN"], seen["KUBE_TOKEN"]);
}
