//! Environments of projects.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::State;

/// The state of an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnvironmentState {
    /// In use.
    Available,
    /// Its stop job is due or runs.
    Stopping,
    /// Stopped; keeps name and slug until it is deleted.
    Stopped,
}

impl EnvironmentState {
    /// GitLab's words.
    pub const WORDS: &'static [&'static str] = &["available", "stopping", "stopped"];

    /// GitLab's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        }
    }
}

/// When `auto_stop` may stop an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutoStopSetting {
    /// Always.
    Always,
    /// Only through a stop job.
    WithAction,
}

impl AutoStopSetting {
    /// GitLab's words.
    pub const WORDS: &'static [&'static str] = &["always", "with_action"];

    /// GitLab's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::WithAction => "with_action",
        }
    }

    /// From GitLab's word.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "always" => Some(Self::Always),
            "with_action" => Some(Self::WithAction),
            _ => None,
        }
    }
}

/// The stop job (`on_stop`) that the last deployment named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StopJob {
    /// Its name.
    pub name: String,
    /// Will it succeed? A failed one makes the environment available again.
    pub succeeds: bool,
    /// How long it waits for its start, in milliseconds.
    pub delay_ms: u64,
    /// Branch or tag of the deployment.
    pub git_ref: String,
    /// Is that ref protected?
    pub ref_protected: bool,
    /// `environment:kubernetes:namespace`, expanded.
    pub namespace: Option<String>,
    /// Its own variables.
    pub variables: BTreeMap<String, String>,
    /// Who ran the pipeline.
    pub user_id: u64,
}

/// What GitLab remembers of the last deployment.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// Numeric id; also the number within the project.
    pub id: u64,
    /// The job that deployed.
    pub job_id: u64,
    /// Who ran the pipeline.
    pub user_id: u64,
    /// Branch or tag.
    pub git_ref: String,
    /// Did it succeed?
    pub succeeded: bool,
    /// When the pipeline was created.
    pub created_at: Timestamp,
    /// When the job ended.
    pub finished_at: Timestamp,
}

/// An environment.
#[derive(Clone, Debug)]
pub struct Environment {
    /// Numeric id.
    pub id: u64,
    /// Its project.
    pub project_id: u64,
    /// Name; never changes.
    pub name: String,
    /// Made from the name once; never changes.
    pub slug: String,
    /// Where the deployed thing is.
    pub external_url: Option<String>,
    /// Tier, one of [`crate::rules::environment::TIERS`].
    pub tier: String,
    /// Available, stopping, stopped.
    pub state: EnvironmentState,
    /// Description.
    pub description: Option<String>,
    /// When it may be stopped by itself.
    pub auto_stop_setting: AutoStopSetting,
    /// When a scheduled deletion (of review apps) takes place.
    pub auto_delete_at: Option<Timestamp>,
    /// The stop job of the last finished deployment.
    pub stop_job: Option<StopJob>,
    /// When the stop job starts, after a stop.
    pub stop_job_starts_at: Option<Timestamp>,
    /// The last deployment.
    pub last_deployment: Option<Deployment>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Last change.
    pub updated_at: Timestamp,
}

impl Environment {
    /// `review` of `review/fix`; none without a slash.
    pub fn folder(&self) -> Option<&str> {
        self.name.split_once('/').map(|(folder, _)| folder)
    }

    /// Stops it: through its stop job when it has one, else at once. Only an available environment reacts, and one that
    /// stops only with a job stays as it is without one (`Environment#stop_with_actions!`).
    pub fn stop(&mut self, now: Timestamp) {
        if self.state != EnvironmentState::Available {
            return;
        }
        match &self.stop_job {
            Some(job) => {
                let delay = jiff::SignedDuration::from_millis(i64::try_from(job.delay_ms).unwrap_or(i64::MAX));
                self.stop_job_starts_at = Some(now.checked_add(delay).unwrap_or(Timestamp::MAX));
                self.state = EnvironmentState::Stopping;
            }
            None if self.auto_stop_setting == AutoStopSetting::WithAction => return,
            None => self.state = EnvironmentState::Stopped,
        }
        self.updated_at = now;
    }

    /// Stops it without its stop job, from any state.
    pub fn stop_by_force(&mut self, now: Timestamp) {
        if self.state != EnvironmentState::Stopped {
            self.state = EnvironmentState::Stopped;
            self.stop_job_starts_at = None;
            self.updated_at = now;
        }
    }
}

impl State {
    /// The environments of a project, by id.
    pub fn environments_of(&self, project: u64) -> impl Iterator<Item = &Environment> {
        self.environments.values().filter(move |environment| environment.project_id == project)
    }

    /// By exact name.
    pub fn environment_named(&self, project: u64, name: &str) -> Option<&Environment> {
        self.environments_of(project).find(|environment| environment.name == name)
    }
}
