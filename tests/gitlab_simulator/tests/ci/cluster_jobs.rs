use serde_json::{Value, json};

use crate::support::{CA, GitLab, id, seen, variable};

fn cluster(scope: &str, token: &str) -> Value {
    json!({
        "name": "campus", "environment_scope": scope, "managed": false, "domain": "apps.example.com",
        "platform_kubernetes_attributes": {"api_url": "https://kube.example.com:6443", "token": token, "ca_cert": CA},
    })
}

async fn add(gitlab: &GitLab, cluster: Value) -> u64 {
    id(&gitlab.on_project("maintainer", "POST /clusters/user", cluster).await.expect(201))
}

#[tokio::test]
async fn an_unmanaged_cluster_injects_what_kubectl_needs() {
    let gitlab = GitLab::with_clusters().await;
    add(&gitlab, cluster("production", "TOKEN")).await;
    let job = gitlab.job(json!({"environment": "production"})).await;
    let namespace = format!("web-app-{}-production", gitlab.project);
    assert_eq!(seen(&job, "KUBE_URL"), Some("https://kube.example.com:6443"));
    assert_eq!(seen(&job, "KUBE_NAMESPACE"), Some(namespace.as_str()));
    assert_eq!(seen(&job, "KUBE_CA_PEM"), Some(CA.trim()));
    assert_eq!(seen(&job, "KUBE_INGRESS_BASE_DOMAIN"), Some("apps.example.com"));
    let expected = json!({"key": "KUBE_TOKEN", "value": "TOKEN", "file": false, "masked": true, "protected": false});
    assert_eq!(variable(&job, "KUBE_TOKEN"), Some(&expected));
    assert_eq!(variable(&job, "KUBE_CA_PEM_FILE").expect("the file")["file"], true);
    let config = seen(&job, "KUBECONFIG").expect("the kubeconfig");
    assert!(
        config.starts_with("---\napiVersion: v1\nkind: Config\nclusters:\n- name: gitlab\n"),
        "the merged one wins"
    );
    assert!(config.contains(&format!("namespace: {namespace}\n")) && config.contains("token: TOKEN\n"));
    assert!(config.ends_with("current-context: gitlab-deploy\n"));
}

#[tokio::test]
async fn the_ingress_domain_falls_back_to_the_instances() {
    let gitlab = GitLab::with_clusters().await;
    let mut new = cluster("*", "TOKEN");
    new["domain"] = json!("");
    add(&gitlab, new).await;
    assert_eq!(seen(&gitlab.job(json!({"environment": "production"})).await, "KUBE_INGRESS_BASE_DOMAIN"), None);
    gitlab.admin("PUT /application/settings", json!({"auto_devops_domain": "devops.example.com"})).await.expect(200);
    let job = gitlab.job(json!({"environment": "production"})).await;
    assert_eq!(seen(&job, "KUBE_INGRESS_BASE_DOMAIN"), Some("devops.example.com"));
}

#[tokio::test]
async fn only_jobs_with_an_environment_in_scope_get_it_and_only_while_the_flag_is_on() {
    let gitlab = GitLab::with_clusters().await;
    add(&gitlab, cluster("production", "TOKEN")).await;
    for job in [json!({}), json!({"environment": "staging"})] {
        let job = gitlab.job(job).await;
        assert_eq!((seen(&job, "KUBE_URL"), seen(&job, "KUBECONFIG")), (None, None));
    }
    gitlab.admin("DELETE /features/certificate_based_clusters", Value::Null).await.expect(204);
    assert_eq!(seen(&gitlab.job(json!({"environment": "production"})).await, "KUBE_URL"), None);
}

#[tokio::test]
async fn the_nearest_cluster_serves_and_disabled_ones_are_skipped() {
    let gitlab = GitLab::with_clusters().await;
    let token = async |environment: &str| {
        let job = gitlab.job(json!({"environment": environment})).await;
        seen(&job, "KUBE_TOKEN").map(str::to_owned)
    };
    gitlab.admin("POST /admin/clusters/add", cluster("*", "OF-INSTANCE")).await.expect(201);
    assert_eq!(token("production").await.as_deref(), Some("OF-INSTANCE"));
    gitlab.on_group("maintainer", "POST /clusters/user", cluster("production", "OF-GROUP")).await.expect(201);
    assert_eq!(token("production").await.as_deref(), Some("OF-GROUP"));
    let nearest = add(&gitlab, cluster("*", "OF-PROJECT")).await;
    assert_eq!(token("production").await.as_deref(), Some("OF-PROJECT"));
    add(&gitlab, cluster("production", "EXACT")).await;
    assert_eq!(token("production").await.as_deref(), Some("EXACT"));
    let off = json!({"enabled": false});
    gitlab.on_project("maintainer", &format!("PUT /clusters/{nearest}"), off).await.expect(200);
    assert_eq!(token("staging").await.as_deref(), Some("OF-INSTANCE"));
}

