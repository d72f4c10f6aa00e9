//! The environments of a mapping: their slugs from GitLab, created there when missing, and their namespaces.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt as _, stream};
use kube::ResourceExt as _;

use super::{mapping::Pass, project::Held, report::Report};
use crate::{
    api::{NamespaceLayout, names},
    apply::events,
    declared::{Environment, Instance, Mapping},
    facts::{
        problems,
        project::{Part, ProjectFacts},
    },
    gitlab::{self, Client},
    naming,
    plan::{
        change::{Action, Change, Field},
        environments::{Placed, Placement, Remembered, Unplaced},
    },
    status::{Problem, Reason},
};

/// What was found out about the environments.
#[derive(Default)]
pub(super) struct Environments {
    /// Those that have a namespace.
    pub placed: Vec<Placed>,
    /// Those that could not be worked out: what exists of them stays as it is.
    pub undecided: BTreeSet<String>,
    /// What GitLab said about each that was looked up in this pass.
    pub seen: BTreeMap<String, gitlab::Environment>,
}

/// Whether and how thoroughly GitLab is asked.
#[derive(Clone, Copy)]
pub(super) struct Asking<'a> {
    /// There when GitLab may be asked.
    pub client: Option<&'a Client>,
    /// Every environment is looked up; otherwise only those that were never seen.
    pub compare: bool,
}

/// Finds slugs and namespaces.
pub(super) async fn place(
    pass: &Pass<'_>,
    instance: &Instance,
    project: &ProjectFacts,
    held: &Held,
    asking: Asking<'_>,
    report: &mut Report,
) -> Environments {
    let Pass { context, mapping, .. } = *pass;
    let remembered = remember(mapping, held, report);
    let mut environments = Environments::default();
    if let Some(client) = asking.client {
        let unknown = |environment: &&Environment| {
            let status = report.environment_status(&environment.name);
            asking.compare
                || status.is_none_or(|status| status.gitlab_id.is_none())
                || remembered.get(&environment.name).is_none_or(|remembered| remembered.slug.is_none())
        };
        let wanted: Vec<_> = mapping.environments.iter().filter(unknown).cloned().collect();
        look_up(pass, client, project, wanted, &mut environments, report).await;
    }
    let slugs = environments.seen.iter().map(|(name, seen)| (name.clone(), seen.slug.clone())).collect();
    let placement = Placement {
        mapping,
        prefix: &instance.namespace_prefix,
        project_path: project.path.as_deref().and_then(|path| path.rsplit('/').next()),
        project_id: project.id,
        remembered: &remembered,
        slugs: &slugs,
        reserved: &context.settings.reserved,
    };
    for (environment, result) in placement.place() {
        match result {
            Ok(placed) => environments.placed.push(placed),
            Err(unplaced) => report.namespace_failed(&environment.name, explain(&environment.name, &unplaced)),
        }
    }
    for environment in &mapping.environments {
        if !environments.placed.iter().any(|placed| placed.environment.name == environment.name) {
            environments.undecided.insert(environment.name.clone());
        }
    }
    environments
}

/// What claims and status remember. A claim counts more; of two claims of one environment the one that status recorded,
/// else the older.
fn remember(mapping: &Mapping, held: &Held, report: &Report) -> BTreeMap<String, Remembered> {
    let mut remembered = BTreeMap::new();
    for status in report.recorded_environments() {
        let key = match mapping.layout {
            NamespaceLayout::PerEnvironment => status.name.clone(),
            NamespaceLayout::PerProject => {
                let slug = Remembered { slug: status.slug.clone(), namespace: None };
                remembered.insert(status.name.clone(), slug);
                String::new()
            }
        };
        let slug = status.slug.clone().filter(|_| !key.is_empty());
        let namespace = status.namespace.as_ref().map(|namespace| namespace.name.clone());
        remembered.insert(key, Remembered { slug, namespace });
    }
    let mut claims: Vec<_> = held.claims.iter().collect();
    claims.sort_by_key(|claimed| {
        let recorded = report.recorded_uid(claimed.name()).is_some_and(|uid| claimed.namespace.uid() == Some(uid));
        (!recorded, claimed.namespace.creation_timestamp().map(|time| time.0), claimed.name().to_owned())
    });
    for claimed in claims.into_iter().rev() {
        let slug = claimed.namespace.labels().get(names::GITLAB_ENV).cloned();
        let entry: &mut Remembered = remembered.entry(claimed.claim.environment.clone()).or_default();
        entry.slug = slug.or(entry.slug.take());
        entry.namespace = Some(claimed.name().to_owned());
    }
    remembered
}

