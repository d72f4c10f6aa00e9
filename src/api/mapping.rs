//! `ProjectMapping`: one GitLab project that gets namespaces here.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Condition, EnvironmentStatus, HandledRequests, MappingSummary, ProjectStatus};

/// One GitLab project that gets namespaces here.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "gl-k8s.dev",
    version = "v1alpha1",
    kind = "ProjectMapping",
    plural = "projectmappings",
    shortname = "pm",
    category = "gl-k8s",
    status = "ProjectMappingStatus",
    derive = "PartialEq",
    doc = "One GitLab project that gets namespaces here."
)]
#[serde(rename_all = "camelCase")]
pub struct ProjectMappingSpec {
    /// Name of the `GitLabInstance`; immutable.
    pub instance: String,
    /// The project: its path or its id; immutable.
    pub project: ProjectRef,
    /// Name of the `NamespaceClass`.
    pub class: String,
    /// One namespace for each environment or one for the whole project; immutable.
    #[serde(default)]
    pub namespaces: NamespaceLayout,
    /// The environments whose jobs may deploy here; at least one.
    pub environments: Vec<EnvironmentSpec>,
    /// How the project's jobs get their credentials.
    #[serde(default)]
    pub ci_access: CiAccess,
    /// What happens to the namespaces when an environment or this mapping is deleted.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// Stops everything but the status; renewing tokens too.
    #[serde(default)]
    pub paused: bool,
}

/// A GitLab project: exactly one of the two.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProjectRef {
    /// Path with its groups, such as `team/web-app`; looked up once, then the id counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Numeric id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
}

/// How namespaces are laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NamespaceLayout {
    /// One namespace for each environment: `<project>-<id>-<environment>`.
    #[default]
    PerEnvironment,
    /// One namespace for the whole project: `<project>-<id>`.
    PerProject,
}

/// An environment whose jobs may deploy here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnvironmentSpec {
    /// Exact name of the GitLab environment.
    pub name: String,
    /// Its tier; GitLab guesses it from the name if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    /// Whether only jobs on protected branches and tags get the credentials.
    #[serde(default)]
    pub protected: Protection,
}

/// A deployment tier of GitLab.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// What users use.
    Production,
    /// The rehearsal for production.
    Staging,
    /// Where tests run.
    Testing,
    /// Where developers try things.
    Development,
    /// Anything else.
    Other,
}

/// Whether only jobs on protected branches and tags get the credentials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Protection {
    /// Yes for production and staging, no for other tiers.
    #[default]
    Auto,
    /// Yes.
    Always,
    /// No: jobs on every branch get them.
    Never,
}

/// How the project's jobs get their credentials.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CiAccess {
    /// The way they are delivered.
    #[serde(default)]
    pub method: CiAccessMethod,
    /// Whether `Variables` contains a `KUBECONFIG` too. `ClusterCertificate` always does, by GitLab.
    #[serde(default = "default_kubeconfig")]
    pub kubeconfig: bool,
}

fn default_kubeconfig() -> bool {
    true
}

impl Default for CiAccess {
    fn default() -> Self {
        Self { method: CiAccessMethod::default(), kubeconfig: default_kubeconfig() }
    }
}

/// The ways in which jobs get their credentials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CiAccessMethod {
    /// As CI/CD variables of the project with the environment's scope.
    #[default]
    Variables,
    /// As a certificate-based cluster entry of the project; needs GitLab's flag `certificate_based_clusters`.
    ClusterCertificate,
    /// Not at all.
    None,
}

/// What happens to a namespace when its mapping ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// It stays, without the account that jobs used.
    #[default]
    Retain,
    /// It is deleted with everything in it.
    Delete,
}

/// What the operator found out and did for a `ProjectMapping`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ProjectMappingStatus {
    /// The generation of the object that this status describes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The project as GitLab last reported it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectStatus>,
    /// Each environment: its namespace, its token, what was delivered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub environments: Vec<EnvironmentStatus>,
    /// The mapping in one line, for `kubectl get`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<MappingSummary>,
    /// The values of the request annotations that were last acted on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handled_requests: Option<HandledRequests>,
    /// What is true about this mapping, each with a reason and a message.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}
