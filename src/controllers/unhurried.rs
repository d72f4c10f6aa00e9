//! Watches that end as soon as they begin, because of a proxy that lets no answer last or an API server that is in trouble.
//!
//! kube's watcher begins a watch that ended anew at once (kube-runtime 5.0, watcher.rs), and only errors make it wait. So
//! this stands before the API server and lets such watches wait longer and longer.

use std::{collections::HashMap, sync::Arc, time::Duration};

use http::{Request, Uri};
use kube::{Client, client::Body};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep};
use tower::BoxError;

use crate::context::Chance;

/// A watch that is begun anew before this time is one that ended too soon.
const SOON: Duration = Duration::from_millis(500);
/// So many times in a row that is nothing to worry about: a server that restarts ends watches too.
const FREE: u32 = 3;
/// The first wait, which doubles each time.
const FIRST: Duration = Duration::from_millis(200);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(30);

/// The same client, but watches that end too soon wait before they begin again.
pub(super) fn unhurried(client: &Client, chance: Arc<Chance>) -> Client {
    let beginnings = Arc::new(Mutex::new(Beginnings::default()));
    let inner = client.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let (inner, beginnings, chance) = (inner.clone(), beginnings.clone(), chance.clone());
        async move {
            if let Some(watch) = watch_of(request.uri()) {
                let wait = beginnings.lock().wait(&watch, Instant::now());
                sleep(wait.mul_f64(0.5 + chance.fraction() / 2.0)).await;
                beginnings.lock().begins(watch, Instant::now());
            }
            inner.send(request).await.map_err(BoxError::from)
        }
    });
    Client::new(service, client.default_namespace())
}

/// What a request watches, without the place in history from which on; `None` for one that is no watch.
fn watch_of(uri: &Uri) -> Option<String> {
    let parameters: Vec<_> = uri.query()?.split('&').collect();
    let selectors = parameters.iter().copied().filter(|parameter| parameter.contains("Selector="));
    parameters.contains(&"watch=true").then(|| [uri.path()].into_iter().chain(selectors).collect())
}

/// When each watch began last, and how often in a row it ended too soon.
#[derive(Default)]
struct Beginnings(HashMap<String, (Instant, u32)>);

impl Beginnings {
    /// How long a watch waits that is to begin now.
    fn wait(&mut self, watch: &str, now: Instant) -> Duration {
        let Some((began, too_soon)) = self.0.get_mut(watch) else { return Duration::ZERO };
        *too_soon = if now.duration_since(*began) < SOON { too_soon.saturating_add(1) } else { 0 };
        match too_soon.checked_sub(FREE) {
            None => Duration::ZERO,
            Some(times) => FIRST.saturating_mul(2_u32.saturating_pow(times)).min(LONGEST),
        }
    }

    fn begins(&mut self, watch: String, now: Instant) {
        self.0.entry(watch).or_insert((now, 0)).0 = now;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use http::Response;

    use super::*;

    const WATCH: &str = "/api/v1/secrets?watch=true&fieldSelector=metadata.name%3Da&resourceVersion=";

    /// A server that answers everything at once, and how often it was asked.
    fn client() -> (Client, Arc<AtomicU32>) {
        let asked = Arc::new(AtomicU32::new(0));
        let count = asked.clone();
        let service = tower::service_fn(move |_: Request<Body>| {
            count.fetch_add(1, Ordering::Relaxed);
            async { Ok::<_, BoxError>(Response::new(Body::empty())) }
        });
        (unhurried(&Client::new(service, "default"), Arc::new(Chance::seeded(1))), asked)
    }

    async fn send(client: &Client, target: &str) {
        let request = Request::get(target).body(Body::empty()).unwrap();
        client.send(request).await.unwrap();
    }

    async fn watch_for(client: &Client, time: Duration) -> u32 {
        let began = Instant::now();
        let mut times = 0;
        while began.elapsed() < time {
            send(client, &format!("{WATCH}{times}")).await;
            times += 1;
        }
        times
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_ends_at_once_again_and_again_begins_less_and_less_often() {
        let (client, asked) = client();
        let hour = watch_for(&client, Duration::from_secs(3600)).await;
        assert!((120..300).contains(&hour), "{hour} times in an hour");
        assert_eq!(asked.load(Ordering::Relaxed), hour, "each one went out in the end");
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_lasted_begins_again_at_once() {
        let (client, _) = client();
        watch_for(&client, Duration::from_secs(600)).await;
        sleep(SOON).await;
        let began = Instant::now();
        for _ in 0..FREE {
            send(&client, WATCH).await;
        }
        assert_eq!(began.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn lists_and_other_watches_do_not_wait_with_it() {
        let (client, _) = client();
        watch_for(&client, Duration::from_secs(600)).await;
        let began = Instant::now();
        for target in ["/api/v1/secrets?limit=50", "/api/v1/secrets?watch=true&fieldSelector=metadata.name%3Db"] {
            send(&client, target).await;
        }
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}
