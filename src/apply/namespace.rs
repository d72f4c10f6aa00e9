//! Namespaces themselves. They are created by POST and changed by a merge patch that names the version it was computed
//! from: a server-side apply would take over a namespace that somebody made in between.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions},
};
use serde_json::{Map, Value, json};

use crate::{
    api::names::FIELD_MANAGER,
    context::Context,
    facts::problems,
    plan::change::{Action, Change, Field, TO_BE_MADE},
    status::{Problem, Reason},
};

/// Creates a namespace; one that exists meanwhile is not touched.
///
/// # Errors
/// What the API server refused.
pub async fn create(context: &Context, wanted: &Namespace) -> Result<Namespace, Problem> {
    let what = format!("Namespace {}", wanted.name_any());
    let noted = || Change::kubernetes(Action::Create, what, "it does not exist").with(marks(wanted, None));
    if context.hands.note(noted) {
        let mut expected = wanted.clone();
        expected.metadata.uid = Some(TO_BE_MADE.to_owned());
        return Ok(expected);
    }
    let api: Api<Namespace> = Api::all(context.kubernetes.clone());
    let parameters = PostParams { field_manager: Some(FIELD_MANAGER.into()), ..PostParams::default() };
    api.create(&parameters, wanted)
        .await
        .map_err(|error| problems::kubernetes(&format!("create the namespace {}", wanted.name_any()), &error))
}

/// Brings labels and annotations of a namespace to what is wanted; gives it as the server has it, and whether something
/// was written.
///
/// # Errors
/// What the API server refused; a conflict when it was changed since it was read.
pub async fn update(context: &Context, wanted: &Namespace, live: Namespace) -> Result<(Namespace, bool), Problem> {
    let labels = changes(wanted.labels(), live.labels(), &owned(&live, "f:labels"));
    let annotations = changes(wanted.annotations(), live.annotations(), &owned(&live, "f:annotations"));
    if labels.is_empty() && annotations.is_empty() {
        return Ok((live, false));
    }
    let what = format!("Namespace {}", live.name_any());
    let noted = || {
        let gone = labels.iter().chain(&annotations).filter(|(_, value)| value.is_null());
        let gone = gone.map(|(key, _)| Field { path: key.clone(), before: Some("set".into()), after: None });
        let why = "its labels or annotations are not as declared";
        Change::kubernetes(Action::Update, what, why).with(marks(wanted, Some(&live))).with(gone)
    };
    if context.hands.note(noted) {
        return Ok((live, true));
    }
    let patch = json!({"metadata": {
        "uid": live.uid(), "resourceVersion": live.resource_version(), "labels": labels, "annotations": annotations,
    }});
    let api: Api<Namespace> = Api::all(context.kubernetes.clone());
    let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() };
    let updated = api
        .patch(&live.name_any(), &parameters, &Patch::Merge(patch))
        .await
        .map_err(|error| problems::kubernetes(&format!("update the namespace {}", live.name_any()), &error))?;
    Ok((updated, true))
}

/// Deletes exactly the namespace that was read.
///
/// # Errors
/// What the API server refused; a conflict when it was changed since it was read.
pub async fn delete(context: &Context, live: &Namespace, why: &str) -> Result<(), Problem> {
    let what = format!("Namespace {}", live.name_any());
    if context.hands.note(|| Change::kubernetes(Action::Delete, what, why)) {
        return Ok(());
    }
    let Some(uid) = live.uid() else {
        return Err(Problem::new(Reason::KubernetesUnavailable, "a namespace without UID cannot be deleted safely"));
    };
    let api: Api<Namespace> = Api::all(context.kubernetes.clone());
    let exactly = Preconditions { uid: Some(uid), resource_version: live.resource_version() };
    // One that is gone already is missing from the listing of the next pass. A "not found" that nobody checks could be a lie.
    let result = api.delete(&live.name_any(), &DeleteParams::default().preconditions(exactly)).await;
    result.map(drop).map_err(|error| problems::kubernetes(&format!("delete the namespace {}", live.name_any()), &error))
}

/// Labels and annotations that differ.
fn marks(wanted: &Namespace, live: Option<&Namespace>) -> Vec<Field> {
    let of = |path: &str, wanted: &BTreeMap<String, String>, live: Option<&BTreeMap<String, String>>| {
        let field = |(key, value): (&String, &String)| {
            let before = live.and_then(|live| live.get(key)).cloned();
            Field::of(format!("metadata.{path}.{key}"), before, Some(value.clone()))
        };
        wanted.iter().filter_map(field).collect::<Vec<_>>()
    };
    let mut fields = of("labels", wanted.labels(), live.map(ResourceExt::labels));
    fields.extend(of("annotations", wanted.annotations(), live.map(ResourceExt::annotations)));
    fields
}

/// What a merge patch has to say: wanted values that differ, and nulls for what we set before and no longer want.
fn changes(wanted: &BTreeMap<String, String>, live: &BTreeMap<String, String>, owned: &[String]) -> Map<String, Value> {
    let differ = wanted.iter().filter(|(key, value)| live.get(*key) != Some(value));
    let gone = owned.iter().filter(|key| live.contains_key(*key) && !wanted.contains_key(*key));
    differ
        .map(|(key, value)| (key.clone(), Value::from(value.as_str())))
        .chain(gone.map(|key| (key.clone(), Value::Null)))
        .collect()
}

/// The API server puts this label on every namespace, and books it on whoever creates it.
const SET_BY_THE_SERVER: &str = "kubernetes.io/metadata.name";

/// The keys that our field manager set, as `managedFields` tell.
fn owned(live: &Namespace, map: &str) -> Vec<String> {
    live.managed_fields()
        .iter()
        .filter(|entry| entry.manager.as_deref() == Some(FIELD_MANAGER))
        .filter(|entry| entry.subresource.as_deref().unwrap_or_default().is_empty())
        .filter_map(|entry| entry.fields_v1.as_ref()?.0.get("f:metadata")?.get(map)?.as_object())
        .flat_map(|fields| fields.keys().filter_map(|key| key.strip_prefix("f:")))
        .filter(|key| *key != SET_BY_THE_SERVER)
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_differences_are_patched_and_only_our_own_keys_removed() {
        let map = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect::<BTreeMap<_, _>>()
        };
        let wanted = map(&[("a", "1"), ("b", "2")]);
        let live = map(&[("a", "1"), ("b", "9"), ("ours", "x"), ("theirs", "y")]);
        let patch = changes(&wanted, &live, &["ours".to_owned(), "a".to_owned()]);
        assert_eq!(Value::Object(patch), json!({"b": "2", "ours": null}));
        assert!(changes(&wanted, &wanted, &["a".to_owned(), "gone already".to_owned()]).is_empty());
    }
}
