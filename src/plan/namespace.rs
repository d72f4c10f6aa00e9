//! The objects of a managed namespace: the namespace with its claim, the account, the quota, the policies.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::{
        core::v1::{LimitRange, Namespace, ResourceQuota, Secret, ServiceAccount},
        networking::v1::{NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicySpec},
        rbac::v1::{RoleBinding, RoleRef, Subject},
    },
    apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta},
};

use super::ownership::ProjectIdentity;
use crate::{
    api::names,
    declared::{Class, Network},
    naming,
};

/// What a namespace belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'a> {
    /// The instance's object name.
    pub instance: &'a str,
    /// The project.
    pub project: &'a ProjectIdentity,
    /// The project's current full path, unless it is not known now.
    pub project_path: Option<&'a str>,
    /// The mapping.
    pub mapping: &'a str,
    /// Name and slug of the environment; `None` for a per-project namespace.
    pub environment: Option<(&'a str, &'a str)>,
}

/// The namespace with its claim, in one object, so that the call that creates it claims it.
///
/// The label `app.gitlab.com/app` follows the project's path; every other mark stays for good.
pub fn namespace(name: &str, owner: Owner<'_>, class: &Class) -> Namespace {
    let mut labels = class.labels.clone();
    let mut annotations = class.annotations.clone();
    labels.insert(names::MANAGED_BY_LABEL.into(), names::MANAGED_BY.into());
    labels.insert(names::INSTANCE_LABEL.into(), owner.instance.into());
    labels.insert(names::PROJECT_ID.into(), owner.project.project_id.to_string());
    if let Some(path) = owner.project_path {
        labels.insert(names::GITLAB_APP.into(), naming::full_path_slug(path));
    }
    if let Some((_, slug)) = owner.environment {
        labels.insert(names::GITLAB_ENV.into(), slug.into());
    }
    let environment = owner.environment.map_or("", |(name, _)| name);
    annotations.insert(names::GITLAB_URL_ANNOTATION.into(), owner.project.gitlab_url.clone());
    annotations.insert(names::ENVIRONMENT_ANNOTATION.into(), environment.into());
    annotations.insert(names::MAPPING_ANNOTATION.into(), owner.mapping.into());
    Namespace {
        metadata: ObjectMeta {
            name: Some(name.into()),
            labels: Some(labels),
            annotations: Some(annotations),
            ..ObjectMeta::default()
        },
        ..Namespace::default()
    }
}

/// What a namespace holds besides the token Secret. What is `None` or missing is pruned if it is ours.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Contents {
    /// The account that jobs use.
    pub account: Option<Account>,
    /// The quota.
    pub resource_quota: Option<ResourceQuota>,
    /// The limits.
    pub limit_range: Option<LimitRange>,
    /// The network policies.
    pub network_policies: Vec<NetworkPolicy>,
}

/// The account that jobs use, and what it may do.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    /// The ServiceAccount.
    pub service_account: ServiceAccount,
    /// Its binding to the class's ClusterRole.
    pub role_binding: RoleBinding,
}

/// What a namespace of this class holds. Without `with_account` (method `None`) there is no account and no binding.
pub fn contents(namespace: &str, class: &Class, with_account: bool) -> Contents {
    Contents {
        account: with_account.then(|| account(namespace, &class.cluster_role)),
        resource_quota: class.resource_quota.clone().map(|spec| ResourceQuota {
            metadata: metadata(namespace, names::RESOURCE_QUOTA),
            spec: Some(spec),
            ..ResourceQuota::default()
        }),
        limit_range: class
            .limit_range
            .clone()
            .map(|spec| LimitRange { metadata: metadata(namespace, names::LIMIT_RANGE), spec: Some(spec) }),
        network_policies: network_policies(namespace, &class.network),
    }
}

fn metadata(namespace: &str, name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.into()),
        namespace: Some(namespace.into()),
        labels: Some(BTreeMap::from([(names::MANAGED_BY_LABEL.into(), names::MANAGED_BY.into())])),
        ..ObjectMeta::default()
    }
}

fn account(namespace: &str, cluster_role: &str) -> Account {
    Account {
        service_account: ServiceAccount {
            metadata: metadata(namespace, names::SERVICE_ACCOUNT),
            ..ServiceAccount::default()
        },
        role_binding: RoleBinding {
            metadata: metadata(namespace, names::ROLE_BINDING),
            role_ref: RoleRef {
                api_group: "rbac.authorization.k8s.io".into(),
                kind: "ClusterRole".into(),
                name: cluster_role.into(),
            },
            subjects: Some(vec![Subject {
                kind: "ServiceAccount".into(),
                name: names::SERVICE_ACCOUNT.into(),
                namespace: Some(namespace.into()),
                ..Subject::default()
            }]),
        },
    }
}

