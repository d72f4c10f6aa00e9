//! Everything that a mapping brought about, as one value that can be compared with that of another mapping: what differs
//! from one to the next by its nature (names, ids, times, tokens) is left out or replaced.

use std::collections::BTreeMap;

use k8s_openapi::{
    ByteString,
    api::{
        core::v1::{LimitRange, Namespace, ResourceQuota, Secret, ServiceAccount},
        networking::v1::NetworkPolicy,
        rbac::v1::RoleBinding,
    },
};
use kube::{Api, Resource, ResourceExt as _, api::ListParams};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::campus::Campus;

/// A mapping and its project.
#[derive(Clone, Debug)]
pub struct Subject {
    pub mapping: String,
    pub path: String,
    pub project: i64,
}

/// Fields whose values differ from one mapping to the next; that they are there still counts.
const OF_ITS_OWN: [&str; 14] = [
    "clusterId",
    "created_at",
    "expiresAt",
    "fingerprint",
    "gitlabId",
    "gl-k8s.dev/project-id",
    "id",
    "issuedAt",
    "kubernetes.io/legacy-token-last-used",
    "kubernetes.io/service-account.uid",
    "lastTransitionTime",
    "nextTokenExpiry",
    "tokenFingerprint",
    "uid",
];

impl Campus {
    /// All that exists because of a mapping, in the cluster and in GitLab.
    pub async fn picture(&self, subject: &Subject) -> Value {
        let names = self.namespaces_of(subject.project).await;
        let mut replacements = BTreeMap::new();
        let mut namespaces = serde_json::Map::new();
        for namespace in names {
            let name = namespace.name_any();
            let secrets = self.list::<Secret>(&name).await;
            for (number, secret) in secrets.iter().enumerate() {
                let token = secret.data.as_ref().and_then(|data| data.get("token")).map(|token| token.0.clone());
                if let Some(token) = token {
                    let place = format!("TOKEN {number} of {}", name.rsplit('-').next().unwrap_or_default());
                    replacements.insert(String::from_utf8(token).unwrap(), place);
                }
            }
            let content = json!({
                "labels": namespace.labels(), "annotations": namespace.annotations(),
                "accounts": described(self.list::<ServiceAccount>(&name).await),
                "secrets": described(secrets), "bindings": described(self.list::<RoleBinding>(&name).await),
                "quotas": described(self.list::<ResourceQuota>(&name).await),
                "limits": described(self.list::<LimitRange>(&name).await),
                "policies": described(self.list::<NetworkPolicy>(&name).await),
            });
            namespaces.insert(name, content);
        }
        let mapping = self.mappings().get_opt(&subject.mapping).await.unwrap();
        let mapping = mapping.map(|mapping| {
            json!({"finalizers": mapping.finalizers(), "annotations": mapping.annotations(), "status": mapping.status})
        });
        let gitlab = self.gitlab_side(subject).await;
        let mut whole = json!({"namespaces": namespaces, "mapping": mapping, "gitlab": gitlab});
        replacements.insert(subject.mapping.clone(), "MAPPING".to_owned());
        replacements.insert(format!("{}-{}-{}", self.name, subject.path, subject.project), "NAMESPACE".to_owned());
        replacements.insert(subject.path.clone(), "PATH".to_owned());
        replacements.insert(format!("(id {})", subject.project), "(id ID)".to_owned());
        // The longest first: some stand inside others.
        let mut replacements: Vec<_> = replacements.into_iter().collect();
        replacements.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        neutral(&mut whole, &replacements);
        whole
    }

    async fn namespaces_of(&self, project: i64) -> Vec<Namespace> {
        let labels = format!("gl-k8s.dev/project-id={project},gl-k8s.dev/instance={}", self.name);
        Api::<Namespace>::all(self.admin.clone()).list(&ListParams::default().labels(&labels)).await.unwrap().items
    }

    async fn list<K>(&self, namespace: &str) -> Vec<K>
    where
        K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
            + Clone
            + std::fmt::Debug
            + DeserializeOwned,
    {
        Api::<K>::namespaced(self.admin.clone(), namespace).list(&ListParams::default()).await.unwrap().items
    }

    async fn gitlab_side(&self, subject: &Subject) -> Value {
        let project = subject.project;
        let list = async |what: &str| {
            let (status, list) =
                self.try_gitlab("GET", &format!("/projects/{project}/{what}?per_page=100"), Value::Null).await;
            if status == 200 { list } else { Value::Null }
        };
        let mut jobs = serde_json::Map::new();
        for environment in ["production", "staging"] {
            let job = json!({"project": project, "ref": "main", "ref_protected": true, "environment": environment});
            let seen = self.gitlab("POST", "/-/simulator/jobs", job).await;
            let ours = seen["variables"].as_array().unwrap().iter().filter(|variable| {
                variable["key"].as_str().is_some_and(|key| key.starts_with("KUBE") || key == "DATABASE_URL")
            });
            jobs.insert(environment.to_owned(), ours.cloned().collect());
        }
        json!({"variables": list("variables").await, "clusters": list("clusters").await, "jobs": jobs,
            "environments": self.environments(project).await})
    }

    async fn environments(&self, project: i64) -> Value {
        let all = self.gitlab("GET", &format!("/projects/{project}/environments"), Value::Null).await;
        let all = all.as_array().unwrap().iter();
        all.map(|one| json!({"name": one["name"], "slug": one["slug"], "tier": one["tier"]})).collect()
    }
}

/// Without what the API server adds to every object by itself.
fn described<K: Resource + Serialize>(objects: Vec<K>) -> Value {
    let objects = objects.into_iter().filter(|object| object.meta().name.as_deref() != Some("default"));
    let described = objects.map(|object| {
        let mut value = serde_json::to_value(&object).unwrap();
        value["metadata"] = json!({"name": object.meta().name, "labels": object.meta().labels,
            "annotations": object.meta().annotations, "finalizers": object.meta().finalizers});
        // The quota controller counts when it gets round to it.
        value.as_object_mut().unwrap().remove("status");
        for text in value.get_mut("data").and_then(Value::as_object_mut).into_iter().flatten().map(|(_, text)| text) {
            let bytes: ByteString = serde_json::from_value(text.take()).unwrap();
            *text = String::from_utf8(bytes.0).unwrap().into();
        }
        value
    });
    described.collect()
}

fn neutral(value: &mut Value, replacements: &[(String, String)]) {
    match value {
        Value::String(text) => {
            for (from, to) in replacements {
                *text = text.replace(from.as_str(), to);
            }
        }
        Value::Array(items) => {
            items.iter_mut().for_each(|item| neutral(item, replacements));
            // In which order things came about is of no importance.
            items.sort_by_key(ToString::to_string);
        }
        Value::Object(fields) => {
            for (key, mut inner) in std::mem::take(fields) {
                let key = replacements.iter().fold(key, |key, (from, to)| key.replace(from.as_str(), to));
                if OF_ITS_OWN.contains(&key.as_str()) && !inner.is_null() {
                    inner = Value::from("of its own");
                }
                neutral(&mut inner, replacements);
                fields.insert(key, inner);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
