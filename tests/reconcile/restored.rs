//! Status is a cache: whoever takes it away, or restores objects without it, takes nothing else away. What stands on the
//! namespaces and in GitLab says whose it is.

use gl_k8s_integrator::{
    api::{GitLabInstance, NamespaceClass, ProjectMapping},
    reconcile::Key,
    status::Reason,
};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret, ServiceAccount};
use kube::{
    Api, Resource, ResourceExt as _,
    api::{DeleteParams, DynamicObject, PostParams},
    discovery::ApiResource,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    bed::eventually,
    operator::{Bench, Operator},
};

const BOTH: [&str; 2] = ["production", "staging"];

async fn settled(name: &str, spec: Value) -> (Bench, Operator, String, i64) {
    let bench = Bench::new(name).await;
    let mapping = format!("{name}-web");
    let project = bench.mapped(&mapping, "web-app", spec).await;
    let operator = bench.operator().await;
    operator.settle(&mapping).await;
    (bench, operator, mapping, project)
}

/// Writes a status in place of the one that stands there, whatever its parts.
async fn write_status(bench: &Bench, mapping: &str, status: &Value) {
    let resource = ApiResource::erase::<ProjectMapping>(&());
    let api: Api<DynamicObject> = Api::all_with(bench.campus.admin.clone(), &resource);
    let mut object = api.get(mapping).await.unwrap();
    object.data["status"] = status.clone();
    api.replace_status(mapping, &PostParams::default(), &object).await.unwrap();
}

async fn status(bench: &Bench, mapping: &str) -> Value {
    serde_json::to_value(bench.campus.mappings().get(mapping).await.unwrap().status.unwrap()).unwrap()
}

/// The paths of everything in a status.
fn paths(value: &Value, path: &str, into: &mut Vec<String>) {
    into.push(path.to_owned());
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, inner)| paths(inner, &format!("{path}/{key}"), into)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, inner)| paths(inner, &format!("{path}/{at}"), into));
        }
        _ => {}
    }
}

fn all_paths(status: &Value) -> Vec<String> {
    let mut all = Vec::new();
    paths(status, "", &mut all);
    all
}

fn without(status: &Value, path: &str) -> Value {
    let mut less = status.clone();
    let (parent, key) = path.rsplit_once('/').unwrap();
    match less.pointer_mut(parent).unwrap() {
        Value::Object(fields) => drop(fields.remove(key)),
        Value::Array(items) => drop(items.remove(key.parse().unwrap())),
        _ => panic!("{path}"),
    }
    less
}

async fn uids(bench: &Bench, project: i64) -> Vec<Option<String>> {
    let namespaces: Api<Namespace> = Api::all(bench.campus.admin.clone());
    let mut uids = Vec::new();
    for environment in BOTH {
        let name = bench.campus.namespace(project, &format!("-{environment}"));
        uids.push(namespaces.get(&name).await.unwrap().uid());
    }
    uids
}

