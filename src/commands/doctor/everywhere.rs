//! What a job's token may do everywhere: in all namespaces, and with what stands outside of them.
//!
//! A review of rules is about one namespace (without one the API server refuses it, selfsubjectrulesreview/rest.go). It
//! holds what a ClusterRoleBinding gives, but does not say that it is from one, and an authorizer besides RBAC need not tell its
//! rules at all. So single questions are asked without a namespace, which means all of them.

use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, ResourceRule, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::{Api, Client, api::PostParams};

use super::rules::Rule as _;
use crate::{facts::problems, status::Problem};

/// Rights that are asked for whatever the rules say: verb, group, resource.
const TELLING: [(&str, &str, &str); 9] = [
    ("*", "*", "*"),
    ("list", "", "secrets"),
    ("get", "", "pods"),
    ("create", "", "pods"),
    ("get", "", "nodes"),
    ("delete", "", "namespaces"),
    ("create", "", "serviceaccounts/token"),
    ("impersonate", "", "users"),
    ("create", "rbac.authorization.k8s.io", "clusterrolebindings"),
];
/// No more rules than these are looked into.
const MOST_RULES: usize = 16;
/// Questions that are asked at the same time.
const AT_ONCE: usize = 4;

/// Which of these rules hold everywhere, and which of the telling rights do. A rule holds if the first thing that it allows is
/// allowed everywhere.
///
/// # Errors
/// When the API server does not say.
pub async fn ask(client: &Client, rules: &[ResourceRule]) -> Result<Vec<ResourceRule>, Problem> {
    let telling = TELLING.iter().map(|(verb, group, resource)| ResourceRule {
        api_groups: Some(vec![(*group).to_owned()]),
        resources: Some(vec![(*resource).to_owned()]),
        verbs: vec![(*verb).to_owned()],
        resource_names: None,
    });
    let candidates: Vec<_> = rules.iter().take(MOST_RULES).cloned().chain(telling).collect();
    let holds = async |rule: ResourceRule| Ok::<_, Problem>(is_allowed(client, first_of(&rule)).await?.then_some(rule));
    let answers = stream::iter(candidates).map(holds).buffered(AT_ONCE);
    let held: Vec<_> = answers.try_filter_map(async |rule| Ok(rule)).try_collect().await?;
    Ok(held)
}

/// The first thing that a rule allows.
fn first_of(rule: &ResourceRule) -> ResourceAttributes {
    let first = |list: &[String]| list.first().cloned().unwrap_or_default();
    let whole = first(rule.resources());
    let (resource, part) = match whole.split_once('/') {
        Some((resource, part)) => (resource.to_owned(), Some(part.to_owned())),
        None => (whole, None),
    };
    ResourceAttributes {
        verb: Some(first(rule.verbs())),
        group: Some(first(rule.groups())),
        resource: Some(resource),
        subresource: part,
        name: rule.names().first().cloned(),
        ..ResourceAttributes::default()
    }
}

async fn is_allowed(client: &Client, attributes: ResourceAttributes) -> Result<bool, Problem> {
    let spec = SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() };
    let review = SelfSubjectAccessReview { spec, ..Default::default() };
    let answer = Api::all(client.clone()).create(&PostParams::default(), &review).await;
    let answer = answer.map_err(|error| problems::kubernetes("ask what the token may do in all namespaces", &error))?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_asked_for_by_the_first_thing_that_it_allows() {
        let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let rule = ResourceRule {
            api_groups: Some(words(&["apps", "batch"])),
            resources: Some(words(&["deployments/scale", "jobs"])),
            verbs: words(&["patch", "get"]),
            resource_names: Some(words(&["web"])),
        };
        let asked = first_of(&rule);
        assert_eq!(asked.namespace, None, "all namespaces");
        let told = [asked.verb, asked.group, asked.resource, asked.subresource, asked.name];
        assert_eq!(told.map(Option::unwrap), ["patch", "apps", "deployments", "scale", "web"]);
    }
}
