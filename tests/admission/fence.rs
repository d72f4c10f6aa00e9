//! The fence: the operator's account writes only inside managed namespaces, whatever its roles say.

use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::ServiceAccount,
};
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use crate::bed::{
    Bed, CLASSES, Kind, LIMIT_RANGES, NAMESPACES, NETWORK_POLICIES, QUOTAS, ROLE_BINDINGS, SECRETS, SERVICE_ACCOUNTS,
    bed, managed, object, refusal, token_secret,
};

const FENCE: &str =
    "the operator writes only in namespaces with the label app.kubernetes.io/managed-by=gl-k8s-integrator";

/// Everything that the operator keeps in a managed namespace, in the order in which it can be made. It is taken away
/// from behind: with the account Kubernetes deletes its token Secrets.
fn contents() -> Vec<(Kind, Value)> {
    let name = |name: &str| json!({"metadata": {"name": name}});
    let with = |mut object: Value, field: &str, value: Value| {
        object[field] = value;
        object
    };
    let binding = json!({
        "metadata": {"name": "gitlab-serviceaccount"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "gitlab-group-master"},
        "subjects": [{"kind": "ServiceAccount", "name": "gitlab-serviceaccount"}],
    });
    let limits = json!({"limits": [{"type": "Container", "default": {"cpu": "1"}}]});
    vec![
        (SERVICE_ACCOUNTS, name("gitlab-serviceaccount")),
        (ROLE_BINDINGS, binding),
        (SECRETS, with(name("gitlab-serviceaccount-token"), "data", json!({"namespace": "eA=="}))),
        (SECRETS, token_secret("gitlab-serviceaccount-token-legacy", "gitlab-serviceaccount")),
        (QUOTAS, with(name("gitlab-quota"), "spec", json!({"hard": {"pods": "10"}}))),
        (LIMIT_RANGES, with(name("gitlab-limits"), "spec", limits)),
        (NETWORK_POLICIES, with(name("gitlab-isolation"), "spec", json!({"podSelector": {}}))),
    ]
}

fn name_of(content: &Value) -> &str {
    content["metadata"]["name"].as_str().unwrap()
}

/// The binding above names no namespace for its account, which RBAC wants.
fn in_namespace(mut content: Value, namespace: &str) -> Value {
    if content.get("subjects").is_some() {
        content["subjects"][0]["namespace"] = json!(namespace);
    }
    content
}

async fn request_token(client: &Client, namespace: &str) -> Result<TokenRequest, kube::Error> {
    let request = TokenRequest { spec: TokenRequestSpec::default(), ..TokenRequest::default() };
    Api::<ServiceAccount>::namespaced(client.clone(), namespace)
        .create_token_request("gitlab-serviceaccount", &PostParams::default(), &request)
        .await
}

/// Everything is tried where it does not exist yet and where an administrator made it.
async fn refused_in(bed: &Bed, operator: &Client, namespace: &str) {
    for (kind, content) in contents() {
        let content = in_namespace(content, namespace);
        let created = kind.apply(operator, namespace, content.clone()).await;
        assert!(refusal(created).contains(FENCE), "creating {}", kind.kind);
        bed.make(&kind, Some(namespace), content.clone()).await;
        let mut other = content.clone();
        other["metadata"]["labels"] = json!({"changed": "yes"});
        let changed = kind.apply(operator, namespace, other).await;
        assert!(refusal(changed).contains(FENCE), "changing {}", kind.kind);
    }
    assert!(refusal(request_token(operator, namespace).await).contains(FENCE), "requesting a token");
    for (kind, content) in contents().into_iter().rev() {
        let deleted = kind.api(operator, Some(namespace)).delete(name_of(&content), &DeleteParams::default()).await;
        assert!(refusal(deleted.map(|_| ())).contains(FENCE), "deleting {}", kind.kind);
        kind.api(&bed.admin, Some(namespace)).delete(name_of(&content), &DeleteParams::default()).await.unwrap();
    }
}

#[tokio::test]
async fn a_stolen_operator_token_is_refused_in_kube_system() {
    let bed = bed().await;
    refused_in(&bed, &bed.operator().await, "kube-system").await;
}

#[tokio::test]
async fn the_operator_writes_nothing_into_a_foreign_namespace() {
    let bed = bed().await;
    bed.unmanaged_namespace("fence-foreign").await;
    refused_in(&bed, &bed.operator().await, "fence-foreign").await;
}

#[tokio::test]
async fn the_operator_writes_everything_it_needs_into_a_managed_namespace() {
    let bed = bed().await;
    let operator = bed.operator().await;
    NAMESPACES.api(&operator, None).create(&PostParams::default(), &object(managed("fence-managed"))).await.unwrap();
    for (kind, content) in contents() {
        kind.apply(&operator, "fence-managed", in_namespace(content, "fence-managed")).await.unwrap();
    }
    let token = request_token(&operator, "fence-managed").await.unwrap();
    assert!(token.status.is_some_and(|status| !status.token.is_empty()));
    for (kind, content) in contents().into_iter().rev() {
        kind.api(&operator, Some("fence-managed")).delete(name_of(&content), &DeleteParams::default()).await.unwrap();
    }
    NAMESPACES.api(&operator, None).delete("fence-managed", &DeleteParams::default()).await.unwrap();
}

#[tokio::test]
async fn the_operator_changes_nothing_that_administrators_declared() {
    let bed = bed().await;
    let operator = bed.operator().await;
    bed.make(&CLASSES, None, json!({"metadata": {"name": "fence-declared"}, "spec": {}})).await;
    let classes = CLASSES.api(&operator, None);
    let patch = async |patch: Value| {
        classes.patch("fence-declared", &PatchParams::default(), &Patch::Merge(patch)).await.map(drop)
    };
    let role = json!({"spec": {"serviceAccount": {"clusterRole": "cluster-admin"}}});
    assert!(refusal(patch(role).await).contains("the operator changes nothing of what administrators declared"));
    patch(json!({"metadata": {"finalizers": ["gl-k8s.dev/in-use"]}})).await.unwrap();
    patch(json!({"metadata": {"finalizers": null}})).await.unwrap();
}

#[tokio::test]
async fn the_operator_makes_no_foreign_namespace_its_own() {
    let bed = bed().await;
    let operator = bed.operator().await;
    let namespaces = NAMESPACES.api(&operator, None);
    bed.unmanaged_namespace("fence-not-ours").await;

    let unmarked = object(json!({"metadata": {"name": "fence-unmarked"}}));
    assert!(refusal(namespaces.create(&PostParams::default(), &unmarked).await).contains(FENCE));

    for target in ["fence-not-ours", "kube-system", "default"] {
        let claim = Patch::Apply(NAMESPACES.object(managed(target)));
        let claimed = namespaces.patch(target, &PatchParams::apply("gl-k8s-integrator").force(), &claim).await;
        assert!(refusal(claimed).contains(FENCE), "claiming {target}");
    }
    for target in ["fence-not-ours", "gl-k8s-integrator"] {
        let deleted = namespaces.delete(target, &DeleteParams::default()).await;
        assert!(refusal(deleted.map(|_| ())).contains(FENCE), "deleting {target}");
    }
}
