//! In which namespaces a RoleBinding names the account of jobs of another one: there its token is tried as well.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::rbac::v1::{RoleBinding, Subject};
use kube::ResourceExt as _;

use super::{checks::Check, cluster::Cluster, findings::Finding};
use crate::{api::names, facts::problems};

/// Groups that every account belongs to.
const EVERYBODY: [&str; 2] = ["system:serviceaccounts", "system:authenticated"];

/// Where bindings give something to whom.
#[derive(Debug, Default)]
pub struct Bindings {
    /// By the namespace of the account.
    by_account: BTreeMap<String, BTreeSet<String>>,
    /// For all accounts.
    for_all: BTreeSet<String>,
}

impl Bindings {
    /// Reads all RoleBindings. Where that is not allowed there are none, and a finding.
    pub async fn read(cluster: &Cluster) -> (Self, Option<Finding>) {
        match cluster.list::<RoleBinding>().await {
            Ok(bindings) => (Self::of(&bindings), None),
            Err(error) => {
                let problem = problems::kubernetes("list the RoleBindings of all namespaces", &error);
                (Self::default(), Some(Finding::hidden(Check::CredentialConfined, "RoleBinding/*", &problem)))
            }
        }
    }

    fn of(bindings: &[RoleBinding]) -> Self {
        let mut all = Self::default();
        for binding in bindings {
            let place = binding.namespace().unwrap_or_default();
            for subject in binding.subjects.iter().flatten() {
                match whose(subject, &place) {
                    Some(Whose::Everybodys) => drop(all.for_all.insert(place.clone())),
                    Some(Whose::Of(namespace)) => {
                        all.by_account.entry(namespace.to_owned()).or_default().insert(place.clone());
                    }
                    None => {}
                }
            }
        }
        all
    }

    /// The namespaces besides its own in which a binding names the account of a namespace, or all accounts.
    pub fn elsewhere(&self, namespace: &str) -> impl Iterator<Item = &str> {
        let own = self.by_account.get(namespace).into_iter().flatten();
        own.chain(&self.for_all).map(String::as_str).filter(move |place| *place != namespace)
    }
}

/// Whose account a binding means.
enum Whose<'a> {
    Everybodys,
    Of(&'a str),
}

/// Accounts can be named as what they are, as users, and by the group of their namespace.
fn whose<'a>(subject: &'a Subject, place: &'a str) -> Option<Whose<'a>> {
    let name = subject.name.as_str();
    match subject.kind.as_str() {
        "ServiceAccount" if name == names::SERVICE_ACCOUNT => {
            Some(Whose::Of(subject.namespace.as_deref().unwrap_or(place)))
        }
        "User" => {
            let (namespace, account) = name.strip_prefix("system:serviceaccount:")?.split_once(':')?;
            (account == names::SERVICE_ACCOUNT).then_some(Whose::Of(namespace))
        }
        "Group" if EVERYBODY.contains(&name) => Some(Whose::Everybodys),
        "Group" => name.strip_prefix("system:serviceaccounts:").map(Whose::Of),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(place: &str, kind: &str, name: &str, namespace: Option<&str>) -> RoleBinding {
        let subject = Subject {
            kind: kind.into(),
            name: name.into(),
            namespace: namespace.map(str::to_owned),
            ..Subject::default()
        };
        let mut binding = RoleBinding { subjects: Some(vec![subject]), ..RoleBinding::default() };
        binding.metadata.namespace = Some(place.into());
        binding
    }

    fn elsewhere(bindings: &[RoleBinding], namespace: &str) -> Vec<String> {
        Bindings::of(bindings).elsewhere(namespace).map(str::to_owned).collect()
    }

    #[test]
    fn an_account_is_found_however_a_binding_names_it() {
        for (kind, name, namespace) in [
            ("ServiceAccount", "gitlab-serviceaccount", Some("web-app")),
            ("User", "system:serviceaccount:web-app:gitlab-serviceaccount", None),
            ("Group", "system:serviceaccounts:web-app", None),
            ("Group", "system:serviceaccounts", None),
            ("Group", "system:authenticated", None),
        ] {
            assert_eq!(elsewhere(&[binding("others", kind, name, namespace)], "web-app"), ["others"], "{kind} {name}");
        }
    }

    #[test]
    fn bindings_at_home_and_of_others_are_nobodys_business() {
        for (place, kind, name, namespace) in [
            ("web-app", "ServiceAccount", "gitlab-serviceaccount", Some("web-app")),
            ("others", "ServiceAccount", "gitlab-serviceaccount", None),
            ("others", "ServiceAccount", "gitlab-serviceaccount", Some("shop")),
            ("others", "ServiceAccount", "default", Some("web-app")),
            ("others", "User", "system:serviceaccount:web-app:default", None),
            ("others", "User", "gitlab-serviceaccount", None),
            ("others", "Group", "system:serviceaccounts:web-app-2", None),
            ("others", "Group", "system:masters", None),
        ] {
            let found = elsewhere(&[binding(place, kind, name, namespace)], "web-app");
            assert!(found.is_empty(), "{place} {kind} {name} {namespace:?}: {found:?}");
        }
    }
}
