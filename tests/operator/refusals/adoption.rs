//! Namespaces that somebody made: a mapping gets one only by two acts, and each message gives the command of the next.

use k8s_openapi::api::{
    core::v1::{ConfigMap, Namespace, ResourceQuota, Secret, ServiceAccount},
    rbac::v1::RoleBinding,
};
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::{Value, json};

use super::{only_production, says};
use crate::campus::Campus;

fn namespaces(campus: &Campus) -> Api<Namespace> {
    Api::all(campus.admin.clone())
}

/// A namespace that a person made, with what people have in namespaces, and with objects of the names that are ours.
async fn made_by_a_person(campus: &Campus, name: &str, labels: Value) {
    campus.create(&namespaces(campus), json!({"metadata": {"name": name, "labels": labels}})).await;
    let (admin, account) = (&campus.admin, "gitlab-serviceaccount");
    let own = json!({"metadata": {"name": "settings"}, "data": {"colour": "green"}});
    campus.create(&Api::<ConfigMap>::namespaced(admin.clone(), name), own).await;
    let bindings: Api<RoleBinding> = Api::namespaced(admin.clone(), name);
    let viewer = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"});
    let users = json!([{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "user-1"}]);
    campus.create(&bindings, json!({"metadata": {"name": "guests"}, "roleRef": viewer, "subjects": users})).await;
    // As an earlier integration may have left them: with another role, and a token that never ends.
    campus.create(&bindings, json!({"metadata": {"name": account}, "roleRef": viewer, "subjects": users})).await;
    let accounts: Api<ServiceAccount> = Api::namespaced(admin.clone(), name);
    campus.create(&accounts, json!({"metadata": {"name": account}})).await;
    let secret = json!({"metadata": {"name": "gitlab-serviceaccount-token",
        "annotations": {"kubernetes.io/service-account.name": account}}, "type": "kubernetes.io/service-account-token"});
    campus.create(&Api::<Secret>::namespaced(admin.clone(), name), secret).await;
    let quota = json!({"metadata": {"name": "gitlab-quota"}, "spec": {"hard": {"pods": "1000"}}});
    campus.create(&Api::<ResourceQuota>::namespaced(admin.clone(), name), quota).await;
}

/// Versions of everything in a namespace that is not of our names, and of the namespace.
async fn versions(campus: &Campus, name: &str) -> Vec<Option<String>> {
    let settings = campus.object::<ConfigMap>(name, "settings").await.unwrap();
    let guests = campus.object::<RoleBinding>(name, "guests").await.unwrap();
    vec![settings.resource_version(), guests.resource_version()]
}

/// Runs a command that a message ends with.
async fn runs_what_it_says(campus: &Campus, message: &str) {
    let command = message.rsplit_once("kubectl ").unwrap_or_else(|| panic!("no command: {message}")).1;
    let done = campus.control_plane.kubectl().args(command.split_whitespace()).output().await.unwrap();
    assert!(done.status.success(), "{command}: {}", String::from_utf8_lossy(&done.stderr));
}

/// Declares `production` and runs into a namespace of that name which is there already.
struct InTheWay {
    campus: Campus,
    project: i64,
    mapping: String,
    namespace: String,
}

impl InTheWay {
    async fn new(test: &str, labels: Value) -> Self {
        let campus = Campus::new(test).await;
        let project = campus.project("web-app").await;
        let namespace = campus.namespace_of(project, "production");
        made_by_a_person(&campus, &namespace, labels).await;
        let mapping = format!("{test}-web");
        Self { campus, project, mapping, namespace }
    }

    async fn live(&self) -> Namespace {
        namespaces(&self.campus).get(&self.namespace).await.unwrap()
    }

    async fn uid(&self) -> String {
        self.live().await.uid().unwrap()
    }

    async fn ask(&self, value: &str) {
        let annotation = json!({"metadata": {"annotations": {"gl-k8s.dev/adopt-namespace": value}}});
        self.campus.patch_mapping(&self.mapping, annotation).await;
    }

    async fn label(&self) {
        let label = json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": "gl-k8s-integrator"}}});
        namespaces(&self.campus).patch(&self.namespace, &PatchParams::default(), &Patch::Merge(label)).await.unwrap();
    }

