//! What watches show of the objects that we keep: enough to see, without asking any server, that there is nothing to do.
//!
//! A cache lags behind. So it decides only whether a pass looks closer: whatever is written or deleted is decided from live
//! reads. What a cache shows too late costs a delay, never an object; the event that corrects it wakes the mapping again.
//!
//! Each object is kept as compact JSON without what tells nothing (other managers' fields, status), and what is equal is
//! kept once: thousands of namespaces of one class hold the same quota, and their token Secrets the same certificate.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    fmt::Debug,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use k8s_openapi::{
    ByteString, NamespaceResourceScope, Resource as _,
    api::{
        core::v1::{LimitRange, Namespace, ResourceQuota, Secret, ServiceAccount},
        networking::v1::NetworkPolicy,
        rbac::v1::RoleBinding,
    },
    apimachinery::pkg::apis::meta::v1::Time,
};
use kube::{Resource, ResourceExt as _};
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::watch;

use crate::api::names;

/// Every kind that is cached.
pub trait Cached:
    Resource<DynamicType = ()> + Clone + Debug + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// Where objects of this kind and name are kept.
    fn shelf<'a>(caches: &'a Caches, name: &str) -> &'a Shelf;

    /// Drops what changes by itself and tells nothing about what is wanted.
    fn drop_status(&mut self) {}

    /// What is large and the same in most objects of the kind, though other parts of them differ.
    fn common(&mut self) -> Option<&mut BTreeMap<String, ByteString>> {
        None
    }
}

/// The key of the large common value in [`Cached::common`]: the cluster's certificate.
const COMMON: &str = "ca.crt";

/// A kind whose objects we keep inside managed namespaces.
pub trait Kept: Cached + Resource<DynamicType = (), Scope = NamespaceResourceScope> {}
impl<K: Cached + Resource<DynamicType = (), Scope = NamespaceResourceScope>> Kept for K {}

macro_rules! cached {
    ($($kind:ty: $shelf:ident),*) => {$(
        impl Cached for $kind {
            fn shelf<'a>(caches: &'a Caches, _: &str) -> &'a Shelf {
                &caches.0.$shelf
            }
        }
    )*};
}

cached!(ServiceAccount: accounts, RoleBinding: bindings, LimitRange: limits, NetworkPolicy: policies);

impl Cached for Secret {
    fn shelf<'a>(caches: &'a Caches, name: &str) -> &'a Shelf {
        if name == names::LEGACY_TOKEN_SECRET { &caches.0.legacy_secrets } else { &caches.0.secrets }
    }

    fn common(&mut self) -> Option<&mut BTreeMap<String, ByteString>> {
        self.data.as_mut()
    }
}

impl Cached for ResourceQuota {
    fn shelf<'a>(caches: &'a Caches, _: &str) -> &'a Shelf {
        &caches.0.quotas
    }

    fn drop_status(&mut self) {
        self.status = None;
    }
}

impl Cached for Namespace {
    fn shelf<'a>(caches: &'a Caches, _: &str) -> &'a Shelf {
        &caches.0.namespaces
    }

    fn drop_status(&mut self) {
        self.status = None;
    }
}

/// All caches. Cheap to clone; empty and never filled until somebody watches.
#[derive(Clone, Default)]
pub struct Caches(Arc<Shelves>);

#[derive(Default)]
struct Shelves {
    namespaces: Shelf,
    accounts: Shelf,
    bindings: Shelf,
    secrets: Shelf,
    legacy_secrets: Shelf,
    quotas: Shelf,
    limits: Shelf,
    policies: Shelf,
    projects: Mutex<HashMap<String, BTreeSet<String>>>,
    contents: Mutex<HashSet<Arc<[u8]>>>,
    filled: watch::Sender<()>,
}

/// The objects of one watch.
#[derive(Default)]
pub struct Shelf(Mutex<Objects>);

#[derive(Default)]
struct Objects {
    by_namespace: HashMap<Box<str>, Vec<Entry>>,
    /// While a watch lists anew: what it listed so far. What was there before stays until the list is whole.
    listed: Option<HashSet<(String, String)>>,
    filled: bool,
}

struct Entry {
    name: Box<str>,
    uid: Box<str>,
    version: Box<str>,
    created: Option<Time>,
    content: Content,
}

/// An object without what [`Entry`] says of it, in parts of which each is kept once.
#[derive(PartialEq)]
struct Content {
    object: Arc<[u8]>,
    fields: Option<Arc<[u8]>>,
    common: Option<Arc<[u8]>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The namespace of an object. Namespaces stand beside what is in them.
pub fn namespace_of<K: Cached>(object: &K) -> String {
    object.namespace().unwrap_or_else(|| object.name_any())
}

impl Caches {
    fn shelves(&self) -> [&Shelf; 8] {
        let Shelves { namespaces, accounts, bindings, secrets, legacy_secrets, quotas, limits, policies, .. } =
            &*self.0;
        [namespaces, accounts, bindings, secrets, legacy_secrets, quotas, limits, policies]
    }

