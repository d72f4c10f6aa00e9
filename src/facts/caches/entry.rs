//! An object in a few hundred bytes.

use std::sync::Arc;

use k8s_openapi::{ByteString, Resource as _, api::core::v1::Namespace, apimachinery::pkg::apis::meta::v1::Time};

use super::{
    Caches,
    kinds::{COMMON, Cached, Shelf},
};
use crate::api::names;

/// An object as it is kept.
#[derive(Clone)]
pub struct Entry {
    /// Which watch showed it.
    pub shelf: Shelf,
    /// Its name.
    pub name: Arc<str>,
    uid: Box<str>,
    version: Box<str>,
    created: Option<Time>,
    content: Content,
}

/// An object without what [`Entry`] says of it, in parts of which each is kept once.
#[derive(Clone, PartialEq)]
struct Content {
    object: Arc<[u8]>,
    fields: Option<Arc<[u8]>>,
    common: Option<Arc<[u8]>>,
}

impl Entry {
    /// Of an object without status.
    pub fn new<K: Cached>(caches: &Caches, mut object: K) -> Self {
        let meta = object.meta_mut();
        let (name, uid) = (meta.name.take(), meta.uid.take());
        let (version, created) = (meta.resource_version.take(), meta.creation_timestamp.take());
        meta.namespace = None;
        meta.generation = None;
        let text = |value: Option<String>| value.unwrap_or_default().into_boxed_str();
        let name = name.unwrap_or_default();
        Self {
            shelf: K::shelf(&name),
            name: caches.name(&name),
            uid: text(uid),
            version: text(version),
            created,
            content: Content::new(caches, object),
        }
    }

    /// Whether it is the one of this name.
    pub fn is(&self, shelf: Shelf, name: &str) -> bool {
        self.shelf == shelf && *self.name == *name
    }

    /// Whether it tells more or something else than this one did.
    pub fn is_news_after(&self, before: &Self) -> bool {
        self.content != before.content || self.uid != before.uid
    }

    /// The object again.
    pub fn read<K: Cached>(&self, namespace: &str) -> Option<K> {
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
