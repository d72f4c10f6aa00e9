//! A look at a mapping that was as declared when it was last looked at: it is compared with the caches, and no server is
//! asked. Most changes that wake a mapping were its own.

use kube::runtime::reflector::ObjectRef;

use super::{Finding, mapping};
use crate::{
    api::ProjectMapping,
    apply::hands::Notes,
    context::{Context, Sight},
    status::is_ready,
};

/// A pass that believes the caches. `None` when a closer look is needed.
pub(super) async fn at(context: &Context, name: &str) -> Option<Finding> {
    if !context.hands.work() {
        return None;
    }
    let object = context.declarations.mappings.get(&ObjectRef::new(name))?;
    if !context.caches.are_filled() || !was_as_declared(&object) || mapping::comparison_is_due(context, name) {
        return None;
    }
    let notes = Notes::brief();
    let finding = mapping::look(&context.noting(&notes, Sight::Caches), &object).await.ok()?;
    (!notes.found_any() && finding.problem.is_none()).then_some(finding)
}

fn was_as_declared(object: &ProjectMapping) -> bool {
    let status = object.status.as_ref();
    object.metadata.deletion_timestamp.is_none()
        && status.is_some_and(|status| {
            status.observed_generation == object.metadata.generation && is_ready(&status.conditions)
        })
}
