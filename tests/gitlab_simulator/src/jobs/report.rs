//! What came of a job.

use serde_json::{Value, json};

use crate::resources::environments;
use crate::rules::job_variables::JobVariable;
use crate::state::State;

/// How many reports are kept.
const KEPT: usize = 1000;

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It succeeded.
    Success,
    /// It failed, or never ran.
    Failed,
}

impl Status {
    /// GitLab's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failed => "failed",
        }
    }
}

/// Why a job failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureReason {
    /// Its script did.
    ScriptFailure,
    /// The environment could not be created (name or slug).
    EnvironmentCreationFailure,
    /// The managed cluster's namespace could not be created.
    UnmetPrerequisites,
    /// The project went before the job started.
    ProjectDeleted,
}

impl FailureReason {
    /// GitLab's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::ScriptFailure => "script_failure",
            Self::EnvironmentCreationFailure => "environment_creation_failure",
            Self::UnmetPrerequisites => "unmet_prerequisites",
            Self::ProjectDeleted => "project_deleted",
        }
    }

    /// What GitLab tells people.
    pub fn message(self) -> &'static str {
        match self {
            Self::ScriptFailure => "There is an unknown failure, please try again",
            Self::EnvironmentCreationFailure => {
                "This job could not be executed because it would create an environment with an invalid parameter."
            }
            Self::UnmetPrerequisites => {
                "This job failed because the necessary resources were not successfully created."
            }
            Self::ProjectDeleted => "The job belongs to a project that was deleted.",
        }
    }
}

/// What the job was, saw and caused.
#[derive(Clone, Debug)]
pub struct JobReport {
    /// Job id.
    pub job_id: u64,
    /// Pipeline id.
    pub pipeline_id: u64,
    /// The job's name.
    pub name: String,
    /// How it ended.
    pub status: Status,
    /// Why it failed.
    pub failure_reason: Option<FailureReason>,
    /// The environment after the job, as the API shows it.
    pub environment: Option<Value>,
    /// What the job saw, each key once; nothing when it never ran.
    pub variables: Vec<JobVariable>,
}

impl JobReport {
    /// A variable's value as the job saw it; of a file variable the file's content.
    pub fn variable(&self, key: &str) -> Option<&str> {
        self.variables.iter().find(|variable| variable.key == key).map(|variable| variable.value.as_str())
    }

    /// The answer of `POST /-/simulator/jobs`.
    pub fn to_json(&self) -> Value {
        let variables: Vec<Value> = self
            .variables
            .iter()
            .map(|variable| {
                json!({
                    "key": variable.key,
                    "value": variable.value,
                    "file": variable.file,
                    "masked": variable.masked,
                    "protected": variable.protected,
                })
            })
            .collect();
        json!({
            "id": self.job_id,
            "pipeline_id": self.pipeline_id,
            "name": self.name,
            "status": self.status.word(),
            "failure_reason": self.failure_reason.map(FailureReason::word),
            "failure_message": self.failure_reason.map(FailureReason::message),
            "environment": self.environment,
            "variables": variables,
        })
    }
}

/// The environment of a report.
pub fn environment(state: &State, id: Option<u64>) -> Option<Value> {
    let environment = id.and_then(|id| state.environments.get(&id))?;
    Some(environments::with_project(state, environment))
}

/// Remembers a report for `GET /-/simulator/jobs`; the oldest go first.
pub fn keep(state: &mut State, report: JobReport) {
    state.jobs.push_back(report);
    while state.jobs.len() > KEPT {
        state.jobs.pop_front();
    }
}
