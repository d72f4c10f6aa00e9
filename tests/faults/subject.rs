//! A mapping on its way through the workloads, its project, and what others have put beside its things.

use std::collections::BTreeMap;

use k8s_openapi::api::{
    core::v1::{Secret, ServiceAccount},
    networking::v1::NetworkPolicy,
    rbac::v1::RoleBinding,
};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

use crate::{campus::Campus, world::World};

/// The name of everything that a tenant made in a namespace.
pub const TENANT: &str = "of-a-tenant";

/// A mapping, its project, and what is known to be there.
pub struct Subject {
    pub mapping: String,
    /// An instance of its own: mappings of one instance are looked up together, and others would meet its case.
    pub instance: String,
    /// A class of its own, where a workload declares one.
    pub class: String,
    pub path: String,
    pub project: i64,
    /// What the names of its namespaces begin with.
    pub base: String,
    /// Whether its environments share a namespace.
    pub shared: bool,
    /// The environments whose jobs get tokens.
    pub environments: Vec<&'static str>,
    /// What others put into the project.
    pub foreign_entries: Vec<(&'static str, Value)>,
    /// What tenants made: by namespace and kind, with UID and version.
    pub of_tenants: BTreeMap<String, String>,
}

impl Subject {
    /// A project that somebody works in already.
    pub async fn new(campus: &Campus, number: usize) -> Self {
        let path = format!("life{number}");
        let project = campus.project(&path).await;
        let at = |what: &str| format!("/projects/{project}/{what}");
        let secret = json!({"key": "DATABASE_URL", "value": "postgres://database", "environment_scope": "*"});
        let token = json!({"key": "KUBE_TOKEN", "value": "of-another-cluster", "environment_scope": "review/*"});
        let cluster = json!({"name": "another", "environment_scope": "review/*", "managed": false,
            "platform_kubernetes_attributes": {"api_url": "https://other.example.edu", "token": "of-another-cluster"}});
        campus.gitlab("POST", &at("variables"), secret).await;
        campus.gitlab("POST", &at("variables"), token).await;
        campus.gitlab("POST", &at("clusters/user"), cluster).await;
        campus.gitlab("POST", &at("environments"), json!({"name": "review/one"})).await;
        let mut subject = Self {
            mapping: format!("{}-{path}", campus.name),
            instance: format!("{}-{path}-gitlab", campus.name),
            class: format!("{}-{path}-class", campus.name),
            base: format!("{}-{path}-{project}", campus.name),
            path,
            project,
            shared: false,
            environments: Vec::new(),
            foreign_entries: Vec::new(),
            of_tenants: BTreeMap::new(),
        };
        subject.foreign_entries = subject.entries(campus).await;
        subject
    }

    /// What a call's text is made neutral with: the longest names first, since some stand inside others.
    pub fn names(&self) -> Vec<(String, String)> {
        let mut names = vec![
            (self.mapping.clone(), "MAPPING".to_owned()),
            (self.instance.clone(), "INSTANCE".to_owned()),
            (self.class.clone(), "CLASS".to_owned()),
            (self.base.clone(), "NAMESPACE".to_owned()),
            (self.path.clone(), "PATH".to_owned()),
            (format!("(id {})", self.project), "(id ID)".to_owned()),
            (format!("project-id%3D{}", self.project), "project-id%3DID".to_owned()),
        ];
        names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        names
    }

    /// From now on the jobs of these environments are to get tokens, and no others.
    pub fn serves(&mut self, environments: &[&'static str]) {
        self.environments = environments.to_vec();
    }

    /// Gives the project another path.
    pub async fn rename(&mut self, campus: &Campus) {
        self.path = format!("{}-renamed", self.path);
        let path = json!({"path": self.path, "name": self.path});
        campus.gitlab("PUT", &format!("/projects/{}", self.project), path).await;
    }

    /// The entries of the project, list by list.
    pub async fn entries(&self, campus: &Campus) -> Vec<(&'static str, Value)> {
        let mut entries = Vec::new();
        for what in ["variables", "clusters", "environments"] {
            let list =
                campus.gitlab("GET", &format!("/projects/{}/{what}?per_page=100", self.project), Value::Null).await;
            for mut entry in list.as_array().unwrap().iter().cloned() {
                // It names the project's path, which changes.
                entry.as_object_mut().unwrap().remove("project");
                entries.push((what, entry));
            }
        }
        entries
    }

    /// Lets a tenant make things in the namespaces.
    pub async fn settle_tenants(&mut self, world: &World) {
        for namespace in world.namespaces(self).await {
            let name = namespace.name_any();
            let metadata = json!({"name": TENANT, "namespace": name});
            let created = [
                created::<Secret>(world, &name, json!({"metadata": metadata, "stringData": {"key": "value"}})).await,
                created::<ServiceAccount>(world, &name, json!({"metadata": metadata})).await,
                created::<NetworkPolicy>(world, &name, json!({"metadata": metadata, "spec": {"podSelector": {}}})).await,
                created::<RoleBinding>(
                    world,
                    &name,
                    json!({"metadata": metadata, "subjects": [{"kind": "ServiceAccount", "name": TENANT, "namespace": name}],
                    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}}),
                )
                .await,
            ];
            self.of_tenants.extend(created);
        }
    }
}

async fn created<K>(world: &World, namespace: &str, object: Value) -> (String, String)
where
    K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + serde::de::DeserializeOwned
        + serde::Serialize,
{
    let api: Api<K> = Api::namespaced(world.bench.campus.admin.clone(), namespace);
    let object = serde_json::from_value(object).unwrap();
    identified(&api.create(&Default::default(), &object).await.unwrap())
}

/// Where an object is, and which version of it.
pub fn identified<K: kube::Resource<DynamicType = ()>>(object: &K) -> (String, String) {
    let place = format!("{} in {}", K::kind(&()), object.namespace().unwrap_or_default());
    (place, format!("{} {}", object.uid().unwrap_or_default(), object.resource_version().unwrap_or_default()))
}
