//! Watches that go on seeing, whatever happens to their connections.
//!
//! kube's watcher (kube-runtime 5.0, watcher.rs) resumes a watch that ended where it was, takes one that is open but mute
//! for dead five seconds after the server should have ended it, and lists anew when an event says that its place in history
//! is gone. What it leaves open is closed here:
//!
//! - a new watch that is refused with the status 410 would be asked for at the same place for ever;
//! - an answer to a list that never ends would be waited for for ever, since time limits of calls end with the head of the
//!   answer;
//! - its delays after failures begin anew with every attempt to list, and a watch that ends without one begins again at
//!   once: see [`unhurried`];
//! - an object that went while nobody looked is told of to nobody: the new list just lacks it;
//! - events that get lost on a watch that looks well, for example after the server's data were restored from a backup and
//!   its history went back, are never made up for. So everything is listed anew from time to time.

use std::{collections::HashSet, fmt::Debug, sync::Arc, time::Duration};

use futures::{
    Stream, StreamExt as _,
    stream::{self, BoxStream},
};
use kube::{
    Api, Client, Resource, ResourceExt as _,
    runtime::{
        reflector::Store,
        utils::Backoff as _,
        watcher::{self, DefaultBackoff, Event, watcher},
    },
};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, timeout_at};

use super::unhurried::unhurried;
use crate::context::Chance;

/// Objects that are listed at a time. With 200 a restart with 2,000 namespaces is no faster, and needs 6 MB more.
const PAGE: u32 = 50;
/// So many refusals in a row, and a watch begins again with a list: its place in history may be one that the server never
/// had.
const REFUSALS: u32 = 5;

/// How the watches notice that they see nothing.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The server ends each watch after this time, in whole seconds; one that is mute for five seconds longer is dead.
    pub watch: Duration,
    /// A list whose next page does not come in this time is begun anew.
    pub page: Duration,
    /// Everything is listed anew after a half to the whole of this time.
    pub relist: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { watch: Duration::from_secs(290), page: Duration::from_secs(60), relist: Duration::from_secs(600) }
    }
}

/// Where watches come from.
#[derive(Clone)]
pub(super) struct Source {
    client: Client,
    limits: Limits,
    chance: Arc<Chance>,
}

impl Source {
    pub fn new(client: Client, limits: Limits, chance: Arc<Chance>) -> Self {
        Self { client: unhurried(&client, chance.clone()), limits, chance }
    }

    /// Whom the watches ask.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// A watch that never ends; after an error it waits longer each time until something is seen again. `config` says which
    /// objects.
    pub fn watch<K>(
        &self,
        api: Api<K>,
        config: watcher::Config,
    ) -> impl Stream<Item = watcher::Result<Event<K>>> + Send + use<K>
    where
        K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
        K::DynamicType: Send + Sync,
    {
        let seconds = u32::try_from(self.limits.watch.as_secs()).unwrap_or(u32::MAX);
        let config = config.page_size(PAGE).timeout(seconds);
        begun_anew(move || watcher(api.clone(), config.clone()).boxed(), self.limits, self.chance.clone())
    }
}

/// Tells what went while nobody looked as deleted, before a new list without it fills the store.
pub(super) fn with_deletions<K>(
    events: impl Stream<Item = watcher::Result<Event<K>>> + Send + 'static,
    store: Store<K>,
) -> impl Stream<Item = watcher::Result<Event<K>>> + Send + 'static
where
    K: Resource<DynamicType = ()> + Clone + Send + Sync + 'static,
{
    let mut listed = HashSet::new();
    let complete = move |event: watcher::Result<Event<K>>| {
        let mut events = Vec::new();
        match &event {
            Ok(Event::Init) => listed.clear(),
            Ok(Event::InitApply(object)) => drop(listed.insert(object.name_any())),
            Ok(Event::InitDone) => {
                let gone = store.state_filter(|known| !listed.contains(&known.name_any()));
                events.extend(gone.into_iter().map(|object| Ok(Event::Delete(K::clone(&object)))));
                listed = HashSet::new();
            }
            _ => {}
        }
        events.push(event);
        stream::iter(events)
    };
    events.flat_map(complete)
}

