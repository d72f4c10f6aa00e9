//! A validated `GitLabInstance`.

use std::time::Duration;

use kube::ResourceExt as _;

use super::Invalid;
use crate::api::{CaSource, ConfigMapKeyRef, GitLabInstance};

/// A GitLab server, and how it reaches this cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// The object's name.
    pub name: String,
    /// The object's UID: a re-created instance shares no cached state with its predecessor.
    pub uid: String,
    /// The object's generation: a changed spec is read anew.
    pub generation: i64,
    /// GitLab's root URL, without trailing slash.
    pub url: String,
    /// The Secret in the operator's namespace that holds `token` and `url`.
    pub token_secret: String,
    /// Where the CA of a GitLab with a private CA stands.
    pub gitlab_ca: Option<ConfigMapKey>,
    /// This cluster's name inside GitLab.
    pub cluster_name: String,
    /// The API server's URL as jobs reach it.
    pub api_server: String,
    /// Where the CA certificate that jobs get comes from.
    pub cluster_ca: ClusterCa,
    /// What becomes `KUBE_INGRESS_BASE_DOMAIN`.
    pub ingress_base_domain: Option<String>,
    /// Put directly in front of every namespace's name.
    pub namespace_prefix: String,
    /// How often what was delivered is compared with GitLab.
    pub drift_interval: Duration,
}

/// A key of a ConfigMap in the operator's namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigMapKey {
    /// The ConfigMap's name.
    pub name: String,
    /// The key in its data.
    pub key: String,
}

/// Where the CA certificate of the API server comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClusterCa {
    /// A ConfigMap in the operator's namespace: the cluster's own `kube-root-ca.crt`, or another.
    ConfigMap(ConfigMapKey),
    /// PEM text in the instance itself.
    Inline(String),
    /// A certificate that jobs trust anyway: no CA is delivered.
    PublicTrust,
}

impl TryFrom<&GitLabInstance> for Instance {
    type Error = Invalid;

    fn try_from(object: &GitLabInstance) -> Result<Self, Invalid> {
        let spec = &object.spec;
        let ca = &spec.cluster.ca_certificate;
        let config_map =
            |reference: &ConfigMapKeyRef| ConfigMapKey { name: reference.name.clone(), key: reference.key.clone() };
        let cluster_ca = match (ca.source, &ca.inline, &ca.config_map) {
            (CaSource::ClusterRoot, ..) => {
                let (name, key) = crate::api::names::CLUSTER_ROOT_CA;
                ClusterCa::ConfigMap(ConfigMapKey { name: name.to_owned(), key: key.to_owned() })
            }
            (CaSource::PublicTrust, ..) => ClusterCa::PublicTrust,
            (CaSource::Inline, Some(pem), _) => ClusterCa::Inline(pem.trim().to_owned()),
            (CaSource::ConfigMap, _, Some(reference)) => ClusterCa::ConfigMap(config_map(reference)),
            (source, ..) => {
                let problem = format!("source is {source:?} but the part that it names is missing");
                return Err(Invalid::new("spec.cluster.caCertificate", problem));
            }
        };
        Ok(Self {
            name: object.name_any(),
            uid: object.uid().unwrap_or_default(),
            generation: object.metadata.generation.unwrap_or_default(),
            url: spec.url.trim_end_matches('/').to_owned(),
            token_secret: spec.token_secret_ref.name.clone(),
            gitlab_ca: spec.ca_certificate.as_ref().map(|ca| config_map(&ca.config_map)),
            cluster_name: spec.cluster.name.clone(),
            api_server: spec.cluster.api_server.clone(),
            cluster_ca,
            ingress_base_domain: spec.cluster.ingress_base_domain.clone().filter(|domain| !domain.is_empty()),
            namespace_prefix: spec.namespace_prefix.clone(),
            drift_interval: spec.drift_interval.duration(),
        })
    }
}
