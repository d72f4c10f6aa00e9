//! Our finalizers on our own kinds.

use std::fmt::Debug;

use kube::{
    Api, Resource, ResourceExt as _,
    api::{Patch, PatchParams},
};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::{api::names::FIELD_MANAGER, context::Context, facts::problems, status::Problem};

/// A cluster-scoped kind of ours.
pub(super) trait Declared: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned {}
impl<K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned> Declared for K {}

/// Puts a finalizer on an object unless it stands there.
pub(super) async fn add<K: Declared>(context: &Context, object: &K, finalizer: &str) -> Result<(), Problem> {
    if object.finalizers().iter().any(|there| there == finalizer) {
        return Ok(());
    }
    let finalizers: Vec<_> = object.finalizers().iter().map(String::as_str).chain([finalizer]).collect();
    set(context, object, &finalizers).await
}

/// Takes a finalizer off an object if it stands there: the object may go.
pub(super) async fn remove<K: Declared>(context: &Context, object: &K, finalizer: &str) -> Result<(), Problem> {
    if !object.finalizers().iter().any(|there| there == finalizer) {
        return Ok(());
    }
    let finalizers: Vec<_> =
        object.finalizers().iter().map(String::as_str).filter(|there| *there != finalizer).collect();
    set(context, object, &finalizers).await
}

async fn set<K: Declared>(context: &Context, object: &K, finalizers: &[&str]) -> Result<(), Problem> {
    let patch = json!({"metadata": {
        "uid": object.uid(), "resourceVersion": object.resource_version(), "finalizers": finalizers,
    }});
    annotate(context, object, patch, "change the finalizers of").await
}

/// Patches the metadata of exactly the version that was read; an object that is gone needs nothing any more.
pub(super) async fn annotate<K: Declared>(
    context: &Context,
    object: &K,
    patch: serde_json::Value,
    what: &str,
) -> Result<(), Problem> {
    let api: Api<K> = Api::all_with(context.kubernetes.clone(), &());
    let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() };
    match api.patch_metadata(&object.name_any(), &parameters, &Patch::Merge(patch)).await {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        result => result
            .map(drop)
            .map_err(|error| problems::kubernetes(&format!("{what} {} {}", K::kind(&()), object.name_any()), &error)),
    }
}
