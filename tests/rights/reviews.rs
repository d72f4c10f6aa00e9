//! What the rules of an account say, as a set; and that access reviews, one for each thing that could be asked, say the same.

use std::collections::BTreeSet;

use futures::{StreamExt as _, stream};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, ResourceRule, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::{Api, Client, api::PostParams};

use crate::{
    bed::{FOREIGN, MANAGED, NEIGHBOUR, OWN, PROJECTS, Subject, bed, rules},
    resources::{Resource, questions},
};

/// A verb on a resource, for one name or for all.
pub type Right = (Resource, Option<String>, String);

/// What an account may do in a namespace, beyond what everybody may who is logged in.
pub async fn rights(subject: Subject, namespace: &str) -> BTreeSet<Right> {
    let everybody = rules(&Subject::Anybody.client().await, namespace).await;
    let own = rules(&subject.client().await, namespace).await;
    let urls = |rules: &[k8s_openapi::api::authorization::v1::NonResourceRule]| -> BTreeSet<String> {
        rules.iter().flat_map(|rule| rule.non_resource_urls.clone().unwrap_or_default()).collect()
    };
    assert_eq!(urls(&own.non_resource_rules), urls(&everybody.non_resource_rules), "{subject:?}: no more addresses");
    &expanded(&own.resource_rules) - &expanded(&everybody.resource_rules)
}

fn expanded(rules: &[ResourceRule]) -> BTreeSet<Right> {
    let mut all = BTreeSet::new();
    for rule in rules {
        let names: Vec<_> = match rule.resource_names.as_deref() {
            Some(names) if !names.is_empty() => names.iter().cloned().map(Some).collect(),
            _ => vec![None],
        };
        for group in rule.api_groups.iter().flatten() {
            for resource in rule.resources.iter().flatten() {
                for name in &names {
                    all.extend(rule.verbs.iter().map(|verb| {
                        let right = ((group.clone(), resource.clone()), name.clone(), verb.clone());
                        assert!(![group, resource, verb].iter().any(|word| *word == "*"), "a star: {right:?}");
                        right
                    }));
                }
            }
        }
    }
    all
}

/// Whether the API server allows it: its own answer, to the account itself.
async fn is_allowed(client: &Client, namespace: &str, ((group, resource), name, verb): &Right) -> bool {
    let (resource, part) = match resource.split_once('/') {
        Some((resource, part)) => (resource, Some(part.to_owned())),
        None => (resource.as_str(), None),
    };
    let attributes = ResourceAttributes {
        verb: Some(verb.clone()),
        group: Some(group.clone()),
        resource: Some(resource.to_owned()),
        subresource: part,
        namespace: Some(namespace.to_owned()),
        name: name.clone(),
        ..ResourceAttributes::default()
    };
    let spec = SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() };
    let review = SelfSubjectAccessReview { spec, ..Default::default() };
    let answer = Api::all(client.clone()).create(&PostParams::default(), &review).await.unwrap();
    answer.status.unwrap().allowed
}

/// Asks everything that can be asked and compares: for all names, for each name that a rule has, and for one that none has.
async fn confirm(subject: Subject, namespace: &str, known: &BTreeSet<Right>, asked: &BTreeSet<(String, Resource)>) {
    let client = subject.client().await;
    let names: BTreeSet<_> = known.iter().map(|(_, name, _)| name.clone()).chain([None]).collect();
    let mut questions: BTreeSet<Right> =
        asked.iter().map(|(verb, resource)| (resource.clone(), None, verb.clone())).collect();
    for resource in known.iter().filter(|(_, name, _)| name.is_some()).map(|(resource, ..)| resource) {
        let verbs = asked.iter().filter(|(_, other)| other == resource).map(|(verb, _)| verb);
        for verb in verbs {
            let another = Some("another".to_owned());
            questions.extend(names.iter().cloned().chain([another]).map(|name| (resource.clone(), name, verb.clone())));
        }
    }
    let everybody = expanded(&rules(&Subject::Anybody.client().await, FOREIGN).await.resource_rules);
    let ask = |right: Right| {
        let client = client.clone();
        async move { (is_allowed(&client, namespace, &right).await, right) }
    };
    let wrong: Vec<_> = stream::iter(questions)
        .map(ask)
        .buffer_unordered(32)
        .filter(|(allowed, right)| {
            let for_all = (right.0.clone(), None, right.2.clone());
            let expected = known.contains(right) || known.contains(&for_all) || everybody.contains(&for_all);
            std::future::ready(*allowed != expected)
        })
        .collect()
        .await;
    assert!(wrong.is_empty(), "{subject:?} in {namespace:?}: reviews and rules differ: {wrong:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn access_reviews_over_everything_confirm_each_right_and_each_lack() {
    let asked = questions(&bed().await.admin_client()).await;
    // The name of no namespace stands for the whole cluster.
    let whole_cluster = "";
    let operator = rights(Subject::Operator, FOREIGN).await;
    confirm(Subject::Operator, whole_cluster, &operator, &asked).await;
    confirm(Subject::Operator, OWN, &rights(Subject::Operator, OWN).await, &asked).await;
    for subject in PROJECTS {
        confirm(subject, MANAGED, &rights(subject, MANAGED).await, &asked).await;
    }
    confirm(Subject::Job, whole_cluster, &BTreeSet::new(), &asked).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_an_account_has_no_business_it_has_no_rights() {
    for subject in PROJECTS {
        for namespace in [NEIGHBOUR, FOREIGN, OWN, "default"] {
            assert_eq!(rights(subject, namespace).await, BTreeSet::new(), "{subject:?} in {namespace}");
        }
    }
    let everywhere = rights(Subject::Operator, FOREIGN).await;
    for namespace in [MANAGED, NEIGHBOUR] {
        assert_eq!(rights(Subject::Operator, namespace).await, everywhere, "roles know no managed namespaces");
    }
}
