//! Everything that a mapping brought about, as one value that can be compared with that of another mapping: what differs
//! from one to the next by its nature (names, ids, times, tokens) is left out or replaced.

use std::collections::BTreeMap;

use gl_k8s_integrator::api::{GitLabInstance, NamespaceClass, ProjectMapping};
use k8s_openapi::{
    ByteString,
    api::{
        core::v1::{LimitRange, ResourceQuota, Secret, ServiceAccount},
        networking::v1::NetworkPolicy,
        rbac::v1::RoleBinding,
    },
};
use kube::{Api, Resource, ResourceExt as _, api::ListParams};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    subject::{Subject, TENANT, identified},
    tokens::Held,
    world::World,
};

/// What is there because of a mapping, and what others put beside it.
pub struct Seen {
    /// As one value that can be compared.
    pub picture: Value,
    /// What tenants made: by namespace and kind, with UID and version.
    pub of_tenants: BTreeMap<String, String>,
    /// The entries of the project as GitLab gives them.
    pub entries: Vec<(&'static str, Value)>,
    /// What a token may be bound to, by namespace.
    pub accounts: BTreeMap<String, (Vec<ServiceAccount>, Vec<Secret>)>,
    /// The tokens that jobs get.
    pub held: Vec<Held>,
}

impl Seen {
    /// Whether a token is alive.
    pub fn has_alive(&self, held: &Held) -> Result<(), String> {
        let (accounts, secrets) = self.accounts.get(&held.namespace).ok_or("its namespace is gone")?;
        held.is_alive_among(accounts, secrets)
    }
}

/// Fields whose values differ from one mapping to the next; that they are there still counts.
const OF_ITS_OWN: [&str; 15] = [
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
    "updated_at",
];

impl World {
    /// All that exists because of a mapping, in the cluster and in GitLab.
    pub async fn look(&self, subject: &Subject) -> Seen {
        let mut seen = Seen {
            picture: Value::Null,
            of_tenants: BTreeMap::new(),
            entries: subject.entries(&self.bench.campus).await,
            accounts: BTreeMap::new(),
            held: self.held(subject).await,
        };
        let mut tokens = BTreeMap::new();
        let mut namespaces = serde_json::Map::new();
        for namespace in self.namespaces(subject).await {
            let name = namespace.name_any();
            let secrets = self.list::<Secret>(&name).await;
            for secret in &secrets {
                if let Some(token) = secret.data.as_ref().and_then(|data| data.get("token")) {
                    let place = format!(
                        "TOKEN {} of {}",
                        secret.name_any(),
                        name.strip_prefix(&subject.base).unwrap_or_default()
                    );
                    tokens.insert(String::from_utf8(token.0.clone()).unwrap(), place);
                }
            }
            let accounts = self.list::<ServiceAccount>(&name).await;
            let bindings = self.list::<RoleBinding>(&name).await;
            let policies = self.list::<NetworkPolicy>(&name).await;
            seen.of_tenants.extend(tenants(&secrets));
            seen.of_tenants.extend(tenants(&accounts));
            seen.of_tenants.extend(tenants(&bindings));
            seen.of_tenants.extend(tenants(&policies));
            seen.accounts.insert(name.clone(), (accounts.clone(), secrets.clone()));
            let content = json!({
                "labels": namespace.labels(), "annotations": namespace.annotations(),
                "accounts": described(accounts), "secrets": described(secrets), "bindings": described(bindings),
                "quotas": described(self.list::<ResourceQuota>(&name).await),
                "limits": described(self.list::<LimitRange>(&name).await), "policies": described(policies),
            });
            namespaces.insert(name, content);
        }
        let mapping = self.declared::<ProjectMapping>(&subject.mapping).await;
        let instance = self.declared::<GitLabInstance>(&subject.instance).await;
        let class = self.declared::<NamespaceClass>(&subject.class).await;
        let held: BTreeMap<_, _> = seen.held.iter().map(|held| (held.environment, &held.token)).collect();
        let gitlab = json!({"entries": seen.entries, "held": held});
        seen.picture = json!({"namespaces": namespaces, "mapping": mapping, "instance": instance, "class": class, "gitlab": gitlab});
        let mut replacements: Vec<_> = tokens.into_iter().chain(subject.names()).collect();
        replacements.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        neutral(&mut seen.picture, &replacements);
        seen
    }

    /// What the operator writes to an object of ours; null when there is none.
    async fn declared<K>(&self, name: &str) -> Value
    where
        K: Resource<DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned + Serialize,
    {
        let object = Api::<K>::all(self.bench.campus.admin.clone()).get_opt(name).await.unwrap();
        object.map_or(Value::Null, |object| {
            let status = serde_json::to_value(&object).unwrap()["status"].take();
            json!({"finalizers": object.finalizers(), "annotations": object.annotations(), "status": status})
        })
    }

    async fn list<K>(&self, namespace: &str) -> Vec<K>
    where
        K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
            + Clone
            + std::fmt::Debug
            + DeserializeOwned,
    {
        let api = Api::<K>::namespaced(self.bench.campus.admin.clone(), namespace);
        api.list(&ListParams::default()).await.unwrap().items
    }
}

fn tenants<K: Resource<DynamicType = ()>>(objects: &[K]) -> Vec<(String, String)> {
    objects.iter().filter(|object| object.meta().name.as_deref() == Some(TENANT)).map(identified).collect()
}

/// Without what the API server adds to every object by itself.
fn described<K: Resource + Serialize>(objects: Vec<K>) -> Value {
    let others = [Some("default"), Some(TENANT)];
    let objects = objects.into_iter().filter(|object| !others.contains(&object.meta().name.as_deref()));
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
