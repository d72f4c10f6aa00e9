//! The watches: our own kinds, and the objects that we keep in managed namespaces.
//!
//! The latter fill the caches. Each fixed name is watched by a field selector across all namespaces: that is what the
//! operator's rights allow. An object leads to its mapping through the claim of its namespace.

use std::{fmt::Debug, sync::Arc};

use futures::{
    Stream, StreamExt as _, TryStreamExt as _, future,
    stream::{self, BoxStream},
};
use k8s_openapi::api::{
    core::v1::{ConfigMap, LimitRange, Namespace, ResourceQuota, Secret, ServiceAccount},
    networking::v1::NetworkPolicy,
    rbac::v1::RoleBinding,
};
use kube::{
    Api, Client, Resource, ResourceExt as _,
    core::PartialObjectMeta,
    runtime::{
        WatchStreamExt as _,
        reflector::{self, ObjectRef, Store, store::Writer},
        watcher::{self, Event, watcher},
    },
};
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;

use super::{
    Writers,
    stream::{Source, with_deletions},
    wake::{Hub, OwnKind, Wakes},
};
use crate::{
    api::names,
    context::Context,
    facts::caches::{Cached, Caches, namespace_of},
};

/// Watches one of our own kinds into its store; tells the hub of each change, also of deletions.
pub(super) fn declared<K: Wakes + Debug + DeserializeOwned>(
    source: &Source,
    writer: Writer<K>,
    hub: Arc<Hub>,
) -> impl Stream<Item = watcher::Result<K>> + Send + 'static {
    let store = writer.as_reader();
    let events = source
        .watch(Api::<K>::all_with(source.client(), &()), watcher::Config::default())
        .modify(|object| object.managed_fields_mut().clear());
    with_deletions(events, store.clone())
        .inspect_ok(move |event| tell(&hub, &store, event))
        .reflect(writer)
        .applied_objects()
}

fn tell<K: Wakes>(hub: &Hub, store: &Store<K>, event: &Event<K>) {
    let before = |object: &K| store.get(&ObjectRef::from_obj(object));
    match event {
        Event::Apply(object) | Event::InitApply(object) => K::wake(hub, before(object).as_deref(), Some(object)),
        Event::Delete(object) => K::wake(hub, before(object).as_deref().or(Some(object)), None),
        Event::Init | Event::InitDone => {}
    }
}

/// Fills the declarations without any controller, for whoever calls [`reconcile`](crate::reconcile::reconcile) itself.
pub async fn follow(client: Client, writers: Writers) {
    async fn one<K>(client: Client, writer: Writer<K>)
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    {
        let stream =
            watcher(Api::<K>::all_with(client, &()), watcher::Config::default()).default_backoff().reflect(writer);
        stream.for_each(|_| future::ready(())).await;
    }
    future::join3(
        one(client.clone(), writers.instances),
        one(client.clone(), writers.classes),
        one(client, writers.mappings),
    )
    .await;
}

/// What a watch saw.
enum Change {
    /// Something in this namespace, or the namespace itself.
    Kept { namespace: String },
    /// A namespace that is gone; it belonged to this mapping.
    Gone { name: String, mapping: Option<String> },
    /// A Secret or ConfigMap in the operator's own namespace.
    Own { kind: OwnKind, name: String },
}

/// Follows everything that we keep, fills the caches with it and wakes its mapping; ends only with the program.
///
/// Each watch is a task of its own: when the program starts, reading what they list is most of the work.
pub(super) async fn others(source: &Source, context: Arc<Context>, hub: Arc<Hub>) {
    let (caches, own) = (&context.caches, &context.settings.own_namespace);
    let watches = [
        kept::<Namespace>(source, caches, ours(), ""),
        named::<ServiceAccount>(source, caches, names::SERVICE_ACCOUNT),
        named::<RoleBinding>(source, caches, names::ROLE_BINDING),
        named::<Secret>(source, caches, names::TOKEN_SECRET),
        named::<Secret>(source, caches, names::LEGACY_TOKEN_SECRET),
        named::<ResourceQuota>(source, caches, names::RESOURCE_QUOTA),
        named::<LimitRange>(source, caches, names::LIMIT_RANGE),
        kept::<NetworkPolicy>(source, caches, ours(), ""),
        own_objects::<Secret>(source, own, OwnKind::Secret).boxed(),
        own_objects::<ConfigMap>(source, own, OwnKind::ConfigMap).boxed(),
    ];
    let heed = |watch: BoxStream<'static, Change>| {
        let (caches, hub) = (caches.clone(), hub.clone());
        watch.for_each(move |change| {
            wake(&caches, &hub, change);
            future::ready(())
        })
    };
    watches.into_iter().map(heed).collect::<JoinSet<()>>().join_all().await;
}

