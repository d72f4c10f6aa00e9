//! The creation of the pipeline: the job gets its ids, its environment is made when it does not exist
//! (app/services/environments/create_for_job_service.rb).

use http::StatusCode;
use jiff::Timestamp;

use super::Refused;
use super::request::{JobRequest, ProjectName};
use super::variables;
use crate::resources::environments::{new_environment, validation};
use crate::rules::expansion::expand_text;
use crate::state::State;
use crate::state::ids::Sequence;
use crate::state::projects::{FeatureAccess, Project};
use crate::state::tokens::new_secret;

/// A created job, waiting for its start.
#[derive(Clone, Debug)]
pub struct Created {
    /// What was asked.
    pub request: JobRequest,
    /// Its project.
    pub project_id: u64,
    /// Who runs the pipeline.
    pub user_id: u64,
    /// Job id.
    pub job_id: u64,
    /// Pipeline id.
    pub pipeline_id: u64,
    /// The token that the job may call GitLab with.
    pub job_token: String,
    /// `environment:name` after expansion.
    pub environment_name: Option<String>,
    /// `environment:kubernetes:namespace` after expansion.
    pub namespace: Option<String>,
    /// The environment's record; none when it could not be made, or none was named.
    pub environment_id: Option<u64>,
    /// When the pipeline was created.
    pub created_at: Timestamp,
}

/// Creates pipeline, job and environment.
pub fn create(state: &mut State, request: JobRequest, now: Timestamp) -> Result<Created, Refused> {
    let project = find(state, &request.project)?;
    let (project_id, user_id) = (project.id, project.creator_id);
    let mut created = Created {
        request,
        project_id,
        user_id,
        job_id: state.ids.next(Sequence::Job),
        pipeline_id: state.ids.next(Sequence::Pipeline),
        job_token: new_secret("glcbt-"),
        environment_name: None,
        namespace: None,
        environment_id: None,
        created_at: now,
    };
    if let Some(name) = created.request.environment.clone() {
        let simple = variables::simple(state, &created, now);
        let name = expand_text(&name, &simple);
        let namespace = created.request.environment_kubernetes_namespace.as_ref();
        created.namespace = namespace.map(|namespace| expand_text(namespace, &simple));
        created.environment_id = find_or_create(state, &created, &name, now);
        created.environment_name = Some(name);
    }
    Ok(created)
}

fn find<'a>(state: &'a State, name: &ProjectName) -> Result<&'a Project, Refused> {
    let project = match name {
        ProjectName::Id(id) => state.projects.get(id),
        ProjectName::Path(path) => match path.parse() {
            Ok(id) => state.projects.get(&id),
            Err(_) => state.project_by_path(path),
        },
    };
    let refused = |status, reason: &str| Refused { status, reason: reason.to_owned() };
    let project = project.ok_or_else(|| refused(StatusCode::NOT_FOUND, "404 Project Not Found"))?;
    if state.project_is_archived(project) || state.project_is_marked(project) {
        return Err(refused(
            StatusCode::FORBIDDEN,
            "pipelines cannot be created: the project is archived or marked for deletion",
        ));
    }
    if project.features.builds == FeatureAccess::Disabled || project.features.repository == FeatureAccess::Disabled {
        return Err(refused(StatusCode::FORBIDDEN, "pipelines cannot be created: CI/CD is off for the project"));
    }
    Ok(project)
}

/// A new environment takes `deployment_tier`, else its tier is guessed. None when GitLab's model refuses it.
fn find_or_create(state: &mut State, created: &Created, name: &str, now: Timestamp) -> Option<u64> {
    if let Some(existing) = state.environment_named(created.project_id, name) {
        return Some(existing.id);
    }
    let tier = created.request.deployment_tier.map(super::request::Tier::word);
    let mut environment = new_environment(state, created.project_id, name, tier, now);
    if !validation::new_errors(state, &environment).is_empty() {
        return None;
    }
    environment.id = state.ids.next(Sequence::Environment);
    let id = environment.id;
    state.environments.insert(id, environment);
    Some(id)
}
