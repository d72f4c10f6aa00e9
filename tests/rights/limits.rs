//! What no change of the manifests may bring, whatever the table says.

use std::collections::BTreeSet;

use gl_k8s_integrator::api::names;

use crate::{
    bed::{FOREIGN, MANAGED, OWN, Subject},
    reviews::{Right, rights},
};

fn text(((group, resource), name, verb): &Right) -> String {
    format!("{verb} {group}/{resource} {}", name.as_deref().unwrap_or("(all)"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_rights_do_not_lead_to_the_rest_of_the_cluster() {
    let everywhere = rights(Subject::Operator, FOREIGN).await;
    for right @ ((group, resource), name, verb) in &everywhere {
        assert!(
            !["escalate", "impersonate", "approve", "sign", "deletecollection"].contains(&verb.as_str()),
            "{}",
            text(right)
        );
        assert!(verb != "bind" || name.is_some(), "{}", text(right));
        let harmless = ["bind", "get"].contains(&verb.as_str());
        let writes_roles = group == "rbac.authorization.k8s.io" && resource != "rolebindings" && !harmless;
        assert!(!writes_roles, "{}", text(right));
        let unlimited = group == "gl-k8s.dev" || ["namespaces", "networkpolicies"].contains(&resource.as_str());
        assert!(name.is_some() || unlimited, "for all names: {}", text(right));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_rights_are_limited_to_the_names_that_the_program_uses() {
    let everywhere = rights(Subject::Operator, FOREIGN).await;
    let named = |((_, resource), name, _): &Right| Some(format!("{resource} {}", name.as_ref()?));
    let named: BTreeSet<_> = everywhere.iter().filter_map(named).collect();
    let expected = [
        ("serviceaccounts", names::SERVICE_ACCOUNT),
        ("serviceaccounts/token", names::SERVICE_ACCOUNT),
        ("secrets", names::TOKEN_SECRET),
        ("secrets", names::LEGACY_TOKEN_SECRET),
        ("rolebindings", names::ROLE_BINDING),
        ("resourcequotas", names::RESOURCE_QUOTA),
        ("limitranges", names::LIMIT_RANGE),
        ("clusterroles", names::DEFAULT_CLUSTER_ROLE),
        ("clusterroles", "gitlab-group-developer"),
        ("clusterroles", "gitlab-group-reporter"),
    ];
    assert_eq!(named, expected.map(|(resource, name)| format!("{resource} {name}")).into());
}

#[tokio::test(flavor = "multi_thread")]
async fn in_its_own_namespace_the_operator_reads_what_it_needs_and_writes_no_secrets() {
    let own = &rights(Subject::Operator, OWN).await - &rights(Subject::Operator, FOREIGN).await;
    for right @ ((_, resource), name, verb) in &own {
        let reads = ["get", "list", "watch"].contains(&verb.as_str());
        let known = ["secrets", "configmaps", "events", "leases"].contains(&resource.as_str());
        assert!(known, "{}", text(right));
        assert!(resource != "secrets" || reads, "{}", text(right));
        assert!(resource != "configmaps" || reads || name.is_some(), "{}", text(right));
    }
    let events = &rights(Subject::Operator, "default").await - &rights(Subject::Operator, FOREIGN).await;
    assert!(
        events.iter().all(|((group, resource), ..)| group == "events.k8s.io" && resource == "events"),
        "{events:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_can_mint_no_tokens_become_nobody_else_and_lift_no_limit() {
    let job = rights(Subject::Job, MANAGED).await;
    for right @ ((_, resource), _, verb) in &job {
        assert!(!["bind", "escalate", "impersonate"].contains(&verb.as_str()), "{}", text(right));
        let reads = ["get", "list", "watch"].contains(&verb.as_str());
        let limits = ["resourcequotas", "limitranges", "events", "endpoints", "endpointslices"];
        assert!(reads || !limits.contains(&resource.as_str()), "{}", text(right));
        assert!(
            !["serviceaccounts/token", "namespaces", "pods/ephemeralcontainers"].contains(&resource.as_str()),
            "{}",
            text(right)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_only_read_and_no_secrets_and_logs_are_for_developers() {
    let developer = rights(Subject::Developer, MANAGED).await;
    let reporter = rights(Subject::Reporter, MANAGED).await;
    for right @ ((_, resource), _, verb) in developer.union(&reporter) {
        assert!(["get", "list", "watch"].contains(&verb.as_str()) && resource != "secrets", "{}", text(right));
    }
    let more: BTreeSet<_> = developer.difference(&reporter).map(|((_, resource), ..)| resource.as_str()).collect();
    assert_eq!(more, ["pods/log"].into());
    assert!(reporter.is_subset(&developer));
    let job = rights(Subject::Job, MANAGED).await;
    assert!(developer.is_subset(&job), "who may change may read");
}
