//! How the rules of a kind are tried: from one valid object, each case changes one field.

use std::fmt::Debug;

use gl_k8s_integrator::api::crds;
use kube::{
    api::{Patch, PatchParams, PostParams},
    core::response::StatusCause,
};
use serde_json::{Value, json};

use crate::bed::{Bed, Kind};

/// One field set to another value; `null` removes it. A missing parent is made.
pub type Change = (&'static str, Value);

/// What is refused, and a part of what the API server says then.
pub struct Refused {
    pub change: Change,
    pub says: &'static str,
}

pub fn refused(path: &'static str, value: Value, says: &'static str) -> Refused {
    Refused { change: (path, value), says }
}

/// Tries creating with each change and afterwards each change of the stored object; every rule of the kind, at every
/// field that has it, must be among the refusals.
pub async fn try_all(
    bed: &Bed,
    kind: &Kind,
    valid: &Value,
    accepted: &[Change],
    on_create: &[Refused],
    on_change: &[Refused],
) {
    for change in accepted {
        let answer = create(bed, kind, valid, change).await;
        assert!(answer.is_ok(), "{change:?} should be accepted: {answer:?}");
    }
    let mut violated = Vec::new();
    for case in on_create {
        violated.extend(check(case, create(bed, kind, valid, &case.change).await));
    }
    bed.make(kind, None, valid.clone()).await;
    let name = valid["metadata"]["name"].as_str().unwrap();
    for case in on_change {
        let patch = Patch::Merge(changed(&json!({}), &case.change));
        violated.extend(check(case, kind.api(&bed.admin, None).patch(name, &PatchParams::default(), &patch).await));
    }
    for rule in rules_of(kind) {
        assert!(violated.iter().any(|cause| rule.is_meant_by(cause)), "no case of {} violates {rule:?}", kind.kind);
    }
}

/// The field and the message of each problem that the API server named.
fn check<T: Debug>(case: &Refused, answer: Result<T, kube::Error>) -> Vec<StatusCause> {
    match answer {
        Err(kube::Error::Api(status)) => {
            let message = &status.message;
            assert!(message.contains(case.says), "{:?} should be refused with {:?}: {message}", case.change, case.says);
            status.details.unwrap().causes
        }
        other => panic!("{:?} should be refused: {other:?}", case.change),
    }
}

async fn create(bed: &Bed, kind: &Kind, valid: &Value, change: &Change) -> Result<(), kube::Error> {
    let dry_run = PostParams { dry_run: true, ..PostParams::default() };
    let mut object = changed(valid, change);
    // A name of its own, unless the name is the case: the valid object may exist already.
    if change.0 != "/metadata/name" {
        object["metadata"]["name"] = json!("tried-in-vain");
    }
    kind.api(&bed.admin, None).create(&dry_run, &kind.object(object)).await.map(|_| ())
}

fn changed(base: &Value, (path, value): &Change) -> Value {
    let mut object = base.clone();
    let mut place = &mut object;
    for step in path.split('/').skip(1) {
        place = match step.parse::<usize>() {
            Ok(index) => &mut place[index],
            Err(_) => &mut place[step],
        };
    }
    *place = value.clone();
    object
}

/// A rule in the kind's schema: where it stands, and its message.
#[derive(Debug)]
struct Rule {
    /// Names of fields, without list indices; `*` for a value of a map.
    field: Vec<String>,
    message: String,
}

impl Rule {
    fn is_meant_by(&self, cause: &StatusCause) -> bool {
        // Keys of maps can contain dots, so a map's value is compared up to the map; a rule on the whole object names
        // no field.
        let place: Vec<&str> = self.field.iter().map(String::as_str).take_while(|step| *step != "*").collect();
        let inside_a_map = place.len() < self.field.len() && self.field.last().is_some_and(|step| step == "*");
        let (place, field) = (place.join("."), without_indices(&cause.field));
        let same_field =
            place.is_empty() || field == place || (inside_a_map && field.starts_with(&format!("{place}.")));
        same_field && cause.message.contains(&self.message)
    }
}

fn without_indices(field: &str) -> String {
    let steps = field.split(']').map(|step| step.split('[').next().unwrap_or_default());
    steps.collect()
}

fn rules_of(kind: &Kind) -> Vec<Rule> {
    let definition = crds::all().into_iter().find(|crd| crd.spec.names.kind == kind.kind).unwrap();
    let schema = definition.spec.versions[0].schema.clone().unwrap().open_api_v3_schema.unwrap();
    let mut found = Vec::new();
    collect(&serde_json::to_value(schema).unwrap(), &[], &mut found);
    assert!(!found.is_empty());
    found
}

fn collect(schema: &Value, field: &[String], found: &mut Vec<Rule>) {
    for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
        let message = rule["message"].as_str().expect("every rule has a message").to_owned();
        found.push(Rule { field: field.to_vec(), message });
    }
    let below = |step: &str| field.iter().cloned().chain([step.to_owned()]).collect::<Vec<_>>();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        collect(property, &below(name), found);
    }
    if schema["additionalProperties"].is_object() {
        collect(&schema["additionalProperties"], &below("*"), found);
    }
    if schema["items"].is_object() {
        collect(&schema["items"], field, found);
    }
}
