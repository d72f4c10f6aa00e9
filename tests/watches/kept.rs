//! What the operator keeps in managed namespaces, each kind changed in one namespace and deleted in another, so that no
//! repair of the one brings about the other's.

use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, DynamicObject, Patch, PatchParams},
};
use serde_json::{Value, json};

use crate::{
    campus::Campus,
    kept_objects::{CONTENTS, KeptObject, LEGACY, NAMESPACE, ROTATED, STRIP, essence},
};

/// Watched by label: without it, it looks deleted.
const STRIPPED_POLICY: KeptObject = KeptObject { spoil: STRIP, ..CONTENTS[4] };

fn kinds() -> impl Iterator<Item = KeptObject> {
    CONTENTS.into_iter().chain([NAMESPACE, ROTATED, LEGACY, STRIPPED_POLICY])
}

/// What somebody does to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Spoil,
    Delete,
}

/// A mapping with one namespace, in which one object suffers.
pub struct Kept {
    object: KeptObject,
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
    for (number, object) in kinds().enumerate() {
        for deed in [Deed::Spoil, Deed::Delete] {
            let mapping = format!("{}-{number}-{deed:?}", campus.name).to_lowercase();
            let project = campus.project(&mapping).await;
            let legacy = object.name == LEGACY.name;
            let class = if legacy { format!("{}-legacy", campus.name) } else { campus.name.clone() };
            let spec = json!({"class": class, "environments": [{"name": "production"}]});
            campus.map(&mapping, &mapping, spec).await;
            all.push(Kept { object, deed, mapping, project });
        }
    }
    all
}

impl Kept {
    pub fn describe(&self) -> String {
        format!("{:?} {} {} of {}", self.deed, self.object.kind, self.object.name, self.mapping)
    }

    pub fn mapping(&self) -> &str {
        &self.mapping
    }

    async fn api(&self, campus: &Campus) -> (Api<DynamicObject>, String) {
        let status = campus.mappings().get(&self.mapping).await.unwrap().status.unwrap();
        let namespace = status.environments[0].namespace.clone().unwrap().name;
        self.object.in_namespace(campus.admin.clone(), &namespace)
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
                api.patch(&name, &PatchParams::default(), &Patch::Merge(self.object.spoil())).await.unwrap();
            }
        }
    }

    /// Whether the object is again as it was, and the job's token opens the namespace if that hangs on it.
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
        if !["Namespace", "Secret", "ServiceAccount", "RoleBinding"].contains(&self.object.kind) {
            return Ok(());
        }
        let job = campus.job(self.project, "production", true).await;
        let token = job.get("KUBE_TOKEN").ok_or("the job gets no token")?;
        crate::scene::opens(campus, token, &job["KUBE_NAMESPACE"]).await
    }
}
