//! What the rules of a job's token say: enough for its work, and nothing beyond its namespace.

use k8s_openapi::api::authorization::v1::{ResourceRule, SubjectRulesReviewStatus};

use super::{
    checks::Check,
    findings::{Finding, Level},
    rules::{Rule as _, dangers},
};
use crate::{api::names, status::Problem};

/// What an ordinary deployment does: verb, group, resource.
const NEEDS: [(&str, &str, &str); 10] = [
    ("create", "apps", "deployments"),
    ("patch", "apps", "deployments"),
    ("get", "apps", "replicasets"),
    ("create", "", "configmaps"),
    ("create", "", "secrets"),
    ("create", "", "services"),
    ("get", "", "pods"),
    ("get", "", "pods/log"),
    ("create", "batch", "jobs"),
    ("create", "networking.k8s.io", "ingresses"),
];
/// What Kubernetes lets everybody do who is logged in (`system:basic-user`, `system:cluster-trust-bundle-discovery`).
const EVERYBODY: [(&str, &str); 4] = [
    ("authentication.k8s.io", "selfsubjectreviews"),
    ("authorization.k8s.io", "selfsubjectaccessreviews"),
    ("authorization.k8s.io", "selfsubjectrulesreviews"),
    ("certificates.k8s.io", "clustertrustbundles"),
];
/// No more rules than these are told.
const MOST: usize = 3;

type Rules<'a> = Result<&'a SubjectRulesReviewStatus, &'a Problem>;

fn resource_rules(status: &SubjectRulesReviewStatus) -> &[ResourceRule] {
    &status.resource_rules
}

/// Whether the token may do in its own namespace what a job needs.
pub fn judge_sufficient(object: &str, role: &str, own: Rules<'_>) -> Finding {
    let check = Check::CredentialSufficient;
    let rules = match own {
        Ok(status) => resource_rules(status),
        Err(problem) => return Finding::hidden(check, object, problem),
    };
    // What another role is for is not known here; but it must give something.
    if role != names::DEFAULT_CLUSTER_ROLE {
        return match beyond_everybody(rules).first() {
            Some(_) => Finding::ok(check, object, format!("the role {role} is in force")),
            None => lacking(object, format!("the token may do nothing, although the class names the role {role}")),
        };
    }
    let may =
        |(verb, group, resource): &&(&str, &str, &str)| rules.iter().any(|rule| rule.allows(verb, group, resource));
    let missing: Vec<_> =
        NEEDS.iter().filter(|need| !may(need)).map(|(verb, _, resource)| format!("{verb} {resource}")).collect();
    if missing.is_empty() {
        return Finding::ok(check, object, "all that an ordinary deployment needs");
    }
    let incomplete = own.is_ok_and(|status| status.incomplete);
    if incomplete {
        let message =
            format!("the API server does not tell all rules, and these were not among them: {}", missing.join(", "));
        return Finding::unchecked(check, object, message, "try with the job itself: kubectl auth can-i --list");
    }
    lacking(object, format!("the token may not {}", missing.join(", ")))
}

fn lacking(object: &str, message: String) -> Finding {
    let remedy = "see that the RoleBinding gitlab-serviceaccount stands in the namespace and that its ClusterRole has rules; a running operator puts the binding back by itself";
    Finding::error(Check::CredentialSufficient, object, message, remedy)
}

/// Whether the token may do nothing elsewhere; the first place is its own namespace.
pub fn judge_confined(object: &str, places: &[(String, Result<SubjectRulesReviewStatus, Problem>)]) -> Finding {
    let check = Check::CredentialConfined;
    let mut found: Vec<(Level, String)> = Vec::new();
    for (number, (place, status)) in places.iter().enumerate() {
        let rules = match status {
            Ok(status) => resource_rules(status),
            Err(problem) => return Finding::hidden(check, object, problem),
        };
        if number == 0 {
            let words = dangers(rules);
            if !words.is_empty() {
                found.push((Level::Error, format!("in its own namespace {place} it may {}", words.join(", "))));
            }
            continue;
        }
        let beyond = beyond_everybody(rules);
        if !beyond.is_empty() {
            found.push((worst(&beyond), format!("in the namespace {place} it may {}", in_words(&beyond))));
        }
    }
    let Some(level) = found.iter().map(|(level, _)| *level).max() else {
        let elsewhere: Vec<_> = places.iter().skip(1).map(|(place, _)| place.as_str()).collect();
        return Finding::ok(check, object, format!("nothing in {}", elsewhere.join(", ")));
    };
    let message: Vec<_> = found.into_iter().map(|(_, words)| words).collect();
    let remedy = "find the binding that names the account, its namespace's group or all accounts, and remove it: kubectl get rolebindings,clusterrolebindings -A -o wide | grep -e gitlab-serviceaccount -e system:serviceaccounts -e system:authenticated";
    Finding::new(level, check, object, message.join("; "), remedy)
}

