//! The run of a job and what it leaves: on success tier, address and state of the environment, nothing else.

use jiff::Timestamp;

use super::pipeline::Created;
use super::report::{FailureReason, JobReport, Status, environment};
use super::request::{Action, OnStop, Outcome, Tier};
use super::{cluster, variables};
use crate::state::State;
use crate::state::environments::{Deployment, Environment, EnvironmentState, StopJob};
use crate::state::ids::Sequence;

/// Starts the job, resolves its variables, ends it and changes the environment accordingly.
pub fn run(state: &mut State, created: &Created, now: Timestamp) -> JobReport {
    let before_start = obstacle(state, created);
    let seen = match before_start {
        None => variables::of_started(state, created, now),
        Some(_) => Vec::new(),
    };
    let script = (created.request.outcome == Outcome::Failed).then_some(FailureReason::ScriptFailure);
    let failure_reason = before_start.or(script);
    let status = if failure_reason.is_some() { Status::Failed } else { Status::Success };
    let deployment_id = state.ids.next(Sequence::Deployment);
    if let Some(environment) = created.environment_id.and_then(|id| state.environments.get_mut(&id)) {
        match created.request.environment_action {
            Action::Start => deployed(environment, created, status, deployment_id, now),
            Action::Stop => stop_job_ended(environment, status, now),
            Action::Prepare | Action::Verify | Action::Access => {}
        }
    }
    JobReport {
        job_id: created.job_id,
        pipeline_id: created.pipeline_id,
        name: created.request.name.clone(),
        status,
        failure_reason,
        environment: environment(state, created.environment_id),
        variables: seen,
    }
}

/// What keeps a job from starting.
fn obstacle(state: &State, created: &Created) -> Option<FailureReason> {
    let Some(project) = state.projects.get(&created.project_id) else { return Some(FailureReason::ProjectDeleted) };
    let name = created.environment_name.as_deref()?;
    if created.environment_id.is_none() {
        return Some(FailureReason::EnvironmentCreationFailure);
    }
    let managed = cluster::of_environment(state, project, name).is_some_and(|cluster| cluster.managed);
    // Only deployments make GitLab create namespaces in a managed cluster, and here nothing can create one.
    (managed && created.request.environment_action == Action::Start).then_some(FailureReason::UnmetPrerequisites)
}

/// A finished deployment gives the environment its stop job; a successful one also its tier, its address and the state
/// available (app/services/deployments/update_environment_service.rb).
fn deployed(environment: &mut Environment, created: &Created, status: Status, id: u64, now: Timestamp) {
    environment.stop_job = stop_job(created);
    if status == Status::Failed {
        return;
    }
    if let Some(tier) = created.request.deployment_tier {
        environment.tier = Tier::word(tier).to_owned();
    }
    if let Some(url) = &created.request.environment_url {
        environment.external_url = Some(url.clone());
    }
    environment.state = EnvironmentState::Available;
    environment.stop_job_starts_at = None;
    environment.last_deployment = Some(Deployment {
        id,
        job_id: created.job_id,
        user_id: created.user_id,
        git_ref: created.request.git_ref.clone(),
        succeeded: true,
        created_at: created.created_at,
        finished_at: now,
    });
    environment.updated_at = now;
}

fn stop_job(created: &Created) -> Option<StopJob> {
    let (name, outcome, delay_ms, variables) = match created.request.on_stop.clone()? {
        OnStop::Name(name) => (name, Outcome::Success, 0, Default::default()),
        OnStop::Job(job) => (job.name, job.outcome, job.delay_ms, job.variables),
    };
    Some(StopJob {
        name,
        succeeds: outcome == Outcome::Success,
        delay_ms,
        git_ref: created.request.git_ref.clone(),
        ref_protected: created.request.ref_protected,
        namespace: created.namespace.clone(),
        variables,
        user_id: created.user_id,
    })
}

/// A successful stop job stops the environment; a failed one makes a stopping environment available again.
pub fn stop_job_ended(environment: &mut Environment, status: Status, now: Timestamp) {
    match (status, environment.state) {
        (Status::Success, EnvironmentState::Available | EnvironmentState::Stopping) => {
            environment.state = EnvironmentState::Stopped;
        }
        (Status::Failed, EnvironmentState::Stopping) => environment.state = EnvironmentState::Available,
        _ => return,
    }
    environment.stop_job_starts_at = None;
    environment.updated_at = now;
}
