//! Changes: of projects, tokens, methods, classes; and what they leave behind.

use gl_k8s_integrator::api::NamespaceClass;
use k8s_openapi::api::core::v1::{Namespace, Pod, Secret, ServiceAccount};
use kube::{
    Api,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use crate::{bed::eventually, campus::Campus, mapping::deploy};

pub async fn gone<K>(api: &Api<K>, name: &str)
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    eventually(&format!("{name} is gone"), async || match api.get_opt(name).await {
        Ok(None) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
}

pub async fn works(campus: &Campus, token: &str, namespace: &str) -> Result<(), String> {
    let pods: Api<Pod> = Api::namespaced(campus.control_plane.client_with_token(token), namespace);
    pods.list(&ListParams::default()).await.map(drop).map_err(|error| error.to_string())
}

pub async fn dies(campus: &Campus, token: &str, namespace: &str) {
    eventually("the token is dead", async || match works(campus, token, namespace).await {
        Err(error) if error.contains("Unauthorized") => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
}

pub fn namespaces(campus: &Campus) -> Api<Namespace> {
    Api::all(campus.admin.clone())
}

pub async fn variables(campus: &Campus, project: i64) -> Vec<(String, String)> {
    let all = campus.gitlab("GET", &format!("/projects/{project}/variables?per_page=100"), Value::Null).await;
    let text = |one: &Value, key: &str| one[key].as_str().unwrap().to_owned();
    all.as_array().unwrap().iter().map(|one| (text(one, "environment_scope"), text(one, "key"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_or_transferred_project_keeps_its_namespaces() {
    let campus = Campus::with("renamed", json!({"driftInterval": "1s"}), json!({})).await;
    let project = campus.project("web-app").await;
    campus.map("renamed-web", "web-app", json!({})).await;
    campus.until_ready("renamed-web").await;
    let before = campus.job(project, "production", true).await;
    campus.gitlab("PUT", &format!("/projects/{project}"), json!({"path": "shop", "name": "shop"})).await;
    campus.project("web-app").await;
    let until_path = async |path: &str| {
        eventually(&format!("the status shows {path}"), async || {
            let mapping = campus.mappings().get("renamed-web").await.unwrap();
            let seen = mapping.status.unwrap().project.unwrap().path.unwrap();
            if seen == path { Ok(()) } else { Err(seen) }
        })
        .await;
    };
    until_path("team/shop").await;
    let other = campus.gitlab("POST", "/groups", json!({"name": "Other", "path": "other"})).await["id"].clone();
    let user = campus.gitlab("GET", "/users?username=integrator", Value::Null).await[0]["id"].clone();
    let member = json!({"user_id": user, "access_level": 40});
    campus.gitlab("POST", &format!("/groups/{other}/members"), member).await;
    campus.gitlab("PUT", &format!("/projects/{project}/transfer"), json!({"namespace": other})).await;
    until_path("other/shop").await;
    campus.until_ready("renamed-web").await;
    let after = campus.job(project, "production", true).await;
    assert_eq!(after["KUBE_NAMESPACE"], before["KUBE_NAMESPACE"]);
    deploy(&campus.control_plane.client_with_token(&after["KUBE_TOKEN"]), &after["KUBE_NAMESPACE"]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_gives_a_new_token_and_leaves_the_old_one_alive() {
    let campus = Campus::new("renewed").await;
    let project = campus.project("web-app").await;
    campus.map("renewed-web", "web-app", json!({})).await;
    campus.until_ready("renewed-web").await;
    let before = campus.job(project, "production", true).await;
    campus.patch_mapping("renewed-web", json!({"metadata": {"annotations": {"gl-k8s.dev/renew": "1"}}})).await;
    let after = eventually("a new token is delivered", async || {
        let seen = campus.job(project, "production", true).await;
        if seen["KUBE_TOKEN"] == before["KUBE_TOKEN"] { Err("the old one".to_owned()) } else { Ok(seen) }
    })
    .await;
    for token in [&before["KUBE_TOKEN"], &after["KUBE_TOKEN"]] {
        works(&campus, token, &before["KUBE_NAMESPACE"]).await.unwrap();
    }
    eventually("the request is on record", async || {
        let handled = campus.mappings().get("renewed-web").await.unwrap().status.unwrap().handled_requests;
        if handled.as_ref().is_some_and(|h| h.renew.as_deref() == Some("1")) {
            Ok(())
        } else {
            Err(format!("{handled:?}"))
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_kills_the_old_token_and_one_that_a_job_planted_for_itself() {
    let campus = Campus::new("revoked").await;
    let project = campus.project("web-app").await;
    campus.map("revoked-web", "web-app", json!({})).await;
    campus.until_ready("revoked-web").await;
    let before = campus.job(project, "production", true).await;
    let namespace = before["KUBE_NAMESPACE"].clone();
    // A job can make Secrets, but in a managed namespace none that Kubernetes fills with a token.
    let job = campus.control_plane.client_with_token(&before["KUBE_TOKEN"]);
    let plant = json!({"metadata": {"name": "planted", "annotations": {"kubernetes.io/service-account.name": "gitlab-serviceaccount"}},
        "type": "kubernetes.io/service-account-token"});
    let secrets: Api<Secret> = Api::namespaced(job, &namespace);
    let plant = secrets.create(&PostParams::default(), &serde_json::from_value(plant).unwrap()).await;
    assert!(plant.is_err(), "the policy refuses planted tokens");
    // Suppose that one came about all the same, as it can for an administrator: it dies with the account.
    let planted = campus.control_plane.token_for(&namespace, "gitlab-serviceaccount").await.unwrap();
    works(&campus, &planted, &namespace).await.unwrap();

    campus.patch_mapping("revoked-web", json!({"metadata": {"annotations": {"gl-k8s.dev/revoke": "leak-1"}}})).await;
    dies(&campus, &before["KUBE_TOKEN"], &namespace).await;
    dies(&campus, &planted, &namespace).await;
    eventually("a living token is delivered", async || {
        let after = campus.job(project, "production", true).await;
        works(&campus, &after["KUBE_TOKEN"], &namespace).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn switching_the_method_removes_what_the_other_left() {
    let campus = Campus::new("switched").await;
    campus.gitlab("POST", "/features/certificate_based_clusters", json!({"value": true})).await;
    let project = campus.project("web-app").await;
    campus.map("switched-web", "web-app", json!({})).await;
    campus.until_ready("switched-web").await;
    let clusters = async || {
        let all = campus.gitlab("GET", &format!("/projects/{project}/clusters"), Value::Null).await;
        all.as_array().unwrap().len()
    };
    let switch = async |method: &str| {
        campus.patch_mapping("switched-web", json!({"spec": {"ciAccess": {"method": method}}})).await;
        campus.until("switched-web", "Ready", "True", "Ready").await;
    };
    switch("ClusterCertificate").await;
    assert_eq!((clusters().await, variables(&campus, project).await.len()), (2, 0));
    works(
        &campus,
        &campus.job(project, "production", true).await["KUBE_TOKEN"],
        &campus.namespace(project, "-production"),
    )
    .await
    .unwrap();
    switch("Variables").await;
    assert_eq!((clusters().await, variables(&campus, project).await.len()), (0, 14));
    switch("None").await;
    assert_eq!((clusters().await, variables(&campus, project).await.len()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_that_cannot_be_removed_now_stay_on_record_and_go_as_soon_as_they_can() {
    let campus = Campus::new("pending").await;
    let flag = async |on: bool| {
        campus.gitlab("POST", "/features/certificate_based_clusters", json!({"value": on})).await;
    };
    flag(true).await;
    let project = campus.project("web-app").await;
    campus.map("pending-web", "web-app", json!({"ciAccess": {"method": "ClusterCertificate"}})).await;
    campus.until_ready("pending-web").await;
    flag(false).await;
    campus.patch_mapping("pending-web", json!({"spec": {"ciAccess": {"method": "Variables"}}})).await;
    let mapping = campus.until("pending-web", "CiAccessDelivered", "True", "RemovalPending").await;
    let pending: usize = mapping
        .status
        .unwrap()
        .environments
        .iter()
        .map(|environment| environment.ci_access.as_ref().unwrap().pending_removal.len())
        .sum();
    assert_eq!(pending, 2);
    works(
        &campus,
        &campus.job(project, "production", true).await["KUBE_TOKEN"],
        &campus.namespace(project, "-production"),
    )
    .await
    .unwrap();
    flag(true).await;
    campus.until("pending-web", "CiAccessDelivered", "True", "Delivered").await;
    assert_eq!(campus.gitlab("GET", &format!("/projects/{project}/clusters"), Value::Null).await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_token_kind_or_class_is_taken_up_and_leaves_nothing_behind() {
    let campus = Campus::new("kinds").await;
    let project = campus.project("web-app").await;
    campus.map("kinds-web", "web-app", json!({})).await;
    campus.until_ready("kinds-web").await;
    let name = campus.namespace(project, "-production");
    let class = json!({"serviceAccount": {"clusterRole": "gitlab-group-developer", "token": {"kind": "Legacy"}},
        "networkPolicy": {"mode": "Open"}, "labels": {"faculty": "design"}});
    campus.apply::<NamespaceClass>("NamespaceClass", "kinds", class).await;
    eventually("the class is taken up", async || {
        let rotated = campus.object::<Secret>(&name, "gitlab-serviceaccount-token").await.is_some();
        let binding = campus.object::<k8s_openapi::api::rbac::v1::RoleBinding>(&name, "gitlab-serviceaccount").await;
        let role = binding.map(|binding| binding.role_ref.name);
        let quota = campus.object::<k8s_openapi::api::core::v1::ResourceQuota>(&name, "gitlab-quota").await.is_some();
        let policy =
            campus.object::<k8s_openapi::api::networking::v1::NetworkPolicy>(&name, "gitlab-isolation").await.is_some();
        let labels = namespaces(&campus).get(&name).await.unwrap().metadata.labels.unwrap();
        let warn = labels.contains_key("pod-security.kubernetes.io/warn");
        let seen = (rotated, role.clone(), quota, policy, labels.get("faculty").cloned(), warn);
        let wanted = (false, Some("gitlab-group-developer".to_owned()), false, false, Some("design".to_owned()), false);
        if seen == wanted { Ok(()) } else { Err(format!("{seen:?}")) }
    })
    .await;
    let seen = campus.job(project, "production", true).await;
    works(&campus, &seen["KUBE_TOKEN"], &name).await.unwrap();
    let refused = deploy(&campus.control_plane.client_with_token(&seen["KUBE_TOKEN"]), &name).await;
    assert!(refused.is_err(), "the new role only reads");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_mapping_is_left_alone() {
    let campus = Campus::new("paused").await;
    let project = campus.project("web-app").await;
    campus.map("paused-web", "web-app", json!({})).await;
    campus.until_ready("paused-web").await;
    campus.patch_mapping("paused-web", json!({"spec": {"paused": true}})).await;
    let message = campus.until_refused("paused-web", "Paused").await;
    assert!(message.contains("the first token ends at"), "{message}");
    let name = campus.namespace(project, "-production");
    let accounts: Api<ServiceAccount> = Api::namespaced(campus.admin.clone(), &name);
    accounts.delete("gitlab-serviceaccount", &DeleteParams::default()).await.unwrap();
    let again = json!({"metadata": {"annotations": {"touched": "1"}}});
    campus.mappings().patch("paused-web", &PatchParams::default(), &Patch::Merge(again)).await.unwrap();
    campus.patch_mapping("paused-web", json!({"spec": {"deletionPolicy": "Delete"}})).await;
    campus.until_refused("paused-web", "Paused").await;
    assert!(accounts.get_opt("gitlab-serviceaccount").await.unwrap().is_none());
    campus.patch_mapping("paused-web", json!({"spec": {"paused": false}})).await;
    campus.until_ready("paused-web").await;
    let seen = campus.job(project, "production", true).await;
    works(&campus, &seen["KUBE_TOKEN"], &name).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_edited_in_gitlab_is_put_back_at_the_next_comparison() {
    let campus = Campus::with("drift", json!({"driftInterval": "2s"}), json!({})).await;
    let project = campus.project("web-app").await;
    campus.map("drift-web", "web-app", json!({})).await;
    campus.until_ready("drift-web").await;
    let before = campus.delivered(project, "production", true).await;
    let path = format!("/projects/{project}/variables/KUBE_NAMESPACE?filter[environment_scope]=production");
    campus.gitlab("PUT", &path, json!({"value": "kube-system"})).await;
    let path = format!("/projects/{project}/variables/KUBE_TOKEN?filter[environment_scope]=production");
    campus.gitlab("DELETE", &path, Value::Null).await;
    let path = format!("/projects/{project}/variables/KUBECONFIG?filter[environment_scope]=production");
    campus.gitlab("PUT", &path, json!({"protected": false, "description": ""})).await;
    eventually("all is put back", async || {
        let seen = campus.delivered(project, "production", true).await;
        let all = campus.gitlab("GET", &format!("/projects/{project}/variables?per_page=100"), Value::Null).await;
        let kubeconfig = all
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["key"] == "KUBECONFIG" && one["environment_scope"] == "production");
        let marked = kubeconfig.is_some_and(|one| {
            one["protected"] == true && one["description"].as_str().is_some_and(|d| d.starts_with("gl-k8s "))
        });
        if seen == before && marked { Ok(()) } else { Err(format!("{:?} {marked}", seen.keys())) }
    })
    .await;
}
