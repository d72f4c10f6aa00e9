//! What was deleted or edited by hand comes back, because a watch saw it: nothing here happens by the clock. And where
//! nothing changed, nothing is written.

mod account;
mod contents;
mod secret;
mod walk;
mod writes;

use control_plane::ControlPlane;
use gl_k8s_integrator::api::{GitLabInstance, NamespaceClass};
use k8s_openapi::{NamespaceResourceScope, api::core::v1::Pod};
use kube::{
    Api, Client, Resource,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{bed::eventually, campus::Campus, refusals::only_production};

/// A kind whose objects stand in managed namespaces.
pub trait Kept:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + std::fmt::Debug + DeserializeOwned + Serialize
{
}
impl<K> Kept for K where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned
        + Serialize
{
}

/// A mapping that is ready, with one namespace, in which things are broken.
pub struct Broken {
    pub campus: Campus,
    pub mapping: String,
    pub project: i64,
    pub namespace: String,
}

impl Broken {
    /// With a class of these fields.
    pub async fn with(name: &str, class: Value) -> Self {
        let campus = Campus::with(name, json!({}), class).await;
        let project = campus.project("web-app").await;
        let mapping = format!("{name}-web");
        campus.map(&mapping, "web-app", only_production()).await;
        campus.until_ready(&mapping).await;
        // The passes that the mapping's own writes brought about are over by then, and would repair nothing any more.
        campus.until_counted().await;
        let namespace = campus.namespace_of(project, "production");
        Self { campus, mapping, project, namespace }
    }

    pub async fn new(name: &str) -> Self {
        Self::with(name, json!({})).await
    }

    pub fn control_plane(&self) -> &'static ControlPlane {
        self.campus.control_plane
    }

    /// Objects in the namespace, as the cluster's administrator.
    pub fn as_admin<K: Kept>(&self) -> Api<K> {
        Api::namespaced(self.campus.admin.clone(), &self.namespace)
    }

    /// Objects in the namespace, as the job that has this client.
    pub fn as_job<K: Kept>(&self, job: &Client) -> Api<K> {
        Api::namespaced(job.clone(), &self.namespace)
    }

    /// A job of now.
    pub async fn job(&self) -> Client {
        self.campus.job_client(self.project, "production").await
    }

    /// The token that a job gets now.
    pub async fn token(&self) -> String {
        self.campus.job(self.project, "production", true).await["KUBE_TOKEN"].clone()
    }

    /// Waits until an object is as it should be.
    pub async fn until<K: Kept>(&self, name: &str, good: impl Fn(&K) -> bool) -> K {
        let api = self.as_admin::<K>();
        eventually(&format!("the {} {}/{name} is repaired", K::kind(&()), self.namespace), async || {
            match api.get_opt(name).await.map_err(|error| error.to_string())? {
                Some(object) if good(&object) => Ok(object),
                seen => Err(without_secrets(&seen)),
            }
        })
        .await
    }

    /// Deletes an object and waits for another one to come.
    pub async fn comes_back<K: Kept>(&self, api: &Api<K>, name: &str) -> K {
        let before = self.as_admin::<K>().get(name).await.unwrap().meta().uid.clone();
        api.delete(name, &DeleteParams::default()).await.unwrap();
        self.until(name, |object: &K| object.meta().uid != before && object.meta().deletion_timestamp.is_none()).await
    }

    /// Waits until the token that a job gets from GitLab opens the namespace.
    pub async fn until_jobs_work(&self) {
        eventually("the token that GitLab hands to jobs opens the namespace", async || {
            let pods = self.as_job::<Pod>(&self.job().await);
            pods.list(&ListParams::default()).await.map(drop).map_err(|error| error.to_string())
        })
        .await;
        self.campus.until_ready(&self.mapping).await;
    }

    /// Waits until GitLab hands out another token than this one, and it works.
    pub async fn until_another_token(&self, former: &str) {
        eventually("GitLab has another token", async || {
            let now = self.token().await;
            if now == former { Err("still the former one".to_owned()) } else { Ok(()) }
        })
        .await;
        self.until_jobs_work().await;
    }
}

impl Campus {
    /// Waits until instance and class know that one mapping of theirs is ready.
    async fn until_counted(&self) {
        let instances: Api<GitLabInstance> = Api::all(self.admin.clone());
        let classes: Api<NamespaceClass> = Api::all(self.admin.clone());
        eventually("instance and class count the mapping", async || {
            let instance = instances.get(&self.name).await.unwrap().status.and_then(|status| status.mappings);
            let class = classes.get(&self.name).await.unwrap().status.and_then(|status| status.mappings);
            let counted = [instance, class].into_iter().flatten().filter(|mappings| mappings.ready == 1).count();
            if counted == 2 { Ok(()) } else { Err(format!("{counted} of them does")) }
        })
        .await;
    }
}

/// An object for a message; what a Secret holds shows nowhere.
fn without_secrets<K: Serialize>(object: &Option<K>) -> String {
    let mut object = json!(object);
    if let Some(data) = object["data"].as_object_mut() {
        data.values_mut().for_each(|value| *value = json!("…"));
    }
    format!("{object:#}")
}

/// A merge patch, as somebody who is not the operator.
pub async fn edit<K: Kept>(api: &Api<K>, name: &str, patch: Value) {
    api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
}
