//! Fixed names: labels, annotations, finalizers, and the objects inside a managed namespace.
//!
//! The operator's rights are limited by these names (`resourceNames` in `manifests/`), and the admission policies there
//! look for these labels: whoever changes one here changes it there, and a test compares them.

/// Field manager of every server-side apply.
pub const FIELD_MANAGER: &str = "gl-k8s-integrator";

/// Namespace, ServiceAccount and Deployment of the operator in `manifests/`.
pub const OPERATOR: &str = "gl-k8s-integrator";

/// Label that says who manages an object; with the value [`MANAGED_BY`] on a namespace it is the first half of the
/// claim.
pub const MANAGED_BY_LABEL: &str = "app.kubernetes.io/managed-by";

/// Value of [`MANAGED_BY_LABEL`] on everything that is ours.
pub const MANAGED_BY: &str = "gl-k8s-integrator";

/// Prefix of all our own labels and annotations.
pub const MARK_PREFIX: &str = "gl-k8s.dev/";

/// Label on a managed namespace: name of the `GitLabInstance`.
pub const INSTANCE_LABEL: &str = "gl-k8s.dev/instance";

/// Label on a managed namespace, and annotation on a `ProjectMapping`: numeric id of the GitLab project.
pub const PROJECT_ID: &str = "gl-k8s.dev/project-id";

/// Annotation on a managed namespace: URL of the GitLab instance.
pub const GITLAB_URL_ANNOTATION: &str = "gl-k8s.dev/gitlab-url";

/// Annotation on a managed namespace: name of the GitLab environment; empty for a namespace of the whole project.
pub const ENVIRONMENT_ANNOTATION: &str = "gl-k8s.dev/environment";

/// Annotation on a managed namespace: name of the `ProjectMapping`.
pub const MAPPING_ANNOTATION: &str = "gl-k8s.dev/mapping";

/// Annotation on a `ProjectMapping`: a new value renews its tokens at once, the old ones end by their own expiry.
pub const RENEW_ANNOTATION: &str = "gl-k8s.dev/renew";

/// Annotation on a `ProjectMapping`: a new value kills its tokens and issues new ones (for a leak).
pub const REVOKE_ANNOTATION: &str = "gl-k8s.dev/revoke";

/// Annotation on a `ProjectMapping`: the namespace that it is to adopt, and its UID, as `<namespace>=<UID>`.
pub const ADOPT_ANNOTATION: &str = "gl-k8s.dev/adopt-namespace";

/// Annotation on a `ProjectMapping`: lets the deletion of its namespaces go on that the brake holds. Its value names the
/// object and its generation, so that it permits nothing that is asked for later.
pub const RELEASE_DELETION_ANNOTATION: &str = "gl-k8s.dev/release-deletion";

/// ConfigMap in the operator's own namespace: the deletions of namespaces that were begun lately.
pub const DELETION_RECORD: &str = "gl-k8s-integrator-deletions";

/// Label that GitLab puts on namespaces that it makes: the project's full path as a slug.
pub const GITLAB_APP: &str = "app.gitlab.com/app";

/// Label that GitLab puts on namespaces that it makes: the environment's slug; absent on a namespace of the whole
/// project.
pub const GITLAB_ENV: &str = "app.gitlab.com/env";

/// Finalizer of a `ProjectMapping`: credentials are revoked and GitLab is cleaned before it goes.
pub const MAPPING_FINALIZER: &str = "gl-k8s.dev/cleanup";

/// Finalizer of a `GitLabInstance` or `NamespaceClass` that a mapping names.
pub const IN_USE_FINALIZER: &str = "gl-k8s.dev/in-use";

/// The ServiceAccount that a project's jobs act as.
pub const SERVICE_ACCOUNT: &str = "gitlab-serviceaccount";

/// The RoleBinding that gives [`SERVICE_ACCOUNT`] the class's ClusterRole.
pub const ROLE_BINDING: &str = "gitlab-serviceaccount";

/// The Secret with a rotated token (keys `token`, `ca.crt`, `namespace`).
pub const TOKEN_SECRET: &str = "gitlab-serviceaccount-token";

/// The Secret with a token of [`crate::api::TokenKind::Legacy`], filled by Kubernetes.
pub const LEGACY_TOKEN_SECRET: &str = "gitlab-serviceaccount-token-legacy";

/// The ResourceQuota of a managed namespace.
pub const RESOURCE_QUOTA: &str = "gitlab-quota";

/// The LimitRange of a managed namespace.
pub const LIMIT_RANGE: &str = "gitlab-limits";

/// The NetworkPolicy of [`crate::api::NetworkPolicyMode::Isolated`].
pub const ISOLATION_POLICY: &str = "gitlab-isolation";

/// Prefix of the NetworkPolicies of [`crate::api::NetworkPolicyMode::Custom`]: `gitlab-policy-0`, `gitlab-policy-1`, …
pub const CUSTOM_POLICY_PREFIX: &str = "gitlab-policy-";

/// ClusterRole that a class grants unless it names another.
pub const DEFAULT_CLUSTER_ROLE: &str = "gitlab-group-master";

/// ConfigMap in which Kubernetes publishes the cluster's CA in every namespace, and its key.
pub const CLUSTER_ROOT_CA: (&str, &str) = ("kube-root-ca.crt", "ca.crt");
