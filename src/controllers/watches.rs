//! The watches: our own kinds, and the objects that we keep in managed namespaces.
//!
//! Of the latter only metadata is watched, and each fixed name by a field selector across all namespaces: that is what the
//! operator's rights allow. An object leads to its mapping through the claim of its namespace.

use std::{fmt::Debug, sync::Arc};

use futures::{Stream, StreamExt as _, TryStreamExt as _, future, stream::SelectAll};
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

use super::{
    Writers,
    wake::{Hub, OwnKind, Wakes},
};
use crate::{api::names, context::Context};

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
    Namespace { name: String, mapping: Option<String> },
    Child { namespace: String },
    Own { kind: OwnKind, name: String },
}

/// Follows everything that we keep and wakes its mapping; ends only with the program.
pub(super) async fn others(client: &Client, context: Arc<Context>, hub: Arc<Hub>) {
    let (namespaces, writer) = reflector::store::<PartialObjectMeta<Namespace>>();
    let mut changes = Changes::new();
    changes.push(managed_namespaces(client, writer).boxed());
    changes.push(named::<ServiceAccount>(client, names::SERVICE_ACCOUNT).boxed());
    changes.push(named::<RoleBinding>(client, names::ROLE_BINDING).boxed());
    changes.push(named::<Secret>(client, names::TOKEN_SECRET).boxed());
    changes.push(named::<Secret>(client, names::LEGACY_TOKEN_SECRET).boxed());
    changes.push(named::<ResourceQuota>(client, names::RESOURCE_QUOTA).boxed());
    changes.push(named::<LimitRange>(client, names::LIMIT_RANGE).boxed());
    changes.push(children(Api::<PartialObjectMeta<NetworkPolicy>>::all(client.clone()), ours()).boxed());
    let own = &context.settings.own_namespace;
    changes.push(own_objects::<Secret>(client, own, OwnKind::Secret).boxed());
    changes.push(own_objects::<ConfigMap>(client, own, OwnKind::ConfigMap).boxed());
    while let Some(change) = changes.next().await {
        match change {
            Change::Namespace { mapping: Some(mapping), .. } => hub.touched(&mapping),
            Change::Namespace { name, mapping: None } => hub.unclaimed(&name),
            Change::Child { namespace } => {
                let namespace = namespaces.get(&ObjectRef::new(&namespace));
                if let Some(mapping) = namespace.and_then(|namespace| mapping_of(&*namespace)) {
                    hub.touched(&mapping);
                }
            }
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

/// Namespaces with our label; one that loses it is seen as deleted.
fn managed_namespaces(
    client: &Client,
    writer: Writer<PartialObjectMeta<Namespace>>,
) -> impl Stream<Item = Change> + Send + use<> {
    watcher(Api::<PartialObjectMeta<Namespace>>::all(client.clone()), ours())
        .default_backoff()
        .modify(|namespace| namespace.managed_fields_mut().clear())
        .reflect(writer)
        .touched_objects()
        .filter_map(|result| future::ready(result.ok()))
        .map(|namespace| Change::Namespace { name: namespace.name_any(), mapping: mapping_of(&namespace) })
}

fn named<K>(client: &Client, name: &str) -> impl Stream<Item = Change> + Send + use<K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + Send + Sync + 'static,
{
    let api = Api::<PartialObjectMeta<K>>::all_with(client.clone(), &());
    children(api, config().fields(&format!("metadata.name={name}")))
}

fn children<K>(api: Api<PartialObjectMeta<K>>, config: watcher::Config) -> impl Stream<Item = Change> + Send + use<K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + Send + Sync + 'static,
{
    watcher(api, config)
        .default_backoff()
        .touched_objects()
        .filter_map(|result| future::ready(result.ok()))
        .map(|object| Change::Child { namespace: object.namespace().unwrap_or_default() })
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
