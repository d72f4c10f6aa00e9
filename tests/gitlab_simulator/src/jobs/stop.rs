//! Stop jobs, and what else falls due with time. Nothing runs in the background: whatever is due happens before the next
//! request is looked at.

use jiff::Timestamp;

use super::finish;
use super::pipeline::Created;
use super::report::keep;
use super::request::{Action, JobRequest, Outcome, ProjectName};
use crate::state::State;
use crate::state::environments::{Environment, StopJob};
use crate::state::ids::Sequence;
use crate::state::tokens::new_secret;

/// Runs the stop jobs that are due, and deletes the environments whose scheduled deletion is.
pub fn settle(state: &mut State, now: Timestamp) {
    state.environments.retain(|_, environment| environment.auto_delete_at.is_none_or(|at| at > now));
    let due = |environment: &&Environment| environment.stop_job_starts_at.is_some_and(|at| at <= now);
    let due: Vec<u64> = state.environments.values().filter(due).map(|environment| environment.id).collect();
    for id in due {
        run(state, id, now);
    }
}

fn run(state: &mut State, environment_id: u64, now: Timestamp) {
    let Some(environment) = state.environments.get_mut(&environment_id) else { return };
    environment.stop_job_starts_at = None;
    let (project_id, name) = (environment.project_id, environment.name.clone());
    let Some(job) = environment.stop_job.clone() else { return };
    let created = Created {
        project_id,
        user_id: job.user_id,
        job_id: state.ids.next(Sequence::Job),
        pipeline_id: state.ids.next(Sequence::Pipeline),
        job_token: new_secret("glcbt-"),
        environment_name: Some(name.clone()),
        namespace: job.namespace.clone(),
        environment_id: Some(environment_id),
        created_at: now,
        request: request(project_id, name, job),
    };
    let report = finish::run(state, &created, now);
    keep(state, report);
}

fn request(project_id: u64, environment: String, job: StopJob) -> JobRequest {
    JobRequest {
        project: ProjectName::Id(project_id),
        name: job.name,
        git_ref: job.git_ref,
        ref_protected: job.ref_protected,
        environment: Some(environment),
        environment_action: Action::Stop,
        deployment_tier: None,
        on_stop: None,
        environment_kubernetes_namespace: job.namespace,
        environment_url: None,
        outcome: if job.succeeds { Outcome::Success } else { Outcome::Failed },
        delay_ms: 0,
        variables: job.variables,
    }
}
