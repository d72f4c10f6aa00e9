//! The brake on the deletion of namespaces: asked before each, and what is said of those that it holds.

use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt as _;

use super::{mapping::Pass, report::Report};
use crate::{
    api::{Period, names},
    apply::deletions,
    plan::brake::{Asked, Decision},
    status::{Problem, Reason},
};

/// What the brake says of one namespace.
pub(super) enum Permit {
    /// It may be deleted now.
    Given,
    /// Its deletion waits for a person.
    Held(Held),
}

/// A namespace whose deletion waits for a person.
pub(super) struct Held {
    /// Its name.
    pub namespace: String,
    /// How many were deleted within the window.
    deleted: usize,
}

/// Asks whether a namespace may be deleted now. A permission is on record before it is given, so that neither a pass beside
/// this one nor a crash after it gets around the limit.
pub(super) async fn ask(pass: &Pass<'_>, live: &Namespace) -> Result<Permit, Problem> {
    let context = pass.context;
    let released = pass.mapping.is_released();
    if released {
        return Ok(Permit::Given);
    }
    let uid = live.uid().unwrap_or_default();
    let held_before = pass.object.status.as_ref().is_some_and(|status| !status.held_deletions.is_empty());
    let asked = Asked { uid: &uid, released, others_held: held_before || others_held(pass) > 0 };
    let _one_at_a_time = context.memory.deletions().lock().await;
    let record = deletions::read(context).await?;
    match context.settings.brake.decide(&record.deletions, asked, context.clock.now()) {
        Decision::Go => Ok(Permit::Given),
        Decision::Reserve(deletions) => {
            deletions::keep(context, record, &deletions).await?;
            Ok(Permit::Given)
        }
        Decision::Hold { deleted } => Ok(Permit::Held(Held { namespace: live.name_any(), deleted })),
    }
}

fn others_held(pass: &Pass<'_>) -> usize {
    pass.context.declarations.deletions_held(&pass.mapping.name, &pass.context.hands.noted_held())
}

/// These namespaces of the mapping wait for a person, and no others.
pub(super) fn hold(pass: &Pass<'_>, held: &[Held], report: &mut Report) {
    report.hold(held);
    pass.context.hands.note_held(&pass.mapping.name, held.len());
}

/// What a mapping says whose namespaces wait; `None` when none does.
pub(super) fn explain(pass: &Pass<'_>, held: &[Held]) -> Option<Problem> {
    let deleted = held.iter().map(|held| held.deleted).max()?;
    let brake = pass.context.settings.brake;
    let window = Period::from(brake.window);
    let name = &pass.mapping.name;
    let names: Vec<_> = held.iter().map(|held| held.namespace.as_str()).collect();
    let others = others_held(pass);
    let others = if others > 0 { format!("; {others} of other mappings wait too") } else { String::new() };
    let why = if deleted >= brake.limit {
        format!(
            "{deleted} namespaces were deleted within the last {window}, and no more than {} go by themselves",
            brake.limit
        )
    } else {
        format!(
            "many were deleted at once ({deleted} within the last {window}), and what is held goes on only when it is released"
        )
    };
    let message = format!(
        "the deletion of {} waits for a person, and its credentials are revoked: {why}{others}; to keep what waits: kubectl patch projectmapping {name} --type=merge --patch='{{\"spec\":{{\"deletionPolicy\":\"Retain\"}}}}' ; to delete it: kubectl annotate projectmapping {name} --overwrite {}={}",
        names.join(", "),
        names::RELEASE_DELETION_ANNOTATION,
        pass.mapping.release_value(),
    );
    Some(Problem::until_changed(Reason::DeletionHeld, message))
}
