//! What watches show of the objects that we keep: enough to see, without asking any server, that there is nothing to do.
//!
//! A cache lags behind. So it decides only whether a pass looks closer: whatever is written or deleted is decided from live
//! reads. What a cache shows too late costs a delay, never an object; the event that corrects it wakes the mapping again.
//!
//! Each object is kept as compact JSON without what tells nothing (other managers' fields, status), and what is equal is
//! kept once: thousands of namespaces of one class hold the same quota, and their token Secrets the same certificate.

mod entry;
mod kinds;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    hash::Hash,
    sync::Arc,
    time::Duration,
};

use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt as _;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::api::names;
use entry::Entry;
use kinds::SHELVES;
pub use kinds::{Cached, Kept, Shelf};

/// All caches. Cheap to clone; empty and never filled until somebody watches.
#[derive(Clone, Default)]
pub struct Caches(Arc<Shelves>);

#[derive(Default)]
struct Shelves {
    objects: Mutex<Objects>,
    contents: Mutex<HashSet<Arc<[u8]>>>,
    names: Mutex<HashSet<Arc<str>>>,
    filled: watch::Sender<()>,
}

#[derive(Default)]
struct Objects {
    /// Namespaces stand beside what is in them.
    by_namespace: HashMap<Box<str>, Vec<Entry>>,
    namespaces_of_project: HashMap<String, BTreeSet<String>>,
    listings: [Listing; SHELVES],
}

/// How far one watch is.
#[derive(Default)]
struct Listing {
    /// While it lists anew: what it listed so far. What was there before stays until the list is whole.
    listed: Option<HashSet<(String, Arc<str>)>>,
    filled: bool,
}

/// The namespace of an object. Namespaces stand beside what is in them.
pub fn namespace_of<K: Cached>(object: &K) -> String {
    object.namespace().unwrap_or_else(|| object.name_any())
}

impl Caches {
    /// Whether every watch has listed all there is at least once.
    pub fn are_filled(&self) -> bool {
        self.0.objects.lock().listings.iter().all(|listing| listing.filled)
    }

    /// Waits until they are filled, but no longer than this: without them the operator reads live.
    pub async fn filled(&self, patience: Duration) {
        let mut changes = self.0.filled.subscribe();
        let filled = changes.wait_for(|()| self.are_filled());
        tokio::time::timeout(patience, filled).await.ok();
    }

    /// An object as the watch showed it last.
    pub fn get<K: Cached>(&self, namespace: &str, name: &str) -> Option<K> {
        let entry =
            self.0.objects.lock().entries(namespace).iter().find(|entry| entry.is(K::shelf(name), name)).cloned();
        entry?.read(namespace)
    }

    /// All objects of a kind in a namespace.
    pub fn in_namespace<K: Kept>(&self, namespace: &str) -> Vec<K> {
        let of_kind = |entry: &&Entry| entry.shelf == K::shelf(&entry.name);
        let entries: Vec<_> = self.0.objects.lock().entries(namespace).iter().filter(of_kind).cloned().collect();
        entries.iter().filter_map(|entry| entry.read(namespace)).collect()
    }

    /// The namespaces whose label names a project of this number.
    pub fn namespaces_of_project(&self, project_id: i64) -> Vec<Namespace> {
        let names =
            self.0.objects.lock().namespaces_of_project.get(&project_id.to_string()).cloned().unwrap_or_default();
        names.iter().filter_map(|name| self.get(name, name)).collect()
    }

    /// The watch of a kind (and name, where each name has its own) begins to list.
    pub fn begin<K: Cached>(&self, name: &str) {
        self.0.objects.lock().listing(K::shelf(name)).listed = Some(HashSet::new());
    }

