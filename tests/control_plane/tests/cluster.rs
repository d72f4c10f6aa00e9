//! The shared control plane behaves as a cluster does, as far as the operator meets it. Every test has namespaces of its
//! own.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::time::Duration;

use control_plane::{AuditedWrite, ControlPlane, DatedWrite};
use k8s_openapi::api::admissionregistration::v1::ValidatingAdmissionPolicy;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod, ResourceQuota, Secret, ServiceAccount};
use k8s_openapi::api::rbac::v1::ClusterRole;
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::{Api, Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::time::{Instant, sleep};

/// Generous: only a promise that is broken waits so long.
const LIMIT: Duration = Duration::from_secs(60);

/// Asks until there is an answer.
async fn eventually<T>(awaited: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "no {awaited} after {} s", LIMIT.as_secs());
        sleep(Duration::from_millis(50)).await;
    }
}

async fn create<K>(api: &Api<K>, object: serde_json::Value) -> K
where
    K: Clone + DeserializeOwned + Serialize + std::fmt::Debug,
{
    api.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap()
}

async fn namespace(client: &Client, name: &str) {
    create::<Namespace>(&Api::all(client.clone()), json!({ "metadata": { "name": name } })).await;
}

fn named<K: Resource<DynamicType = ()>>(name: &str, further: serde_json::Value) -> serde_json::Value {
    let mut object = json!({ "apiVersion": K::api_version(&()), "kind": K::kind(&()), "metadata": { "name": name } });
    object.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
    object
}

#[tokio::test]
async fn the_real_api_server_and_kubectl_answer_with_their_version() {
    let control_plane = tokio::spawn(ControlPlane::shared()).await.unwrap();
    let version = control_plane.admin_client().apiserver_version().await.unwrap();
    assert_eq!((version.major.as_str(), version.minor.as_str()), ("1", "36"));
    let output = control_plane.kubectl().args(["version", "-o", "json"]).output().await.unwrap();
    let versions: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(versions["clientVersion"]["gitVersion"], version.git_version);
    assert_eq!(versions["serverVersion"]["gitVersion"], version.git_version);
}

#[tokio::test]
async fn an_ordinary_service_account_is_who_it_says_and_may_nothing() {
    let control_plane = ControlPlane::shared().await;
    let admin = control_plane.admin_client();
    namespace(&admin, "ordinary").await;
    create::<ServiceAccount>(&Api::namespaced(admin, "ordinary"), named::<ServiceAccount>("job", json!({}))).await;
    let token = control_plane.token_for("ordinary", "job").await.unwrap();
    let secrets: Api<Secret> = Api::namespaced(control_plane.client_with_token(&token), "ordinary");
    let Err(kube::Error::Api(refusal)) = secrets.list(&ListParams::default()).await else {
        panic!("listing Secrets was not refused")
    };
    assert_eq!(refusal.code, 403);
    assert!(refusal.message.contains("system:serviceaccount:ordinary:job"), "{}", refusal.message);
}

#[tokio::test]
async fn a_wrong_token_is_refused() {
    let client = ControlPlane::shared().await.client_with_token("not-a-token");
    let Err(kube::Error::Api(refusal)) = Api::<Namespace>::all(client).list(&ListParams::default()).await else {
        panic!("a wrong token was accepted")
    };
    assert_eq!(refusal.code, 401);
}

#[tokio::test]
async fn a_service_account_token_secret_is_filled() {
    let control_plane = ControlPlane::shared().await;
    let client = control_plane.admin_client();
    namespace(&client, "token-secret").await;
    let service_accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "token-secret");
    create(&service_accounts, named::<ServiceAccount>("job", json!({}))).await;
    let secrets: Api<Secret> = Api::namespaced(client, "token-secret");
    let secret = json!({
        "metadata": { "name": "job-token", "annotations": { "kubernetes.io/service-account.name": "job" } },
        "type": "kubernetes.io/service-account-token",
    });
    create(&secrets, secret).await;
    let data = eventually("token in the Secret", async || {
        secrets.get("job-token").await.unwrap().data.filter(|data| data.contains_key("token"))
    })
    .await;
    assert_eq!(data["namespace"].0, b"token-secret");
    assert_eq!(data["ca.crt"].0, control_plane.ca_pem().as_bytes());
    let token = String::from_utf8(data["token"].0.clone()).unwrap();
    // Version and health are open to whoever is authenticated, so this shows that the token is accepted.
    control_plane.client_with_token(&token).apiserver_version().await.unwrap();
}

