//! The predefined variables that matter to deployments.

use jiff::Timestamp;
use secrecy::ExposeSecret;

use super::pipeline::Created;
use crate::rules::job_variables::JobVariable;
use crate::rules::slug::path_slug;
use crate::state::State;
use crate::state::deploy_tokens::DeployToken;
use crate::state::members::Source;
use crate::state::projects::{Namespace, Project};

/// The name that makes jobs see a deploy token.
const DEPLOY_TOKEN: &str = "gitlab-deploy-token";

/// Variables of the instance, the project, the pipeline and the job.
pub fn variables(state: &State, project: &Project, created: &Created, now: Timestamp) -> Vec<JobVariable> {
    let mut variables = vec![
        JobVariable::public("CI", "true"),
        JobVariable::public("GITLAB_CI", "true"),
        JobVariable::public("CI_SERVER_URL", &state.base_url),
        JobVariable::public("CI_API_V4_URL", &format!("{}/api/v4", state.base_url)),
        JobVariable::public("CI_SERVER_VERSION", &state.version),
        JobVariable::public("CI_PIPELINE_ID", &created.pipeline_id.to_string()),
        JobVariable::public("CI_JOB_ID", &created.job_id.to_string()),
        JobVariable::public("CI_JOB_NAME", &created.request.name),
        JobVariable::secret("CI_JOB_TOKEN", &created.job_token),
    ];
    variables.extend(of_deploy_token(state, project, now));
    variables.extend(of_project(state, project));
    let git_ref = &created.request.git_ref;
    variables.push(JobVariable::public("CI_COMMIT_REF_NAME", git_ref));
    variables.push(JobVariable::public("CI_COMMIT_REF_SLUG", &path_slug(git_ref)));
    variables.push(JobVariable::public("CI_COMMIT_REF_PROTECTED", &created.request.ref_protected.to_string()));
    variables
}

fn of_project(state: &State, project: &Project) -> Vec<JobVariable> {
    let path = state.project_full_path(project);
    vec![
        JobVariable::public("CI_PROJECT_ID", &project.id.to_string()),
        JobVariable::public("CI_PROJECT_NAME", &project.path),
        JobVariable::public("CI_PROJECT_TITLE", &project.name),
        JobVariable::public("CI_PROJECT_PATH", &path),
        JobVariable::public("CI_PROJECT_PATH_SLUG", &path_slug(&path)),
        JobVariable::public("CI_PROJECT_NAMESPACE", &state.namespace_full_path(project.namespace)),
        JobVariable::public("CI_PROJECT_URL", &format!("{}/{path}", state.base_url)),
        JobVariable::public("CI_PROJECT_VISIBILITY", project.visibility.word()),
        JobVariable::public("CI_PROJECT_DIR", &format!("/builds/{path}")),
    ]
}

/// User and password of the project's own token of that name, else of its immediate group's.
fn of_deploy_token(state: &State, project: &Project, now: Timestamp) -> Vec<JobVariable> {
    let of = |source: Source| {
        let alive = move |token: &&DeployToken| {
            token.source == source && token.name == DEPLOY_TOKEN && !token.revoked && !token.is_expired(now)
        };
        state.deploy_tokens.values().find(alive)
    };
    let of_group = || match project.namespace {
        Namespace::Group(id) => of(Source::Group(id)),
        Namespace::User(_) => None,
    };
    let Some(token) = of(Source::Project(project.id)).or_else(of_group) else { return Vec::new() };
    vec![
        JobVariable::public("CI_DEPLOY_USER", &token.username),
        JobVariable::secret("CI_DEPLOY_PASSWORD", token.secret.expose_secret()),
    ]
}
