//! What the operator's account may do: all that the manifests give it, and nothing that it must never have.

use std::collections::BTreeMap;

use futures::{StreamExt as _, stream};
use k8s_openapi::api::rbac::v1::PolicyRule;

use super::{
    checks::Check,
    cluster::{CONCURRENCY, Cluster},
    findings::Finding,
    installed::{self, OPERATOR},
    right::Right,
};
use crate::status::Problem;

/// Every right that these rules give.
fn expand(rules: &[PolicyRule], namespace: Option<&str>) -> Vec<Right> {
    let mut rights = Vec::new();
    for rule in rules {
        let names: Vec<Option<&str>> = match &rule.resource_names {
            Some(names) if !names.is_empty() => names.iter().map(|name| Some(name.as_str())).collect(),
            _ => vec![None],
        };
        for group in rule.api_groups.iter().flatten() {
            for resource in rule.resources.iter().flatten() {
                for name in &names {
                    let right = |verb: &String| Right::new(verb, group, resource, *name, namespace);
                    rights.extend(rule.verbs.iter().map(right));
                }
            }
        }
    }
    rights
}

/// The rights in the manifests.
fn expected(own_namespace: &str) -> anyhow::Result<Vec<Right>> {
    let roles = installed::roles()?;
    let mut rights = Vec::new();
    for role in &roles.cluster {
        rights.extend(expand(role.rules.as_deref().unwrap_or_default(), None));
    }
    for role in &roles.namespaced {
        let namespace = match role.metadata.namespace.as_deref() {
            Some(OPERATOR) | None => own_namespace,
            Some(other) => other,
        };
        rights.extend(expand(role.rules.as_deref().unwrap_or_default(), Some(namespace)));
    }
    rights.sort();
    rights.dedup();
    Ok(rights)
}

/// What nobody but a cluster administrator may have: one of these makes a stolen token of the operator a stolen cluster.
fn forbidden() -> [Right; 7] {
    const RBAC: &str = "rbac.authorization.k8s.io";
    [
        Right::new("*", "*", "*", None, None),
        Right::new("escalate", RBAC, "clusterroles", None, None),
        Right::new("bind", RBAC, "clusterroles", None, None),
        Right::new("create", RBAC, "clusterrolebindings", None, None),
        Right::new("impersonate", "", "users", None, None),
        Right::new("get", "", "secrets", None, None),
        Right::new("create", "", "pods", None, None),
    ]
}

/// Checks both.
pub async fn check(cluster: &Cluster) -> Vec<Finding> {
    let held = match expected(&cluster.own_namespace) {
        Ok(rights) => judge_held(&object(cluster), &review(cluster, rights).await),
        Err(error) => vec![unreadable(cluster, &error)],
    };
    let excess = judge_excess(&object(cluster), &review(cluster, forbidden().to_vec()).await);
    held.into_iter().chain(excess).collect()
}

fn object(cluster: &Cluster) -> String {
    format!("ServiceAccount/{}/{OPERATOR}", cluster.own_namespace)
}

fn unreadable(cluster: &Cluster, error: &anyhow::Error) -> Finding {
    let message = format!("the manifests in this program cannot be read: {error:#}");
    Finding::error(Check::RightsHeld, object(cluster), message, "report this fault")
}

/// An answer for each right.
type Reviewed = Vec<(Right, Result<bool, Problem>)>;

async fn review(cluster: &Cluster, rights: Vec<Right>) -> Reviewed {
    let ask = |right: Right| async move {
        let answer = cluster.operator_may(&right).await;
        (right, answer)
    };
    stream::iter(rights).map(ask).buffer_unordered(CONCURRENCY).collect().await
}

