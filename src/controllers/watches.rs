//! The watches: our own kinds, and the objects that we keep in managed namespaces.
//!
//! The latter fill the caches. Each fixed name is watched by a field selector across all namespaces: that is what the
//! operator's rights allow. An object leads to its mapping through the claim of its namespace.

use std::{fmt::Debug, sync::Arc};

use futures::{
    Stream, StreamExt as _, TryStreamExt as _, future,
    stream::{self, BoxStream, SelectAll},
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
        reflector::{ObjectRef, Store, store::Writer},
        watcher::{self, Event, watcher},
    },
};
use serde::de::DeserializeOwned;

use super::{
    Writers,
    wake::{Hub, OwnKind, Wakes},
};
use crate::{
    api::names,
    context::Context,
    facts::caches::{Cached, Caches, namespace_of},
};

/// Objects that are listed at a time.
const PAGE: u32 = 100;

fn config() -> watcher::Config {
    watcher::Config::default().page_size(PAGE)
}

/// Watches one of our own kinds into its store; tells the hub of each change, also of deletions.
pub(super) fn declared<K: Wakes + Debug + DeserializeOwned>(
    client: &Client,
    writer: Writer<K>,
    hub: Arc<Hub>,
) -> impl Stream<Item = watcher::Result<K>> + Send + 'static {
    let store = writer.as_reader();
    watcher(Api::<K>::all_with(client.clone(), &()), config())
        .default_backoff()
        .modify(|object| object.managed_fields_mut().clear())
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
        let stream = watcher(Api::<K>::all_with(client, &()), config()).default_backoff().reflect(writer);
        stream.for_each(|_| future::ready(())).await;
    }
    future::join3(
        one(client.clone(), writers.instances),
        one(client.clone(), writers.classes),
        one(client, writers.mappings),
    )
    .await;
}

type Changes = SelectAll<futures::stream::BoxStream<'static, Change>>;

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
pub(super) async fn others(client: &Client, context: Arc<Context>, hub: Arc<Hub>) {
    let caches = &context.caches;
    let mut changes = Changes::new();
    changes.push(kept::<Namespace>(client, caches, ours(), ""));
    changes.push(named::<ServiceAccount>(client, caches, names::SERVICE_ACCOUNT));
    changes.push(named::<RoleBinding>(client, caches, names::ROLE_BINDING));
    changes.push(named::<Secret>(client, caches, names::TOKEN_SECRET));
    changes.push(named::<Secret>(client, caches, names::LEGACY_TOKEN_SECRET));
    changes.push(named::<ResourceQuota>(client, caches, names::RESOURCE_QUOTA));
    changes.push(named::<LimitRange>(client, caches, names::LIMIT_RANGE));
    changes.push(kept::<NetworkPolicy>(client, caches, ours(), ""));
    let own = &context.settings.own_namespace;
    changes.push(own_objects::<Secret>(client, own, OwnKind::Secret).boxed());
    changes.push(own_objects::<ConfigMap>(client, own, OwnKind::ConfigMap).boxed());
    while let Some(change) = changes.next().await {
        match change {
            Change::Kept { namespace } => {
                let Some(known) = caches.get::<Namespace>(&namespace, &namespace) else { continue };
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
}

fn ours() -> watcher::Config {
    config().labels(&format!("{}={}", names::MANAGED_BY_LABEL, names::MANAGED_BY))
}

fn mapping_of(namespace: &impl Resource) -> Option<String> {
    namespace.meta().annotations.as_ref()?.get(names::MAPPING_ANNOTATION).cloned()
}

fn named<K: Cached>(client: &Client, caches: &Caches, name: &'static str) -> BoxStream<'static, Change> {
    kept::<K>(client, caches, config().fields(&format!("metadata.name={name}")), name)
}

/// Watches a kind into its cache; gives what a mapping has to look at.
fn kept<K: Cached>(
    client: &Client,
    caches: &Caches,
    config: watcher::Config,
    name: &'static str,
) -> BoxStream<'static, Change> {
    let caches = caches.clone();
    let api = Api::<K>::all_with(client.clone(), &());
    watcher(api, config)
        .default_backoff()
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

fn own_objects<K>(client: &Client, namespace: &str, kind: OwnKind) -> impl Stream<Item = Change> + Send + use<K>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope> + Clone + Debug + Send + Sync + 'static,
{
    watcher(Api::<PartialObjectMeta<K>>::namespaced(client.clone(), namespace), config())
        .default_backoff()
        .touched_objects()
        .filter_map(|result| future::ready(result.ok()))
        .map(move |object| Change::Own { kind, name: object.name_any() })
}
