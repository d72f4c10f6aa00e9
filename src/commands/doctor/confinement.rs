//! What the rules of a job's token say: enough for its work, and nothing beyond its namespace.

use k8s_openapi::api::authorization::v1::{NonResourceRule, ResourceRule, SubjectRulesReviewStatus};

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
/// The paths that Kubernetes lets everybody read who is logged in (`system:discovery`, `system:public-info-viewer`,
/// `system:service-account-issuer-discovery`).
const EVERYBODYS_PATHS: [&str; 9] = [
    "/api",
    "/apis",
    "/healthz",
    "/livez",
    "/openapi",
    "/readyz",
    "/version",
    "/.well-known/openid-configuration",
    "/openid/v1/jwks",
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
        return match strangers(rules).first() {
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

/// Whether the token may do nothing elsewhere; the first place is its own namespace. `untried` more namespaces have bindings
/// for it. `everywhere` are rules that hold in all namespaces.
pub fn judge_confined(
    object: &str,
    places: &[(String, Result<SubjectRulesReviewStatus, Problem>)],
    untried: usize,
    everywhere: Result<&[ResourceRule], &Problem>,
) -> Finding {
    let check = Check::CredentialConfined;
    let everywhere = match everywhere {
        Ok(rules) => rules,
        Err(problem) => return Finding::hidden(check, object, problem),
    };
    let mut found: Vec<(Level, String)> = Vec::new();
    if !everywhere.is_empty() {
        let rules: Vec<_> = everywhere.iter().collect();
        let words = in_words(&rules);
        found.push((worst(&rules), format!("in all namespaces, and with what stands outside of them, it may {words}")));
    }
    let mut incomplete = false;
    for (number, (place, status)) in places.iter().enumerate() {
        let status = match status {
            Ok(status) => status,
            Err(problem) => return Finding::hidden(check, object, problem),
        };
        incomplete |= status.incomplete;
        match number {
            0 => found.extend(at_home(place, status)),
            _ => found.extend(elsewhere(place, status, everywhere)),
        }
    }
    if untried > 0 {
        found.push((
            Level::Warning,
            format!("bindings name it in {untried} more namespaces, which were not looked into"),
        ));
    }
    let search = "kubectl get rolebindings,clusterrolebindings -A -o wide | grep -e gitlab-serviceaccount -e system:serviceaccounts -e system:authenticated";
    let Some(level) = found.iter().map(|(level, _)| *level).max() else {
        let elsewhere: Vec<_> = places.iter().skip(1).map(|(place, _)| place.as_str()).collect();
        let elsewhere = elsewhere.join(", ");
        if incomplete {
            let message =
                format!("the API server does not tell all rules; among those that it tells is none for {elsewhere}");
            return Finding::unchecked(
                check,
                object,
                message,
                format!("look for bindings that nobody knows of: {search}"),
            );
        }
        return Finding::ok(check, object, format!("nothing in all namespaces, and nothing in {elsewhere}"));
    };
    let message: Vec<_> = found.into_iter().map(|(_, words)| words).collect();
    let remedy = format!(
        "find the binding that names the account, its namespace's group or all accounts, and remove it: {search}"
    );
    Finding::new(level, check, object, message.join("; "), remedy)
}

/// What the token may do in its own namespace and should not, and with the API server itself.
fn at_home(place: &str, status: &SubjectRulesReviewStatus) -> Vec<(Level, String)> {
    let mut found = Vec::new();
    let words = dangers(resource_rules(status));
    if !words.is_empty() {
        found.push((Level::Error, format!("in its own namespace {place} it may {}", words.join(", "))));
    }
    let paths: Vec<_> = status.non_resource_rules.iter().filter(|rule| !is_everybodys_path(rule)).collect();
    if !paths.is_empty() {
        let read = paths.iter().all(|rule| rule.verbs.iter().all(|verb| ["get", "head"].contains(&verb.as_str())));
        let level = if read { Level::Warning } else { Level::Error };
        let word = |rule: &&NonResourceRule| {
            format!("{} {}", rule.verbs.join("/"), rule.non_resource_urls.as_deref().unwrap_or_default().join(" "))
        };
        found.push((level, format!("it may use paths of the API server: {}", shortened(paths.iter().map(word)))));
    }
    found
}

/// What the token may do in a namespace that is none of its business, but for what it may do everywhere.
fn elsewhere(place: &str, status: &SubjectRulesReviewStatus, everywhere: &[ResourceRule]) -> Option<(Level, String)> {
    let mut beyond = strangers(resource_rules(status));
    beyond.retain(|rule| !everywhere.contains(rule));
    (!beyond.is_empty()).then(|| (worst(&beyond), format!("in the namespace {place} it may {}", in_words(&beyond))))
}

fn is_everybodys_path(rule: &NonResourceRule) -> bool {
    let known = |url: &String| {
        let url = url.trim_end_matches('*').trim_end_matches('/');
        EVERYBODYS_PATHS.contains(&url)
    };
    rule.verbs.iter().all(|verb| verb == "get") && rule.non_resource_urls.iter().flatten().all(known)
}

/// Rules of a review that not everybody has.
pub fn beyond_everybody(status: &SubjectRulesReviewStatus) -> Vec<ResourceRule> {
    strangers(resource_rules(status)).into_iter().cloned().collect()
}

fn strangers(rules: &[ResourceRule]) -> Vec<&ResourceRule> {
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
    shortened(rules.iter().map(|rule| format!("{} {}", rule.verbs().join("/"), rule.resources().join("/"))))
}

/// The first of these words, and how many more there are.
fn shortened(words: impl Iterator<Item = String>) -> String {
    let mut words: Vec<String> = words.collect();
    words.sort();
    words.dedup();
    let more = words.len().saturating_sub(MOST);
    words.truncate(MOST);
    if more > 0 {
        words.push(format!("{more} more rules"));
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

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
        judge_confined(
            "x",
            &[("own".into(), Ok(status(own))), ("kube-system".into(), Ok(status(elsewhere)))],
            0,
            Ok(&[]),
        )
    }

    #[test]
    fn what_holds_everywhere_is_told_once_and_as_such() {
        let (nodes, secrets) = (rule("", &["nodes"], &["get"]), rule("", &["secrets"], &["list"]));
        let judged = |everywhere: &[ResourceRule]| {
            let places = [("own".into(), Ok(status(&[]))), ("kube-system".into(), Ok(status(from_ref(&nodes))))];
            judge_confined("x", &places, 0, Ok(everywhere))
        };
        let found = judged(from_ref(&nodes));
        assert_eq!(found.level, Level::Warning);
        assert!(found.message.starts_with("in all namespaces") && !found.message.contains("kube-system"), "{found:?}");
        assert_eq!(judged(&[nodes.clone(), secrets]).level, Level::Error);
        assert!(judged(&[]).message.contains("in the namespace kube-system it may get nodes"));
    }

    #[test]
    fn paths_that_not_everybody_may_read_are_told() {
        let judged = |verb: &str, path: &str| {
            let rule = NonResourceRule { verbs: vec![verb.into()], non_resource_urls: Some(vec![path.into()]) };
            let own = SubjectRulesReviewStatus { non_resource_rules: vec![rule], ..status(&[]) };
            judge_confined("x", &[("own".into(), Ok(own))], 0, Ok(&[])).level
        };
        for path in ["/api", "/apis/*", "/version/", "/openid/v1/jwks"] {
            assert_eq!(judged("get", path), Level::Ok, "{path}");
        }
        assert_eq!(judged("get", "/metrics"), Level::Warning);
        assert_eq!(judged("get", "*"), Level::Warning);
        assert_eq!(judged("*", "/api"), Level::Error);
        assert_eq!(judged("post", "/logs"), Level::Error);
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
    fn namespaces_that_nobody_looked_into_are_told() {
        let found = judge_confined("x", &[("own".into(), Ok(status(&[])))], 3, Ok(&[]));
        assert_eq!(found.level, Level::Warning);
        assert!(found.message.contains("in 3 more namespaces"), "{}", found.message);
    }

    #[test]
    fn what_cannot_be_asked_is_not_taken_for_confined() {
        let failed = Problem::new(Reason::KubernetesUnavailable, "no answer");
        let own = || [("own".into(), Ok(status(&[])))];
        assert_eq!(judge_confined("x", &own(), 0, Ok(&[])).level, Level::Ok);
        assert_eq!(judge_confined("x", &own(), 0, Err(&failed)).level, Level::Error);
        assert_eq!(judge_confined("x", &[("own".into(), Err(failed))], 0, Ok(&[])).level, Level::Error);
        let untold = SubjectRulesReviewStatus { incomplete: true, ..status(&[]) };
        assert_eq!(judge_confined("x", &[("own".into(), Ok(untold))], 0, Ok(&[])).level, Level::Unchecked);
    }
}
