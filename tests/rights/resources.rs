//! Everything that a right can be about: what discovery lists, and names that exist in roles only.

use std::collections::BTreeSet;

use kube::Client;

/// API group and plural, with a part after a slash.
pub type Resource = (String, String);

/// What requests do.
const VERBS: [&str; 8] = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];

const RBAC: &str = "rbac.authorization.k8s.io";

/// Verbs that no request has: only authorisation knows them, on these resources, some of which are only names.
const VIRTUAL: [(&str, &str, &str); 16] = [
    ("bind", RBAC, "clusterroles"),
    ("bind", RBAC, "roles"),
    ("escalate", RBAC, "clusterroles"),
    ("escalate", RBAC, "roles"),
    ("impersonate", "", "users"),
    ("impersonate", "", "groups"),
    ("impersonate", "", "serviceaccounts"),
    ("impersonate", "authentication.k8s.io", "uids"),
    ("impersonate", "authentication.k8s.io", "userextras/scopes"),
    ("approve", "certificates.k8s.io", "signers"),
    ("attest", "certificates.k8s.io", "signers"),
    ("sign", "certificates.k8s.io", "signers"),
    ("proxy", "", "nodes"),
    ("use", "policy", "podsecuritypolicies"),
    ("update", "gl-k8s.dev", "namespaceclaims"),
    ("create", "gl-k8s.dev", "namespaceclaims"),
];

/// Every verb on everything.
pub async fn questions(client: &Client) -> BTreeSet<(String, Resource)> {
    let mut all = BTreeSet::new();
    for resource in discovered(client).await {
        all.extend(VERBS.map(|verb| (verb.to_owned(), resource.clone())));
    }
    all.extend(VIRTUAL.map(|(verb, group, name)| (verb.to_owned(), (group.to_owned(), name.to_owned()))));
    all
}

async fn discovered(client: &Client) -> BTreeSet<Resource> {
    let mut resources = BTreeSet::new();
    let core = client.list_core_api_resources("v1").await.unwrap();
    resources.extend(core.resources.into_iter().map(|resource| (String::new(), resource.name)));
    for group in client.list_api_groups().await.unwrap().groups {
        for version in group.versions {
            let list = client.list_api_group_resources(&version.group_version).await.unwrap();
            resources.extend(list.resources.into_iter().map(|resource| (group.name.clone(), resource.name)));
        }
    }
    assert!(resources.len() > 100, "{resources:?}");
    for expected in ["gl-k8s.dev projectmappings/status", " serviceaccounts/token", "apps deployments/scale"] {
        let (group, name) = expected.split_once(' ').unwrap();
        assert!(resources.contains(&(group.to_owned(), name.to_owned())), "{expected}");
    }
    resources
}
