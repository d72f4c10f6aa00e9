//! Labels, quota, limits and network policies.

use k8s_openapi::{
    api::{
        core::v1::{LimitRange, Namespace, ResourceQuota},
        networking::v1::NetworkPolicy,
    },
    apimachinery::pkg::api::resource::Quantity,
};
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::{Value, json};

use super::{Broken, edit};
use crate::bed::eventually;

#[tokio::test(flavor = "multi_thread")]
async fn labels_of_the_class_that_were_changed_or_removed_come_back() {
    let broken = Broken::new("repair-labels").await;
    let namespaces: Api<Namespace> = Api::all(broken.campus.admin.clone());
    let name = &broken.namespace;
    for label in
        [json!({"faculty": "theology"}), json!({"faculty": null, "pod-security.kubernetes.io/enforce": "privileged"})]
    {
        let patch = json!({"metadata": {"labels": label}});
        namespaces.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
        eventually("the labels are the class's", async || {
            let namespace = namespaces.get(name).await.unwrap();
            let labels = namespace.labels();
            let get = |key: &str| labels.get(key).map(String::as_str);
            let good =
                get("faculty") == Some("informatics") && get("pod-security.kubernetes.io/enforce") == Some("baseline");
            if good { Ok(()) } else { Err(format!("{labels:?}")) }
        })
        .await;
    }
    // A label that somebody else added is theirs.
    let patch = json!({"metadata": {"labels": {"example.edu/cost-centre": "7", "faculty": "law"}}});
    namespaces.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    eventually("the class's label is back", async || {
        let namespace = namespaces.get(name).await.unwrap();
        let labels = namespace.labels().clone();
        if labels["faculty"] == "informatics" { Ok(labels) } else { Err(format!("{labels:?}")) }
    })
    .await
    .get("example.edu/cost-centre")
    .expect("the foreign label stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_that_was_raised_or_deleted_comes_back() {
    let broken = Broken::new("repair-quota").await;
    let quotas = broken.as_admin::<ResourceQuota>();
    let hard = |quota: &ResourceQuota| quota.spec.as_ref().and_then(|spec| spec.hard.clone()).unwrap_or_default();
    let good = |quota: &ResourceQuota| hard(quota).get("pods") == Some(&Quantity("10".into()));
    edit(&quotas, "gitlab-quota", json!({"spec": {"hard": {"pods": "1000"}}})).await;
    broken.until("gitlab-quota", good).await;
    edit(&quotas, "gitlab-quota", json!({"spec": {"hard": null}})).await;
    broken.until("gitlab-quota", good).await;
    let anew = broken.comes_back(&quotas, "gitlab-quota").await;
    assert!(good(&anew));
    let job = broken.job().await;
    let refused = broken.as_job::<ResourceQuota>(&job).delete("gitlab-quota", &DeleteParams::default()).await;
    assert!(refused.unwrap_err().to_string().contains("forbidden"));
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_that_were_changed_or_deleted_come_back() {
    let broken = Broken::new("repair-limits").await;
    let limits = broken.as_admin::<LimitRange>();
    let good = |limits: &LimitRange| {
        let limits = serde_json::to_value(limits).unwrap();
        limits["spec"]["limits"].as_array().is_some_and(|all| all.len() == 1)
            && limits["spec"]["limits"][0]["default"]["cpu"] == "100m"
    };
    let other = json!({"type": "Container", "default": {"cpu": "8"}});
    for all in [json!([other]), json!([]), json!([other, {"type": "Pod", "max": {"cpu": "9"}}])] {
        edit(&limits, "gitlab-limits", json!({"spec": {"limits": all}})).await;
        broken.until("gitlab-limits", good).await;
    }
    let anew = broken.comes_back(&limits, "gitlab-limits").await;
    assert!(good(&anew));
}

#[tokio::test(flavor = "multi_thread")]
async fn isolation_that_a_job_opened_or_deleted_comes_back() {
    let broken = Broken::new("repair-isolation").await;
    let job = broken.job().await;
    let policies = broken.as_job::<NetworkPolicy>(&job);
    let ingress = |policy: &NetworkPolicy| serde_json::to_value(policy).unwrap()["spec"]["ingress"].clone();
    let wanted = ingress(&broken.as_admin().get("gitlab-isolation").await.unwrap());
    let good = |policy: &NetworkPolicy| ingress(policy) == wanted;
    for open in [json!([{}]), Value::Null, json!([{"from": [{"namespaceSelector": {}}]}])] {
        edit(&policies, "gitlab-isolation", json!({"spec": {"ingress": open}})).await;
        broken.until("gitlab-isolation", good).await;
    }
    let anew = broken.comes_back(&policies, "gitlab-isolation").await;
    assert!(good(&anew));
    // Without our label it is ours all the same.
    let stray = json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": "web"}}, "spec": {"ingress": [{}]}});
    edit(&policies, "gitlab-isolation", stray).await;
    broken
        .until("gitlab-isolation", |policy: &NetworkPolicy| {
            good(policy)
                && policy.labels().get("app.kubernetes.io/managed-by").is_some_and(|by| by == "gl-k8s-integrator")
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_of_a_job_are_its_own() {
    let broken = Broken::new("repair-foreign").await;
    let job = broken.job().await;
    let theirs = json!({"metadata": {"name": "web"}, "spec": {"podSelector": {}, "policyTypes": ["Egress"]}});
    broken.campus.create(&broken.as_job::<NetworkPolicy>(&job), theirs).await;
    broken.comes_back(&broken.as_admin::<NetworkPolicy>(), "gitlab-isolation").await;
    broken.campus.until_ready(&broken.mapping).await;
    assert!(broken.as_admin::<NetworkPolicy>().get_opt("web").await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_policy_of_a_class_comes_back_and_one_that_pretends_to_be_ours_goes() {
    let selector = json!({"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Ingress"], "ingress": [{}]});
    let deny = json!({"podSelector": {}, "policyTypes": ["Ingress"]});
    let custom = json!({"networkPolicy": {"mode": "Custom", "policies": [selector, deny], "ingressFrom": null}});
    let broken = Broken::with("repair-custom", custom).await;
    let policies = broken.as_admin::<NetworkPolicy>();
    for name in ["gitlab-policy-0", "gitlab-policy-1"] {
        let before = policies.get(name).await.unwrap().spec;
        let anew = broken.comes_back(&policies, name).await;
        assert_eq!(anew.spec, before);
        edit(&policies, name, json!({"spec": {"policyTypes": ["Egress"]}})).await;
        broken.until(name, |policy: &NetworkPolicy| policy.spec == before).await;
    }
    let stray = json!({"metadata": {"name": "gitlab-policy-2", "labels": {"app.kubernetes.io/managed-by": "gl-k8s-integrator"}},
        "spec": {"podSelector": {}}});
    broken.campus.create(&policies, stray).await;
    eventually("the stray policy is pruned", async || {
        let live = policies.get_opt("gitlab-policy-2").await.unwrap();
        if live.is_none() { Ok(()) } else { Err(format!("{live:?}")) }
    })
    .await;
    assert!(policies.get_opt("gitlab-policy-1").await.unwrap().is_some());
}