    /// Whether every watch has listed all there is at least once.
    pub fn are_filled(&self) -> bool {
        self.shelves().iter().all(|shelf| locked(&shelf.0).filled)
    }

    /// Waits until they are filled, but no longer than this: without them the operator reads live.
    pub async fn filled(&self, patience: Duration) {
        let mut changes = self.0.filled.subscribe();
        let filled = changes.wait_for(|()| self.are_filled());
        tokio::time::timeout(patience, filled).await.ok();
    }

    /// An object as the watch showed it last.
    pub fn get<K: Cached>(&self, namespace: &str, name: &str) -> Option<K> {
        let objects = locked(&K::shelf(self, name).0);
        objects.by_namespace.get(namespace)?.iter().find(|entry| *entry.name == *name)?.read(namespace)
    }

    /// All objects of a kind in a namespace.
    pub fn in_namespace<K: Kept>(&self, namespace: &str) -> Vec<K> {
        let objects = locked(&K::shelf(self, "").0);
        let entries = objects.by_namespace.get(namespace).map(Vec::as_slice).unwrap_or_default();
        entries.iter().filter_map(|entry| entry.read(namespace)).collect()
    }

    /// The namespaces whose label names a project of this number.
    pub fn namespaces_of_project(&self, project_id: i64) -> Vec<Namespace> {
        let names = locked(&self.0.projects).get(&project_id.to_string()).cloned().unwrap_or_default();
        names.iter().filter_map(|name| self.get(name, name)).collect()
    }

    /// The watch of a kind (and name, where each name has its own) begins to list.
    pub fn begin<K: Cached>(&self, name: &str) {
        locked(&K::shelf(self, name).0).listed = Some(HashSet::new());
    }

    /// A watch shows an object. True when something of it changed that tells us anything.
    pub fn put<K: Cached>(&self, mut object: K) -> bool {
        object.drop_status();
        let (namespace, name) = (namespace_of(&object), object.name_any());
        let labels = object.labels();
        if let Some(project) = labels.get(names::PROJECT_ID).filter(|_| object.namespace().is_none()) {
            locked(&self.0.projects).entry(project.clone()).or_default().insert(name.clone());
        }
        let entry = Entry::new(self, object);
        let mut objects = locked(&K::shelf(self, &name).0);
        if let Some(listed) = &mut objects.listed {
            listed.insert((namespace.clone(), name.clone()));
        }
        let entries = objects.by_namespace.entry(namespace.into_boxed_str()).or_default();
        match entries.iter_mut().find(|there| there.name == entry.name) {
            Some(there) => {
                let changed = there.content != entry.content || there.uid != entry.uid;
                *there = entry;
                changed
            }
            None => {
                entries.push(entry);
                entries.shrink_to_fit();
                true
            }
        }
    }

    /// A watch shows that an object is gone.
    pub fn remove<K: Cached>(&self, object: &K) {
        let (namespace, name) = (namespace_of(object), object.name_any());
        locked(&K::shelf(self, &name).0).forget(&namespace, |there| *there.name != *name);
        if object.namespace().is_none() {
            self.forget_project_of(&name);
        }
    }

    fn forget_project_of(&self, namespace: &str) {
        locked(&self.0.projects).retain(|_, names| {
            names.remove(namespace);
            !names.is_empty()
        });
    }

    /// The watch has listed all there is: what it did not list is gone. Gives what went.
    pub fn finish<K: Cached>(&self, name: &str) -> Vec<K> {
        let mut objects = locked(&K::shelf(self, name).0);
        objects.filled = true;
        let Some(listed) = objects.listed.take() else { return Vec::new() };
        let mut gone = Vec::new();
        objects.by_namespace.retain(|namespace, entries| {
            entries.retain(|entry| {
                let stays = listed.contains(&(namespace.to_string(), entry.name.to_string()));
                if !stays {
                    gone.extend(entry.read::<K>(namespace));
                }
                stays
            });
            !entries.is_empty()
        });
        drop(objects);
        if K::kind(&()) == Namespace::KIND {
            gone.iter().for_each(|namespace| self.forget_project_of(&namespace.name_any()));
        }
        self.0.filled.send_replace(());
        gone
    }

