//! The ClusterRoles that classes name: they exist, may be granted, and give jobs nothing by which a leak outlives its end.

use std::collections::BTreeSet;

use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule};
use kube::Api;

use super::{checks::Check, cluster::Cluster, findings::Finding, right::Right, rules::dangers};
use crate::{facts::problems, status::Problem};

/// Our own roles begin like this; what they give is fixed by the manifests.
const OURS: &str = "gitlab-group-";

/// Checks each role.
pub async fn check(cluster: &Cluster, names: &BTreeSet<String>) -> Vec<Finding> {
    let api: Api<ClusterRole> = Api::all(cluster.client.clone());
    let mut findings = Vec::new();
    for name in names {
        let what = format!("read the ClusterRole {name}");
        let role = api.get_opt(name).await.map_err(|error| problems::kubernetes(&what, &error));
        findings.extend(judge_role(name, role));
        findings.push(judge_binding(name, cluster.operator_may(&Right::to_bind(name)).await));
    }
    findings
}

fn object(name: &str) -> String {
    format!("ClusterRole/{name}")
}

fn make_it(name: &str) -> String {
    if name.starts_with(OURS) {
        "apply the manifests again: kubectl apply -k manifests".to_owned()
    } else {
        format!("create the ClusterRole {name}, or name another one in the NamespaceClass")
    }
}

fn judge_role(name: &str, role: Result<Option<ClusterRole>, Problem>) -> Vec<Finding> {
    let role = match role {
        Ok(Some(role)) => role,
        Ok(None) => {
            return vec![Finding::error(Check::RoleExists, object(name), "there is no such role", make_it(name))];
        }
        Err(problem) => {
            let hidden = |check| Finding::hidden(check, object(name), &problem);
            return vec![hidden(Check::RoleExists), hidden(Check::RoleHarmless)];
        }
    };
    let rules: &[PolicyRule] = role.rules.as_deref().unwrap_or_default();
    let exists = match rules {
        [] if role.aggregation_rule.is_some() => Finding::error(
            Check::RoleExists,
            object(name),
            "the role gathers the rules of other roles, and none of them is there",
            "apply the manifests again (kubectl apply -k manifests), and see that the controller manager runs",
        ),
        [] => Finding::error(Check::RoleExists, object(name), "the role has no rules", make_it(name)),
        rules => Finding::ok(Check::RoleExists, object(name), format!("{} rules", rules.len())),
    };
    vec![exists, judge_rules(name, rules)]
}

fn judge_rules(name: &str, rules: &[PolicyRule]) -> Finding {
    let found = dangers(rules);
    if found.is_empty() {
        return Finding::ok(Check::RoleHarmless, object(name), "no tokens, no impersonation, no escalation");
    }
    let message = format!("the role lets jobs {}", found.join(", "));
    if name.starts_with(OURS) {
        let remedy = "find what added it (a role with the label gl-k8s.dev/aggregate-to-master, or a change by hand), take it out, and apply the manifests again";
        return Finding::error(Check::RoleHarmless, object(name), message, remedy);
    }
    let remedy = "name a role without these rights in the NamespaceClass: a token that a job makes for itself outlives a revocation";
    Finding::warning(Check::RoleHarmless, object(name), message, remedy)
}

fn judge_binding(name: &str, may: Result<bool, Problem>) -> Finding {
    match may {
        Ok(true) => Finding::ok(Check::RoleBindable, object(name), "the operator may bind it"),
        Ok(false) => Finding::error(
            Check::RoleBindable,
            object(name),
            "the operator may not bind it, so that no namespace of the class gets its account",
            format!(
                "grant `bind` on this ClusterRole by name, as the installation guide says: a ClusterRole gl-k8s-integrator-may-grant-{name} bound to the operator's account"
            ),
        ),
        Err(problem) => Finding::hidden(Check::RoleBindable, object(name), &problem),
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::rbac::v1::AggregationRule;

    use super::*;
    use crate::{commands::doctor::findings::Level, status::Reason};

    fn rule(group: &str, resource: &str, verb: &str) -> PolicyRule {
        PolicyRule {
            api_groups: Some(vec![group.into()]),
            resources: Some(vec![resource.into()]),
            verbs: vec![verb.into()],
            ..PolicyRule::default()
        }
    }

    fn levels(found: &[Finding]) -> Vec<(&'static str, Level)> {
        found.iter().map(|finding| (finding.check.as_str(), finding.level)).collect()
    }

    #[test]
    fn a_role_is_there_and_harmless_or_that_is_told() {
        let with = |rules: Vec<PolicyRule>| Ok(Some(ClusterRole { rules: Some(rules), ..ClusterRole::default() }));
        let fine = judge_role("own", with(vec![rule("apps", "deployments", "create")]));
        assert_eq!(levels(&fine), [("role.exists", Level::Ok), ("role.harmless", Level::Ok)]);
        assert_eq!(levels(&judge_role("own", Ok(None))), [("role.exists", Level::Error)]);
        let minting = || with(vec![rule("", "serviceaccounts/token", "create")]);
        assert_eq!(judge_role("own", minting())[1].level, Level::Warning);
        assert_eq!(judge_role("gitlab-group-master", minting())[1].level, Level::Error);
        let empty = ClusterRole { aggregation_rule: Some(AggregationRule::default()), ..ClusterRole::default() };
        let empty = judge_role("gitlab-group-master", Ok(Some(empty)));
        assert!(empty[0].message.contains("gathers"), "{}", empty[0].message);
        let hidden = judge_role("own", Err(Problem::new(Reason::KubernetesForbidden, "no")));
        assert_eq!(levels(&hidden), [("role.exists", Level::Unchecked), ("role.harmless", Level::Unchecked)]);
    }

    #[test]
    fn a_role_that_may_not_be_bound_is_an_error() {
        assert_eq!(judge_binding("own", Ok(true)).level, Level::Ok);
        assert_eq!(judge_binding("own", Ok(false)).level, Level::Error);
    }
}
