//! Which project a mapping is about, and whether this mapping holds it.

use std::time::Duration;

use kube::ResourceExt as _;
use serde_json::json;

use super::mapping::Pass;
use crate::{
    api::{ProjectMapping, names},
    apply::declared::patch_metadata,
    context::Context,
    declared::{Instance, Mapping},
    facts::{
        cluster::{self, Claimed},
        project::ProjectFacts,
    },
    plan::{
        change::Field,
        ownership::{ProjectIdentity, holder},
    },
    status::{Problem, Reason, Retry},
};

/// A project that the mapping holds.
pub(super) struct Held {
    /// Which one.
    pub identity: ProjectIdentity,
    /// The namespaces that claim to belong to it.
    pub claims: Vec<Claimed>,
}

/// Writes the project's id on the mapping before anything else has an effect, and finds out whether this mapping holds
/// the project.
pub(super) async fn hold(pass: &Pass<'_>, instance: &Instance, project: &ProjectFacts) -> Result<Held, Problem> {
    let Pass { context, object, mapping, .. } = *pass;
    record_id(context, object, mapping, project.id).await?;
    let identity = ProjectIdentity { gitlab_url: instance.url.clone(), project_id: project.id };
    let claims = cluster::claims(context, &identity).await?;
    let candidates = context.declarations.candidates(&identity, project.path.as_deref());
    let read: Vec<_> = claims.iter().map(|claimed| claimed.claim.clone()).collect();
    match holder(&candidates, &read) {
        Some(holder) if holder.name != mapping.name => {
            let message = format!(
                "the ProjectMapping {} holds the project {} ({}) already; delete this mapping or that one",
                holder.name,
                project.path.as_deref().unwrap_or("without path"),
                project.id
            );
            Err(Problem::until_changed(Reason::AlreadyMapped, message))
        }
        _ => match context.declarations.under_way(&candidates, mapping, project.id).filter(|_| claims.is_empty()) {
            Some(other) => {
                let message =
                    format!("the ProjectMapping {other} names the same project and has not been decided on yet");
                Err(Problem::new(Reason::Progressing, message))
            }
            None => Ok(Held { identity, claims }),
        },
    }
}

/// The annotation is what serialises two mappings of one project: whoever wrote it sees, once the watch shows it, every
/// mapping that wrote it before.
async fn record_id(context: &Context, object: &ProjectMapping, mapping: &Mapping, id: i64) -> Result<(), Problem> {
    let text = id.to_string();
    if object.annotations().get(names::PROJECT_ID) != Some(&text) {
        let metadata = json!({"uid": object.uid(), "annotations": {names::PROJECT_ID: text}});
        let why = "the project is known by its id from now on, whatever its path becomes";
        let field = || Field::of(format!("metadata.annotations.{}", names::PROJECT_ID), None, Some(text.clone()));
        patch_metadata(context, object, metadata, why, field).await?;
    }
    if !context.hands.work() {
        return Ok(());
    }
    for _ in 0..100 {
        if context.declarations.shows_project_id(mapping, id) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let message = "the watch does not show the project's id yet";
    Err(Problem { retry: Retry::Backoff, ..Problem::new(Reason::Progressing, message) })
}