    /// One copy of equal contents.
    fn shared(&self, content: Vec<u8>) -> Arc<[u8]> {
        let mut contents = locked(&self.0.contents);
        if let Some(known) = contents.get(content.as_slice()) {
            return known.clone();
        }
        if contents.len() == contents.capacity() {
            contents.retain(|content| Arc::strong_count(content) > 1);
        }
        let content: Arc<[u8]> = content.into();
        contents.insert(content.clone());
        content
    }
}

impl Objects {
    fn forget(&mut self, namespace: &str, stays: impl FnMut(&Entry) -> bool) {
        if let Some(entries) = self.by_namespace.get_mut(namespace) {
            entries.retain(stays);
            if entries.is_empty() {
                self.by_namespace.remove(namespace);
            }
        }
    }
}

impl Entry {
    fn new<K: Cached>(caches: &Caches, mut object: K) -> Self {
        let meta = object.meta_mut();
        let (name, uid) = (meta.name.take(), meta.uid.take());
        let (version, created) = (meta.resource_version.take(), meta.creation_timestamp.take());
        meta.namespace = None;
        meta.generation = None;
        let text = |value: Option<String>| value.unwrap_or_default().into_boxed_str();
        let content = Content::new(caches, object);
        Self { name: text(name), uid: text(uid), version: text(version), created, content }
    }

    fn read<K: Cached>(&self, namespace: &str) -> Option<K> {
        let mut object: K = self.content.read()?;
        let meta = object.meta_mut();
        meta.name = Some(self.name.to_string());
        meta.namespace = (K::kind(&()) != Namespace::KIND).then(|| namespace.to_owned());
        meta.uid = Some(self.uid.to_string());
        meta.resource_version = Some(self.version.to_string());
        meta.creation_timestamp.clone_from(&self.created);
        Some(object)
    }
}

impl Content {
    fn new<K: Cached>(caches: &Caches, mut object: K) -> Self {
        let fields = object.meta_mut().managed_fields.take().map(|mut fields| {
            fields.retain(|entry| entry.manager.as_deref() == Some(names::FIELD_MANAGER));
            fields.iter_mut().for_each(|entry| entry.time = None);
            caches.shared(serde_json::to_vec(&fields).unwrap_or_default())
        });
        let common = object.common().and_then(|data| data.remove(COMMON)).map(|value| caches.shared(value.0));
        Self { object: caches.shared(serde_json::to_vec(&object).unwrap_or_default()), fields, common }
    }

    fn read<K: Cached>(&self) -> Option<K> {
        let mut object: K = serde_json::from_slice(&self.object).ok()?;
        if let Some(fields) = &self.fields {
            object.meta_mut().managed_fields = serde_json::from_slice(fields).ok()?;
        }
        if let Some(common) = &self.common {
            object.common()?.insert(COMMON.to_owned(), ByteString(common.to_vec()));
        }
        Some(object)
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;

    use super::*;

    fn secret(namespace: &str, token: &str) -> Secret {
        let mut secret = Secret::default();
        secret.metadata.name = Some(names::TOKEN_SECRET.into());
        secret.metadata.namespace = Some(namespace.into());
        secret.metadata.uid = Some(format!("uid-{namespace}"));
        secret.metadata.resource_version = Some("7".into());
        secret.metadata.managed_fields = Some(
            [names::FIELD_MANAGER, "kubectl"]
                .map(|manager| ManagedFieldsEntry { manager: Some(manager.into()), ..ManagedFieldsEntry::default() })
                .into(),
        );
        let data = [(COMMON, "certificate"), ("token", token)];
        secret.data = Some(data.map(|(key, value)| (key.to_owned(), ByteString(value.into()))).into());
        secret
    }

    #[test]
    fn what_a_watch_showed_is_given_back_with_our_own_fields_only() {
        let caches = Caches::default();
        assert!(caches.put(secret("one", "a")));
        let mut shown = secret("one", "a");
        shown.metadata.managed_fields.as_mut().unwrap().truncate(1);
        assert_eq!(caches.get::<Secret>("one", names::TOKEN_SECRET), Some(shown));
    }

    #[test]
    fn what_changed_is_news_and_a_new_version_alone_is_not() {
        let caches = Caches::default();
        assert!(caches.put(secret("one", "a")));
        let mut newer = secret("one", "a");
        newer.metadata.resource_version = Some("8".into());
        assert!(!caches.put(newer));
        let mut other_certificate = secret("one", "a");
        other_certificate.data.as_mut().unwrap().insert(COMMON.into(), ByteString("another".into()));
        assert!(caches.put(other_certificate));
        assert!(caches.put(secret("one", "b")));
    }

    #[test]
    fn what_is_equal_is_kept_once_and_not_longer_than_anything_has_it() {
        let caches = Caches::default();
        for number in 0..1000 {
            caches.put(secret(&format!("namespace-{number}"), "the same"));
        }
        assert_eq!(locked(&caches.0.contents).len(), 3, "an object, its fields and a certificate");
        for number in 0..1000 {
            caches.put(secret("one", &number.to_string()));
        }
        assert!(locked(&caches.0.contents).len() < 100);
    }
}
