//! What GitLab says about a project.

use jiff::Timestamp;

use super::{problems, survey};
use crate::{
    api::{ProjectMappingStatus, ProjectState},
    context::Context,
    declared::{self, Mapping},
    gitlab::{Client, Error, FeatureAccess, Missing, Project, ProjectRef},
    status::{Problem, Reason},
};

/// A project as far as it is known.
#[derive(Clone, Debug)]
pub struct ProjectFacts {
    /// Its id.
    pub id: i64,
    /// Its full path, unless it was never seen.
    pub path: Option<String>,
    /// The state for the status, if it is known.
    pub state: Option<ProjectState>,
    /// Why nothing is delivered to it now, if so.
    pub problem: Option<Problem>,
    /// GitLab's answer, if it was asked since this program started.
    pub live: Option<Project>,
}

/// Reads the project of a mapping, or remembers it if it was read lately. After a restart status is believed for a while,
/// so that not everything is read at once.
///
/// # Errors
/// When not even its id is known.
pub async fn read(
    context: &Context,
    mapping: &Mapping,
    status: &ProjectMappingStatus,
    client: Result<&Client, &Problem>,
    anew: bool,
) -> Result<ProjectFacts, Problem> {
    let known = known(mapping, status);
    let client = match client {
        Ok(client) => client,
        Err(problem) => return known.map(|known| known.with(problem.clone())).ok_or_else(|| problem.clone()),
    };
    let now = context.clock.now();
    if !anew && let Some(remembered) = remember(context, mapping, known.as_ref(), now) {
        return Ok(remembered);
    }
    match look_up(context, client, mapping).await {
        Ok(project) => {
            let due = now.checked_add(context.jittered(context.settings.project_refresh)).unwrap_or(now);
            context.memory.update_mapping(&mapping.name, |memory| {
                memory.project = Some(project.clone());
                memory.project_due = Some(due);
            });
            Ok(judge(project))
        }
        Err(problem) => known.map(|known| known.with(problem.clone())).ok_or(problem),
    }
}

fn remember(
    context: &Context,
    mapping: &Mapping,
    known: Option<&ProjectFacts>,
    now: Timestamp,
) -> Option<ProjectFacts> {
    let known = known?;
    let memory = context.memory.mapping(&mapping.name);
    match (memory.project_due, memory.project) {
        (Some(due), Some(project)) if now < due && project.id == known.id => Some(judge(project)),
        (Some(due), None) if now < due && known.state == Some(ProjectState::Active) => Some(known.clone()),
        (None, None) if known.state == Some(ProjectState::Active) => {
            let wait = context.settings.project_refresh.mul_f64(context.chance.fraction());
            let due = now.checked_add(wait).unwrap_or(now);
            context.memory.update_mapping(&mapping.name, |memory| memory.project_due = Some(due));
            Some(known.clone())
        }
        _ => None,
    }
}

/// A project that was seen before; a number that stands in the spec says nothing about what exists.
fn known(mapping: &Mapping, status: &ProjectMappingStatus) -> Option<ProjectFacts> {
    mapping.resolved_project_id?;
    let seen = status.project.as_ref();
    Some(ProjectFacts {
        id: mapping.known_project_id()?,
        path: seen.and_then(|project| project.path.clone()),
        state: seen.and_then(|project| project.state),
        problem: None,
        live: None,
    })
}

/// A part of a project's API that answers 403 where a feature is switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// CI/CD variables.
    Variables,
    /// Environments.
    Environments,
    /// Cluster entries.
    Clusters,
}

impl ProjectFacts {
    /// Its path and id, for messages.
    pub fn in_words(&self) -> String {
        self.path.as_ref().map_or_else(|| format!("with the id {}", self.id), |path| format!("{path} (id {})", self.id))
    }

    fn with(self, problem: Problem) -> Self {
        let state = if problem.reason == Reason::ProjectGone { Some(ProjectState::Gone) } else { self.state };
        Self { problem: Some(problem), state, ..self }
    }