#[tokio::test]
async fn a_project_variable_overrides_what_the_cluster_injects() {
    let gitlab = GitLab::with_clusters().await;
    add(&gitlab, cluster("*", "TOKEN")).await;
    let new = json!({"key": "KUBE_TOKEN", "value": "OF-VARIABLE", "environment_scope": "production"});
    gitlab.on_project("maintainer", "POST /variables", new).await.expect(201);
    assert_eq!(seen(&gitlab.job(json!({"environment": "production"})).await, "KUBE_TOKEN"), Some("OF-VARIABLE"));
    assert_eq!(seen(&gitlab.job(json!({"environment": "staging"})).await, "KUBE_TOKEN"), Some("TOKEN"));
}

#[tokio::test]
async fn the_namespace_is_the_jobs_else_the_clusters_else_computed() {
    let gitlab = GitLab::with_clusters().await;
    let id = add(&gitlab, cluster("*", "TOKEN")).await;
    let call = format!("PUT /clusters/{id}");
    let named = json!({"platform_kubernetes_attributes": {"namespace": "team-a"}});
    gitlab.on_project("maintainer", &call, named).await.expect(200);
    assert_eq!(seen(&gitlab.job(json!({"environment": "production"})).await, "KUBE_NAMESPACE"), Some("team-a"));
    let asked = json!({"environment": "production", "environment_kubernetes_namespace": "own-$CI_PROJECT_ID"});
    let expected = format!("own-{}", gitlab.project);
    assert_eq!(seen(&gitlab.job(asked).await, "KUBE_NAMESPACE"), Some(expected.as_str()));
    let per_project = json!({"namespace_per_environment": false, "platform_kubernetes_attributes": {"namespace": ""}});
    gitlab.on_project("maintainer", &call, per_project).await.expect(200);
    let expected = format!("web-app-{}", gitlab.project);
    assert_eq!(
        seen(&gitlab.job(json!({"environment": "production"})).await, "KUBE_NAMESPACE"),
        Some(expected.as_str())
    );
}

#[tokio::test]
async fn a_deployment_on_a_managed_cluster_fails_because_nothing_can_be_created() {
    let gitlab = GitLab::with_clusters().await;
    let mut managed = cluster("*", "TOKEN");
    managed["managed"] = json!(true);
    add(&gitlab, managed).await;
    let job = gitlab.job(json!({"environment": "production"})).await;
    assert_eq!((&job["status"], &job["failure_reason"]), (&json!("failed"), &json!("unmet_prerequisites")));
    let message = "This job failed because the necessary resources were not successfully created.";
    assert_eq!((&job["failure_message"], &job["variables"]), (&json!(message), &json!([])));
    assert_eq!(job["environment"]["name"], "production", "the environment was made with the pipeline");
    let verify = gitlab.job(json!({"environment": "production", "environment_action": "verify"})).await;
    assert_eq!((seen(&verify, "KUBE_URL"), seen(&verify, "KUBE_TOKEN")), (Some("https://kube.example.com:6443"), None));
}

#[tokio::test]
async fn a_renamed_project_gets_another_namespace_from_an_unmanaged_cluster() {
    let gitlab = GitLab::with_clusters().await;
    add(&gitlab, cluster("*", "TOKEN")).await;
    gitlab.job(json!({"environment": "production"})).await;
    gitlab.admin(&format!("PUT /projects/{}", gitlab.project), json!({"path": "renamed"})).await.expect(200);
    let expected = format!("renamed-{}-production", gitlab.project);
    assert_eq!(
        seen(&gitlab.job(json!({"environment": "production"})).await, "KUBE_NAMESPACE"),
        Some(expected.as_str())
    );
}
