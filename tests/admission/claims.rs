//! Claims on namespaces: nobody sets, changes or removes one who may not.

use kube::{
    Api, Client,
    api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use crate::{
    actors,
    bed::{Bed, NAMESPACES, bed, eventually, managed, object, refusal},
};

const REFUSAL: &str = "only who may update namespaceclaims.gl-k8s.dev may set, change or remove";

/// The ways in which the API server lets somebody change a namespace's labels.
#[derive(Clone, Copy, Debug)]
enum Way {
    Patch,
    Apply,
    Update,
    Status,
    Finalize,
}

const WAYS: [Way; 5] = [Way::Patch, Way::Apply, Way::Update, Way::Status, Way::Finalize];

async fn change(client: &Client, way: Way, name: &str, metadata: &Value) -> Result<DynamicObject, kube::Error> {
    let namespaces = NAMESPACES.api(client, None);
    let merge = Patch::Merge(json!({"metadata": metadata}));
    match way {
        Way::Patch => namespaces.patch(name, &PatchParams::default(), &merge).await,
        Way::Status => namespaces.patch_status(name, &PatchParams::default(), &merge).await,
        Way::Apply => {
            let mut content = json!({"metadata": metadata});
            content["metadata"]["name"] = json!(name);
            let parameters = PatchParams::apply("somebody").force();
            namespaces.patch(name, &parameters, &Patch::Apply(NAMESPACES.object(without_null(content)))).await
        }
        Way::Update => {
            let changed = merged(&namespaces, name, metadata).await;
            namespaces.replace(name, &PostParams::default(), &object(changed)).await
        }
        Way::Finalize => {
            let changed = merged(&namespaces, name, metadata).await;
            namespaces.replace_subresource("finalize", name, &PostParams::default(), &changed).await
        }
    }
}

async fn merged(namespaces: &Api<DynamicObject>, name: &str, metadata: &Value) -> Value {
    let mut whole = serde_json::to_value(namespaces.get(name).await.unwrap()).unwrap();
    for part in ["labels", "annotations"] {
        for (key, value) in metadata[part].as_object().into_iter().flatten() {
            if value.is_null() {
                whole["metadata"][part].as_object_mut().unwrap().remove(key);
            } else {
                whole["metadata"][part][key] = value.clone();
            }
        }
    }
    whole
}

/// Apply removes what is left out, if one owns it; somebody who never owned a mark cannot remove it in this way.
fn without_null(mut content: Value) -> Value {
    for part in ["labels", "annotations"] {
        if let Some(entries) = content["metadata"][part].as_object_mut() {
            entries.retain(|_, value| !value.is_null());
        }
    }
    content
}

async fn ordinary_user(bed: &Bed, name: &str) -> Client {
    let rights = json!([{
        "apiGroups": [""],
        "resources": ["namespaces", "namespaces/status", "namespaces/finalize"],
        "verbs": ["get", "create", "update", "patch", "delete"],
    }]);
    actors::with_rules(bed, name, &rights).await
}

#[tokio::test]
async fn who_may_write_namespaces_still_cannot_forge_a_claim() {
    let bed = bed().await;
    let user = ordinary_user(&bed, "claims-forger").await;
    bed.unmanaged_namespace("claims-plain").await;
    let forged = [
        json!({"labels": {"app.kubernetes.io/managed-by": "gl-k8s-integrator"}}),
        json!({"labels": {"gl-k8s.dev/instance": "campus"}}),
        json!({"labels": {"gl-k8s.dev/project-id": "1"}}),
        json!({"labels": {"gl-k8s.dev/anything": "1"}}),
        json!({"annotations": {"gl-k8s.dev/mapping": "web-app"}}),
        json!({"annotations": {"gl-k8s.dev/environment": ""}}),
    ];
    for metadata in &forged {
        for way in WAYS {
            let answer = change(&user, way, "claims-plain", metadata).await;
            assert!(refusal(answer).contains(REFUSAL), "{way:?} {metadata}");
        }
        let mut namespace = json!({"metadata": metadata});
        namespace["metadata"]["name"] = json!("claims-forged");
        let created = NAMESPACES.api(&user, None).create(&PostParams::default(), &object(namespace)).await;
        assert!(refusal(created).contains(REFUSAL), "creating with {metadata}");
    }
}

#[tokio::test]
async fn who_may_write_namespaces_can_neither_change_nor_remove_a_claim() {
    let bed = bed().await;
    let user = ordinary_user(&bed, "claims-thief").await;
    bed.managed_namespace("claims-ours").await;
    let changed = [
        json!({"labels": {"app.kubernetes.io/managed-by": "helm"}}),
        json!({"labels": {"gl-k8s.dev/project-id": "43"}}),
        json!({"annotations": {"gl-k8s.dev/mapping": "other"}}),
        json!({"annotations": {"gl-k8s.dev/gitlab-url": "https://other.example.edu"}}),
    ];
    let removed = [
        json!({"labels": {"app.kubernetes.io/managed-by": null}}),
        json!({"labels": {"gl-k8s.dev/instance": null}}),
        json!({"annotations": {"gl-k8s.dev/environment": null}}),
    ];
    for metadata in changed.iter().chain(&removed) {
        for way in WAYS {
            if matches!(way, Way::Apply) && removed.contains(metadata) {
                continue;
            }
            let answer = change(&user, way, "claims-ours", metadata).await;
            assert!(refusal(answer).contains(REFUSAL), "{way:?} {metadata}");
        }
    }
    let stored = bed.get(&NAMESPACES.resource(), None, "claims-ours").await;
    assert_eq!(stored.metadata.labels.unwrap()["gl-k8s.dev/project-id"], "42");
}

#[tokio::test]
async fn other_labels_of_any_namespace_stay_free() {
    let bed = bed().await;
    let user = ordinary_user(&bed, "claims-neighbour").await;
    bed.unmanaged_namespace("claims-free").await;
    bed.managed_namespace("claims-free-ours").await;
    for name in ["claims-free", "claims-free-ours"] {
        for way in WAYS {
            let label = format!("example.edu/{way:?}");
            let changed = change(&user, way, name, &json!({"labels": {label.clone(): "yes"}})).await.unwrap();
            // Without this the refusals above would prove nothing for this way.
            assert_eq!(
                changed.metadata.labels.unwrap().get(&label).map(String::as_str),
                Some("yes"),
                "{way:?} on {name}"
            );
        }
    }
    change(&user, Way::Patch, "claims-free", &json!({"labels": {"app.kubernetes.io/managed-by": "helm"}}))
        .await
        .unwrap();
    change(&user, Way::Patch, "claims-free", &json!({"labels": {"app.kubernetes.io/managed-by": null}})).await.unwrap();
}

#[tokio::test]
async fn administrators_and_who_has_the_right_may_write_claims() {
    let bed = bed().await;
    let rights = json!([
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "create", "patch"]},
        {"apiGroups": ["gl-k8s.dev"], "resources": ["namespaceclaims"], "verbs": ["update"]},
    ]);
    let restorer = actors::with_rules(&bed, "claims-restorer", &rights).await;
    for (who, client) in [("restorer", &restorer), ("admin", &bed.admin)] {
        let name = format!("claims-by-{who}");
        NAMESPACES.api(client, None).create(&PostParams::default(), &object(managed(&name))).await.unwrap();
        let moved = json!({"labels": {"gl-k8s.dev/project-id": "43"}});
        change(client, Way::Patch, &name, &moved).await.unwrap();
    }
}

#[tokio::test]
async fn a_managed_namespace_can_be_deleted_and_goes() {
    let bed = bed().await;
    let user = ordinary_user(&bed, "claims-deleter").await;
    bed.managed_namespace("claims-goes").await;
    NAMESPACES.api(&user, None).delete("claims-goes", &DeleteParams::default()).await.unwrap();
    eventually("the namespace controller has finished", async || {
        NAMESPACES.api(&bed.admin, None).get_opt("claims-goes").await.unwrap().is_none()
    })
    .await;
}