    /// Makes a refusal say what it comes from: GitLab answers 403 to everybody where a feature is switched off. A feature
    /// that `part` does not need is not blamed.
    pub fn explain(&self, part: Part, problem: Problem) -> Problem {
        let Some(live) = self.live.as_ref().filter(|_| problem.reason == Reason::ProjectForbidden) else {
            return problem;
        };
        let repository = ("the repository", live.repository_access_level);
        let builds = ("CI/CD", live.builds_access_level);
        let features = match part {
            Part::Variables => vec![repository, builds],
            Part::Environments => vec![repository, builds, ("environments", live.environments_access_level)],
            Part::Clusters => vec![("infrastructure", live.infrastructure_access_level)],
        };
        let off: Vec<_> =
            features.iter().filter(|(_, access)| *access == FeatureAccess::Disabled).map(|(name, _)| *name).collect();
        if off.is_empty() {
            return problem;
        }
        let message = format!(
            "the project {} has {} switched off, so that GitLab forbids to everybody what is needed there; nothing is lost: switch it on (Settings > General > Visibility)",
            live.path_with_namespace,
            off.join(" and ")
        );
        Problem { reason: Reason::FeatureSwitchedOff, message, ..problem }
    }
}

/// Makes a refusal at an end say what it comes from: GitLab lets nobody, whatever their role, change a project that is archived
/// or marked for deletion. What cannot be read now explains nothing.
pub async fn why_refused(client: &Client, id: i64, problem: Problem) -> Problem {
    if problem.reason != Reason::ProjectForbidden {
        return problem;
    }
    let Ok(project) = client.project(ProjectRef::Id(id)).await else { return problem };
    let facts = judge(project);
    let (reason, why, remedy) = match facts.state {
        Some(ProjectState::Archived) => (Reason::ProjectArchived, "archived", "unarchive it for a moment"),
        Some(ProjectState::MarkedForDeletion) => {
            (Reason::ProjectMarkedForDeletion, "marked for deletion", "restore it for a moment")
        }
        _ => return problem,
    };
    let message = format!(
        "{}: the project {} is {why}, and GitLab lets nobody change it; {remedy}, or wait: it is given up an hour after the deletion",
        problem.message,
        facts.in_words()
    );
    Problem { reason, message, ..problem }
}

fn judge(project: Project) -> ProjectFacts {
    let path = &project.path_with_namespace;
    let (state, problem) = if let Some(date) = project.marked_for_deletion_on {
        let message = format!(
            "the project {path} was marked for deletion on {date}: nothing is delivered or deleted; restore the project, or delete this mapping"
        );
        (ProjectState::MarkedForDeletion, Some(Problem::new(Reason::ProjectMarkedForDeletion, message)))
    } else if project.archived {
        let message = format!(
            "the project {path} is archived: nothing is delivered or deleted; unarchive it, or delete this mapping"
        );
        (ProjectState::Archived, Some(Problem::new(Reason::ProjectArchived, message)))
    } else {
        (ProjectState::Active, None)
    };
    ProjectFacts { id: project.id, path: Some(path.clone()), state: Some(state), problem, live: Some(project) }
}

/// By id once it is known; by path only before that, since GitLab lets anybody take a path that a rename set free.
async fn look_up(context: &Context, client: &Client, mapping: &Mapping) -> Result<Project, Problem> {
    if let Some(id) = mapping.known_project_id() {
        return client.project(ProjectRef::Id(id)).await.map_err(|error| {
            let problem = problems::gitlab(&format!("read the project {id} at {}", client.url()), &error);
            let never_seen = mapping.resolved_project_id.is_none();
            match error {
                Error::NotFound { what: Missing::Project, .. } if never_seen => {
                    let problem = Problem { reason: Reason::ProjectNotFound, ..problem };
                    problem.advise("correct the id in a new mapping, or give the token's user a role in the project")
                }
                Error::NotFound { what: Missing::Project, .. } => problem.advise(
                    "nothing is deleted; if the project was deleted, delete this mapping, otherwise give the token's user its role back",
                ),
                _ => problem,
            }
        });
    }
    let declared::Project::Path(path) = &mapping.project else {
        return Err(Problem::until_changed(Reason::InvalidSpec, "spec.project names neither path nor id"));
    };
    if let Some(project) = survey::arrival(context, &mapping.instance, client, path).await {
        return Ok(project);
    }
    let what = format!("find the project {path} at {}", client.url());
    match client.project(ProjectRef::Path(path)).await {
        Err(Error::Moved { project_id: Some(id), .. }) => {
            client.project(ProjectRef::Id(id)).await.map_err(|error| problems::gitlab(&what, &error))
        }
        Err(error @ Error::NotFound { what: Missing::Project, .. }) => {
            let problem = Problem { reason: Reason::ProjectNotFound, ..problems::gitlab(&what, &error) };
            Err(problem.advise("correct the path in a new mapping, or give the token's user a role in the project"))
        }
        result => result.map_err(|error| problems::gitlab(&what, &error)),
    }
}