fn wake(caches: &Caches, hub: &Hub, change: Change) {
    match change {
        Change::Kept { namespace } => {
            let Some(known) = caches.get::<Namespace>(&namespace, &namespace) else { return };
            match mapping_of(&known) {
                Some(mapping) => hub.touched(&mapping),
                None => hub.unclaimed(&namespace),
            }
        }
        Change::Gone { mapping: Some(mapping), .. } => hub.touched(&mapping),
        Change::Gone { name, mapping: None } => hub.unclaimed(&name),
        Change::Own { kind, name } => hub.own_object(kind, &name),
    }
}

fn ours() -> watcher::Config {
    watcher::Config::default().labels(&format!("{}={}", names::MANAGED_BY_LABEL, names::MANAGED_BY))
}

fn mapping_of(namespace: &impl Resource) -> Option<String> {
    namespace.meta().annotations.as_ref()?.get(names::MAPPING_ANNOTATION).cloned()
}

fn named<K: Cached>(source: &Source, caches: &Caches, name: &'static str) -> BoxStream<'static, Change> {
    kept::<K>(source, caches, watcher::Config::default().fields(&format!("metadata.name={name}")), name)
}

/// Watches a kind into its cache; gives what a mapping has to look at.
fn kept<K: Cached>(
    source: &Source,
    caches: &Caches,
    config: watcher::Config,
    name: &'static str,
) -> BoxStream<'static, Change> {
    let caches = caches.clone();
    source
        .watch(Api::<K>::all_with(source.client(), &()), config)
        .flat_map(move |event| stream::iter(event.map_or_else(|_| Vec::new(), |event| take(&caches, name, event))))
        .boxed()
}

fn take<K: Cached>(caches: &Caches, name: &str, event: Event<K>) -> Vec<Change> {
    match event {
        Event::Init => {
            caches.begin::<K>(name);
            Vec::new()
        }
        Event::InitDone => caches.finish::<K>(name).iter().map(went).collect(),
        Event::Apply(object) | Event::InitApply(object) => {
            let namespace = namespace_of(&object);
            if caches.put(object) { vec![Change::Kept { namespace }] } else { Vec::new() }
        }
        Event::Delete(object) => {
            caches.remove(&object);
            vec![went(&object)]
        }
    }
}

/// A namespace that is gone, or lost our label, still says whose it was.
fn went<K: Cached>(object: &K) -> Change {
    let namespace = namespace_of(object);
    if object.namespace().is_none() {
        Change::Gone { name: namespace, mapping: mapping_of(object) }
    } else {
        Change::Kept { namespace }
    }
}

/// Tells of each change once, also of what went while nobody looked, and not of what a new list shows again.
fn own_objects<K>(source: &Source, namespace: &str, kind: OwnKind) -> impl Stream<Item = Change> + Send + use<K>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope> + Clone + Debug + Send + Sync + 'static,
{
    let (seen, mut writer) = reflector::store();
    let api = Api::<PartialObjectMeta<K>>::namespaced(source.client(), namespace);
    let events = source.watch(api, watcher::Config::default()).modify(|object| {
        object.managed_fields_mut().clear();
        object.annotations_mut().clear();
    });
    with_deletions(events, seen.clone()).filter_map(move |event| {
        let change = event.ok().and_then(|event| {
            let changed = changed(&seen, &event).map(|object| Change::Own { kind, name: object.name_any() });
            writer.apply_watcher_event(&event);
            changed
        });
        future::ready(change)
    })
}

/// The object of an event that shows anything new.
fn changed<'a, K: Resource<DynamicType = ()> + Clone>(seen: &Store<K>, event: &'a Event<K>) -> Option<&'a K> {
    match event {
        Event::Apply(object) | Event::InitApply(object) => {
            let version = |object: &K| (object.uid(), object.resource_version());
            let known = seen.get(&ObjectRef::from_obj(object));
            (known.map(|known| version(&known)) != Some(version(object))).then_some(object)
        }
        Event::Delete(object) => Some(object),
        Event::Init | Event::InitDone => None,
    }
}
