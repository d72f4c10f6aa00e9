//! Who uses an instance or a class.

use std::sync::Arc;

use kube::ResourceExt as _;

use super::finalizer;
use crate::{
    api::{MappingCounts, ProjectMapping, names},
    apply::declared::Declared,
    context::Context,
    status::{Problem, Reason, is_ready},
};

/// How many of its mappings there are, and how many are ready.
pub(super) fn count(users: &[Arc<ProjectMapping>]) -> MappingCounts {
    let ready = users
        .iter()
        .filter(|mapping| mapping.status.as_ref().is_some_and(|status| is_ready(&status.conditions)))
        .count();
    let number = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    MappingCounts { total: number(users.len()), ready: number(ready) }
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