    /// A watch shows an object. True when something of it changed that tells us anything.
    pub fn put<K: Cached>(&self, mut object: K) -> bool {
        object.drop_status();
        let namespace = namespace_of(&object);
        let is_namespace = object.namespace().is_none();
        let project = object.labels().get(names::PROJECT_ID).filter(|_| is_namespace).cloned();
        let entry = Entry::new(self, object);
        let mut objects = self.0.objects.lock();
        if let Some(project) = project {
            objects.namespaces_of_project.entry(project).or_default().insert(namespace.clone());
        }
        if let Some(listed) = &mut objects.listing(entry.shelf).listed {
            listed.insert((namespace.clone(), entry.name.clone()));
        }
        let entries = objects.by_namespace.entry(namespace.into_boxed_str()).or_default();
        match entries.iter_mut().find(|there| there.is(entry.shelf, &entry.name)) {
            Some(there) => {
                let changed = entry.is_news_after(there);
                *there = entry;
                changed
            }
            None => {
                // Most have just as many as the next one: room for twice as many would be lost in each.
                entries.reserve_exact(1);
                entries.push(entry);
                true
            }
        }
    }

    /// A watch shows that an object is gone.
    pub fn remove<K: Cached>(&self, object: &K) {
        let (namespace, name) = (namespace_of(object), object.name_any());
        let mut objects = self.0.objects.lock();
        objects.forget(&namespace, |there| !there.is(K::shelf(&name), &name));
        if object.namespace().is_none() {
            objects.forget_project_of(&name);
        }
    }

    /// The watch has listed all there is: what it did not list is gone. Gives what went.
    pub fn finish<K: Cached>(&self, name: &str) -> Vec<K> {
        let shelf = K::shelf(name);
        let gone = self.0.objects.lock().finish(shelf);
        self.0.filled.send_replace(());
        gone.iter().filter_map(|(namespace, entry)| entry.read(namespace)).collect()
    }

    /// One copy of equal contents.
    fn shared(&self, content: Vec<u8>) -> Arc<[u8]> {
        one_of(&mut self.0.contents.lock(), content.as_slice())
    }

    fn name(&self, name: &str) -> Arc<str> {
        one_of(&mut self.0.names.lock(), name)
    }
}

/// The one copy of what is equal; what nobody has any more is dropped whenever there is no room left.
fn one_of<T>(known: &mut HashSet<Arc<T>>, value: &T) -> Arc<T>
where
    T: ?Sized + Eq + Hash,
    Arc<T>: for<'a> From<&'a T>,
{
    if let Some(known) = known.get(value) {
        return known.clone();
    }
    if known.len() == known.capacity() {
        known.retain(|value| Arc::strong_count(value) > 1);
    }
    let value: Arc<T> = value.into();
    known.insert(value.clone());
    value
}

impl Objects {
    fn listing(&mut self, shelf: Shelf) -> &mut Listing {
        &mut self.listings[shelf as usize]
    }

    fn entries(&self, namespace: &str) -> &[Entry] {
        self.by_namespace.get(namespace).map(Vec::as_slice).unwrap_or_default()
    }

    fn forget(&mut self, namespace: &str, stays: impl FnMut(&Entry) -> bool) {
        if let Some(entries) = self.by_namespace.get_mut(namespace) {
            entries.retain(stays);
            if entries.is_empty() {
                self.by_namespace.remove(namespace);
            }
        }
    }

    fn forget_project_of(&mut self, namespace: &str) {
        self.namespaces_of_project.retain(|_, names| {
            names.remove(namespace);
            !names.is_empty()
        });
    }

    fn finish(&mut self, shelf: Shelf) -> Vec<(String, Entry)> {
        let listing = self.listing(shelf);
        listing.filled = true;
        let Some(listed) = listing.listed.take() else { return Vec::new() };
        let mut gone = Vec::new();
        self.by_namespace.retain(|namespace, entries| {
            let went = |entry: &mut Entry| {
                entry.shelf == shelf && !listed.contains(&(namespace.to_string(), entry.name.clone()))
            };
            gone.extend(entries.extract_if(.., went).map(|entry| (namespace.to_string(), entry)));
            !entries.is_empty()
        });
        if shelf == Shelf::Namespaces {
            gone.iter().for_each(|(namespace, _)| self.forget_project_of(namespace));
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::{ByteString, api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry};

    use super::{kinds::COMMON, *};

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
        assert_eq!(caches.0.contents.lock().len(), 3, "an object, its fields and a certificate");
        for number in 0..1000 {
            caches.put(secret("one", &number.to_string()));
        }
        assert!(caches.0.contents.lock().len() < 100);
    }
}
