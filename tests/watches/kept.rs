//! What the operator keeps in managed namespaces, each kind changed in one namespace and deleted in another, so that no
//! repair of the one brings about the other's.

use kube::{
    Api, ResourceExt as _,
    api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, Patch, PatchParams},
};
use serde_json::{Value, json};

use crate::campus::Campus;

/// An object that the operator keeps, and how somebody spoils it.
#[derive(Clone, Copy)]
struct Kind {
    group: &'static str,
    kind: &'static str,
    /// Empty for the namespace itself.
    name: &'static str,
    /// A merge patch.
    spoil: &'static str,
}

const STRIPPED: &str = r#"{"metadata": {"labels": {"app.kubernetes.io/managed-by": null}}}"#;
const KINDS: [Kind; 9] = [
    Kind { group: "", kind: "Namespace", name: "", spoil: r#"{"metadata": {"labels": {"faculty": "theology"}}}"# },
    Kind { group: "", kind: "ServiceAccount", name: "gitlab-serviceaccount", spoil: STRIPPED },
    Kind {
        group: "rbac.authorization.k8s.io",
        kind: "RoleBinding",
        name: "gitlab-serviceaccount",
        spoil: r#"{"subjects": null}"#,
    },
    Kind { group: "", kind: "Secret", name: "gitlab-serviceaccount-token", spoil: r#"{"data": {"token": null}}"# },
    Kind { group: "", kind: "Secret", name: "gitlab-serviceaccount-token-legacy", spoil: STRIPPED },
    Kind { group: "", kind: "ResourceQuota", name: "gitlab-quota", spoil: r#"{"spec": {"hard": {"pods": "1000"}}}"# },
    Kind { group: "", kind: "LimitRange", name: "gitlab-limits", spoil: r#"{"spec": {"limits": []}}"# },
    Kind {
        group: "networking.k8s.io",
        kind: "NetworkPolicy",
        name: "gitlab-isolation",
        spoil: r#"{"spec": {"ingress": [{}]}}"#,
    },
    // Watched by label: without it, it looks deleted.
    Kind { group: "networking.k8s.io", kind: "NetworkPolicy", name: "gitlab-isolation", spoil: STRIPPED },
];

/// What somebody does to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Spoil,
    Delete,
}

/// A mapping with one namespace, in which one object suffers.
pub struct Kept {
    kind: Kind,
    deed: Deed,
    mapping: String,
    project: i64,
}

/// An object as it was before.
pub struct Before {
    uid: Option<String>,
    essence: Value,
}

/// Maps one project for each kind and deed.
pub async fn declare(campus: &Campus) -> Vec<Kept> {
    let mut all = Vec::new();
    for (number, kind) in KINDS.into_iter().enumerate() {
        for deed in [Deed::Spoil, Deed::Delete] {
            let mapping = format!("{}-{number}-{deed:?}", campus.name).to_lowercase();
            let project = campus.project(&mapping).await;
            let legacy = kind.name.ends_with("-legacy");
            let class = if legacy { format!("{}-legacy", campus.name) } else { campus.name.clone() };
            let spec = json!({"class": class, "environments": [{"name": "production"}]});
            campus.map(&mapping, &mapping, spec).await;
            all.push(Kept { kind, deed, mapping, project });
        }
    }
    all
}

impl Kept {
    pub fn describe(&self) -> String {
        format!("{:?} {} {} of {}", self.deed, self.kind.kind, self.kind.name, self.mapping)
    }

    pub fn mapping(&self) -> &str {
        &self.mapping
    }

    async fn namespace(&self, campus: &Campus) -> String {
        let status = campus.mappings().get(&self.mapping).await.unwrap().status.unwrap();
        status.environments[0].namespace.clone().unwrap().name
    }

    async fn api(&self, campus: &Campus) -> (Api<DynamicObject>, String) {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(self.kind.group, "v1", self.kind.kind));
        let namespace = self.namespace(campus).await;
        if self.kind.name.is_empty() {
            (Api::all_with(campus.admin.clone(), &resource), namespace)
        } else {
            (Api::namespaced_with(campus.admin.clone(), &namespace, &resource), self.kind.name.to_owned())
        }
    }

    /// How the object is now.
    pub async fn look(&self, campus: &Campus) -> Before {
        let (api, name) = self.api(campus).await;
        let object = api.get(&name).await.unwrap();
        Before { uid: object.uid(), essence: essence(&object) }
    }

    /// Does the deed.
    pub async fn change(&self, campus: &Campus) {
        let (api, name) = self.api(campus).await;
        match self.deed {
            Deed::Delete => drop(api.delete(&name, &DeleteParams::default()).await.unwrap()),
            Deed::Spoil => {
                let patch: Value = serde_json::from_str(self.kind.spoil).unwrap();
                api.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
            }
        }
    }

    /// Whether the object is again as it was, and the job's token opens the namespace.
    pub async fn mended(&self, campus: &Campus, before: &Before) -> Result<(), String> {
        let (api, name) = self.api(campus).await;
        let object = api.get_opt(&name).await.map_err(|error| error.to_string())?.ok_or("it is gone")?;
        if object.metadata.deletion_timestamp.is_some() || (self.deed == Deed::Delete && object.uid() == before.uid) {
            return Err("it is still the former one".to_owned());
        }
        let essence = essence(&object);
        if essence != before.essence {
            return Err(format!("{essence:#} instead of {:#}", before.essence));
        }
        let job = campus.job(self.project, "production", true).await;
        let token = job.get("KUBE_TOKEN").ok_or("the job gets no token")?;
        crate::scene::opens(campus, token, &job["KUBE_NAMESPACE"]).await
    }
}

/// What the operator wants of an object. Tokens change; what matters is that one is there.
fn essence(object: &DynamicObject) -> Value {
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
