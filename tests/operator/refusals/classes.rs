//! A class that asks for what the cluster does not take, and changes of a class that cannot be made in place.

use k8s_openapi::api::{
    core::v1::{LimitRange, Pod, ResourceQuota, Secret},
    rbac::v1::{ClusterRole, ClusterRoleBinding, RoleBinding},
};
use kube::{Api, ResourceExt as _, api::ListParams};
use serde_json::{Value, json};

use super::only_production;
use crate::{
    bed::eventually,
    campus::Campus,
    lifecycle::{dies, gone, works},
    mapping::deploy,
};

/// A mapping with a class of its own, which is about to be changed.
struct Classed {
    campus: Campus,
    class: String,
    mapping: String,
    project: i64,
    namespace: String,
}

impl Classed {
    async fn new(name: &str) -> Self {
        let campus = Campus::new(name).await;
        let class = format!("{name}-odd");
        campus.declare_class(&class, json!({})).await;
        let project = campus.project("web-app").await;
        let mapping = format!("{name}-web");
        let mut spec = only_production();
        spec["class"] = json!(class);
        campus.map(&mapping, "web-app", spec).await;
        campus.until_ready(&mapping).await;
        let namespace = campus.namespace_of(project, "production");
        Self { campus, class, mapping, project, namespace }
    }

    async fn change(&self, fields: Value) {
        self.campus.declare_class(&self.class, fields).await;
    }

    /// Waits for a message that names what was refused, why, and where to correct it.
    async fn refused(&self, reason: &str, words: &[&str]) {
        let class = format!("NamespaceClass {}", self.class);
        eventually(&format!("a message that says {words:?}"), async || {
            let message = self.campus.until_refused(&self.mapping, reason).await;
            let says = |word: &&str| message.contains(word);
            if words.iter().chain([&class.as_str()]).all(says) { Ok(()) } else { Err(message) }
        })
        .await;
    }