/// Stands where the id of an environment will be that would be created.
const UNKNOWN_ID: i64 = 0;

async fn look_up(
    pass: &Pass<'_>,
    client: &Client,
    project: &ProjectFacts,
    wanted: Vec<Environment>,
    environments: &mut Environments,
    report: &mut Report,
) {
    let found: Vec<_> = stream::iter(wanted)
        .map(|environment| async move {
            let result = find_or_create(pass, client, project, &environment).await;
            (environment.name, result)
        })
        .buffered(4)
        .collect()
        .await;
    for (name, result) in found {
        match result {
            Ok(seen) => {
                report.environment(&name).gitlab_id = Some(seen.id).filter(|id| *id != UNKNOWN_ID);
                environments.seen.insert(name, seen);
            }
            Err(problem) => report.namespace_failed(&name, project.explain(Part::Environments, problem)),
        }
    }
}

/// By exact name: GitLab cannot rename an environment, and its id changes when it is destroyed and made anew.
async fn find_or_create(
    pass: &Pass<'_>,
    client: &Client,
    project: &ProjectFacts,
    environment: &Environment,
) -> Result<gitlab::Environment, Problem> {
    let name = &environment.name;
    let find = || async {
        let found = client.environment_by_name(project.id, name).await;
        found.map_err(|error| problems::gitlab(&format!("look up {}", in_words(name, project)), &error))
    };
    if let Some(found) = find().await? {
        return Ok(found);
    }
    let expected = expected(environment);
    if pass.context.hands.note(|| told(&expected, environment)) {
        return Ok(expected);
    }
    match client.create_environment(project.id, name, environment.tier).await {
        Ok(created) => {
            let note = format!("created the environment {name} in GitLab (slug {})", created.slug);
            events::normal(pass.context, &pass.about(), "EnvironmentCreated", note).await;
            Ok(created)
        }
        // A pipeline was faster, or an answer got lost; without either it is the slug that is taken.
        Err(error) if error.is_already_taken() => find().await?.ok_or_else(|| refused(name, project, &error)),
        Err(error @ gitlab::Error::Refused { .. }) => Err(refused(name, project, &error)),
        Err(error) => Err(problems::gitlab(&format!("create {}", in_words(name, project)), &error)),
    }
}

/// What GitLab makes of a new environment; its id is known only then.
fn expected(environment: &Environment) -> gitlab::Environment {
    let (name, slug) = (environment.name.clone(), naming::environment_slug(&environment.name));
    let tier = environment.tier.or_else(|| Some(naming::guess_tier(&name)));
    gitlab::Environment { id: UNKNOWN_ID, name, slug, tier, state: gitlab::EnvironmentState::Available }
}

fn told(expected: &gitlab::Environment, environment: &Environment) -> Change {
    let tier = environment.tier.map(|tier| tier.as_str().to_owned());
    let change = Change::gitlab(Action::Create, format!("environment {}", expected.name), "GitLab does not know it");
    let fields = [Field::of("slug", None, Some(expected.slug.clone())), Field::of("tier", None, tier)];
    change.with(fields.into_iter().flatten())
}

fn in_words(name: &str, project: &ProjectFacts) -> String {
    format!("the environment {name} of the project {}", project.in_words())
}

fn refused(name: &str, project: &ProjectFacts, error: &gitlab::Error) -> Problem {
    let message = format!("could not create {}: {error}", in_words(name, project));
    let slug = matches!(error, gitlab::Error::Refused { messages, .. } if messages.iter().any(|m| m.contains("Slug")));
    if slug {
        let remedy = "rename one of the two environments that GitLab makes the same slug of";
        return Problem::new(Reason::SlugTaken, message).advise(remedy);
    }
    Problem::new(Reason::EnvironmentRefused, message).advise("correct the name in the mapping as GitLab says")
}

fn explain(environment: &str, unplaced: &Unplaced) -> Problem {
    match unplaced {
        Unplaced::SlugTaken { slug, by } => Problem::until_changed(
            Reason::SlugTaken,
            format!("the environment {environment} has the slug {slug}, which {by} had before; rename one of them"),
        ),
        Unplaced::Reserved { namespace } => Problem::until_changed(
            Reason::NamespaceReserved,
            format!(
                "the environment {environment} would get the namespace {namespace}, which is reserved; rename the project, or use an instance with a namespacePrefix"
            ),
        ),
        Unplaced::NotALabel { namespace } => Problem::until_changed(
            Reason::NamespaceNameInvalid,
            format!(
                "the environment {environment} would get the namespace {namespace:?}, which is no RFC 1123 label; rename the project or the environment"
            ),
        ),
    }
}
