//! The objects that the operator keeps in a managed namespace, of whatever kind.

use kube::{
    Api, Client, ResourceExt as _,
    api::{ApiResource, DynamicObject, GroupVersionKind},
};
use serde_json::{Value, json};

/// An object that the operator keeps, and what somebody could do to it.
#[derive(Clone, Copy, Debug)]
pub struct KeptObject {
    pub group: &'static str,
    pub kind: &'static str,
    /// Empty for the namespace itself.
    pub name: &'static str,
    /// A merge patch that takes away what matters.
    pub spoil: &'static str,
}

const RBAC: &str = "rbac.authorization.k8s.io";
const NETWORKING: &str = "networking.k8s.io";
/// A merge patch that takes our label off.
pub const STRIP: &str = r#"{"metadata": {"labels": {"app.kubernetes.io/managed-by": null}}}"#;

/// The namespace itself, with the labels of its class.
pub const NAMESPACE: KeptObject = KeptObject {
    group: "",
    kind: "Namespace",
    name: "",
    spoil: r#"{"metadata": {"labels": {"faculty": "theology"}}}"#,
};
/// The Secret with a token that ends.
pub const ROTATED: KeptObject = KeptObject {
    group: "",
    kind: "Secret",
    name: "gitlab-serviceaccount-token",
    spoil: r#"{"metadata": {"labels": null}, "data": null}"#,
};
/// The Secret with a token that does not.
pub const LEGACY: KeptObject = KeptObject { name: "gitlab-serviceaccount-token-legacy", ..ROTATED };
/// What stands in a namespace besides the Secret.
pub const CONTENTS: [KeptObject; 5] = [
    KeptObject { group: "", kind: "ServiceAccount", name: "gitlab-serviceaccount", spoil: STRIP },
    KeptObject {
        group: RBAC,
        kind: "RoleBinding",
        name: "gitlab-serviceaccount",
        spoil: r#"{"metadata": {"labels": null}, "subjects": null}"#,
    },
    KeptObject {
        group: "",
        kind: "ResourceQuota",
        name: "gitlab-quota",
        spoil: r#"{"metadata": {"labels": null}, "spec": {"hard": {"pods": "1000"}}}"#,
    },
    KeptObject {
        group: "",
        kind: "LimitRange",
        name: "gitlab-limits",
        spoil: r#"{"metadata": {"labels": null}, "spec": {"limits": []}}"#,
    },
    KeptObject {
        group: NETWORKING,
        kind: "NetworkPolicy",
        name: "gitlab-isolation",
        spoil: r#"{"spec": {"ingress": [{}]}}"#,
    },
];

impl KeptObject {
    fn resource(&self) -> ApiResource {
        ApiResource::from_gvk(&GroupVersionKind::gvk(self.group, "v1", self.kind))
    }

    /// The plural in roles and paths.
    pub fn plural(&self) -> String {
        self.resource().plural
    }

    /// Objects of this kind in a namespace, and the name of this one there.
    pub fn in_namespace(&self, client: Client, namespace: &str) -> (Api<DynamicObject>, String) {
        if self.name.is_empty() {
            (Api::all_with(client, &self.resource()), namespace.to_owned())
        } else {
            (Api::namespaced_with(client, namespace, &self.resource()), self.name.to_owned())
        }
    }

    /// The patch that spoils it.
    pub fn spoil(&self) -> Value {
        serde_json::from_str(self.spoil).unwrap()
    }
}

/// What the operator wants of an object. Tokens change; what matters is that one is there.
pub fn essence(object: &DynamicObject) -> Value {
    // Kubernetes adds labels of its own, to what is used for example.
    let labels: Vec<_> = object.labels().iter().filter(|(key, _)| !key.starts_with("kubernetes.io/")).collect();
    let mut essence = json!({"labels": labels});
    for field in ["spec", "subjects", "roleRef", "type"] {
        essence[field] = object.data[field].clone();
    }
    for (key, value) in object.data["data"].as_object().into_iter().flatten() {
        essence["keys"][key] = json!(value.as_str().is_some_and(|text| !text.is_empty()));
    }
    essence
}