/// Rules that not everybody has.
fn beyond_everybody(rules: &[ResourceRule]) -> Vec<&ResourceRule> {
    let everybodys = |rule: &&ResourceRule| {
        !rule.resources().is_empty()
            && rule.groups().iter().all(|group| {
                rule.resources().iter().all(|resource| EVERYBODY.contains(&(group.as_str(), resource.as_str())))
            })
    };
    rules.iter().filter(|rule| !everybodys(rule)).collect()
}

/// Reading what is no secret is told of; writing, and reading secrets, is an error.
fn worst(rules: &[&ResourceRule]) -> Level {
    let reads = |verb: &String| ["get", "list", "watch"].contains(&verb.as_str());
    let secret = |resource: &String| resource == "secrets" || resource.starts_with('*');
    let harmless = |rule: &&ResourceRule| rule.verbs().iter().all(reads) && !rule.resources().iter().any(secret);
    if rules.iter().all(harmless) { Level::Warning } else { Level::Error }
}

fn in_words(rules: &[&ResourceRule]) -> String {
    let rule = |rule: &&ResourceRule| format!("{} {}", rule.verbs().join("/"), rule.resources().join("/"));
    let mut words: Vec<String> = rules.iter().map(rule).collect();
    words.sort();
    let more = words.len().saturating_sub(MOST);
    words.truncate(MOST);
    if more > 0 {
        words.push(format!("{more} more rules"));
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::Reason;

    fn rule(group: &str, resources: &[&str], verbs: &[&str]) -> ResourceRule {
        let texts = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        ResourceRule {
            api_groups: Some(vec![group.into()]),
            resources: Some(texts(resources)),
            verbs: texts(verbs),
            resource_names: None,
        }
    }

    fn everybody() -> Vec<ResourceRule> {
        vec![
            rule("authorization.k8s.io", &["selfsubjectaccessreviews", "selfsubjectrulesreviews"], &["create"]),
            rule("authentication.k8s.io", &["selfsubjectreviews"], &["create"]),
        ]
    }

    fn status(more: &[ResourceRule]) -> SubjectRulesReviewStatus {
        let resource_rules = everybody().into_iter().chain(more.iter().cloned()).collect();
        SubjectRulesReviewStatus { resource_rules, ..SubjectRulesReviewStatus::default() }
    }

    fn confined(own: &[ResourceRule], elsewhere: &[ResourceRule]) -> Finding {
        judge_confined("x", &[("own".into(), Ok(status(own))), ("kube-system".into(), Ok(status(elsewhere)))])
    }

    #[test]
    fn a_job_needs_what_a_deployment_does() {
        let all = [rule("*", &["*"], &["*"])];
        assert_eq!(judge_sufficient("x", "gitlab-group-master", Ok(&status(&all))).level, Level::Ok);
        let none = judge_sufficient("x", "gitlab-group-master", Ok(&status(&[])));
        assert_eq!(none.level, Level::Error);
        assert!(none.message.contains("create deployments"), "{}", none.message);
        let hidden = SubjectRulesReviewStatus { incomplete: true, ..status(&[]) };
        assert_eq!(judge_sufficient("x", "gitlab-group-master", Ok(&hidden)).level, Level::Unchecked);
        assert_eq!(judge_sufficient("x", "own", Ok(&status(&[rule("", &["pods"], &["get"])]))).level, Level::Ok);
        assert_eq!(judge_sufficient("x", "own", Ok(&status(&[]))).level, Level::Error);
    }

    #[test]
    fn rights_elsewhere_are_told_reading_as_a_warning() {
        assert_eq!(confined(&[rule("apps", &["deployments"], &["create"])], &[]).level, Level::Ok);
        assert_eq!(confined(&[], &[rule("", &["pods"], &["get", "list"])]).level, Level::Warning);
        assert_eq!(confined(&[], &[rule("", &["pods"], &["create"])]).level, Level::Error);
        assert_eq!(confined(&[], &[rule("", &["secrets"], &["get"])]).level, Level::Error);
        assert_eq!(confined(&[], &[rule("*", &["*"], &["*"])]).level, Level::Error);
        let minting = confined(&[rule("", &["serviceaccounts/token"], &["create"])], &[]);
        assert_eq!(minting.level, Level::Error);
        assert!(minting.message.contains("own namespace"), "{}", minting.message);
    }

    #[test]
    fn what_cannot_be_asked_is_not_taken_for_confined() {
        let failed = Problem::new(Reason::KubernetesUnavailable, "no answer");
        assert_eq!(judge_confined("x", &[("own".into(), Err(failed))]).level, Level::Error);
    }
}
