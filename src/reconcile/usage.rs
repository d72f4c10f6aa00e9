//! Who uses an instance or a class.

use std::sync::Arc;

use k8s_openapi::{api::core::v1::ObjectReference, apimachinery::pkg::apis::meta::v1::Condition};
use kube::ResourceExt as _;

use super::finalizer::{self, Declared};
use crate::{
    api::{MappingCounts, ProjectMapping, names},
    apply::events,
    context::Context,
    status::{Problem, Reason},
};

/// How many of its mappings there are, and how many are ready.
pub(super) fn count(users: &[Arc<ProjectMapping>]) -> MappingCounts {
    let ready = users.iter().filter(|mapping| is_ready(mapping)).count();
    let number = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    MappingCounts { total: number(users.len()), ready: number(ready) }
}

fn is_ready(mapping: &ProjectMapping) -> bool {
    let conditions = mapping.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// Whether an instance or a class stays.
pub(super) enum Standing {
    /// Its deletion was asked for, and nobody names it: our finalizer is off.
    Gone,
    /// Its deletion waits for those who name it.
    InUse(Problem),
    /// It stays.
    Kept,
}

/// Keeps an object as long as mappings name it. The finalizer stands from the beginning, so that no deletion can come
/// between a mapping's first look and its first effect.
pub(super) async fn hold<K: Declared>(
    context: &Context,
    object: &K,
    users: &[Arc<ProjectMapping>],
) -> Result<Standing, Problem> {
    if object.meta().deletion_timestamp.is_none() {
        finalizer::add(context, object, names::IN_USE_FINALIZER).await?;
        return Ok(Standing::Kept);
    }
    if users.is_empty() {
        finalizer::remove(context, object, names::IN_USE_FINALIZER).await?;
        return Ok(Standing::Gone);
    }
    Ok(Standing::InUse(in_use(&K::kind(&()), users)))
}

/// The message names at most this many mappings.
const NAMED: usize = 10;

/// Why the deletion of an object waits.
fn in_use(kind: &str, users: &[Arc<ProjectMapping>]) -> Problem {
    let mut names: Vec<_> = users.iter().take(NAMED).map(|mapping| mapping.name_any()).collect();
    names.sort();
    let more = users.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let message = format!(
        "this {kind} is to be deleted, but these mappings name it: {}{more}; delete them first",
        names.join(", ")
    );
    Problem::until_changed(Reason::InUse, message)
}

/// Tells people when the condition `Ready` changed its state or reason.
pub(super) async fn tell(
    context: &Context,
    about: &ObjectReference,
    before: Option<&Vec<Condition>>,
    now: &[Condition],
) {
    let ready = |conditions: &[Condition]| conditions.iter().find(|condition| condition.type_ == "Ready").cloned();
    let Some(current) = ready(now) else { return };
    let same = |old: Condition| old.status == current.status && old.reason == current.reason;
    if before.and_then(|conditions| ready(conditions)).is_some_and(same) {
        return;
    }
    if current.status == "True" {
        events::normal(context, about, &current.reason, current.message).await;
    } else {
        events::warning(context, about, &current.reason, current.message).await;
    }
}
