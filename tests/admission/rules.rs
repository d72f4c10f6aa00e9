//! How the rules of a kind are tried: from one valid object, each case changes one field.

use std::collections::BTreeSet;

use gl_k8s_integrator::api::crds;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::bed::{Bed, Kind, refusal};

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

/// Tries creating with each change and afterwards each change of the stored object; every rule of the kind must be among the refusals.
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
    let mut said = String::new();
    for case in on_create {
        said += &check(case, create(bed, kind, valid, &case.change).await);
    }
    bed.make(kind, None, valid.clone()).await;
    let name = valid["metadata"]["name"].as_str().unwrap();
    for case in on_change {
        let patch = Patch::Merge(changed(&json!({}), &case.change));
        said += &check(case, kind.api(&bed.admin, None).patch(name, &PatchParams::default(), &patch).await);
    }
    for message in messages(kind) {
        assert!(said.contains(&message), "no case of {} violates the rule with the message: {message}", kind.kind);
    }
}

fn check<T: std::fmt::Debug>(case: &Refused, answer: Result<T, kube::Error>) -> String {
    if answer.is_ok() {
        panic!("{:?} should be refused", case.change);
    }
    let message = refusal(answer);
    assert!(message.contains(case.says), "{:?} should be refused with {:?}: {message}", case.change, case.says);
    message
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

/// The messages of all rules in the kind's schema.
fn messages(kind: &Kind) -> BTreeSet<String> {
    let definition = crds::all().into_iter().find(|crd| crd.spec.names.kind == kind.kind).unwrap();
    let mut found = BTreeSet::new();
    collect(&serde_json::to_value(definition).unwrap(), &mut found);
    assert!(!found.is_empty());
    found
}

fn collect(schema: &Value, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(fields) => {
            for rule in fields.get("x-kubernetes-validations").and_then(Value::as_array).into_iter().flatten() {
                found.insert(rule["message"].as_str().expect("every rule has a message").to_owned());
            }
            fields.values().for_each(|field| collect(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        _ => {}
    }
}
