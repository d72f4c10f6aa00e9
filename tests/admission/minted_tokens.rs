//! Minted tokens: in managed namespaces only the operator has Kubernetes fill a Secret with an account's token.

use kube::{
    Client,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use crate::{
    actors,
    bed::{Bed, SECRETS, SERVICE_ACCOUNTS, bed, eventually, object, refusal, token_secret},
};

const REFUSAL: &str = "only the operator makes Secrets of type kubernetes.io/service-account-token";
const LEGACY: &str = "gitlab-serviceaccount-token-legacy";

/// For the tenant's own account: Kubernetes deletes such a Secret of an account that does not exist, as `default` in
/// the first moment of a namespace.
async fn mint(client: &Client, namespace: &str) -> Result<(), kube::Error> {
    let secret = object(token_secret("minted", "gitlab-group-master"));
    SECRETS.api(client, Some(namespace)).create(&PostParams::default(), &secret).await.map(|_| ())
}

async fn is_filled(bed: &Bed, namespace: &str, name: &str) {
    eventually("the control plane fills the Secret", async || {
        bed.get(&SECRETS.resource(), Some(namespace), name).await.data["data"]["token"].is_string()
    })
    .await;
}

#[tokio::test]
async fn a_tenant_cannot_mint_a_token_that_outlives_a_revocation() {
    let bed = bed().await;
    bed.managed_namespace("minted-managed").await;
    let tenant = actors::with_role(&bed, "minted-managed", "gitlab-group-master").await;
    assert!(refusal(mint(&tenant, "minted-managed").await).contains(REFUSAL));
    assert!(refusal(mint(&bed.admin, "minted-managed").await).contains(REFUSAL), "nobody else either");
    let applied = SECRETS.apply(&tenant, "minted-managed", token_secret("minted", "default")).await;
    assert!(refusal(applied).contains(REFUSAL));
    let ordinary = object(json!({"metadata": {"name": "ordinary"}, "stringData": {"password": "x"}}));
    SECRETS.api(&tenant, Some("minted-managed")).create(&PostParams::default(), &ordinary).await.unwrap();
}

#[tokio::test]
async fn elsewhere_such_secrets_are_nobodys_business() {
    let bed = bed().await;
    bed.unmanaged_namespace("minted-elsewhere").await;
    let tenant = actors::with_role(&bed, "minted-elsewhere", "gitlab-group-master").await;
    mint(&tenant, "minted-elsewhere").await.unwrap();
    is_filled(&bed, "minted-elsewhere", "minted").await;
}

#[tokio::test]
async fn the_operators_own_secret_is_filled_and_cannot_be_turned_to_another_account() {
    let bed = bed().await;
    let namespace = "minted-legacy";
    bed.managed_namespace(namespace).await;
    bed.make(&SERVICE_ACCOUNTS, Some(namespace), json!({"metadata": {"name": "gitlab-serviceaccount"}})).await;
    let operator = bed.operator().await;
    SECRETS.apply(&operator, namespace, token_secret(LEGACY, "gitlab-serviceaccount")).await.unwrap();
    is_filled(&bed, namespace, LEGACY).await;

    let tenant = actors::with_role(&bed, namespace, "gitlab-group-master").await;
    let annotate = async |annotations: Value| {
        let patch = Patch::Merge(json!({"metadata": {"annotations": annotations}}));
        SECRETS.api(&tenant, Some(namespace)).patch(LEGACY, &PatchParams::default(), &patch).await
    };
    let turned = annotate(json!({"kubernetes.io/service-account.name": "default"})).await;
    assert!(refusal(turned).contains(REFUSAL));
    annotate(json!({"example.edu/note": "seen"})).await.unwrap();
}
