//! `GitLabInstance`: a GitLab server, and how it reaches this cluster.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Condition, InstanceTokenStatus, MappingCounts, Period, rules};

/// A GitLab server, and how it reaches this cluster.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "gl-k8s.dev",
    version = "v1alpha1",
    kind = "GitLabInstance",
    plural = "gitlabinstances",
    shortname = "gli",
    category = "gl-k8s",
    status = "GitLabInstanceStatus",
    derive = "PartialEq",
    doc = "A GitLab server, and how it reaches this cluster.",
    validation = rules::SHORT_OBJECT_NAME,
    printcolumn(name = "URL", type_ = "string", json_path = ".spec.url"),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Reason", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#),
    printcolumn(name = "Version", type_ = "string", json_path = ".status.version"),
    printcolumn(
        name = "Mappings",
        type_ = "integer",
        json_path = ".status.mappings.total",
        description = "Mappings that name this instance"
    ),
    printcolumn(
        name = "Token expires",
        type_ = "string",
        json_path = ".status.token.expiresAt",
        description = "When GitLab will refuse the instance's token; empty if never"
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].message"#,
        priority = 1
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct GitLabInstanceSpec {
    /// Base URL of GitLab, such as `https://gitlab.example.edu`, without a trailing slash; immutable. `http` only for a
    /// loopback host.
    #[schemars(length(min = 1, max = 255))]
    #[x_kube(
        validation = rules::IMMUTABLE,
        validation = rules::URL,
        validation = rules::PLAIN_URL,
        validation = (
            r"self.startsWith('https://') || self.matches('^http://(localhost|127(\\.[0-9]{1,3}){3}|\\[::1\\])(:[0-9]+)?(/.*)?$')",
            "must begin with https://; http:// is only for a loopback host (localhost, 127.0.0.1, [::1])"
        )
    )]
    pub url: String,
    /// The Secret with the GitLab token, in the operator's own namespace. It has two keys: `token`, and `url`, which
    /// must equal `spec.url`, so that changing this object cannot send the token to another host.
    pub token_secret_ref: SecretRef,
    /// Where the certificate authority of GitLab stands, if it is a private one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_certificate: Option<InstanceCaCertificate>,
    /// What GitLab is told about this cluster.
    pub cluster: ClusterAccess,
    /// Put directly in front of every namespace name; immutable. Empty, or small letters, digits and dashes that end
    /// with a dash.
    #[serde(default)]
    #[schemars(length(max = 20))]
    #[x_kube(
        validation = rules::IMMUTABLE,
        validation = (
            "self.matches('^([a-z0-9][a-z0-9-]{0,18}-)?$')",
            "must be empty, or begin with a small letter or digit, go on with small letters, digits and '-', and end with '-'"
        )
    )]
    pub namespace_prefix: String,
    /// How often what was delivered is compared with GitLab.
    #[serde(default = "default_drift_interval")]
    #[x_kube(validation = ("duration(self) >= duration('1s')", "must be at least 1s"))]
    pub drift_interval: Period,
}

fn default_drift_interval() -> Period {
    Period::hours(6)
}

/// A Secret in the operator's own namespace.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretRef {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = rules::OBJECT_NAME)]
    pub name: String,
}

/// The certificate authority of GitLab.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstanceCaCertificate {
    /// The ConfigMap that holds it as PEM, in the operator's own namespace.
    pub config_map: ConfigMapKeyRef,
}

/// One key of a ConfigMap in the operator's own namespace.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigMapKeyRef {
    /// Name of the ConfigMap.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = rules::OBJECT_NAME)]
    pub name: String,
    /// Key in it.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = rules::CONFIG_MAP_KEY)]
    pub key: String,
}

/// What GitLab is told about this cluster.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterAccess {
    /// This cluster's name inside GitLab; immutable.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(
        validation = rules::IMMUTABLE,
        validation = (r"!self.matches('[/\\p{Cc}]')", "must contain no '/' and no control characters"),
        validation = ("self == self.trim()", "must not begin or end with a space")
    )]
    pub name: String,
    /// URL of the Kubernetes API as jobs reach it, such as `https://icc.example.edu:6443`.
    #[schemars(length(min = 1, max = 255))]
    #[x_kube(
        validation = rules::URL,
        validation = rules::PLAIN_URL,
        validation = ("self.startsWith('https://')", "must begin with https://")
    )]
    pub api_server: String,
    /// Where jobs get the certificate authority of the Kubernetes API from.
    #[serde(default)]
    pub ca_certificate: ClusterCaCertificate,
    /// Domain under which the cluster's ingress answers; jobs get it as `KUBE_INGRESS_BASE_DOMAIN`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = (
        "!format.dns1123Subdomain().validate(self).hasValue()",
        "must be a domain name in small letters, such as icc.example.edu"
    ))]
    pub ingress_base_domain: Option<String>,
}

/// The certificate authority of the Kubernetes API.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("self.source != 'Inline' || has(self.inline)", "source: Inline needs the certificates in inline"),
    validation = ("self.source == 'Inline' || !has(self.inline)", "inline is only for source: Inline"),
    validation = ("self.source != 'ConfigMap' || has(self.configMap)", "source: ConfigMap needs name and key in configMap"),
    validation = ("self.source == 'ConfigMap' || !has(self.configMap)", "configMap is only for source: ConfigMap")
)]
pub struct ClusterCaCertificate {
    /// Where it comes from.
    #[serde(default)]
    pub source: CaSource,
    /// The certificates as PEM, with `source: Inline`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 65536))]
    #[x_kube(validation = (
        "self.contains('-----BEGIN CERTIFICATE-----') && !self.contains('PRIVATE KEY-----')",
        "must be one or more certificates as PEM (BEGIN CERTIFICATE), and no private key"
    ))]
    pub inline: Option<String>,
    /// The ConfigMap that holds them as PEM, in the operator's own namespace, with `source: ConfigMap`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map: Option<ConfigMapKeyRef>,
}

/// Where the certificate authority of the Kubernetes API comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CaSource {
    /// The ConfigMap `kube-root-ca.crt` that Kubernetes keeps in every namespace.
    #[default]
    ClusterRoot,
    /// The API has a publicly trusted certificate: jobs get no certificate authority at all.
    PublicTrust,
    /// Written into this object.
    Inline,
    /// A ConfigMap of the operator's own namespace.
    ConfigMap,
}

/// What the operator found out about a `GitLabInstance`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct GitLabInstanceStatus {
    /// The generation of the object that this status describes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// GitLab's version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Whether this GitLab has its certificate-based clusters switched on; absent until it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_based_clusters: Option<bool>,
    /// What is known about the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<InstanceTokenStatus>,
    /// The mappings that name this instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mappings: Option<MappingCounts>,
    /// What is true about this instance, each with a reason and a message.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}
