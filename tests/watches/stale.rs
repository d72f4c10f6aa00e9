//! Caches that show what is no longer so, or not yet all: they delay, and decide nothing.

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, ResourceExt as _, api::DeleteParams};
use serde_json::{Value, json};

use crate::{
    bed::eventually,
    operator::Operator,
    scene::{Scene, in_turn},
    troubles::patient,
    wire::Trouble,
};

/// Namespaces, and seven watches of what is in them.
const WATCHES_OF_THE_KEPT: usize = 8;

/// A mapping whose namespace was deleted and made anew by somebody, which no cache shows.
struct Unseen {
    operator: Operator,
    mapping: String,
    namespace: String,
}

impl Unseen {
    /// `copied`: with the marks of the former one, as a restored backup has them.
    async fn new(scene: &Scene, mapping: &str, copied: bool) -> Self {
        let operator = scene.operator(patient()).await;
        let campus = &scene.still;
        let project = campus.project(mapping).await;
        let spec = json!({"environments": [{"name": "production"}], "deletionPolicy": "Delete"});
        campus.map(mapping, mapping, spec).await;
        campus.until_ready(mapping).await;
        let namespace = campus.job(project, "production", true).await["KUBE_NAMESPACE"].clone();
        operator.wire.strike_at_the_kept(Trouble::Mute);
        eventually("the watches fall silent", async || match operator.wire.met() {
            WATCHES_OF_THE_KEPT => Ok(()),
            met => Err(format!("{met} of {WATCHES_OF_THE_KEPT}")),
        })
        .await;
        let namespaces: Api<Namespace> = Api::all(campus.admin.clone());
        let former = namespaces.get(&namespace).await.unwrap();
        namespaces.delete(&namespace, &DeleteParams::default()).await.unwrap();
        eventually("the namespace is gone", async || match namespaces.get_opt(&namespace).await.unwrap() {
            None => Ok(()),
            Some(_) => Err("it is there".to_owned()),
        })
        .await;
        let (labels, annotations) =
            if copied { (json!(former.labels()), json!(former.annotations())) } else { (json!({}), Value::Null) };
        let metadata = json!({"name": namespace, "labels": labels, "annotations": annotations});
        campus.create(&namespaces, json!({"metadata": metadata})).await;
        operator.wire.forget();
        Self { operator, mapping: mapping.to_owned(), namespace }
    }

    /// The namespace is as somebody made it, and the operator did not even try to change it.
    async fn is_untouched(&self, scene: &Scene) {
        let inside = format!("/namespaces/{}", self.namespace);
        let mut writes = self.operator.wire.writes();
        writes.retain(|(_, path)| path.contains(&inside));
        assert_eq!(writes, []);
        let namespace = Api::<Namespace>::all(scene.still.admin.clone()).get(&self.namespace).await.unwrap();
        assert_eq!(namespace.metadata.deletion_timestamp, None);
        assert!(namespace.managed_fields().iter().all(|entry| entry.manager.as_deref() != Some("gl-k8s-integrator")));
    }

    async fn ends(&self, scene: &Scene) {
        let mappings = scene.still.mappings();
        mappings.delete(&self.mapping, &DeleteParams::default()).await.unwrap();
        eventually("the mapping is gone", async || match mappings.get_opt(&self.mapping).await.unwrap() {
            None => Ok(()),
            Some(mapping) => Err(format!("{:?}", mapping.status.map(|status| status.conditions))),
        })
        .await;
    }
}

#[test]
fn a_namespace_that_caches_hold_for_ours_is_not_written_to_when_it_is_somebody_elses() {
    in_turn(async |scene| {
        let unseen = Unseen::new(scene, "still-stale-written", false).await;
        let spec = json!({"spec": {"ciAccess": {"kubeconfig": false}}});
        scene.still.patch_mapping(&unseen.mapping, spec).await;
        scene.still.until_refused(&unseen.mapping, "NamespaceTaken").await;
        unseen.is_untouched(scene).await;
        unseen.ends(scene).await;
        unseen.is_untouched(scene).await;
    });
}

#[test]
fn a_namespace_that_caches_hold_for_the_recorded_one_is_not_deleted_when_it_is_another() {
    in_turn(async |scene| {
        let unseen = Unseen::new(scene, "still-stale-deleted", true).await;
        unseen.ends(scene).await;
        let namespace = Api::<Namespace>::all(scene.still.admin.clone()).get(&unseen.namespace).await.unwrap();
        assert_eq!(namespace.metadata.deletion_timestamp, None);
        let mut writes = unseen.operator.wire.writes();
        writes.retain(|(_, path)| path.ends_with(&format!("/namespaces/{}", unseen.namespace)));
        assert_eq!(writes, [], "nobody tried");
    });
}

#[test]
fn caches_that_are_not_filled_yet_lead_to_no_write() {
    in_turn(async |scene| {
        // All is as it should be, and then another operator begins, which cannot list what is kept.
        let before = scene.operator(patient()).await;
        before.wire.comes_to_rest().await;
        drop(before);
        let operator = scene.blind_operator(Trouble::Refused).await;
        eventually("no watch can list", async || match operator.wire.met() {
            WATCHES_OF_THE_KEPT => Ok(()),
            met => Err(format!("{met} of {WATCHES_OF_THE_KEPT}")),
        })
        .await;
        let changed = scene.change_one().await;
        operator.wire.heal();
        scene.taken_up(changed).await;
        let mut writes = operator.wire.writes();
        writes.retain(|(_, path)| !path.contains(&scene.name_of(changed)));
        assert_eq!(writes, []);
    });
}
