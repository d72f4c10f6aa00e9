//! Objects inside managed namespaces: server-side apply, pruning, and deletion with preconditions.

use std::{fmt::Debug, time::Duration};

use k8s_openapi::NamespaceResourceScope;
use kube::{
    Api, Resource, ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams, Preconditions},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;

use crate::{
    api::names::FIELD_MANAGER,
    context::Context,
    facts::problems,
    plan::{
        difference::{Difference, difference},
        ownership::is_managed,
    },
    status::{Problem, Reason},
};

/// A kind whose objects live in namespaces.
pub trait Namespaced:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + Serialize + DeserializeOwned
{
}
impl<K> Namespaced for K where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + Serialize + DeserializeOwned
{
}

/// Brings an object into being as it is wanted; writes nothing when it is so already. Gives it as the server has it, and
/// whether something was written.
///
/// # Errors
/// What the API server refused, or that an object in the way does not go.
pub async fn ensure<K: Namespaced>(context: &Context, wanted: &K) -> Result<(K, bool), Problem> {
    let (namespace, name) = place(wanted);
    let what = describe::<K>(&namespace, &name);
    let api: Api<K> = Api::namespaced(context.kubernetes.clone(), &namespace);
    let live = api.get_opt(&name).await.map_err(|error| problems::kubernetes(&format!("read {what}"), &error))?;
    ensure_from(&api, wanted, live, &what).await
}

/// The same for an object that was read already.
///
/// # Errors
/// As [`ensure`].
pub async fn ensure_live<K: Namespaced>(context: &Context, wanted: &K, live: Option<K>) -> Result<(K, bool), Problem> {
    let (namespace, name) = place(wanted);
    let api: Api<K> = Api::namespaced(context.kubernetes.clone(), &namespace);
    ensure_from(&api, wanted, live, &describe::<K>(&namespace, &name)).await
}

async fn ensure_from<K: Namespaced>(
    api: &Api<K>,
    wanted: &K,
    live: Option<K>,
    what: &str,
) -> Result<(K, bool), Problem> {
    let unreadable =
        |error: serde_json::Error| Problem::new(Reason::InvalidSpec, format!("could not write {what}: {error}"));
    let wanted_json = serde_json::to_value(wanted).map_err(unreadable)?;
    let live_json = live.as_ref().map(serde_json::to_value).transpose().map_err(unreadable)?;
    match (difference(&wanted_json, live_json.as_ref()), live) {
        (Difference::None, Some(live)) => return Ok((live, false)),
        (Difference::Replace { why }, Some(live)) => {
            tracing::info!(object = what, field = why, "replacing an object that cannot be changed in place");
            replace(api, &live, what).await?;
        }
        _ => {}
    }
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    let applied = api
        .patch(&wanted.name_any(), &parameters, &Patch::Apply(wanted))
        .await
        .map_err(|error| problems::kubernetes(&format!("apply {what}"), &error))?;
    Ok((applied, true))
}

/// Foreign finalizers on our own fixed-name objects are removed: nobody but us has business there.
async fn replace<K: Namespaced>(api: &Api<K>, live: &K, what: &str) -> Result<(), Problem> {
    let failed = |error: kube::Error| problems::kubernetes(&format!("replace {what}"), &error);
    if !live.finalizers().is_empty() {
        let patch =
            json!({"metadata": {"finalizers": null, "uid": live.uid(), "resourceVersion": live.resource_version()}});
        match api.patch(&live.name_any(), &PatchParams::default(), &Patch::Merge(patch)).await {
            Err(kube::Error::Api(status)) if status.is_not_found() => return Ok(()),
            result => result.map_err(failed)?,
        };
        let uid = Preconditions { uid: live.uid(), resource_version: None };
        gone(api.delete(&live.name_any(), &DeleteParams::default().preconditions(uid)).await.map(drop))
            .map_err(failed)?;
    } else {
        let exactly = Preconditions { uid: live.uid(), resource_version: live.resource_version() };
        gone(api.delete(&live.name_any(), &DeleteParams::default().preconditions(exactly)).await.map(drop))
            .map_err(failed)?;
    }
    until_gone(api, live, what).await
}

fn gone(result: kube::Result<()>) -> kube::Result<()> {
    match result {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        result => result,
    }
}

async fn until_gone<K: Namespaced>(api: &Api<K>, old: &K, what: &str) -> Result<(), Problem> {
    for _ in 0..20 {
        let live = api
            .get_opt(&old.name_any())
            .await
            .map_err(|error| problems::kubernetes(&format!("replace {what}"), &error))?;
        if live.is_none_or(|live| live.uid() != old.uid()) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(Problem::new(
        Reason::KubernetesUnavailable,
        format!("{what} is being deleted but does not go; it is tried again"),
    ))
}

/// Deletes an object of ours if it exists; one of the same name without our label is somebody else's and stays.
///
/// # Errors
/// What the API server refused.
pub async fn prune<K: Namespaced>(context: &Context, namespace: &str, name: &str) -> Result<bool, Problem> {
    delete_if(context, namespace, name, |live: &K| is_managed(live.meta().labels.as_ref())).await
}

/// Deletes an object with a name that is ours alone, whatever labels a tenant gave it.
///
/// # Errors
/// What the API server refused.
pub async fn delete<K: Namespaced>(context: &Context, namespace: &str, name: &str) -> Result<bool, Problem> {
    delete_if(context, namespace, name, |_: &K| true).await
}

async fn delete_if<K: Namespaced>(
    context: &Context,
    namespace: &str,
    name: &str,
    ours: impl Fn(&K) -> bool,
) -> Result<bool, Problem> {
    let what = describe::<K>(namespace, name);
    let api: Api<K> = Api::namespaced(context.kubernetes.clone(), namespace);
    let live = api.get_opt(name).await.map_err(|error| problems::kubernetes(&format!("read {what}"), &error))?;
    match live {
        Some(live) if ours(&live) => replace(&api, &live, &what).await.map(|()| true),
        _ => Ok(false),
    }
}

/// All objects of a kind in a namespace that carry our label.
///
/// # Errors
/// When the listing is not complete.
pub async fn list_ours<K: Namespaced>(context: &Context, namespace: &str) -> Result<Vec<K>, Problem> {
    let api: Api<K> = Api::namespaced(context.kubernetes.clone(), namespace);
    let ours = format!("{}={}", crate::api::names::MANAGED_BY_LABEL, crate::api::names::MANAGED_BY);
    let what = format!("list {} in {namespace}", K::plural(&()));
    let listing = api.list(&kube::api::ListParams::default().labels(&ours)).await;
    listing.map(|list| list.items).map_err(|error| problems::kubernetes(&what, &error))
}

fn place<K: Namespaced>(object: &K) -> (String, String) {
    (object.namespace().unwrap_or_default(), object.name_any())
}

fn describe<K: Namespaced>(namespace: &str, name: &str) -> String {
    format!("{} {namespace}/{name}", K::kind(&()))
}
