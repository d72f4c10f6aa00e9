//! The account that jobs use and its binding.

use k8s_openapi::api::{core::v1::ServiceAccount, rbac::v1::RoleBinding};
use kube::api::DeleteParams;
use serde_json::{Value, json};

use super::{Broken, edit};
use crate::bed::eventually;

const NAME: &str = "gitlab-serviceaccount";

fn good(namespace: &str) -> impl Fn(&RoleBinding) -> bool {
    let subjects = json!([{"kind": "ServiceAccount", "name": NAME, "namespace": namespace}]);
    move |binding| {
        let binding = serde_json::to_value(binding).unwrap();
        binding["subjects"] == subjects && binding["roleRef"]["name"] == "gitlab-group-master"
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_a_job_deleted_comes_back_with_a_token_that_works() {
    let broken = Broken::new("repair-account").await;
    let token = broken.token().await;
    let job = broken.job().await;
    broken.comes_back(&broken.as_job::<ServiceAccount>(&job), NAME).await;
    broken.until_another_token(&token).await;
    broken.campus.event(&broken.mapping, "TokenIssued", "Normal").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_binding_that_a_job_deleted_comes_back_and_its_token_works_on() {
    let broken = Broken::new("repair-binding").await;
    let token = broken.token().await;
    let job = broken.job().await;
    let anew = broken.comes_back(&broken.as_job::<RoleBinding>(&job), NAME).await;
    assert!(good(&broken.namespace)(&anew));
    broken.until_jobs_work().await;
    assert_eq!(broken.token().await, token);
}

#[tokio::test(flavor = "multi_thread")]
async fn subjects_that_a_job_changed_are_put_back() {
    let broken = Broken::new("repair-subjects").await;
    let job = broken.job().await;
    let bindings = broken.as_job::<RoleBinding>(&job);
    let own = json!({"kind": "ServiceAccount", "name": NAME, "namespace": broken.namespace});
    let friend = json!({"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "a-friend"});
    for subjects in [json!([own, friend]), json!([friend, own]), json!([friend]), Value::Null] {
        edit(&bindings, NAME, json!({"subjects": subjects})).await;
        broken.until(NAME, good(&broken.namespace)).await;
    }
    broken.until_jobs_work().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_binding_to_another_role_is_replaced() {
    let broken = Broken::new("repair-role").await;
    let bindings = broken.as_admin::<RoleBinding>();
    let own = json!([{"kind": "ServiceAccount", "name": NAME, "namespace": broken.namespace}]);
    let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "gitlab-group-reporter"});
    // The operator may be faster than whoever makes the other one: then it is tried again.
    for _ in 0..20 {
        bindings.delete(NAME, &DeleteParams::default()).await.unwrap();
        let other =
            serde_json::from_value(json!({"metadata": {"name": NAME}, "roleRef": role, "subjects": own})).unwrap();
        if bindings.create(&kube::api::PostParams::default(), &other).await.is_ok() {
            broken.until(NAME, good(&broken.namespace)).await;
            broken.until_jobs_work().await;
            return;
        }
        broken.until(NAME, good(&broken.namespace)).await;
    }
    panic!("the operator was always faster");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stuck_account_is_freed_and_made_anew() {
    let broken = Broken::new("repair-stuck").await;
    let token = broken.token().await;
    let job = broken.job().await;
    let accounts = broken.as_job::<ServiceAccount>(&job);
    edit(&accounts, NAME, json!({"metadata": {"finalizers": ["example.edu/held"]}})).await;
    broken.comes_back(&accounts, NAME).await;
    broken.until_another_token(&token).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_job_deleted_comes_back_while_gitlab_is_away_and_is_delivered_when_it_is_back() {
    let mut broken = Broken::new("repair-away").await;
    let token = broken.token().await;
    let job = broken.job().await;
    let listener = broken.campus.url.trim_start_matches("http://").to_owned();
    drop(broken.campus.server.take());
    broken.comes_back(&broken.as_job::<ServiceAccount>(&job), NAME).await;
    broken.campus.until_refused(&broken.mapping, "GitLabUnreachable").await;
    let listener = eventually("the address is free again", async || {
        tokio::net::TcpListener::bind(&listener).await.map_err(|error| error.to_string())
    })
    .await;
    broken.campus.server = Some(broken.campus.simulator.serve(listener).unwrap());
    broken.until_another_token(&token).await;
}