/// Parts that the schema wants wherever what they belong to stands: an older operator wrote them too.
fn may_be_missing(path: &str) -> bool {
    let in_condition = path.contains("/conditions/") && path.rsplit('/').next().unwrap().parse::<usize>().is_err();
    let named = path.ends_with("/name") || path.ends_with("/key");
    !path.is_empty() && !in_condition && !named
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_lacks_any_part_is_made_whole_and_nothing_is_lost() {
    let (bench, operator, mapping, project) = settled("part", json!({})).await;
    let whole = status(&bench, &mapping).await;
    let namespaces = uids(&bench, project).await;
    let expected = all_paths(&whole);
    // The two environments are alike: of the second one only itself.
    let second = |path: &str| path.starts_with("/environments/1/");
    let missing: Vec<_> = expected.iter().filter(|path| may_be_missing(path) && !second(path)).collect();
    assert!(missing.len() > 25, "{missing:?}");
    for path in missing {
        write_status(&bench, &mapping, &without(&whole, path)).await;
        operator.settle(&mapping).await;
        assert_eq!(all_paths(&status(&bench, &mapping).await), expected, "without {path}");
        assert_eq!(uids(&bench, project).await, namespaces, "without {path}");
    }
    bench.gitlab_holds_living_tokens(project, &BOTH).await;
    operator.rests(&mapping).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_is_wiped_by_hand_comes_back_and_deletion_still_knows_its_namespaces() {
    let (bench, operator, mapping, project) = settled("wiped", json!({"deletionPolicy": "Delete"})).await;
    let old = bench.token(project, "production").await;
    let (expected, namespaces) = (all_paths(&status(&bench, &mapping).await), uids(&bench, project).await);
    write_status(&bench, &mapping, &json!({})).await;
    let operator = bench.restarted(operator).await;
    operator.settle(&mapping).await;
    assert_eq!(all_paths(&status(&bench, &mapping).await), expected);
    assert_eq!(uids(&bench, project).await, namespaces);
    bench.gitlab_holds_living_tokens(project, &BOTH).await;
    assert_eq!(bench.opens(&old, &bench.campus.namespace(project, "-production")).await, Ok(()), "jobs go on");
    operator.rests(&mapping).await;

    bench.campus.mappings().delete(&mapping, &DeleteParams::default()).await.unwrap();
    operator.settle(&mapping).await;
    let all: Api<Namespace> = Api::all(bench.campus.admin.clone());
    let production = all.get_opt(&bench.campus.namespace(project, "-production")).await.unwrap();
    assert!(production.is_none_or(|namespace| namespace.metadata.deletion_timestamp.is_some()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_is_wiped_while_the_mapping_ends_deletes_nothing_and_lets_it_go() {
    let (bench, operator, mapping, project) = settled("wiped-end", json!({"deletionPolicy": "Delete"})).await;
    let namespaces = uids(&bench, project).await;
    bench.campus.mappings().delete(&mapping, &DeleteParams::default()).await.unwrap();
    write_status(&bench, &mapping, &json!({})).await;
    operator.settle(&mapping).await;
    assert!(bench.campus.mappings().get_opt(&mapping).await.unwrap().is_none());
    assert_eq!(uids(&bench, project).await, namespaces, "without a record nothing is deleted");
    let kept = &bench.events(&mapping).await["Warning NamespaceKept"];
    assert!(kept[0].contains("UID is not the one on record"), "{kept:?}");
    let variables = bench.campus.gitlab("GET", &format!("/projects/{project}/variables"), Value::Null).await;
    assert_eq!(variables, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_that_was_retained_and_is_made_again_has_everything_again() {
    let (bench, operator, mapping, project) = settled("again", json!({})).await;
    let namespaces = uids(&bench, project).await;
    for _ in 0..2 {
        bench.campus.mappings().delete(&mapping, &DeleteParams::default()).await.unwrap();
        operator.settle(&mapping).await;
        assert!(bench.campus.mappings().get_opt(&mapping).await.unwrap().is_none());
        bench.campus.map(&mapping, "web-app", json!({})).await;
        operator.settle(&mapping).await;
        assert_eq!(uids(&bench, project).await, namespaces);
        bench.gitlab_holds_living_tokens(project, &BOTH).await;
        operator.rests(&mapping).await;
    }
}

/// What a backup holds of an object: everything but its status, and the fields that no API server takes in a new object.
async fn backed_up<K>(api: &Api<K>, name: &str) -> Value
where
    K: Resource + Clone + std::fmt::Debug + Serialize + DeserializeOwned,
{
    let mut object = serde_json::to_value(api.get(name).await.unwrap()).unwrap();
    object.as_object_mut().unwrap().remove("status");
    for field in ["resourceVersion", "managedFields"] {
        object["metadata"].as_object_mut().unwrap().remove(field);
    }
    object
}

async fn restore<K>(api: &Api<K>, object: &Value)
where
    K: Clone + std::fmt::Debug + Serialize + DeserializeOwned,
{
    api.create(&PostParams::default(), &serde_json::from_value(object.clone()).unwrap()).await.unwrap();
}

async fn gone<K>(api: &Api<K>, name: &str)
where
    K: Clone + std::fmt::Debug + DeserializeOwned,
{
    eventually(&format!("{name} is gone"), async || match api.get_opt(name).await.unwrap() {
        None => Ok(()),
        Some(_) => Err("it is there".to_owned()),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn declarations_restored_from_a_backup_find_everything_again_in_whatever_order_they_come() {
    let (bench, operator, mapping, project) = settled("backup", json!({})).await;
    let admin = &bench.campus.admin;
    let instances: Api<GitLabInstance> = Api::all(admin.clone());
    let classes: Api<NamespaceClass> = Api::all(admin.clone());
    let mappings = bench.campus.mappings();
    // With their finalizers.
    operator.reconcile(Key::Instance("backup".into())).await;
    operator.reconcile(Key::Class("backup".into())).await;
    let backup = (
        backed_up(&instances, "backup").await,
        backed_up(&classes, "backup").await,
        backed_up(&mappings, &mapping).await,
    );
    assert_eq!(backup.0["metadata"]["finalizers"], json!(["gl-k8s.dev/in-use"]));
    assert_eq!(backup.2["metadata"]["annotations"]["gl-k8s.dev/project-id"], json!(project.to_string()));
    let namespaces = uids(&bench, project).await;

    mappings.delete(&mapping, &DeleteParams::default()).await.unwrap();
    operator.settle(&mapping).await;
    operator.sees(&mapping).await;
    instances.delete("backup", &DeleteParams::default()).await.unwrap();
    classes.delete("backup", &DeleteParams::default()).await.unwrap();
    eventually("instance and class go", async || {
        operator.reconcile(Key::Instance("backup".into())).await;
        operator.reconcile(Key::Class("backup".into())).await;
        let left = (instances.get_opt("backup").await.unwrap(), classes.get_opt("backup").await.unwrap());
        if left.0.is_none() && left.1.is_none() { Ok(()) } else { Err(String::new()) }
    })
    .await;

    restore(&mappings, &backup.2).await;
    let message = operator.meets(&mapping, Reason::ClassNotFound).await;
    assert!(message.contains("no NamespaceClass backup"), "{message}");
    restore(&classes, &backup.1).await;
    let message = operator.meets(&mapping, Reason::InstanceNotFound).await;
    assert!(message.contains("no GitLabInstance backup"), "{message}");
    restore(&instances, &backup.0).await;
    operator.settle(&mapping).await;
    assert_eq!(uids(&bench, project).await, namespaces);
    bench.gitlab_holds_living_tokens(project, &BOTH).await;
    operator.rests(&mapping).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_restored_with_its_dead_token_gets_a_living_one_and_keeps_what_people_had_in_it() {
    let spec = json!({"deletionPolicy": "Delete", "environments": [{"name": "production"}]});
    let (bench, operator, mapping, project) = settled("dead-token", spec).await;
    let admin = &bench.campus.admin;
    let name = bench.campus.namespace(project, "-production");
    let namespaces: Api<Namespace> = Api::all(admin.clone());
    let secrets: Api<Secret> = Api::namespaced(admin.clone(), &name);
    let accounts: Api<ServiceAccount> = Api::namespaced(admin.clone(), &name);
    let settings: Api<ConfigMap> = Api::namespaced(admin.clone(), &name);
    restore(&settings, &json!({"metadata": {"name": "settings"}, "data": {"colour": "green"}})).await;
    let namespace = backed_up(&namespaces, &name).await;
    let secret = backed_up(&secrets, "gitlab-serviceaccount-token").await;
    let account = backed_up(&accounts, "gitlab-serviceaccount").await;
    let theirs = backed_up(&settings, "settings").await;
    let declared = backed_up(&bench.campus.mappings(), &mapping).await;
    bench.campus.mappings().delete(&mapping, &DeleteParams::default()).await.unwrap();
    operator.settle(&mapping).await;
    gone(&namespaces, &name).await;

    restore(&namespaces, &namespace).await;
    restore(&accounts, &account).await;
    restore(&secrets, &secret).await;
    restore(&settings, &theirs).await;
    restore(&bench.campus.mappings(), &declared).await;
    operator.settle(&mapping).await;
    bench.gitlab_holds_living_tokens(project, &["production"]).await;
    assert_eq!(settings.get("settings").await.unwrap().data.unwrap()["colour"], "green");
    operator.rests(&mapping).await;

    // It is on record under its new UID, so that the policy holds again.
    bench.campus.mappings().delete(&mapping, &DeleteParams::default()).await.unwrap();
    operator.settle(&mapping).await;
    gone(&namespaces, &name).await;
}
