//! Wiring: watches, who wakes whom, the queues. Nothing here knows what a reconcile does.

mod stream;
mod unhurried;
mod wake;
mod watches;

use std::{
    convert::Infallible,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
    time::Duration,
};

use futures::{Stream, StreamExt as _, future};
use kube::{
    Client, Resource, ResourceExt as _,
    runtime::{
        Controller, PredicateConfig, WatchStreamExt as _,
        controller::{Action, Config},
        reflector::{self, ObjectRef, store::Writer},
        watcher,
    },
};
use tokio_util::sync::CancellationToken;

use crate::{
    api::{Condition, GitLabInstance, NamespaceClass, ProjectMapping},
    context::Context,
    facts::declarations::Declarations,
    leadership::Claim,
    reconcile::{Key, reconcile},
};

pub use stream::Limits;
pub use watches::follow;

/// How many mappings are worked on at the same time.
const MAPPINGS_AT_ONCE: u16 = 16;
/// How many instances, and how many classes.
const OTHERS_AT_ONCE: u16 = 4;
/// How long an instance or a class waits for more changes of its mappings: they only count them.
const GATHER: Duration = Duration::from_millis(200);
/// How long a mapping waits for more changes of its objects.
const SETTLE: Duration = Duration::from_millis(20);

/// The writing ends of [`Declarations`].
pub struct Writers {
    instances: Writer<GitLabInstance>,
    classes: Writer<NamespaceClass>,
    mappings: Writer<ProjectMapping>,
}

/// Empty declarations, and what fills them.
pub fn declarations() -> (Declarations, Writers) {
    let (instances, instance_writer) = reflector::store();
    let (classes, class_writer) = reflector::store();
    let (mappings, mapping_writer) = reflector::store();
    (
        Declarations { instances, classes, mappings },
        Writers { instances: instance_writer, classes: class_writer, mappings: mapping_writer },
    )
}

/// How long the first passes wait for the caches, which spare them most reads.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the controllers watch with.
pub struct Watching {
    /// Not that of the [`Context`]: an operator that does not lead watches too.
    pub client: Client,
    /// What the watches fill.
    pub writers: Writers,
    /// How they notice that they see nothing.
    pub limits: Limits,
}

/// Watches, and works as soon as `claim` lets it, until `stop`; a reconcile that is under way then still ends.
///
/// Until then the watches fill what they fill and the queues gather names, so that a new leader begins at once with everything.
pub async fn run(context: Arc<Context>, watching: Watching, claim: Claim, stop: CancellationToken) {
    let (hub, woken) = wake::hub(context.clone());
    let hub = Arc::new(hub);
    let Watching { client, writers, limits } = watching;
    let source = &stream::Source::new(client, limits, context.chance.clone());
    let declarations = &context.declarations;

    let instances = watches::declared(source, writers.instances, hub.clone());
    let instances = Controller::for_stream(changed(instances), declarations.instances.clone())
        .with_config(Config::default().concurrency(OTHERS_AT_ONCE).debounce(GATHER))
        .reconcile_on(woken.instances);
    let classes = watches::declared(source, writers.classes, hub.clone());
    let classes = Controller::for_stream(changed(classes), declarations.classes.clone())
        .with_config(Config::default().concurrency(OTHERS_AT_ONCE).debounce(GATHER))
        .reconcile_on(woken.classes);
    let mappings = watches::declared(source, writers.mappings, hub.clone());
    let mappings = Controller::for_stream(changed(mappings), declarations.mappings.clone())
        .with_config(Config::default().concurrency(MAPPINGS_AT_ONCE).debounce(SETTLE))
        .reconcile_on(woken.mappings);

    future::join4(
        drive(instances, Key::Instance, context.clone(), claim.clone(), stop.clone()),
        drive(classes, Key::Class, context.clone(), claim.clone(), stop.clone()),
        drive(mappings, Key::Mapping, context.clone(), claim, stop.clone()),
        stop.run_until_cancelled(watches::others(source, context.clone(), hub)),
    )
    .await;
}

/// Only changes that a reconcile has to look at: not our own writes of status, but a status that somebody took away.
fn changed<K: Watched>(
    stream: impl Stream<Item = watcher::Result<K>> + Send + 'static,
) -> impl Stream<Item = watcher::Result<K>> + Send + 'static {
    let looked_at = |object: &K| {
        let mut hasher = DefaultHasher::new();
        object.meta().generation.hash(&mut hasher);
        object.annotations().hash(&mut hasher);
        object.finalizers().hash(&mut hasher);
        object.conditions().is_some().hash(&mut hasher);
        Some(hasher.finish())
    };
    stream.predicate_filter(looked_at, PredicateConfig::default())
}

/// A kind of ours, as the controllers see it.
pub trait Watched: Resource<DynamicType = ()> + Clone + Send + Sync + 'static {
    /// The conditions in its status; `None` while it has no status.
    fn conditions(&self) -> Option<&[Condition]>;
}

async fn drive<K>(
    controller: Controller<K>,
    key: fn(String) -> Key,
    context: Arc<Context>,
    claim: Claim,
    stop: CancellationToken,
) where
    K: Resource<DynamicType = ()> + Clone + Send + Sync + std::fmt::Debug + serde::de::DeserializeOwned + 'static,
{
    let stopped = stop.clone();
    let work = move |object: Arc<K>, context: Arc<Context>| {
        let (claim, stopped) = (claim.clone(), stopped.clone());
        async move {
            let begun = async {
                claim.begun().await;
                // A mapping that is seen before its class has none; that must not be said of it, not even for a moment.
                context.declarations.ready().await
            };
            // A watch that ended means that the program is ending.
            if !matches!(stopped.run_until_cancelled(begun).await, Some(Ok(()))) {
                return Ok::<_, Infallible>(Action::await_change());
            }
            context.caches.filled(PATIENCE).await;
            let outcome = reconcile(&context, &key(object.name_any())).await;
            Ok(outcome.again.map_or_else(Action::await_change, Action::requeue))
        }
    };
    controller
        .graceful_shutdown_on(stop.cancelled_owned())
        .run(work, |_, never, _| match *never {}, context)
        .for_each(|result| {
            if let Err(error) = result {
                tracing::debug!(%error, kind = %K::kind(&()), "a trigger came to nothing");
            }
            future::ready(())
        })
        .await;
}

/// A reference by name: the kinds are cluster-scoped, so that each object has one place in its queue.
fn by_name<K: Resource<DynamicType = ()>>(name: &str) -> ObjectRef<K> {
    ObjectRef::new(name)
}
