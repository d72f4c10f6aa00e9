//! Objects that are older than the operator: made when the kinds had fewer fields, fewer defaults and fewer rules.

use gl_k8s_integrator::{api::ProjectMapping, status::Reason};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api,
    api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams},
    discovery::ApiResource,
};
use serde_json::{Value, json};

use crate::{bed::eventually, ground::Ground, operator::Bench};

const NAME: &str = "projectmappings.gl-k8s.dev";

/// The kind as an early release might have had it: no rules, no defaults, and in its status only what was there from the
/// beginning.
fn early(mut definition: Value) -> Value {
    simplify(&mut definition["spec"]["versions"][0]["schema"]);
    let status = "/spec/versions/0/schema/openAPIV3Schema/properties/status/properties";
    let status = definition.pointer_mut(status).unwrap().as_object_mut().unwrap();
    status.retain(|field, _| ["conditions", "environments", "observedGeneration", "project"].contains(&field.as_str()));
    definition
}

fn simplify(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.retain(|key, value| {
                let named = matches!(key.as_str(), "default" | "pattern" | "maxLength" | "minLength");
                key != "x-kubernetes-validations" && (!named || value.is_object())
            });
            fields.values_mut().for_each(simplify);
        }
        Value::Array(items) => items.iter_mut().for_each(simplify),
        _ => {}
    }
}

/// Installs a version of the kind, and waits until the API server goes by it.
async fn install(bench: &Bench, definition: &Value, with_rules: bool) {
    let api: Api<CustomResourceDefinition> = Api::all(bench.campus.admin.clone());
    let mut definition = definition.clone();
    definition["metadata"]["resourceVersion"] = api.get(NAME).await.unwrap().metadata.resource_version.into();
    api.replace(NAME, &PostParams::default(), &serde_json::from_value(definition).unwrap()).await.unwrap();
    let probe = json!({"metadata": {"name": "probe"}, "spec": {"instance": "none", "class": "none",
        "project": {"path": "team/web-app", "id": 42}, "environments": [{"name": "x"}]}});
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    eventually("the kind is as installed", async || {
        let refused =
            objects(bench).create(&dry, &serde_json::from_value(typed(probe.clone())).unwrap()).await.is_err();
        if refused == with_rules { Ok(()) } else { Err(format!("refused: {refused}")) }
    })
    .await;
}

/// Mappings as they are stored, without the types of today.
fn objects(bench: &Bench) -> Api<DynamicObject> {
    Api::all_with(bench.campus.admin.clone(), &ApiResource::erase::<ProjectMapping>(&()))
}

fn typed(mut object: Value) -> Value {
    object["apiVersion"] = json!("gl-k8s.dev/v1alpha1");
    object["kind"] = json!("ProjectMapping");
    object
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_that_an_early_release_stored_work_or_say_what_to_correct() {
    let ground = Ground::new("older", 10).await;
    let bench = &ground.bench;
    let api: Api<CustomResourceDefinition> = Api::all(bench.campus.admin.clone());
    let mut now = serde_json::to_value(api.get(NAME).await.unwrap()).unwrap();
    now.as_object_mut().unwrap().remove("status");
    let (plain, path) = (bench.campus.project("plain").await, bench.campus.project("both").await);

    install(bench, &early(now.clone()), false).await;
    let spec = |project: Value| json!({"instance": "older", "class": "older", "project": project, "environments": [{"name": "production"}]});
    for (name, project) in
        [("older-plain", json!({"path": "team/plain"})), ("older-both", json!({"path": "team/both", "id": path}))]
    {
        let finalizers = json!(["gl-k8s.dev/cleanup"]);
        let object = typed(json!({"metadata": {"name": name, "finalizers": finalizers}, "spec": spec(project)}));
        objects(bench).create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap();
        let status =
            json!({"status": {"observedGeneration": 1, "environments": [{"name": "production"}], "conditions": []}});
        objects(bench).patch_status(name, &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    }
    install(bench, &now, true).await;

    let operator = bench.operator().await;
    operator.settle("older-plain").await;
    bench.gitlab_holds_living_tokens(plain, &["production"]).await;
    operator.rests("older-plain").await;
    let message = operator.meets("older-both", Reason::InvalidSpec).await;
    for words in ["spec.project", "either by path or by a positive id"] {
        assert!(message.contains(words), "{message}");
    }
    operator.rests("older-plain").await;
    // What cannot be corrected, since a rule forbids it by now, says so at its end too, and holds up nobody else.
    bench.campus.mappings().delete("older-both", &DeleteParams::default()).await.unwrap();
    let message = operator.meets("older-both", Reason::InvalidSpec).await;
    assert!(message.contains("its deletion waits"), "{message}");
    operator.settle("older-plain").await;
    let free = json!({"metadata": {"finalizers": null}});
    bench.campus.patch_mapping("older-both", free).await;
    assert!(!ground.exists("older-both").await);
    ground.clear(&operator).await;
}
