//! `ProjectMapping`: one GitLab project that gets namespaces here.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Condition, EnvironmentStatus, HandledRequests, MappingSummary, ProjectStatus, rules};

/// One GitLab project that gets namespaces here.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "gl-k8s.dev",
    version = "v1alpha1",
    kind = "ProjectMapping",
    plural = "projectmappings",
    shortname = "pm",
    category = "gl-k8s",
    status = "ProjectMappingStatus",
    derive = "PartialEq",
    doc = "One GitLab project that gets namespaces here.",
    validation = rules::SHORT_OBJECT_NAME,
    printcolumn(
        name = "Project",
        type_ = "string",
        json_path = ".status.project.path",
        description = "Path of the project as GitLab last reported it"
    ),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.summary.reason", description = "Why it is not ready"),
    printcolumn(name = "Namespaces", type_ = "string", json_path = ".status.summary.namespaces"),
    printcolumn(
        name = "Token expires",
        type_ = "string",
        json_path = ".status.summary.nextTokenExpiry",
        description = "When the first of its tokens ends; each is renewed before that"
    ),
    printcolumn(name = "Class", type_ = "string", json_path = ".spec.class", priority = 1),
    printcolumn(name = "Access", type_ = "string", json_path = ".spec.ciAccess.method", priority = 1),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].message"#,
        priority = 1
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct ProjectMappingSpec {
    /// Name of the `GitLabInstance`; immutable.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = rules::IMMUTABLE, validation = rules::OBJECT_NAME)]
    pub instance: String,
    /// The project: its path or its id; immutable.
    #[x_kube(validation = rules::IMMUTABLE)]
    pub project: ProjectRef,
    /// Name of the `NamespaceClass`.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = rules::OBJECT_NAME)]
    pub class: String,
    /// One namespace for each environment or one for the whole project; immutable.
    #[serde(default)]
    #[x_kube(validation = rules::IMMUTABLE)]
    pub namespaces: NamespaceLayout,
    /// The environments whose jobs may deploy here; at least one.
    #[schemars(
        length(min = 1, max = 100),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
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
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("has(self.path) != has(self.id)", "needs exactly one of path and id"))]
pub struct ProjectRef {
    /// Path with its groups, such as `team/web-app`; looked up once, then the id counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(validation = (
        "self.matches('^[A-Za-z0-9_.][A-Za-z0-9_.-]*(/[A-Za-z0-9_.][A-Za-z0-9_.-]*)+$') \
         && !self.split('/').exists(s, s == '.' || s == '..' || s.endsWith('.git') || s.endsWith('.atom'))",
        "must be the path of a project with its groups, such as team/web-app: no URL, no slash at the ends, no .git"
    ))]
    pub path: Option<String>,
    /// Numeric id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
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
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EnvironmentSpec {
    /// Exact name of the GitLab environment.
    #[schemars(length(min = 1, max = 255))]
    #[x_kube(
        validation = (
            "self.matches('^[A-Za-z0-9 _./${}-]+$') && self.trim() != ''",
            "must be the exact name of a GitLab environment: letters, digits, '-', '_', '/', '$', '{', '}', '.' and spaces"
        ),
        validation = (
            "!self.startsWith('/') && !self.endsWith('/')",
            "must not begin or end with '/': GitLab refuses such an environment"
        ),
        validation = (
            "self.trim() == self",
            "must not begin or end with a space: GitLab cuts it off the scope of a variable, so that no variable would fit"
        )
    )]
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
    /// Namespaces whose deletion waits for a person, because many were deleted at once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub held_deletions: Vec<String>,
    /// What is true about this mapping, each with a reason and a message.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}