struct Attempts<K> {
    begin: Box<dyn Fn() -> BoxStream<'static, watcher::Result<Event<K>>> + Send>,
    events: BoxStream<'static, watcher::Result<Event<K>>>,
    limits: Limits,
    chance: Arc<Chance>,
    /// When what is awaited now is given up: the next page of a list, or the watch after it.
    until: Instant,
    is_listing: bool,
    refusals: u32,
    backoff: DefaultBackoff,
    pause: Option<Duration>,
}

fn begun_anew<K: Send + 'static>(
    begin: impl Fn() -> BoxStream<'static, watcher::Result<Event<K>>> + Send + 'static,
    limits: Limits,
    chance: Arc<Chance>,
) -> impl Stream<Item = watcher::Result<Event<K>>> + Send + 'static {
    let attempts = Attempts {
        events: begin(),
        begin: Box::new(begin),
        limits,
        chance,
        until: Instant::now() + limits.page,
        is_listing: true,
        refusals: 0,
        backoff: DefaultBackoff::default(),
        pause: None,
    };
    stream::unfold(attempts, |mut attempts| async {
        let event = attempts.next().await;
        Some((event, attempts))
    })
}

impl<K> Attempts<K> {
    async fn next(&mut self) -> watcher::Result<Event<K>> {
        loop {
            if let Some(pause) = self.pause.take() {
                sleep(pause).await;
                self.until = self.until.max(Instant::now() + self.limits.page);
            }
            match timeout_at(self.until, self.events.next()).await {
                Ok(Some(Ok(event))) => {
                    self.saw(&event);
                    return Ok(event);
                }
                Ok(Some(Err(error))) => {
                    self.pause = self.backoff.next();
                    if self.is_to_list_anew(&error) {
                        self.list_anew();
                    }
                    return Err(error);
                }
                Ok(None) => self.pause = self.backoff.next(),
                Err(_) if self.is_listing => {
                    tracing::warn!("the answer to a list does not end; it is asked for again");
                    self.pause = self.backoff.next();
                }
                Err(_) => {}
            }
            self.list_anew();
        }
    }

    fn list_anew(&mut self) {
        self.events = (self.begin)();
        self.is_listing = true;
        self.refusals = 0;
        self.until = Instant::now() + self.limits.page;
    }

    fn saw(&mut self, event: &Event<K>) {
        match event {
            // An attempt to list is not yet a success.
            Event::Init => self.is_listing = true,
            Event::InitDone => {
                self.is_listing = false;
                self.fares_well();
            }
            Event::InitApply(_) | Event::Apply(_) | Event::Delete(_) => self.fares_well(),
        }
        if !matches!(event, Event::Apply(_) | Event::Delete(_)) {
            self.until = Instant::now() + if self.is_listing { self.limits.page } else { self.relist() };
        }
    }

    fn fares_well(&mut self) {
        self.refusals = 0;
        self.backoff.reset();
    }

    fn relist(&self) -> Duration {
        self.limits.relist.mul_f64(0.5 + self.chance.fraction() / 2.0)
    }

