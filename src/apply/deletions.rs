//! The record of the namespaces whose deletion was begun lately: a ConfigMap in the operator's own namespace, with the UID
//! of each namespace and when. It stands in the cluster, so that neither a restart nor a change of the leader begins to
//! count anew.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, ResourceExt as _,
    api::{Patch, PatchParams},
};
use serde_json::json;

use crate::{
    api::names::{DELETION_RECORD, FIELD_MANAGER, MANAGED_BY, MANAGED_BY_LABEL},
    context::Context,
    facts::problems,
    plan::{
        brake::Deletions,
        change::{Action, Change},
    },
    status::{Problem, Reason},
};

/// Who makes the record, as a field manager of its own.
const CREATOR: &str = "gl-k8s-integrator-creator";

/// The record as it was read.
pub struct Record {
    /// What it says.
    pub deletions: Deletions,
    version: Option<String>,
    noted: bool,
}

fn api(context: &Context) -> Api<ConfigMap> {
    Api::namespaced(context.kubernetes.clone(), &context.settings.own_namespace)
}

/// Reads the record live. Entries that are none are left out.
///
/// # Errors
/// When it cannot be read: without it nothing is deleted.
pub async fn read(context: &Context) -> Result<Record, Problem> {
    let what = format!("read the ConfigMap {}/{DELETION_RECORD}", context.settings.own_namespace);
    let live = api(context).get_opt(DELETION_RECORD).await.map_err(|error| problems::kubernetes(&what, &error))?;
    let mut deletions = context.hands.noted_deletions();
    let noted = !deletions.is_empty();
    let Some(live) = live else { return Ok(Record { deletions, version: None, noted }) };
    let version = live.resource_version();
    let entries = live.data.unwrap_or_default().into_iter();
    deletions.extend(entries.filter_map(|(uid, at)| Some((uid, at.parse().ok()?))));
    Ok(Record { deletions, version, noted })
}

/// Keeps a record in place of the one that was read.
///
/// # Errors
/// What the API server refused; a conflict when somebody else kept one since it was read.
pub async fn keep(context: &Context, read: Record, deletions: &Deletions) -> Result<(), Problem> {
    let object = format!("ConfigMap {}/{DELETION_RECORD}", context.settings.own_namespace);
    let hands = &context.hands;
    if !hands.work() && read.version.is_none() && !read.noted {
        hands.note(|| Change::kubernetes(Action::Create, object.clone(), "deletions are counted from now on"));
    }
    if hands.note(|| Change::kubernetes(Action::Update, object.clone(), "the deletion is counted")) {
        hands.note_deletions(deletions);
        return Ok(());
    }
    let what = format!("write the {object}");
    let version = match read.version {
        Some(version) => version,
        None => create(context, &what).await?,
    };
    let data: serde_json::Map<_, _> = deletions.iter().map(|(uid, at)| (uid.clone(), at.to_string().into())).collect();
    let wanted = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": data,
        "metadata": {"name": DELETION_RECORD, "resourceVersion": version, "labels": {MANAGED_BY_LABEL: MANAGED_BY}}});
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    let kept = api(context).patch(DELETION_RECORD, &parameters, &Patch::Apply(wanted)).await;
    kept.map(drop).map_err(|error| problems::kubernetes(&what, &error))
}

/// Makes an empty record and gives its version, from which only one of several can go on. An apply without a version would
/// replace what another one wrote since; this one owns no entry, and so takes none away.
async fn create(context: &Context, what: &str) -> Result<String, Problem> {
    let empty = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": DELETION_RECORD}});
    let parameters = PatchParams::apply(CREATOR);
    let created = api(context).patch(DELETION_RECORD, &parameters, &Patch::Apply(empty)).await;
    let created = created.map_err(|error| problems::kubernetes(what, &error))?;
    if created.data.as_ref().is_some_and(|data| !data.is_empty()) {
        let message = format!("could not {what}: another operator wrote it in the same moment; it is tried again");
        return Err(Problem::new(Reason::KubernetesUnavailable, message));
    }
    Ok(created.resource_version().unwrap_or_default())
}