#[tokio::test]
async fn a_deleted_namespace_goes_with_its_content() {
    let client = ControlPlane::shared().await.admin_client();
    namespace(&client, "deleted").await;
    let config_maps: Api<ConfigMap> = Api::namespaced(client.clone(), "deleted");
    create(&config_maps, named::<ConfigMap>("content", json!({}))).await;
    let namespaces: Api<Namespace> = Api::all(client);
    namespaces.delete("deleted", &DeleteParams::default()).await.unwrap();
    eventually("end of the namespace", async || namespaces.get_opt("deleted").await.unwrap().is_none().then_some(()))
        .await;
    assert!(config_maps.get_opt("content").await.unwrap().is_none());
}

#[tokio::test]
async fn a_quota_counts_what_is_there() {
    let client = ControlPlane::shared().await.admin_client();
    namespace(&client, "quota").await;
    create::<Secret>(&Api::namespaced(client.clone(), "quota"), named::<Secret>("counted", json!({}))).await;
    let quotas: Api<ResourceQuota> = Api::namespaced(client, "quota");
    create(&quotas, named::<ResourceQuota>("limits", json!({ "spec": { "hard": { "secrets": "5" } } }))).await;
    let used = eventually("use in the quota's status", async || {
        quotas.get("limits").await.unwrap().status.and_then(|status| status.used)
    })
    .await;
    assert_eq!(used["secrets"].0, "1");
}

#[tokio::test]
async fn an_aggregated_cluster_role_gets_the_rules_of_its_parts() {
    let client = ControlPlane::shared().await.admin_client();
    let roles: Api<ClusterRole> = Api::all(client);
    let selector = json!({ "clusterRoleSelectors": [{ "matchLabels": { "test/aggregate": "yes" } }] });
    create(&roles, named::<ClusterRole>("aggregated", json!({ "aggregationRule": selector, "rules": [] }))).await;
    let part = json!({
        "metadata": { "name": "part", "labels": { "test/aggregate": "yes" } },
        "rules": [{ "apiGroups": [""], "resources": ["pods"], "verbs": ["get"] }],
    });
    create(&roles, part).await;
    let rules = eventually("rules in the aggregated role", async || {
        roles.get("aggregated").await.unwrap().rules.filter(|rules| !rules.is_empty())
    })
    .await;
    assert_eq!(rules[0].resources.as_deref(), Some(&["pods".to_owned()][..]));
}

