//! Mappings whose instance, class or project cannot be found, and projects that are mapped twice.

use gl_k8s_integrator::api::{GitLabInstance, NamespaceClass, ProjectMapping};
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, ResourceExt as _, api::DeleteParams};
use serde_json::{Value, json};

use super::{only_production, says};
use crate::{bed::eventually, campus::Campus, neighbour::elsewhere};

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_of_an_unknown_instance_becomes_ready_when_the_instance_is_created() {
    let campus = Campus::undeclared("no-instance").await;
    campus.write_token(&campus.token, &campus.url).await;
    campus.declare_class("no-instance", json!({})).await;
    campus.project("web-app").await;
    campus.map("no-instance-web", "web-app", only_production()).await;
    let message = campus.until_refused("no-instance-web", "InstanceNotFound").await;
    says(&message, &["GitLabInstance no-instance", "create it"]);
    elsewhere().await.is_untouched().await;
    campus.declare_instance("no-instance", json!({})).await;
    campus.until_ready("no-instance-web").await;
    campus.event("no-instance-web", "InstanceNotFound", "Warning").await;
    campus.event("no-instance-web", "NamespaceCreated", "Normal").await;
    campus.event("no-instance-web", "Ready", "Normal").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_of_an_unknown_class_becomes_ready_when_the_class_is_created() {
    let campus = Campus::new("no-class").await;
    let healthy = campus.healthy().await;
    campus.project("web-app").await;
    let mut spec = only_production();
    spec["class"] = json!("no-class-later");
    campus.map("no-class-web", "web-app", spec).await;
    let message = campus.until_refused("no-class-web", "ClassNotFound").await;
    says(&message, &["NamespaceClass no-class-later", "create it"]);
    campus.is_untouched(&healthy).await;
    campus.declare_class("no-class-later", json!({})).await;
    campus.until_ready("no-class-web").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_that_is_given_an_unknown_class_keeps_what_it_has() {
    let campus = Campus::new("lost-class").await;
    let project = campus.project("web-app").await;
    campus.map("lost-class-web", "web-app", only_production()).await;
    campus.until_ready("lost-class-web").await;
    let standing = campus.standing(project).await;
    campus.patch_mapping("lost-class-web", json!({"spec": {"class": "lost-class-typo"}})).await;
    campus.until_refused("lost-class-web", "ClassNotFound").await;
    campus.still_stands_with_gitlab(&standing).await;
    campus.patch_mapping("lost-class-web", json!({"spec": {"class": "lost-class"}})).await;
    campus.until_ready("lost-class-web").await;
    campus.still_stands_with_gitlab(&standing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_of_an_unknown_path_becomes_ready_when_the_project_is_created() {
    let campus = Campus::new("no-path").await;
    let healthy = campus.healthy().await;
    campus.map("no-path-web", "later", only_production()).await;
    let message = campus.until_refused("no-path-web", "ProjectNotFound").await;
    says(&message, &["team/later", "correct the path", "role"]);
    campus.is_untouched(&healthy).await;
    let project = campus.project("later").await;
    let mapping = campus.until_ready("no-path-web").await;
    assert_eq!(mapping.status.unwrap().project.unwrap().id, Some(project));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_of_an_unknown_id_says_so_until_the_project_exists() {
    let campus = Campus::new("no-id").await;
    let last = campus.project("web-app").await;
    let unknown = last + 1;
    let mut spec = only_production();
    spec["project"] = json!({"path": null, "id": unknown});
    campus.map("no-id-web", "web-app", spec).await;
    campus.until_refused("no-id-web", "ProjectNotFound").await;
    // Trying again does not make it a project that was there once.
    let asked = || {
        let path = format!("/api/v4/projects/{unknown}");
        campus.requests_of_the_operator().iter().filter(|(_, asked)| asked.starts_with(&path)).count()
    };
    eventually("the project is looked for again", async || if asked() > 2 { Ok(()) } else { Err(asked().to_string()) })
        .await;
    let message = campus.until_refused("no-id-web", "ProjectNotFound").await;
    says(&message, &[&unknown.to_string()]);
    assert_eq!(campus.project("later").await, unknown);
    campus.until_ready("no-id-web").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_mappings_of_a_project_the_younger_writes_nothing_until_the_older_is_gone() {
    let campus = Campus::new("mapped-twice").await;
    let project = campus.project("web-app").await;
    campus.map("mapped-twice-older", "web-app", only_production()).await;
    campus.until_ready("mapped-twice-older").await;
    let standing = campus.standing(project).await;
    let writes = campus.writes_of_the_operator();

    let by_id = json!({"project": {"path": null, "id": project}, "environments": [{"name": "production"}, {"name": "staging"}]});
    for (name, spec) in [("mapped-twice-path", only_production()), ("mapped-twice-id", by_id)] {
        campus.map(name, "web-app", spec).await;
        let message = campus.until_refused(name, "AlreadyMapped").await;
        says(&message, &["mapped-twice-older", "delete"]);
    }
    assert_eq!(campus.writes_of_the_operator(), writes);
    let namespaces: Api<Namespace> = Api::all(campus.admin.clone());
    assert!(namespaces.get_opt(&campus.namespace_of(project, "staging")).await.unwrap().is_none());
    campus.until_ready("mapped-twice-older").await;
    campus.still_stands_with_gitlab(&standing).await;

    // A younger one that ends touches nothing either.
    campus.mappings().delete("mapped-twice-id", &DeleteParams::default()).await.unwrap();
    campus.until_gone("mapped-twice-id").await;
    campus.still_stands_with_gitlab(&standing).await;
    assert_eq!(campus.writes_of_the_operator(), writes);

    campus.mappings().delete("mapped-twice-older", &DeleteParams::default()).await.unwrap();
    campus.until_ready("mapped-twice-path").await;
    let namespace = namespaces.get(&standing.namespace).await.unwrap();
    assert_eq!(namespace.annotations()["gl-k8s.dev/mapping"], "mapped-twice-path");
    for variable in campus.variables(project).await {
        assert!(variable["description"].as_str().unwrap().ends_with("/mapped-twice-path"), "{variable}");
    }
    campus.event("mapped-twice-path", "NamespaceInherited", "Normal").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_is_one_project_through_whichever_instance_it_is_named() {
    let campus = Campus::new("two-ways").await;
    let project = campus.project("web-app").await;
    campus.declare_instance("two-ways-again", json!({})).await;
    campus.map("two-ways-older", "web-app", only_production()).await;
    campus.until_ready("two-ways-older").await;
    let mut spec = only_production();
    spec["instance"] = json!("two-ways-again");
    campus.map("two-ways-younger", "web-app", spec).await;
    let message = campus.until_refused("two-ways-younger", "AlreadyMapped").await;
    says(&message, &["two-ways-older"]);
    campus.mappings().delete("two-ways-older", &DeleteParams::default()).await.unwrap();
    campus.until_ready("two-ways-younger").await;
    assert!(campus.job(project, "production", true).await.contains_key("KUBE_TOKEN"));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_mappings_applied_at_the_same_time_one_holds_the_project_and_the_others_wrote_nothing() {
    let campus = Campus::new("mapped-at-once").await;
    let project = campus.project("web-app").await;
    let names = ["mapped-at-once-a", "mapped-at-once-b", "mapped-at-once-c"];
    let apply = names.map(|name| campus.map(name, "web-app", only_production()));
    futures::future::join_all(apply).await;
    let settled = eventually("each is ready or refused", async || {
        let mut reasons = Vec::new();
        for name in names {
            let mapping = campus.mappings().get(name).await.unwrap();
            reasons.push(mapping.status.and_then(|status| status.summary?.reason).unwrap_or_default());
        }
        let done = reasons.iter().all(|reason| ["Ready", "AlreadyMapped"].contains(&reason.as_str()));
        if done { Ok(reasons) } else { Err(format!("{reasons:?}")) }
    })
    .await;
    assert_eq!(settled.iter().filter(|reason| *reason == "Ready").count(), 1, "{settled:?}");
    let holder = names[settled.iter().position(|reason| reason == "Ready").unwrap()];
    for variable in campus.variables(project).await {
        assert!(variable["description"].as_str().unwrap().ends_with(&format!("/{holder}")), "{variable}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_mappings_name_says_how_many_of_them_are_ready() {
    let campus = Campus::new("counted").await;
    campus.healthy().await;
    campus.map("counted-lost", "nowhere", only_production()).await;
    campus.until_refused("counted-lost", "ProjectNotFound").await;
    let instances: Api<GitLabInstance> = Api::all(campus.admin.clone());
    let classes: Api<NamespaceClass> = Api::all(campus.admin.clone());
    eventually("the counts are 2 and 1", async || {
        let instance = instances.get("counted").await.unwrap().status.unwrap_or_default().mappings;
        let class = classes.get("counted").await.unwrap().status.unwrap_or_default().mappings;
        let counts: Vec<_> =
            [instance, class].into_iter().flatten().map(|counts| (counts.total, counts.ready)).collect();
        if counts == [(2, 1), (2, 1)] { Ok(()) } else { Err(format!("{counts:?}")) }
    })
    .await;
}

impl Campus {
    /// Waits until a mapping is gone.
    pub async fn until_gone(&self, mapping: &str) {
        eventually(&format!("{mapping} is gone"), async || match self.mappings().get_opt(mapping).await.unwrap() {
            None => Ok(()),
            Some(ProjectMapping { status, .. }) => Err(format!("{status:#?}")),
        })
        .await;
    }

    /// Waits for an Event about a mapping.
    pub async fn event(&self, mapping: &str, reason: &str, type_: &str) {
        use k8s_openapi::api::events::v1::Event;
        let events: Api<Event> = Api::namespaced(self.admin.clone(), "default");
        let list = kube::api::ListParams::default().fields(&format!("regarding.name={mapping}"));
        eventually(&format!("an event {reason} about {mapping}"), async || {
            let events = events.list(&list).await.map_err(|error| error.to_string())?;
            let seen: Vec<_> = events.items.into_iter().map(|event| (event.reason, event.type_)).collect();
            let wanted = (Some(reason.to_owned()), Some(type_.to_owned()));
            if seen.contains(&wanted) { Ok(()) } else { Err(format!("{seen:?}")) }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_that_the_token_may_not_see_is_as_one_that_does_not_exist() {
    let campus = Campus::new("unseen").await;
    let group = campus.gitlab("POST", "/groups", json!({"name": "Closed", "path": "closed"})).await["id"].clone();
    let project = json!({"name": "web-app", "path": "web-app", "namespace_id": group, "visibility": "private"});
    campus.gitlab("POST", "/projects", project).await;
    let mut spec = only_production();
    spec["project"] = json!({"path": "closed/web-app"});
    campus.map("unseen-web", "web-app", spec).await;
    let message = campus.until_refused("unseen-web", "ProjectNotFound").await;
    says(&message, &["role"]);
    let user = campus.integrator().await;
    let member = json!({"user_id": user, "access_level": 40});
    campus.gitlab("POST", &format!("/groups/{group}/members"), member).await;
    campus.until_ready("unseen-web").await;
}

impl Campus {
    /// The id of the user that the operator is for GitLab.
    pub async fn integrator(&self) -> i64 {
        self.gitlab("GET", "/users?username=integrator", Value::Null).await[0]["id"].as_i64().unwrap()
    }
}