/// One finding for each thing on which verbs are missing.
fn judge_held(object: &str, reviewed: &Reviewed) -> Vec<Finding> {
    if let Some(problem) = first_problem(reviewed) {
        return vec![Finding::hidden(Check::RightsHeld, object, problem)];
    }
    let mut missing: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (right, _) in reviewed.iter().filter(|(_, answer)| *answer == Ok(false)) {
        missing.entry(right.subject()).or_default().push(&right.verb);
    }
    if missing.is_empty() {
        let message = format!("all {} rights of the manifests", reviewed.len());
        return vec![Finding::ok(Check::RightsHeld, object, message)];
    }
    let lacks = |(subject, mut verbs): (String, Vec<&str>)| {
        verbs.sort_unstable();
        let message = format!("the operator may not {} {subject}", verbs.join(", "));
        Finding::error(Check::RightsHeld, object, message, "apply the manifests again: kubectl apply -k manifests")
    };
    missing.into_iter().map(lacks).collect()
}

fn judge_excess(object: &str, reviewed: &Reviewed) -> Vec<Finding> {
    if let Some(problem) = first_problem(reviewed) {
        return vec![Finding::hidden(Check::RightsExcess, object, problem)];
    }
    let mut had: Vec<_> = reviewed.iter().filter(|(_, answer)| *answer == Ok(true)).map(|(right, _)| right).collect();
    had.sort();
    if had.is_empty() {
        return vec![Finding::ok(Check::RightsExcess, object, "none of the rights that it must never have")];
    }
    let words: Vec<_> = had.iter().map(|right| format!("{} {}", right.verb, right.subject())).collect();
    let message = format!("the operator may {}, which no manifest gives it", words.join(", and "));
    let remedy = format!("find the binding and remove it: kubectl get clusterrolebindings -o wide | grep {OPERATOR}");
    vec![Finding::error(Check::RightsExcess, object, message, remedy)]
}

fn first_problem(reviewed: &Reviewed) -> Option<&Problem> {
    reviewed.iter().find_map(|(_, answer)| answer.as_ref().err())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{commands::doctor::findings::Level, status::Reason};

    fn answered(answer: impl Fn(&Right) -> bool) -> Reviewed {
        expected("own").unwrap().into_iter().map(|right| (right.clone(), Ok(answer(&right)))).collect()
    }

    #[test]
    fn every_right_of_the_manifests_is_asked_for_with_its_name_and_place() {
        let rights = expected("own").unwrap();
        let has = |right: Right| assert!(rights.contains(&right), "{right:?}");
        has(Right::new("create", "", "serviceaccounts/token", Some("gitlab-serviceaccount"), None));
        has(Right::to_bind("gitlab-group-master"));
        has(Right::new("update", "gl-k8s.dev", "namespaceclaims", None, None));
        has(Right::new("list", "", "secrets", None, Some("own")));
        has(Right::new("create", "events.k8s.io", "events", None, Some("default")));
        assert!(rights.len() > 50, "{}", rights.len());
    }

    #[test]
    fn missing_rights_are_told_by_what_they_are_about() {
        let all = judge_held("x", &answered(|_| true));
        assert_eq!(all.iter().map(|finding| finding.level).collect::<Vec<_>>(), [Level::Ok]);
        let some = answered(|right| right.resource != "limitranges");
        let found = judge_held("x", &some);
        assert_eq!(found.len(), 1);
        assert_eq!(
            found[0].message,
            "the operator may not create, delete, get, list, patch, watch limitranges \"gitlab-limits\""
        );
    }

    #[test]
    fn what_nobody_answers_is_not_taken_for_well() {
        let mut reviewed = answered(|_| true);
        reviewed[0].1 = Err(Problem::new(Reason::KubernetesForbidden, "no"));
        assert_eq!(judge_held("x", &reviewed)[0].level, Level::Unchecked);
        reviewed[0].1 = Err(Problem::new(Reason::KubernetesUnavailable, "no"));
        assert_eq!(judge_excess("x", &reviewed)[0].level, Level::Error);
    }

    #[test]
    fn a_right_that_it_must_never_have_is_an_error() {
        let reviewed: Reviewed = forbidden().into_iter().map(|right| (right.clone(), Ok(right.verb == "*"))).collect();
        let found = judge_excess("x", &reviewed);
        assert_eq!((found.len(), found[0].level), (1, Level::Error));
        assert!(found[0].message.starts_with("the operator may * *.*"), "{}", found[0].message);
    }
}