#[tokio::test]
async fn what_an_object_owns_is_collected_after_it() {
    let client = ControlPlane::shared().await.admin_client();
    namespace(&client, "collected").await;
    let config_maps: Api<ConfigMap> = Api::namespaced(client, "collected");
    let owner = create(&config_maps, named::<ConfigMap>("owner", json!({}))).await;
    let reference = json!({ "apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner.metadata.uid });
    create(&config_maps, json!({ "metadata": { "name": "owned", "ownerReferences": [reference] } })).await;
    config_maps.delete("owner", &DeleteParams::default()).await.unwrap();
    eventually("end of what was owned", async || config_maps.get_opt("owned").await.unwrap().is_none().then_some(()))
        .await;
}

#[tokio::test]
async fn an_applied_deployment_makes_pods() {
    let control_plane = ControlPlane::shared().await;
    let client = control_plane.admin_client();
    let folder = tempfile::tempdir().unwrap();
    let manifest = json!({ "apiVersion": "v1", "kind": "List", "items": [
        { "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "deployed" } },
        { "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web", "namespace": "deployed" },
          "spec": { "replicas": 2, "selector": { "matchLabels": { "app": "web" } }, "template": {
            "metadata": { "labels": { "app": "web" } },
            "spec": { "containers": [{ "name": "web", "image": "example.test/web:1" }] } } } },
    ]});
    std::fs::write(folder.path().join("list.yaml"), manifest.to_string()).unwrap();
    std::fs::write(folder.path().join("kustomization.yaml"), "resources: [list.yaml]\nnameSuffix: -app\n").unwrap();
    let said = control_plane.kubectl_apply(folder.path()).await.unwrap();
    assert!(said.contains("deployment.apps/web-app created"), "{said}");
    let pods: Api<Pod> = Api::namespaced(client, "deployed");
    eventually("pods", async || {
        let pods = pods.list(&ListParams::default().labels("app=web")).await.unwrap();
        (pods.items.len() == 2).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_refused_manifest_is_reported_in_the_words_of_kubectl() {
    let control_plane = ControlPlane::shared().await;
    let file = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
    let manifest = named::<Namespace>("Capital", json!({}));
    std::fs::write(file.path(), manifest.to_string()).unwrap();
    let error = control_plane.kubectl_apply(file.path()).await.unwrap_err().to_string();
    assert!(error.contains("Capital"), "{error}");
    assert!(error.contains("Invalid value"), "{error}");
}

#[tokio::test]
async fn a_mistyped_admission_policy_is_reported_in_its_status() {
    let client = ControlPlane::shared().await.admin_client();
    let policies: Api<ValidatingAdmissionPolicy> = Api::all(client);
    let rule = json!({
        "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"],
    });
    let spec = json!({
        "matchConstraints": { "resourceRules": [rule] },
        "validations": [{ "expression": "object.metadata.nonsense == 'x'" }],
    });
    create(&policies, named::<ValidatingAdmissionPolicy>("mistyped", json!({ "spec": spec }))).await;
    let warnings = eventually("type check", async || {
        policies.get("mistyped").await.unwrap().status?.type_checking?.expression_warnings
    })
    .await;
    assert!(warnings[0].warning.contains("nonsense"), "{}", warnings[0].warning);
}

#[tokio::test]
async fn the_writes_of_one_user_are_told_from_all_others() {
    let control_plane = ControlPlane::shared().await;
    let admin = control_plane.admin_client();
    namespace(&admin, "audited").await;
    create::<ServiceAccount>(&Api::namespaced(admin.clone(), "audited"), named::<ServiceAccount>("job", json!({})))
        .await;
    let token = control_plane.token_for("audited", "job").await.unwrap();
    let config_maps: Api<ConfigMap> = Api::namespaced(control_plane.client_with_token(&token), "audited");
    let refused = ConfigMap {
        data: Some(BTreeMap::new()),
        ..serde_json::from_value(named::<ConfigMap>("x", json!({}))).unwrap()
    };
    config_maps.list(&ListParams::default()).await.unwrap_err();
    config_maps.create(&PostParams::default(), &refused).await.unwrap_err();
    let writes = eventually("write in the audit log", async || {
        let writes = control_plane.writes_by("system:serviceaccount:audited:job").unwrap();
        (!writes.is_empty()).then_some(writes)
    })
    .await;
    let expected = AuditedWrite {
        verb: "create".to_owned(),
        resource: "configmaps".to_owned(),
        namespace: "audited".to_owned(),
        name: String::new(),
        status: 403,
        dry_run: false,
    };
    assert_eq!(writes, [expected]);
}

#[tokio::test]
async fn the_writes_with_one_token_are_told_from_those_with_another_of_the_same_account() {
    let control_plane = ControlPlane::shared().await;
    let admin = control_plane.admin_client();
    namespace(&admin, "tokens").await;
    create::<ServiceAccount>(&Api::namespaced(admin.clone(), "tokens"), named::<ServiceAccount>("job", json!({})))
        .await;
    let token = async || control_plane.token_for("tokens", "job").await.unwrap();
    let (first, second) = (token().await, token().await);
    for (token, name) in [(&first, "one"), (&second, "two")] {
        let config_maps: Api<ConfigMap> = Api::namespaced(control_plane.client_with_token(token), "tokens");
        config_maps.delete(name, &DeleteParams::default()).await.unwrap_err();
    }
    let written = async |token: &str| {
        eventually("write in the audit log", async || {
            let writes = control_plane.writes_with_token(token).unwrap();
            (!writes.is_empty()).then_some(writes)
        })
        .await
    };
    let (first, second) = (written(&first).await, written(&second).await);
    let names = |writes: &[DatedWrite]| writes.iter().map(|dated| dated.write.name.clone()).collect::<Vec<_>>();
    assert_eq!((names(&first), names(&second)), (vec!["one".to_owned()], vec!["two".to_owned()]));
    assert!(first[0].received <= first[0].answered && first[0].answered <= second[0].received, "{first:?} {second:?}");
    assert!(control_plane.writes_with_token("no-token").is_err());
}
