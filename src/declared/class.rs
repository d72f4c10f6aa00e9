//! A validated `NamespaceClass`.

use std::{collections::BTreeMap, time::Duration};

use k8s_openapi::api::{
    core::v1::{LimitRangeSpec, ResourceQuotaSpec},
    networking::v1::NetworkPolicySpec,
};
use kube::ResourceExt as _;

use super::Invalid;
use crate::api::{NamespaceClass, NetworkPolicyMode, PodSecurityLevel, TokenKind};

/// What every namespace of a class holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Class {
    /// The object's name.
    pub name: String,
    /// The ClusterRole that jobs get in their namespace.
    pub cluster_role: String,
    /// What kind of token jobs get.
    pub token: TokenPolicy,
    /// The quota, if any.
    pub resource_quota: Option<ResourceQuotaSpec>,
    /// The limits, if any.
    pub limit_range: Option<LimitRangeSpec>,
    /// The network policies.
    pub network: Network,
    /// Labels of the namespace: the class's own and those of Pod Security.
    pub labels: BTreeMap<String, String>,
    /// Annotations of the namespace.
    pub annotations: BTreeMap<String, String>,
}

/// What kind of token jobs get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenPolicy {
    /// A bound token of this lifetime, renewed at about two thirds of it.
    Rotated {
        /// The lifetime that is asked for; the API server may grant another.
        lifetime: Duration,
    },
    /// A token that lives as long as its Secret.
    Legacy,
}

/// The network policies of a namespace.
#[derive(Clone, Debug, PartialEq)]
pub enum Network {
    /// None.
    Open,
    /// Ingress from the same namespace and from the named ones; egress open.
    Isolated {
        /// Namespaces whose pods may come in.
        ingress_from: Vec<String>,
    },
    /// The administrator's own.
    Custom(Vec<NetworkPolicySpec>),
}

const POD_SECURITY: &str = "pod-security.kubernetes.io/";

impl TryFrom<&NamespaceClass> for Class {
    type Error = Invalid;

    fn try_from(object: &NamespaceClass) -> Result<Self, Invalid> {
        let spec = &object.spec;
        let network = match spec.network_policy.mode {
            NetworkPolicyMode::Open => Network::Open,
            NetworkPolicyMode::Isolated => Network::Isolated { ingress_from: spec.network_policy.ingress_from.clone() },
            NetworkPolicyMode::Custom if spec.network_policy.policies.is_empty() => {
                return Err(Invalid::new("spec.networkPolicy.policies", "mode Custom needs at least one policy"));
            }
            NetworkPolicyMode::Custom => Network::Custom(spec.network_policy.policies.clone()),
        };
        let mut labels = spec.labels.clone();
        if let Some(levels) = &spec.pod_security {
            for (mode, level) in [("enforce", levels.enforce), ("warn", levels.warn)] {
                if let Some(level) = level {
                    labels.insert(format!("{POD_SECURITY}{mode}"), level_name(level).to_owned());
                }
            }
        }
        Ok(Self {
            name: object.name_any(),
            cluster_role: spec.service_account.cluster_role.clone(),
            token: match spec.service_account.token.kind {
                TokenKind::Rotated => TokenPolicy::Rotated { lifetime: spec.service_account.token.lifetime.duration() },
                TokenKind::Legacy => TokenPolicy::Legacy,
            },
            resource_quota: spec.resource_quota.clone(),
            limit_range: spec.limit_range.clone(),
            network,
            labels,
            annotations: spec.annotations.clone(),
        })
    }
}

fn level_name(level: PodSecurityLevel) -> &'static str {
    match level {
        PodSecurityLevel::Privileged => "privileged",
        PodSecurityLevel::Baseline => "baseline",
        PodSecurityLevel::Restricted => "restricted",
    }
}
