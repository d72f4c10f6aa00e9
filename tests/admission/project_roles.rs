//! The roles that projects get: exactly these rights, no more and no fewer.

use std::collections::BTreeSet;

use k8s_openapi::api::{
    authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec},
    rbac::v1::{ClusterRole, PolicyRule},
};
use kube::{Api, Client, api::PostParams};

use crate::bed::{Bed, bed};

const FULL: &str = "get list watch create update patch delete deletecollection";
const READ: &str = "get list watch";

/// What an application consists of, as `group/resource`.
const APPLICATION: &[&str] = &[
    "/configmaps",
    "/persistentvolumeclaims",
    "/pods",
    "/serviceaccounts",
    "/services",
    "apps/controllerrevisions",
    "apps/daemonsets",
    "apps/deployments",
    "apps/replicasets",
    "apps/statefulsets",
    "autoscaling/horizontalpodautoscalers",
    "batch/cronjobs",
    "batch/jobs",
    "coordination.k8s.io/leases",
    "networking.k8s.io/ingresses",
    "networking.k8s.io/networkpolicies",
    "policy/poddisruptionbudgets",
    "rbac.authorization.k8s.io/rolebindings",
    "rbac.authorization.k8s.io/roles",
];

/// What everybody only reads.
const READ_ONLY: &[&str] = &[
    "/endpoints",
    "/events",
    "/limitranges",
    "/resourcequotas",
    "discovery.k8s.io/endpointslices",
    "events.k8s.io/events",
];

fn rights(resources: &[&str], verbs: &str) -> BTreeSet<String> {
    resources.iter().flat_map(|resource| verbs.split(' ').map(move |verb| format!("{verb} {resource}"))).collect()
}

fn expand(rules: &[PolicyRule]) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for rule in rules {
        assert!(rule.resource_names.is_none() && rule.non_resource_urls.is_none(), "{rule:?}");
        for group in rule.api_groups.iter().flatten() {
            for resource in rule.resources.iter().flatten() {
                all.extend(rule.verbs.iter().map(|verb| format!("{verb} {group}/{resource}")));
            }
        }
    }
    all
}

async fn has_exactly(bed: &Bed, role: &str, expected: &[BTreeSet<String>]) {
    let role = Api::<ClusterRole>::all(bed.admin.clone()).get(role).await.unwrap();
    let has = expand(&role.rules.unwrap());
    let expected: BTreeSet<String> = expected.iter().flatten().cloned().collect();
    let (extra, missing) = (&has - &expected, &expected - &has);
    assert!(extra.is_empty() && missing.is_empty(), "too much: {extra:?}\ntoo little: {missing:?}");
}

#[tokio::test]
async fn a_master_has_what_an_application_consists_of() {
    let bed = bed().await;
    let expected = [
        rights(APPLICATION, FULL),
        rights(&["/secrets"], FULL),
        rights(&["apps/deployments/scale", "apps/replicasets/scale", "apps/statefulsets/scale"], FULL),
        rights(&["/pods/log"], READ),
        rights(&["/pods/exec", "/pods/attach", "/pods/portforward"], "get create"),
        rights(READ_ONLY, READ),
    ];
    has_exactly(&bed, "gitlab-group-master", &expected).await;
}

#[tokio::test]
async fn a_developer_reads_logs_too_and_a_reporter_does_not() {
    let bed = bed().await;
    let reads = rights(APPLICATION, READ).union(&rights(READ_ONLY, READ)).cloned().collect::<BTreeSet<_>>();
    has_exactly(&bed, "gitlab-group-reporter", std::slice::from_ref(&reads)).await;
    has_exactly(&bed, "gitlab-group-developer", &[reads, rights(&["/pods/log"], READ)]).await;
}

#[tokio::test]
async fn the_api_server_decides_accordingly() {
    let bed = bed().await;
    bed.managed_namespace("roles-of-projects").await;
    for role in ["gitlab-group-master", "gitlab-group-developer", "gitlab-group-reporter"] {
        crate::actors::with_role(&bed, "roles-of-projects", role).await;
    }
    // verb, group, resource: master, developer, reporter
    let table = [
        ("create", "apps", "deployments", [true, false, false]),
        ("get", "apps", "deployments", [true, true, true]),
        ("get", "", "pods/log", [true, true, false]),
        ("create", "", "pods/exec", [true, false, false]),
        ("create", "", "pods/portforward", [true, false, false]),
        ("get", "", "secrets", [true, false, false]),
        ("list", "", "resourcequotas", [true, true, true]),
        ("update", "", "resourcequotas", [false, false, false]),
        ("delete", "", "limitranges", [false, false, false]),
        ("create", "", "endpoints", [false, false, false]),
        ("create", "discovery.k8s.io", "endpointslices", [false, false, false]),
        ("create", "", "serviceaccounts/token", [false, false, false]),
        ("impersonate", "", "serviceaccounts", [false, false, false]),
        ("bind", "rbac.authorization.k8s.io", "roles", [false, false, false]),
        ("escalate", "rbac.authorization.k8s.io", "roles", [false, false, false]),
        ("patch", "", "namespaces", [false, false, false]),
        ("delete", "", "namespaces", [false, false, false]),
    ];
    for (verb, group, resource, expected) in table {
        for (role, expected) in
            ["gitlab-group-master", "gitlab-group-developer", "gitlab-group-reporter"].into_iter().zip(expected)
        {
            let user = format!("system:serviceaccount:roles-of-projects:{role}");
            let allowed = may(&bed.admin, &user, verb, group, resource, Some("roles-of-projects"), None).await;
            assert_eq!(allowed, expected, "{role}: {verb} {group}/{resource}");
            let elsewhere = may(&bed.admin, &user, verb, group, resource, Some("default"), None).await;
            assert!(!elsewhere, "{role} in another namespace: {verb} {group}/{resource}");
        }
    }
}

/// Whether the API server would let this user do this.
pub async fn may(
    admin: &Client,
    user: &str,
    verb: &str,
    group: &str,
    resource: &str,
    namespace: Option<&str>,
    name: Option<&str>,
) -> bool {
    let (resource, subresource) = match resource.split_once('/') {
        Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
        None => (resource, None),
    };
    let review = SubjectAccessReview {
        spec: SubjectAccessReviewSpec {
            user: Some(user.to_owned()),
            groups: Some(vec!["system:serviceaccounts".to_owned(), "system:authenticated".to_owned()]),
            resource_attributes: Some(ResourceAttributes {
                verb: Some(verb.to_owned()),
                group: Some(group.to_owned()),
                resource: Some(resource.to_owned()),
                subresource,
                namespace: namespace.map(str::to_owned),
                name: name.map(str::to_owned),
                ..ResourceAttributes::default()
            }),
            ..SubjectAccessReviewSpec::default()
        },
        ..SubjectAccessReview::default()
    };
    let answer = Api::<SubjectAccessReview>::all(admin.clone()).create(&PostParams::default(), &review).await.unwrap();
    answer.status.unwrap().allowed
}
