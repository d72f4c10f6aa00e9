//! Our own kinds: their metadata, where it is ours, and their status.

use std::fmt::Debug;

use kube::{
    Api, Resource, ResourceExt as _,
    api::{Patch, PatchParams},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    api::names::FIELD_MANAGER,
    context::Context,
    facts::problems,
    plan::change::{Action, Change, Field, differing},
    status::Problem,
};

/// A cluster-scoped kind of ours.
pub trait Declared: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned {}
impl<K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned> Declared for K {}

fn describe<K: Declared>(object: &K) -> String {
    format!("{} {}", K::kind(&()), object.name_any())
}

/// Patches the metadata of exactly the object that was read. That it is gone is an error like every other: the next pass finds
/// out whether it really is, and no effect may follow a finalizer that was never set.
///
/// # Errors
/// What the API server refused.
pub async fn patch_metadata<K: Declared>(
    context: &Context,
    object: &K,
    metadata: Value,
    why: &str,
    fields: impl FnOnce() -> Vec<Field>,
) -> Result<(), Problem> {
    let what = describe(object);
    if context.hands.note(|| Change::kubernetes(Action::Update, &what, why).with(fields())) {
        return Ok(());
    }
    let api: Api<K> = Api::all_with(context.kubernetes.clone(), &());
    let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() };
    let patch = Patch::Merge(json!({"metadata": metadata}));
    let result = api.patch_metadata(&object.name_any(), &parameters, &patch).await;
    result.map(drop).map_err(|error| problems::kubernetes(&format!("change the metadata of {what}: {why}"), &error))
}

/// Writes the status if it differs; true when it did.
///
/// # Errors
/// What the API server refused.
pub async fn write_status<K: Declared, S: Serialize + PartialEq>(
    context: &Context,
    object: &K,
    before: Option<&S>,
    status: &S,
) -> Result<bool, Problem> {
    if before == Some(status) {
        return Ok(false);
    }
    let what = describe(object);
    let noted = || {
        let fields = differing(&json!({"status": status}), &json!({"status": before}), &[]);
        Change::kubernetes(Action::Update, format!("{what} (status)"), "it tells what was found and done").with(fields)
    };
    if context.hands.note(noted) {
        return Ok(true);
    }
    let api: Api<K> = Api::all_with(context.kubernetes.clone(), &());
    let patch = json!({
        "apiVersion": K::api_version(&()), "kind": K::kind(&()),
        "metadata": {"name": object.name_any(), "uid": object.uid()}, "status": status,
    });
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    let result = api.patch_status(&object.name_any(), &parameters, &Patch::Apply(patch)).await;
    result.map(|_| true).map_err(|error| problems::kubernetes(&format!("write the status of {what}"), &error))
}
