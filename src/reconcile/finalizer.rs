//! Our finalizers on our own kinds.

use kube::ResourceExt as _;
use serde_json::json;

use crate::{
    apply::declared::{Declared, patch_metadata},
    context::Context,
    plan::change::Field,
    status::Problem,
};

/// Puts a finalizer on an object unless it stands there.
pub(super) async fn add<K: Declared>(context: &Context, object: &K, finalizer: &str) -> Result<(), Problem> {
    match with(object, finalizer) {
        None => Ok(()),
        Some(finalizers) => set(context, object, &finalizers, "its deletion has to wait for the operator").await,
    }
}

/// The finalizers of an object with one more; `None` when it stands there.
pub(super) fn with<'o, K: Declared>(object: &'o K, finalizer: &'o str) -> Option<Vec<&'o str>> {
    let there: Vec<_> = object.finalizers().iter().map(String::as_str).collect();
    (!there.contains(&finalizer)).then(|| there.into_iter().chain([finalizer]).collect())
}

/// Takes a finalizer off an object if it stands there: the object may go.
pub(super) async fn remove<K: Declared>(context: &Context, object: &K, finalizer: &str) -> Result<(), Problem> {
    if !object.finalizers().iter().any(|there| there == finalizer) {
        return Ok(());
    }
    let finalizers: Vec<_> =
        object.finalizers().iter().map(String::as_str).filter(|there| *there != finalizer).collect();
    set(context, object, &finalizers, "nothing of it is left: it may go").await
}

async fn set<K: Declared>(context: &Context, object: &K, finalizers: &[&str], why: &str) -> Result<(), Problem> {
    let text = |finalizers: String| Some(finalizers).filter(|text| !text.is_empty());
    let (before, after) = (object.finalizers().join(", "), finalizers.join(", "));
    let metadata = json!({
        "uid": object.uid(), "resourceVersion": object.resource_version(), "finalizers": finalizers,
    });
    let fields = || Field::of("metadata.finalizers", text(before), text(after)).into_iter().collect();
    patch_metadata(context, object, metadata, why, fields).await
}
