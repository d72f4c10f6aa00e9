//! What a person is told of a namespace that stands in the way: that it is left alone, what would adopt it, and what stands
//! against that. The adoption itself is no more than writing the claim (`namespace.rs`).

use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt as _;

use super::{environments::Environments, mapping::Pass, project::Held};
use crate::{
    api::names,
    plan::ownership::{AdoptionAct, AdoptionObstacle, is_marked},
    status::{Problem, Reason},
};

/// The command of the first act: who writes mappings says which namespace is meant.
fn annotate(pass: &Pass<'_>, namespace: &str, uid: &str) -> String {
    let (mapping, annotation) = (&pass.mapping.name, names::ADOPT_ANNOTATION);
    format!("kubectl annotate projectmapping {mapping} --overwrite {annotation}={namespace}={uid}")
}

/// The command that takes the first act back.
fn take_back(pass: &Pass<'_>) -> String {
    format!("kubectl annotate projectmapping {} {}-", pass.mapping.name, names::ADOPT_ANNOTATION)
}

/// The command of the second act: who may write claims agrees.
fn label(live: &Namespace) -> String {
    let overwrite = if live.labels().contains_key(names::MANAGED_BY_LABEL) { " --overwrite" } else { "" };
    format!("kubectl label namespace {}{overwrite} {}={}", live.name_any(), names::MANAGED_BY_LABEL, names::MANAGED_BY)
}

/// Somebody else's namespace is in the way.
pub(super) fn taken(pass: &Pass<'_>, name: &str, owner: &str, live: Option<&Namespace>) -> Problem {
    let way_out = match live {
        Some(live) if !is_marked(live) => {
            let command = annotate(pass, name, &live.uid().unwrap_or_default());
            format!("over by itself; to have it adopted, begin with: {command}")
        }
        _ => "over that belongs to somebody".to_owned(),
    };
    let message = format!(
        "the namespace {name} exists and belongs to {owner}; remove it if nobody needs it, or map the project through a GitLabInstance with another namespacePrefix: the operator takes nothing {way_out}"
    );
    Problem::new(Reason::NamespaceTaken, message)
}

/// One of the two acts is done.
pub(super) fn half(pass: &Pass<'_>, live: &Namespace, missing: AdoptionAct) -> Problem {
    let name = live.name_any();
    let message = match missing {
        AdoptionAct::Label => format!(
            "the namespace {name} is to be adopted, and somebody who may write claims has to agree: {}",
            label(live)
        ),
        AdoptionAct::Annotation => format!(
            "the namespace {name} carries the operator's label and no claim; to have it adopted by this mapping: {}",
            annotate(pass, &name, &live.uid().unwrap_or_default())
        ),
    };
    Problem::new(Reason::AdoptionPending, message)
}

/// The adoption cannot be.
pub(super) fn refused(pass: &Pass<'_>, name: &str, why: &AdoptionObstacle) -> Problem {
    let message = match why {
        AdoptionObstacle::OtherUid { live } => format!(
            "the namespace {name} that is to be adopted has another UID than the annotation names, so it is not the one that was meant; if it is: {}",
            annotate(pass, name, live)
        ),
        AdoptionObstacle::Claimed { owner } => format!(
            "the namespace {name} cannot be adopted, because it carries marks of {}/ and belongs to {owner}; remove the marks, or take the request back: {}",
            names::MARK_PREFIX.trim_end_matches('/'),
            take_back(pass)
        ),
        AdoptionObstacle::Gone => format!(
            "the namespace {name} that is to be adopted does not exist; restore it, or have an empty one made: {}",
            take_back(pass)
        ),
    };
    Problem::new(Reason::AdoptionRefused, message)
}

/// Why the annotation as a whole comes to nothing, if it does: it cannot be read, or names what cannot be this mapping's.
pub(super) fn misplaced(pass: &Pass<'_>, environments: &Environments, held: &Held) -> Option<Problem> {
    let refused = |message| Some(Problem::until_changed(Reason::AdoptionRefused, message));
    let adoption = match &pass.mapping.adoption {
        Ok(adoption) => adoption.as_ref()?,
        Err(invalid) => {
            let message = format!(
                "{} cannot be used: {}; correct it, or remove it: {}",
                invalid.field,
                invalid.problem,
                take_back(pass)
            );
            return refused(message);
        }
    };
    let wanted = &adoption.namespace;
    if pass.context.settings.reserved.contains(wanted) {
        return refused(format!(
            "the namespace {wanted} is reserved and is not adopted; take the request back: {}",
            take_back(pass)
        ));
    }
    let names: Vec<_> = environments.placed.iter().map(|placed| placed.namespace.as_str()).collect();
    // What is undecided may have this name yet; what was adopted and left since is no mistake.
    let settled = environments.undecided.is_empty() && !held.claims.iter().any(|claimed| claimed.name() == wanted);
    if names.contains(&wanted.as_str()) || !settled {
        return None;
    }
    refused(format!(
        "the namespace {wanted} is to be adopted, but only a namespace of the name that the operator would give can be: {}; correct the annotation, or take the request back: {}",
        names.join(", "),
        take_back(pass)
    ))
}
