//! `NamespaceClass`: what every namespace of a class holds.

use std::collections::BTreeMap;

use k8s_openapi::api::{
    core::v1::{LimitRangeSpec, ResourceQuotaSpec},
    networking::v1::NetworkPolicySpec,
};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Condition, MappingCounts, Period, kubernetes, lenient, names, rules};

/// What every namespace of a class holds.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "gl-k8s.dev",
    version = "v1alpha1",
    kind = "NamespaceClass",
    plural = "namespaceclasses",
    shortname = "nsc",
    category = "gl-k8s",
    status = "NamespaceClassStatus",
    derive = "PartialEq",
    doc = "What every namespace of a class holds: account and role, quota, limits, network policies, Pod Security levels, labels.",
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Reason", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#),
    printcolumn(
        name = "Mappings",
        type_ = "integer",
        json_path = ".status.mappings.total",
        description = "Mappings that name this class"
    ),
    printcolumn(name = "Role", type_ = "string", json_path = ".spec.serviceAccount.clusterRole"),
    printcolumn(name = "Token", type_ = "string", json_path = ".spec.serviceAccount.token.kind"),
    printcolumn(
        name = "Lifetime",
        type_ = "string",
        json_path = ".spec.serviceAccount.token.lifetime",
        description = "How long a rotated token lives",
        priority = 1
    ),
    printcolumn(name = "Network", type_ = "string", json_path = ".spec.networkPolicy.mode"),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].message"#,
        priority = 1
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceClassSpec {
    /// The account that a project's jobs act as.
    #[serde(default)]
    pub service_account: ServiceAccountSpec,
    /// Spec of the ResourceQuota `gitlab-quota`; none without it.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient::with_quantities")]
    #[schemars(schema_with = "kubernetes::resource_quota")]
    pub resource_quota: Option<ResourceQuotaSpec>,
    /// Spec of the LimitRange `gitlab-limits`; none without it.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient::with_quantities")]
    #[schemars(schema_with = "kubernetes::limit_range")]
    pub limit_range: Option<LimitRangeSpec>,
    /// Who may reach the pods.
    #[serde(default)]
    pub network_policy: NetworkPolicyRules,
    /// Pod Security levels, put on the namespace as labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_security: Option<PodSecurity>,
    /// Further labels of the namespace.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "kubernetes::labels")]
    #[x_kube(validation = rules::NO_RESERVED_KEYS, validation = rules::QUALIFIED_KEYS)]
    pub labels: BTreeMap<String, String>,
    /// Further annotations of the namespace.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "kubernetes::annotations")]
    #[x_kube(validation = rules::NO_RESERVED_KEYS, validation = rules::QUALIFIED_KEYS)]
    pub annotations: BTreeMap<String, String>,
}

/// The account that a project's jobs act as.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceAccountSpec {
    /// The ClusterRole that the account has inside its namespace. For another one than `gitlab-group-master`,
    /// `gitlab-group-developer` and `gitlab-group-reporter` the operator needs the right to `bind` it.
    #[serde(default = "default_cluster_role")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = (
        "!self.matches('[/%]') && self != '.' && self != '..'",
        "must be the name of a ClusterRole: no '/' and no '%'"
    ))]
    pub cluster_role: String,
    /// The token of the account.
    #[serde(default)]
    pub token: TokenSpec,
}

fn default_cluster_role() -> String {
    names::DEFAULT_CLUSTER_ROLE.to_owned()
}

impl Default for ServiceAccountSpec {
    fn default() -> Self {
        Self { cluster_role: default_cluster_role(), token: TokenSpec::default() }
    }
}

/// The token of the account.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "self.kind != 'Legacy' || self.lifetime == '24h'",
    "a Legacy token never ends by itself: leave lifetime out"
))]
pub struct TokenSpec {
    /// Whether it ends and is renewed.
    #[serde(default)]
    pub kind: TokenKind,
    /// How long it lives, at least `1h`; it is renewed at two thirds of this. Without meaning for `kind: Legacy`.
    #[serde(default = "default_lifetime")]
    #[x_kube(validation = ("duration(self) >= duration('1h')", "must be at least 1h"))]
    pub lifetime: Period,
}

fn default_lifetime() -> Period {
    Period::hours(24)
}

impl Default for TokenSpec {
    fn default() -> Self {
        Self { kind: TokenKind::default(), lifetime: default_lifetime() }
    }
}

/// Whether a token ends and is renewed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TokenKind {
    /// It ends by itself and is renewed before that.
    #[default]
    Rotated,
    /// A Secret of type `kubernetes.io/service-account-token`, which never ends by itself.
    Legacy,
}

/// Who may reach the pods of a namespace.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = (
        "self.mode == 'Isolated' || !has(self.ingressFrom) || size(self.ingressFrom) == 0",
        "ingressFrom is only for mode: Isolated"
    ),
    validation = (
        "self.mode == 'Custom' || !has(self.policies) || size(self.policies) == 0",
        "policies is only for mode: Custom"
    ),
    validation = (
        "self.mode != 'Custom' || (has(self.policies) && size(self.policies) > 0)",
        "mode: Custom needs 1 to 16 policies; for no policy at all use mode: Open"
    )
)]
pub struct NetworkPolicyRules {
    /// Open, isolated, or policies of your own.
    #[serde(default)]
    pub mode: NetworkPolicyMode,
    /// Names of namespaces whose pods may come in, with `mode: Isolated`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "kubernetes::namespace_names")]
    pub ingress_from: Vec<String>,
    /// Specs of NetworkPolicies, 1 to 16, with `mode: Custom`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "kubernetes::network_policies")]
    pub policies: Vec<NetworkPolicySpec>,
}

/// The ways to say who may reach the pods of a namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NetworkPolicyMode {
    /// No policy.
    Open,
    /// Only pods of the same namespace and of the namespaces in `ingressFrom` may come in; what goes out is open.
    #[default]
    Isolated,
    /// The policies in `policies`.
    Custom,
}

/// Pod Security levels of a namespace.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("has(self.enforce) || has(self.warn)", "needs enforce, warn or both"))]
pub struct PodSecurity {
    /// Pods that violate this level are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enforce: Option<PodSecurityLevel>,
    /// Pods that violate this level are accepted with a warning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warn: Option<PodSecurityLevel>,
}

/// A level of the Pod Security Standards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PodSecurityLevel {
    /// Everything is allowed.
    Privileged,
    /// Known privilege escalations are prevented.
    Baseline,
    /// Current hardening practices.
    Restricted,
}

/// What the operator found out about a `NamespaceClass`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NamespaceClassStatus {
    /// The generation of the object that this status describes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The mappings that name this class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mappings: Option<MappingCounts>,
    /// What is true about this class, each with a reason and a message.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}