    fn is_to_list_anew(&mut self, error: &watcher::Error) -> bool {
        let watcher::Error::WatchStartFailed(kube::Error::Api(status)) = error else { return false };
        self.refusals += 1;
        status.code == 410 || self.refusals >= REFUSALS
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::{
        core::Status,
        runtime::{WatchStreamExt as _, reflector},
    };

    use super::*;

    type Script = Vec<watcher::Result<Event<ConfigMap>>>;

    fn map(name: &str) -> ConfigMap {
        let mut map = ConfigMap::default();
        map.metadata.name = Some(name.to_owned());
        map
    }

    fn refused(code: u16) -> watcher::Error {
        let status = Status { code, ..Status::failure("refused", "Refused") };
        watcher::Error::WatchStartFailed(kube::Error::Api(status.boxed()))
    }

    /// Watches that show what a script says for each beginning, and then nothing any more.
    fn scripted(
        script: impl Fn(u32) -> Script + Send + 'static,
    ) -> (BoxStream<'static, watcher::Result<Event<ConfigMap>>>, Arc<AtomicU32>) {
        let begun = Arc::new(AtomicU32::new(0));
        let count = begun.clone();
        let begin =
            move || stream::iter(script(count.fetch_add(1, Ordering::Relaxed))).chain(stream::pending()).boxed();
        (begun_anew(begin, Limits::default(), Arc::new(Chance::seeded(1))).boxed(), begun)
    }

    async fn listings(events: &mut BoxStream<'static, watcher::Result<Event<ConfigMap>>>, number: usize) {
        for _ in 0..number {
            while !matches!(events.next().await, Some(Ok(Event::InitDone))) {}
        }
    }

    #[tokio::test(start_paused = true)]
    async fn everything_is_listed_anew_from_time_to_time() {
        let (mut events, begun) = scripted(|_| vec![Ok(Event::Init), Ok(Event::InitDone)]);
        let start = Instant::now();
        listings(&mut events, 11).await;
        assert_eq!(begun.load(Ordering::Relaxed), 11);
        let (relist, took) = (Limits::default().relist, start.elapsed());
        assert!(took > relist * 5 && took < relist * 10, "half to the whole of it, by chance: {took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_that_does_not_end_is_begun_anew_with_growing_delays() {
        let (mut events, begun) = scripted(|number| match number {
            0..6 => vec![Ok(Event::Init), Ok(Event::InitApply(map("one")))],
            _ => vec![Ok(Event::Init), Ok(Event::InitApply(map("one"))), Ok(Event::InitDone)],
        });
        listings(&mut events, 1).await;
        assert_eq!(begun.load(Ordering::Relaxed), 7);
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_in_history_that_is_gone_is_given_up_at_once() {
        let (mut events, begun) = scripted(|number| match number {
            0 => vec![Ok(Event::Init), Ok(Event::InitDone), Err(refused(410))],
            _ => vec![Ok(Event::Init), Ok(Event::InitDone)],
        });
        let start = Instant::now();
        listings(&mut events, 2).await;
        assert_eq!(begun.load(Ordering::Relaxed), 2);
        assert!(start.elapsed() < Limits::default().page);
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_in_history_that_is_refused_again_and_again_is_given_up() {
        let (mut events, begun) = scripted(|number| match number {
            0 => [Ok(Event::Init), Ok(Event::InitDone)].into_iter().chain((0..9).map(|_| Err(refused(504)))).collect(),
            _ => vec![Ok(Event::Init), Ok(Event::InitDone)],
        });
        listings(&mut events, 2).await;
        assert_eq!(begun.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn delays_grow_although_every_attempt_begins_well() {
        let (mut events, _) = scripted(|_| {
            let failed = || Err(watcher::Error::InitialListFailed(kube::Error::LinesCodecMaxLineLengthExceeded));
            (0..8).flat_map(|_| [Ok(Event::Init), failed()]).collect()
        });
        let start = Instant::now();
        for _ in 0..16 {
            events.next().await;
        }
        // Seven delays of 0.8 s, as without growth, would be over long before.
        assert!(start.elapsed() > Duration::from_secs(20), "{:?}", start.elapsed());
    }

    #[tokio::test]
    async fn what_a_new_list_lacks_is_told_as_deleted_before_the_store_loses_it() {
        let (store, writer) = reflector::store::<ConfigMap>();
        let script = vec![
            Ok(Event::Init),
            Ok(Event::InitApply(map("stays"))),
            Ok(Event::InitApply(map("goes"))),
            Ok(Event::InitDone),
            Ok(Event::Init),
            Ok(Event::InitApply(map("stays"))),
            Ok(Event::InitDone),
        ];
        let events = with_deletions(stream::iter(script), store.clone()).reflect(writer);
        let events: Vec<_> = events.collect().await;
        let deleted = events.iter().filter_map(|event| match event {
            Ok(Event::Delete(object)) => Some(object.name_any()),
            _ => None,
        });
        assert_eq!(deleted.collect::<Vec<_>>(), ["goes"]);
        assert_eq!(store.state().iter().map(|object| object.name_any()).collect::<Vec<_>>(), ["stays"]);
    }
}
