//! The other files of the installation.

use k8s_openapi::api::{apps::v1::ReplicaSet, core::v1::Pod};
use std::path::Path;

use kube::Api;
use kube::api::ListParams;

use crate::bed::{CLUSTER_ROLES, bed, eventually};

#[tokio::test]
async fn the_operators_pod_meets_the_restricted_pod_security_of_its_namespace() {
    let bed = bed().await;
    let selector = ListParams::default().labels("app.kubernetes.io/name=gl-k8s-integrator");
    let pods = Api::<Pod>::namespaced(bed.admin.clone(), "gl-k8s-integrator");
    let replica_sets = Api::<ReplicaSet>::namespaced(bed.admin.clone(), "gl-k8s-integrator");
    eventually("the operator's pod is created", async || {
        let replica_sets = replica_sets.list(&selector).await.unwrap();
        let conditions = replica_sets
            .items
            .iter()
            .flat_map(|set| set.status.iter().flat_map(|status| status.conditions.iter().flatten()));
        for condition in conditions {
            assert_ne!(condition.type_, "ReplicaFailure", "{:?}", condition.message);
        }
        !pods.list(&selector).await.unwrap().items.is_empty()
    })
    .await;
}

#[tokio::test]
async fn applying_the_manifests_again_leaves_the_aggregated_role_as_it_is() {
    let bed = bed().await;
    let before = bed.get(&CLUSTER_ROLES.resource(), None, "gitlab-group-master").await;
    let manifests = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests");
    bed.control_plane.kubectl_apply(&manifests).await.unwrap();
    let after = bed.get(&CLUSTER_ROLES.resource(), None, "gitlab-group-master").await;
    assert_eq!(after.metadata.resource_version, before.metadata.resource_version);
}