/// The token Secret of a `Rotated` account, without `token`: that is applied by itself once it was issued, and an
/// apply without it under the same field manager would take it out again.
pub fn rotated_secret(namespace: &str) -> Secret {
    Secret { metadata: metadata(namespace, names::TOKEN_SECRET), type_: Some("Opaque".into()), ..Secret::default() }
}

/// The token Secret of a `Legacy` account; the token controller fills it.
pub fn legacy_secret(namespace: &str) -> Secret {
    let mut metadata = metadata(namespace, names::LEGACY_TOKEN_SECRET);
    let account = ("kubernetes.io/service-account.name".to_owned(), names::SERVICE_ACCOUNT.to_owned());
    metadata.annotations = Some(BTreeMap::from([account]));
    Secret { metadata, type_: Some("kubernetes.io/service-account-token".into()), ..Secret::default() }
}

fn network_policies(namespace: &str, network: &Network) -> Vec<NetworkPolicy> {
    match network {
        Network::Open => Vec::new(),
        Network::Isolated { ingress_from } => vec![NetworkPolicy {
            metadata: metadata(namespace, names::ISOLATION_POLICY),
            spec: Some(isolation(ingress_from)),
        }],
        Network::Custom(policies) => policies
            .iter()
            .enumerate()
            .map(|(number, spec)| NetworkPolicy {
                metadata: metadata(namespace, &format!("{}{number}", names::CUSTOM_POLICY_PREFIX)),
                spec: Some(spec.clone()),
            })
            .collect(),
    }
}

/// Ingress only from the same namespace and from the named ones; egress stays open, since it is not mentioned.
fn isolation(ingress_from: &[String]) -> NetworkPolicySpec {
    let same = NetworkPolicyPeer { pod_selector: Some(LabelSelector::default()), ..NetworkPolicyPeer::default() };
    let named = ingress_from.iter().map(|namespace| NetworkPolicyPeer {
        namespace_selector: Some(LabelSelector {
            match_labels: Some(BTreeMap::from([("kubernetes.io/metadata.name".to_owned(), namespace.clone())])),
            ..LabelSelector::default()
        }),
        ..NetworkPolicyPeer::default()
    });
    NetworkPolicySpec {
        pod_selector: Some(LabelSelector::default()),
        policy_types: Some(vec!["Ingress".into()]),
        ingress: Some(vec![NetworkPolicyIngressRule {
            from: Some(std::iter::once(same).chain(named).collect()),
            ..NetworkPolicyIngressRule::default()
        }]),
        ..NetworkPolicySpec::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::declared::TokenPolicy;

    fn class(network: Network) -> Class {
        Class {
            name: "course".into(),
            cluster_role: "gitlab-group-master".into(),
            token: TokenPolicy::Legacy,
            resource_quota: None,
            limit_range: None,
            network,
            labels: BTreeMap::from([("team".into(), "a".into())]),
            annotations: BTreeMap::new(),
        }
    }

    #[test]
    fn the_call_that_creates_a_namespace_claims_it() {
        let project = ProjectIdentity { gitlab_url: "https://gitlab.example.edu".into(), project_id: 42 };
        let owner = Owner {
            instance: "campus",
            project: &project,
            project_path: Some("Team/web.app"),
            mapping: "web",
            environment: Some(("Review/1", "review-1-abcdef")),
        };
        let namespace = namespace("web-42-review", owner, &class(Network::Open));
        let claim = super::super::ownership::Claim::read(&namespace).unwrap();
        assert_eq!(
            (claim.project, claim.environment.as_str(), claim.mapping.as_str()),
            (project.clone(), "Review/1", "web")
        );
        let labels = namespace.metadata.labels.unwrap();
        for (key, value) in [
            ("app.kubernetes.io/managed-by", "gl-k8s-integrator"),
            ("gl-k8s.dev/instance", "campus"),
            ("app.gitlab.com/app", "team-web-app"),
            ("app.gitlab.com/env", "review-1-abcdef"),
            ("team", "a"),
        ] {
            assert_eq!(labels.get(key).map(String::as_str), Some(value), "{key}");
        }
    }

    #[test]
    fn an_isolated_namespace_admits_itself_and_the_named_ones() {
        let contents = contents("ns", &class(Network::Isolated { ingress_from: vec!["ingress-nginx".into()] }), true);
        let [policy] = contents.network_policies.as_slice() else { panic!("one policy") };
        let spec = serde_json::to_value(policy.spec.as_ref().unwrap()).unwrap();
        assert_eq!(spec["policyTypes"], serde_json::json!(["Ingress"]));
        assert_eq!(
            spec["ingress"],
            serde_json::json!([{"from": [{"podSelector": {}},
                {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress-nginx"}}}]}])
        );
    }

    #[test]
    fn without_ci_access_there_is_no_account() {
        assert_eq!(contents("ns", &class(Network::Open), false).account, None);
        assert!(contents("ns", &class(Network::Open), true).account.is_some());
    }
}
