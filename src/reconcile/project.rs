//! Which project a mapping is about, and whether this mapping holds it.

use std::time::Duration;

use kube::ResourceExt as _;
use serde_json::json;

use super::{finalizer, mapping::Pass};
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
    begin(context, object, mapping, project.id).await?;
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

/// The finalizer and the project's id, in one patch before the first effect. The annotation is what serialises two mappings of
/// one project: whoever wrote it sees, once the watch shows it, every mapping that wrote it before.
async fn begin(context: &Context, object: &ProjectMapping, mapping: &Mapping, id: i64) -> Result<(), Problem> {
    let text = id.to_string();
    let finalizers = finalizer::with(object, names::MAPPING_FINALIZER);
    let recorded = object.annotations().get(names::PROJECT_ID);
    if finalizers.is_some() || recorded != Some(&text) {
        let mut metadata = json!({"uid": object.uid(), "annotations": {names::PROJECT_ID: text}});
        if let Some(finalizers) = &finalizers {
            metadata["finalizers"] = json!(finalizers);
            metadata["resourceVersion"] = json!(object.resource_version());
        }
        let why = "its deletion waits for a clean end from now on, and its project is known by its id, whatever its path becomes";
        let fields = || {
            let annotation = format!("metadata.annotations.{}", names::PROJECT_ID);
            let finalizers = finalizers.as_ref().map(|finalizers| finalizers.join(", "));
            let finalizer =
                finalizers.map(|after| Field { path: "metadata.finalizers".into(), before: None, after: Some(after) });
            finalizer.into_iter().chain(Field::of(annotation, recorded.cloned(), Some(text.clone()))).collect()
        };
        patch_metadata(context, object, metadata, why, fields).await?;
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