    async fn role(&self) -> RoleBinding {
        self.campus.object::<RoleBinding>(&self.namespace, "gitlab-serviceaccount").await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_with_a_quantity_that_the_api_server_refuses_is_named_and_nothing_is_lost() {
    let classed = Classed::new("odd-quota").await;
    let campus = &classed.campus;
    let neighbour = campus.healthy().await;
    let standing = campus.standing(classed.project).await;
    let before = campus.object::<ResourceQuota>(&classed.namespace, "gitlab-quota").await.unwrap();
    // A quantity for every rule of the class, but there are no half pods.
    classed.change(json!({"resourceQuota": {"hard": {"pods": "1.5"}}})).await;
    classed.refused("KubernetesRefused", &["gitlab-quota", "pods", "must be an integer", "spec.resourceQuota"]).await;
    let after = campus.object::<ResourceQuota>(&classed.namespace, "gitlab-quota").await.unwrap();
    assert_eq!((after.uid(), after.spec), (before.uid(), before.spec));
    campus.still_stands_with_gitlab(&standing).await;
    campus.is_untouched(&neighbour).await;
    classed.change(json!({"resourceQuota": {"hard": {"pods": "15"}}})).await;
    campus.until_ready(&classed.mapping).await;
    let after = campus.object::<ResourceQuota>(&classed.namespace, "gitlab-quota").await.unwrap();
    assert_eq!(after.spec.unwrap().hard.unwrap()["pods"].0, "15");
    campus.still_stands_with_gitlab(&standing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_that_contradict_each_other_are_named_and_nothing_is_lost() {
    let classed = Classed::new("odd-limits").await;
    let campus = &classed.campus;
    let neighbour = campus.healthy().await;
    let standing = campus.standing(classed.project).await;
    let before = campus.object::<LimitRange>(&classed.namespace, "gitlab-limits").await.unwrap();
    let more_than_most = json!({"type": "Container", "default": {"cpu": "2"}, "max": {"cpu": "1"}});
    classed.change(json!({"limitRange": {"limits": [more_than_most]}})).await;
    classed.refused("KubernetesRefused", &["gitlab-limits", "default", "spec.limitRange"]).await;
    let after = campus.object::<LimitRange>(&classed.namespace, "gitlab-limits").await.unwrap();
    assert_eq!((after.uid(), after.spec), (before.uid(), before.spec));
    campus.still_stands_with_gitlab(&standing).await;
    campus.is_untouched(&neighbour).await;
    classed.change(json!({})).await;
    campus.until_ready(&classed.mapping).await;
    campus.still_stands_with_gitlab(&standing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_does_not_exist_is_named_and_bound_when_it_is_there_and_may_be_granted() {
    let classed = Classed::new("no-role").await;
    let campus = &classed.campus;
    let neighbour = campus.healthy().await;
    let standing = campus.standing(classed.project).await;
    classed.change(json!({"serviceAccount": {"clusterRole": "no-role-of-that-name"}})).await;
    classed.refused("KubernetesRefused", &["no-role-of-that-name", "`bind`", "gl-k8s-integrator"]).await;
    // Whether it exists is not said to those who may not grant it; now the operator may.
    let rule = json!({"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"],
        "resourceNames": ["no-role-of-that-name"], "verbs": ["bind", "get"]});
    let roles: Api<ClusterRole> = Api::all(campus.admin.clone());
    campus.create(&roles, json!({"metadata": {"name": "no-role-may-grant"}, "rules": [rule]})).await;
    let binding = json!({"metadata": {"name": "no-role-may-grant"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "no-role-may-grant"},
        "subjects": [{"kind": "ServiceAccount", "name": "gl-k8s-integrator", "namespace": "gl-k8s-integrator"}]});
    campus.create(&Api::<ClusterRoleBinding>::all(campus.admin.clone()), binding).await;
    classed.refused("ClusterRoleNotFound", &["no-role-of-that-name", "does not exist", "create it"]).await;
    // The former role stays bound until the new one can take its place.
    assert_eq!(classed.role().await.role_ref.name, "gitlab-group-master");
    campus.still_stands_with_gitlab(&standing).await;
    campus.is_untouched(&neighbour).await;
    let rule = json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]});
    campus.create(&roles, json!({"metadata": {"name": "no-role-of-that-name"}, "rules": [rule]})).await;
    campus.until_ready(&classed.mapping).await;
    assert_eq!(classed.role().await.role_ref.name, "no-role-of-that-name");
    campus.still_stands_with_gitlab(&standing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_class_with_another_role_replaces_the_binding_and_nothing_else() {
    let classed = Classed::new("other-role").await;
    let campus = &classed.campus;
    let neighbour = campus.healthy().await;
    let standing = campus.standing(classed.project).await;
    let job = campus.job_client(classed.project, "production").await;
    let own = json!({"metadata": {"name": "of-the-tenant"}, "subjects": [{"kind": "User", "name": "user-1",
        "apiGroup": "rbac.authorization.k8s.io"}], "roleRef": {"apiGroup": "rbac.authorization.k8s.io",
        "kind": "ClusterRole", "name": "gitlab-group-master"}});
    campus.create(&Api::<RoleBinding>::namespaced(job.clone(), &classed.namespace), own).await;
    for role in ["gitlab-group-developer", "gitlab-group-master"] {
        let before = classed.role().await;
        classed.change(json!({"serviceAccount": {"clusterRole": role}})).await;
        eventually(&format!("{role} is bound"), async || {
            let binding = campus.object::<RoleBinding>(&classed.namespace, "gitlab-serviceaccount").await;
            let bound = binding.map(|binding| (binding.uid() == before.uid(), binding.role_ref.name));
            if bound == Some((false, role.to_owned())) { Ok(()) } else { Err(format!("{bound:?}")) }
        })
        .await;
        campus.until_ready(&classed.mapping).await;
        // The token lives on, with other rights.
        campus.still_stands_with_gitlab(&standing).await;
        let deployed = deploy(&job, &classed.namespace).await;
        assert_eq!(deployed.is_ok(), role == "gitlab-group-master", "{role}: {deployed:?}");
    }
    let theirs = campus.object::<RoleBinding>(&classed.namespace, "of-the-tenant").await.unwrap();
    assert_eq!(theirs.role_ref.name, "gitlab-group-master");
    campus.is_untouched(&neighbour).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_class_goes_from_rotated_to_legacy_tokens_and_back_and_jobs_work_all_the_time() {
    let classed = Classed::new("both-kinds").await;
    let campus = &classed.campus;
    let neighbour = campus.healthy().await;
    let secrets: Api<Secret> = Api::namespaced(campus.admin.clone(), &classed.namespace);
    let (rotated, legacy) = ("gitlab-serviceaccount-token", "gitlab-serviceaccount-token-legacy");
    for (kind, wanted, other) in [("Legacy", legacy, rotated), ("Rotated", rotated, legacy)] {
        let before = campus.standing(classed.project).await;
        classed.change(json!({"serviceAccount": {"token": {"kind": kind}}})).await;
        // As long as GitLab hands out a token, it works: the former one goes only when the new one is there.
        eventually(&format!("GitLab hands out the token of the Secret {wanted}"), async || {
            let job = campus.job(classed.project, "production", true).await;
            let pods: Api<Pod> =
                Api::namespaced(campus.control_plane.client_with_token(&job["KUBE_TOKEN"]), &classed.namespace);
            let worked = pods.list(&ListParams::default()).await;
            let after = campus.job(classed.project, "production", true).await;
            if after["KUBE_TOKEN"] == job["KUBE_TOKEN"] {
                worked.expect("the token that GitLab hands out works");
            }
            let secret = secrets.get_opt(wanted).await.unwrap().and_then(|secret| secret.data);
            let held = secret.and_then(|mut data| data.remove("token")).map(|token| token.0);
            if held.as_deref() == Some(after["KUBE_TOKEN"].as_bytes()) { Ok(()) } else { Err("not yet".to_owned()) }
        })
        .await;
        gone(&secrets, other).await;
        dies(campus, before.token(), &classed.namespace).await;
        campus.until_ready(&classed.mapping).await;
        let job = campus.job(classed.project, "production", true).await;
        works(campus, &job["KUBE_TOKEN"], &classed.namespace).await.unwrap();
    }
    campus.is_untouched(&neighbour).await;
}
