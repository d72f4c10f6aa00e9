//! The Secret with the token.

use k8s_openapi::api::core::v1::Secret;
use kube::{
    ResourceExt as _,
    api::{DeleteParams, PostParams},
};
use serde_json::{Value, json};

use super::{Broken, edit};
use crate::bed::eventually;

const NAME: &str = "gitlab-serviceaccount-token";

/// Waits until the token in the Secret is the one that GitLab hands out.
async fn agrees(broken: &Broken, name: &str) {
    let secrets = broken.as_admin::<Secret>();
    eventually("the Secret and GitLab hold the same token", async || {
        let secret = secrets.get(name).await.map_err(|error| error.to_string())?;
        if token_in(&secret) == Some(broken.token().await) { Ok(()) } else { Err("two different ones".to_owned()) }
    })
    .await;
}

fn token_in(secret: &Secret) -> Option<String> {
    String::from_utf8(secret.data.as_ref()?.get("token")?.0.clone()).ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_secret_that_a_job_deleted_comes_back_with_a_token_that_works() {
    let broken = Broken::new("repair-secret").await;
    let token = broken.token().await;
    let job = broken.job().await;
    let anew = broken.comes_back(&broken.as_job::<Secret>(&job), NAME).await;
    assert_eq!(anew.type_.as_deref(), Some("Opaque"));
    broken.until_another_token(&token).await;
    agrees(&broken, NAME).await;
    let secret = broken.as_admin::<Secret>().get(NAME).await.unwrap();
    let keys: Vec<_> = secret.data.as_ref().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["ca.crt", "namespace", "token"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_secret_that_a_job_emptied_is_filled_again() {
    let broken = Broken::new("repair-emptied").await;
    let job = broken.job().await;
    for data in [Value::Null, json!({"token": null}), json!({"ca.crt": null, "namespace": "a3ViZS1zeXN0ZW0="})] {
        edit(&broken.as_job::<Secret>(&job), NAME, json!({"data": data})).await;
        let namespace = broken.namespace.as_bytes();
        broken
            .until(NAME, |secret: &Secret| {
                let data = secret.data.clone().unwrap_or_default();
                data.get("token").is_some_and(|token| !token.0.is_empty())
                    && data.get("ca.crt").is_some_and(|ca| ca.0.starts_with(b"-----BEGIN CERTIFICATE-----"))
                    && data.get("namespace").is_some_and(|name| name.0 == namespace)
            })
            .await;
        broken.until_jobs_work().await;
        agrees(&broken, NAME).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_immutable_token_secret_is_replaced() {
    let broken = Broken::new("repair-immutable").await;
    let token = broken.token().await;
    let job = broken.job().await;
    let before = broken.as_admin::<Secret>().get(NAME).await.unwrap().uid();
    edit(&broken.as_job::<Secret>(&job), NAME, json!({"immutable": true})).await;
    broken.until(NAME, |secret: &Secret| secret.uid() != before && secret.immutable != Some(true)).await;
    broken.until_another_token(&token).await;
    agrees(&broken, NAME).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_secret_that_a_finalizer_holds_is_freed_and_made_anew() {
    let broken = Broken::new("repair-held").await;
    let token = broken.token().await;
    let job = broken.job().await;
    let secrets = broken.as_job::<Secret>(&job);
    edit(&secrets, NAME, json!({"metadata": {"finalizers": ["example.edu/held"]}})).await;
    broken.comes_back(&secrets, NAME).await;
    broken.until_another_token(&token).await;
    agrees(&broken, NAME).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_secret_of_another_type_is_replaced() {
    let broken = Broken::new("repair-type").await;
    let token = broken.token().await;
    let secrets = broken.as_admin::<Secret>();
    for _ in 0..20 {
        secrets.delete(NAME, &DeleteParams::default()).await.unwrap();
        let other =
            json!({"metadata": {"name": NAME}, "type": "example.edu/other", "stringData": {"token": "planted"}});
        let made = secrets.create(&PostParams::default(), &serde_json::from_value(other).unwrap()).await.is_ok();
        broken.until(NAME, |secret: &Secret| secret.type_.as_deref() == Some("Opaque")).await;
        if made {
            broken.until_another_token(&token).await;
            agrees(&broken, NAME).await;
            return;
        }
    }
    panic!("the operator was always faster");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_somebody_puts_into_the_secret_never_reaches_gitlab() {
    let broken = Broken::new("repair-planted").await;
    let before = broken.token().await;
    // A token that the API server issued and that is valid: only not the one that is ours.
    let planted = broken.control_plane().token_for(&broken.namespace, "gitlab-serviceaccount").await.unwrap();
    let job = broken.job().await;
    edit(&broken.as_job::<Secret>(&job), NAME, json!({"stringData": {"token": planted}})).await;
    broken.until(NAME, |secret: &Secret| token_in(secret).is_some_and(|token| token != planted)).await;
    broken.until_jobs_work().await;
    agrees(&broken, NAME).await;
    assert_ne!(broken.token().await, before, "in doubt a new one is issued");
    let sent = |body: &serde_json::Map<String, Value>| Value::Object(body.clone()).to_string();
    let requests = broken.campus.simulator.requests();
    assert!(requests.iter().any(|request| sent(request.body_with_secrets()).contains(&before)), "bodies are recorded");
    assert!(!requests.iter().any(|request| sent(request.body_with_secrets()).contains(&planted)));
    let variables = broken.campus.variables(broken.project).await;
    assert!(!json!(variables).to_string().contains(&planted));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_legacy_token_secret_that_a_job_deleted_comes_back_with_a_token_that_works() {
    let legacy = json!({"serviceAccount": {"token": {"kind": "Legacy"}}});
    let broken = Broken::with("repair-legacy", legacy).await;
    let token = broken.token().await;
    let job = broken.job().await;
    let name = "gitlab-serviceaccount-token-legacy";
    broken.comes_back(&broken.as_job::<Secret>(&job), name).await;
    broken.until_another_token(&token).await;
    agrees(&broken, name).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_cluster_entry_holds_follows_the_secret() {
    let broken = Broken::new("repair-cluster").await;
    broken.campus.gitlab("POST", "/features/certificate_based_clusters", json!({"value": true})).await;
    let method = json!({"spec": {"ciAccess": {"method": "ClusterCertificate"}}});
    broken.campus.patch_mapping(&broken.mapping, method).await;
    broken.campus.until_ready(&broken.mapping).await;
    let token = broken.token().await;
    let job = broken.job().await;
    broken.comes_back(&broken.as_job::<Secret>(&job), NAME).await;
    broken.until_another_token(&token).await;
}
