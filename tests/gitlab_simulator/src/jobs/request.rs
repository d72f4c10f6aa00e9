//! What is asked of a job: the part of `.gitlab-ci.yml` and of the pipeline that matters here.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// The longest delay, in milliseconds.
const LONGEST_DELAY: u64 = 600_000;

/// One job.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobRequest {
    /// The project: id or full path.
    pub project: ProjectName,
    /// The job's name.
    #[serde(default = "default_name")]
    pub name: String,
    /// Branch or tag.
    #[serde(default = "default_ref", rename = "ref")]
    pub git_ref: String,
    /// Is the ref protected?
    #[serde(default)]
    pub ref_protected: bool,
    /// `environment:name`; variables in it are expanded.
    #[serde(default)]
    pub environment: Option<String>,
    /// `environment:action`.
    #[serde(default)]
    pub environment_action: Action,
    /// `environment:deployment_tier`.
    #[serde(default)]
    pub deployment_tier: Option<Tier>,
    /// `environment:on_stop`: a job's name, or how that job will go.
    #[serde(default)]
    pub on_stop: Option<OnStop>,
    /// `environment:kubernetes:namespace`.
    #[serde(default)]
    pub environment_kubernetes_namespace: Option<String>,
    /// `environment:url`.
    #[serde(default)]
    pub environment_url: Option<String>,
    /// How the job ends.
    #[serde(default)]
    pub outcome: Outcome,
    /// Milliseconds between the pipeline's creation and the job's start.
    #[serde(default)]
    pub delay_ms: u64,
    /// The job's own `variables:`.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
}

/// A project by id or full path.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum ProjectName {
    /// Numeric id.
    Id(u64),
    /// Full path, or an id as text.
    Path(String),
}

/// What a job does with its environment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Deploys.
    #[default]
    Start,
    /// Prepares, without a deployment.
    Prepare,
    /// Stops.
    Stop,
    /// Verifies.
    Verify,
    /// Accesses.
    Access,
}

impl Action {
    /// GitLab's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Prepare => "prepare",
            Self::Stop => "stop",
            Self::Verify => "verify",
            Self::Access => "access",
        }
    }
}

/// A tier in `.gitlab-ci.yml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Production.
    Production,
    /// Staging.
    Staging,
    /// Testing.
    Testing,
    /// Development.
    Development,
    /// Other.
    Other,
}

impl Tier {
    /// GitLab's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Staging => "staging",
            Self::Testing => "testing",
            Self::Development => "development",
            Self::Other => "other",
        }
    }
}

/// How a job ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Its script succeeds.
    #[default]
    Success,
    /// Its script fails.
    Failed,
}

/// The stop job.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum OnStop {
    /// By name: it will succeed at once.
    Name(String),
    /// With details.
    Job(StopJobRequest),
}

/// How the stop job will go.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StopJobRequest {
    /// Its name.
    pub name: String,
    /// How it ends.
    #[serde(default)]
    pub outcome: Outcome,
    /// Milliseconds between the stop and the job's start; the environment is `stopping` for so long.
    #[serde(default)]
    pub delay_ms: u64,
    /// Its own `variables:`.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
}

fn default_name() -> String {
    "deploy".to_owned()
}

fn default_ref() -> String {
    "main".to_owned()
}

impl JobRequest {
    /// From JSON; the error says what is wrong.
    pub fn from_json(value: Value) -> Result<Self, String> {
        let request: Self = serde_json::from_value(value).map_err(|error| error.to_string())?;
        if request.delay_ms > LONGEST_DELAY {
            return Err(format!("delay_ms is more than {LONGEST_DELAY}"));
        }
        Ok(request)
    }
}