    /// The namespace is the mapping's, with everything in it, and a job can work there.
    async fn is_adopted(&self, uid: &str) {
        let Self { campus, project, mapping, namespace } = self;
        campus.until_ready(mapping).await;
        let live = self.live().await;
        assert_eq!(live.uid().as_deref(), Some(uid), "it is the same namespace");
        assert_eq!(live.annotations()["gl-k8s.dev/mapping"], *mapping);
        assert_eq!(live.labels()["gl-k8s.dev/project-id"], project.to_string());
        let binding = campus.object::<RoleBinding>(namespace, "gitlab-serviceaccount").await.unwrap();
        assert_eq!(binding.role_ref.name, "gitlab-group-master");
        let secret = campus.object::<Secret>(namespace, "gitlab-serviceaccount-token").await.unwrap();
        assert_eq!(secret.type_.as_deref(), Some("Opaque"));
        let quota = campus.object::<ResourceQuota>(namespace, "gitlab-quota").await.unwrap();
        assert_eq!(quota.spec.unwrap().hard.unwrap()["pods"].0, "10");
        let standing = campus.standing(*project).await;
        assert_eq!(standing.namespace, *namespace);
        campus.still_stands_with_gitlab(&standing).await;
        campus.event(mapping, "NamespaceAdopted", "Normal").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_is_adopted_by_two_acts_and_what_people_have_in_it_stays() {
    let labels = json!({"team": "somebody", "app.kubernetes.io/managed-by": "Helm"});
    let way = InTheWay::new("adopted", labels).await;
    let campus = &way.campus;
    let healthy = campus.healthy().await;
    campus.map(&way.mapping, "web-app", json!({})).await;
    let (uid, before) = (way.uid().await, way.live().await.resource_version());
    let theirs = versions(campus, &way.namespace).await;

    let message = campus.until_refused(&way.mapping, "NamespaceTaken").await;
    says(&message, &[&way.namespace, "takes nothing over by itself", "kubectl annotate"]);
    runs_what_it_says(campus, &message).await;
    let message = campus.until_refused(&way.mapping, "AdoptionPending").await;
    says(&message, &[&way.namespace, "has to agree", "--overwrite app.kubernetes.io/managed-by=gl-k8s-integrator"]);
    // So far nobody has touched it, and the other environment was not held up.
    assert_eq!(way.live().await.resource_version(), before);
    assert!(campus.job(way.project, "staging", true).await.contains_key("KUBE_TOKEN"));
    assert!(!campus.job(way.project, "production", true).await.contains_key("KUBE_TOKEN"));

    runs_what_it_says(campus, &message).await;
    way.is_adopted(&uid).await;
    assert_eq!(way.live().await.labels()["team"], "somebody");
    assert_eq!(versions(campus, &way.namespace).await, theirs);
    campus.is_untouched(&healthy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_two_acts_may_come_in_either_order() {
    let way = InTheWay::new("adopted-label", json!({})).await;
    let uid = way.uid().await;
    way.label().await;
    let labelled = way.live().await.resource_version();
    way.campus.map(&way.mapping, "web-app", only_production()).await;
    let message = way.campus.until_refused(&way.mapping, "AdoptionPending").await;
    says(&message, &[&way.namespace, "no claim", &format!("={}={uid}", way.namespace)]);
    assert_eq!(way.live().await.resource_version(), labelled, "the label alone lets nothing be written");
    runs_what_it_says(&way.campus, &message).await;
    way.is_adopted(&uid).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_namespace_that_was_meant_is_adopted() {
    let way = InTheWay::new("adopt-uid", json!({})).await;
    let former = way.uid().await;
    namespaces(&way.campus).delete(&way.namespace, &DeleteParams::default()).await.unwrap();
    crate::lifecycle::gone(&namespaces(&way.campus), &way.namespace).await;
    // One that is not there is not made in its place.
    let spec = json!({"instance": way.campus.name, "class": way.campus.name, "project": {"path": "team/web-app"},
        "environments": [{"name": "production"}]});
    let annotations = json!({"gl-k8s.dev/adopt-namespace": format!("{}={former}", way.namespace)});
    let mapping = json!({"apiVersion": "gl-k8s.dev/v1alpha1", "kind": "ProjectMapping",
        "metadata": {"name": way.mapping, "annotations": annotations}, "spec": spec});
    way.campus.create(&way.campus.mappings(), mapping).await;
    let message = way.campus.until_refused(&way.mapping, "AdoptionRefused").await;
    says(&message, &[&way.namespace, "does not exist"]);

    // One that came in its place is another one, label or not.
    made_by_a_person(&way.campus, &way.namespace, json!({})).await;
    way.label().await;
    let labelled = way.live().await.resource_version();
    let message = says_in_time(&way, "another UID").await;
    assert_eq!(way.live().await.resource_version(), labelled);
    let uid = way.uid().await;
    runs_what_it_says(&way.campus, &message).await;
    way.is_adopted(&uid).await;
}

/// Waits until the message of `Ready` holds some words.
async fn says_in_time(way: &InTheWay, words: &str) -> String {
    crate::bed::eventually(words, async || {
        let conditions = way.campus.mappings().get(&way.mapping).await.unwrap().status.unwrap_or_default().conditions;
        let ready = conditions.into_iter().find(|condition| condition.type_ == "Ready");
        let message = ready.map(|ready| ready.message).unwrap_or_default();
        if message.contains(words) { Ok(message) } else { Err(message) }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_with_somebodys_claim_is_not_adopted() {
    let way = InTheWay::new("adopt-claimed", json!({})).await;
    let claim = json!({"metadata": {
        "labels": {"app.kubernetes.io/managed-by": "gl-k8s-integrator", "gl-k8s.dev/instance": "elsewhere",
            "gl-k8s.dev/project-id": "1"},
        "annotations": {"gl-k8s.dev/gitlab-url": "https://gitlab.example.edu",
            "gl-k8s.dev/environment": "production", "gl-k8s.dev/mapping": "elsewhere"}}});
    let claimed = namespaces(&way.campus).patch(&way.namespace, &PatchParams::default(), &Patch::Merge(claim)).await;
    let claimed = claimed.unwrap().resource_version();
    way.campus.map(&way.mapping, "web-app", only_production()).await;
    way.ask(&format!("{}={}", way.namespace, way.uid().await)).await;
    let message = way.campus.until_refused(&way.mapping, "AdoptionRefused").await;
    says(&message, &["project 1 of https://gitlab.example.edu", "mapping elsewhere"]);
    assert_eq!(way.live().await.resource_version(), claimed);
    runs_what_it_says(&way.campus, &message).await;
    way.campus.until_refused(&way.mapping, "NamespaceTaken").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_cannot_be_met_says_so_and_holds_up_nothing() {
    let campus = Campus::new("adopt-what").await;
    let project = campus.project("web-app").await;
    campus.map("adopt-what-web", "web-app", only_production()).await;
    campus.until_ready("adopt-what-web").await;
    let standing = campus.standing(project).await;
    let name = campus.namespace_of(project, "production");
    let uid = "0b0e8a8e-6d3c-4c7e-9f3e-1f6a5d2c7b1a";
    for (value, words) in [
        ("web-app".to_owned(), "<namespace>=<UID>".to_owned()),
        (format!("kube-system={uid}"), "kube-system is reserved".to_owned()),
        (format!("reserved-web={uid}"), "reserved-web is reserved".to_owned()),
        (format!("my-shop={uid}"), format!("would give can be: {name}")),
    ] {
        let annotation = json!({"metadata": {"annotations": {"gl-k8s.dev/adopt-namespace": value}}});
        campus.patch_mapping("adopt-what-web", annotation).await;
        let message = campus.until_refused("adopt-what-web", "AdoptionRefused").await;
        says(&message, &[&words]);
        // What the mapping has goes on: a renewal is one of the things that must not wait.
        let before = campus.job(project, "production", true).await["KUBE_TOKEN"].clone();
        campus.patch_mapping("adopt-what-web", json!({"metadata": {"annotations": {"gl-k8s.dev/renew": value}}})).await;
        crate::bed::eventually("a new token is delivered", async || {
            let now = campus.job(project, "production", true).await["KUBE_TOKEN"].clone();
            if now == before { Err("the old one".to_owned()) } else { Ok(()) }
        })
        .await;
        runs_what_it_says(&campus, &message).await;
        campus.until_ready("adopt-what-web").await;
    }
    campus.still_stands(&standing).await;
    // An adoption that is done and a request that stays are no contradiction.
    let value = format!("{name}={uid}");
    campus
        .patch_mapping("adopt-what-web", json!({"metadata": {"annotations": {"gl-k8s.dev/adopt-namespace": value}}}))
        .await;
    campus.patch_mapping("adopt-what-web", json!({"spec": {"ciAccess": {"kubeconfig": false}}})).await;
    crate::bed::eventually("the new spec is done", async || {
        let seen = campus.job(project, "production", true).await;
        if seen.contains_key("KUBECONFIG") { Err("not yet".to_owned()) } else { Ok(()) }
    })
    .await;
    campus.until_ready("adopt-what-web").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_of_any_name_is_taken_for_what_all_its_marks_say() {
    let campus = Campus::new("marked-by-hand").await;
    let project = campus.project("web-app").await;
    let marks = json!({"metadata": {"name": "marked-by-hand-shop",
        "labels": {"app.kubernetes.io/managed-by": "gl-k8s-integrator", "gl-k8s.dev/instance": campus.name,
            "gl-k8s.dev/project-id": project.to_string()},
        "annotations": {"gl-k8s.dev/gitlab-url": campus.url, "gl-k8s.dev/environment": "production",
            "gl-k8s.dev/mapping": "marked-by-hand-web"}}});
    campus.create(&namespaces(&campus), marks).await;
    let uid = namespaces(&campus).get("marked-by-hand-shop").await.unwrap().uid();
    campus.map("marked-by-hand-web", "web-app", json!({})).await;
    let status = campus.until_ready("marked-by-hand-web").await.status.unwrap();
    let standing = campus.standing(project).await;
    assert_eq!(standing.namespace, "marked-by-hand-shop");
    campus.still_stands_with_gitlab(&standing).await;
    let recorded = status.environments.iter().find(|environment| environment.name == "production").unwrap();
    assert_eq!(recorded.namespace.as_ref().unwrap().uid, uid);
    let staging = campus.job(project, "staging", true).await;
    assert_eq!(staging["KUBE_NAMESPACE"], campus.namespace_of(project, "staging"));
}
