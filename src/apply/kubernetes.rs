//! Objects inside managed namespaces: server-side apply, pruning, and deletion with preconditions.

use std::time::Duration;

use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams, Preconditions},
};
use serde_json::{Value, json};

use crate::{
    api::names::FIELD_MANAGER,
    context::Context,
    facts::{
        caches::Kept,
        cluster::{self, describe},
        problems,
    },
    plan::{
        change::{Action, Change, TO_BE_MADE, applied_fields},
        difference::{Difference, difference},
        ownership::is_managed,
    },
    status::{Problem, Reason},
};

/// Brings an object, as it was read, to what is wanted; writes nothing when it is so already. Gives it as the server has
/// it, and whether something was written.
///
/// # Errors
/// What the API server refused, or that an object in the way does not go.
pub async fn ensure<K: Kept>(context: &Context, wanted: &K, live: Option<K>) -> Result<(K, bool), Problem> {
    let (namespace, name) = place(wanted);
    let api: Api<K> = Api::namespaced(context.kubernetes.clone(), &namespace);
    let what = &describe::<K>(&namespace, &name);
    let unreadable =
        |error: serde_json::Error| Problem::new(Reason::InvalidSpec, format!("could not write {what}: {error}"));
    let wanted_json = serde_json::to_value(wanted).map_err(unreadable)?;
    let live_json = live.as_ref().map(serde_json::to_value).transpose().map_err(unreadable)?;
    let difference = difference(&wanted_json, live_json.as_ref());
    if difference == Difference::None
        && let Some(live) = live
    {
        return Ok((live, false));
    }
    if context.hands.note(|| change(&difference, what, &wanted_json, live_json.as_ref())) {
        return Ok((expected(wanted, live.filter(|_| difference == Difference::Apply)), true));
    }
    if let (Difference::Replace { why }, Some(live)) = (difference, live) {
        would_be_taken(&api, wanted, what).await?;
        tracing::info!(object = what, field = why, "replacing an object that cannot be changed in place");
        replace(&api, &live, what).await?;
    }
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    let applied = api.patch(&wanted.name_any(), &parameters, &Patch::Apply(wanted)).await;
    applied.map(|applied| (applied, true)).map_err(|error| not_applied(what, &error))
}

/// Asks before anything is deleted for an object: one that may not be made, such as a binding to a role that the operator
/// may not grant, leaves in place what stands. That it cannot be changed in place is no refusal.
async fn would_be_taken<K: Kept>(api: &Api<K>, wanted: &K, what: &str) -> Result<(), Problem> {
    let parameters = PatchParams::apply(FIELD_MANAGER).force().dry_run();
    match api.patch(&wanted.name_any(), &parameters, &Patch::Apply(wanted)).await {
        Err(kube::Error::Api(status)) if status.code == 422 => Ok(()),
        result => result.map(drop).map_err(|error| not_applied(what, &error)),
    }
}

/// An apply creates what does not exist. So if something was not found, it is something else that the object needs.
fn not_applied(what: &str, error: &kube::Error) -> Problem {
    let problem = problems::kubernetes(&format!("apply {what}"), error);
    match error {
        kube::Error::Api(status) if status.is_not_found() => Problem { reason: Reason::KubernetesRefused, ..problem },
        _ => problem,
    }
}

fn change(difference: &Difference, what: &str, wanted: &Value, live: Option<&Value>) -> Change {
    match (difference, live) {
        (Difference::Replace { why }, _) => {
            let why = format!("it cannot be changed in place ({why})");
            Change::kubernetes(Action::Replace, what, why).with(applied_fields(wanted, None))
        }
        (_, None) => Change::kubernetes(Action::Create, what, "it does not exist").with(applied_fields(wanted, None)),
        (_, Some(live)) => {
            let why = "it is not as declared";
            Change::kubernetes(Action::Update, what, why).with(applied_fields(wanted, Some(live)))
        }
    }
}

/// What an object would be after an apply that was only noted: whatever goes on with it needs its UID.
fn expected<K: Kept>(wanted: &K, live: Option<K>) -> K {
    let mut expected = wanted.clone();
    expected.meta_mut().uid = live.and_then(|live| live.uid()).or_else(|| Some(TO_BE_MADE.to_owned()));
    expected
}

/// Foreign finalizers on our own fixed-name objects are removed: nobody but us has business there.
async fn replace<K: Kept>(api: &Api<K>, live: &K, what: &str) -> Result<(), Problem> {
    let failed = |error: kube::Error| problems::kubernetes(&format!("replace {what}"), &error);
    if !live.finalizers().is_empty() {
        let patch =
            json!({"metadata": {"finalizers": null, "uid": live.uid(), "resourceVersion": live.resource_version()}});
        gone(api.patch(&live.name_any(), &PatchParams::default(), &Patch::Merge(patch)).await.map(drop))
            .map_err(failed)?;
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

async fn until_gone<K: Kept>(api: &Api<K>, old: &K, what: &str) -> Result<(), Problem> {
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
pub async fn prune<K: Kept>(context: &Context, namespace: &str, name: &str, why: &str) -> Result<bool, Problem> {
    delete_if(context, namespace, name, why, |live: &K| is_managed(live.meta().labels.as_ref())).await
}

/// Deletes an object with a name that is ours alone, whatever labels a tenant gave it.
///
/// # Errors
/// What the API server refused.
pub async fn delete<K: Kept>(context: &Context, namespace: &str, name: &str, why: &str) -> Result<bool, Problem> {
    delete_if(context, namespace, name, why, |_: &K| true).await
}

async fn delete_if<K: Kept>(
    context: &Context,
    namespace: &str,
    name: &str,
    why: &str,
    ours: impl Fn(&K) -> bool,
) -> Result<bool, Problem> {
    let what = describe::<K>(namespace, name);
    let Some(live) = cluster::object_surely::<K>(context, namespace, name).await?.filter(ours) else {
        return Ok(false);
    };
    if context.hands.note(|| Change::kubernetes(Action::Delete, &what, why)) {
        context.hands.note_gone(&what);
        return Ok(true);
    }
    let api: Api<K> = Api::namespaced(context.kubernetes.clone(), namespace);
    replace(&api, &live, &what).await.map(|()| true)
}

fn place<K: Kept>(object: &K) -> (String, String) {
    (object.namespace().unwrap_or_default(), object.name_any())
}
