//! Ten idle minutes in accelerated time.
//!
//! The only measurement that links the operator: `reconcile` is called in this process, in the order in which it asks to be
//! called again, in a calendar that jumps from one moment to the next. What a pass does depends on that calendar alone:
//! tokens that end, projects that are to be read again, deliveries that are to be compared.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use futures::future::join_all;
use gl_k8s_integrator::commands::run::client;
use gl_k8s_integrator::context::{Clock, Context, Settings};
use gl_k8s_integrator::controllers;
use gl_k8s_integrator::gitlab::{HttpOptions, Proxy, http_transport};
use gl_k8s_integrator::reconcile::{Key, reconcile};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::Arguments;
use crate::bed::Bed;
use crate::objects::mapping_name;

/// How much time goes by.
const TIME: Duration = Duration::from_secs(600);
/// How many passes run at a time.
const AT_ONCE: usize = 8;

/// What ten minutes bring.
#[derive(Clone, Debug, Serialize)]
pub struct Accelerated {
    /// Minutes in the operator's calendar.
    pub minutes: u64,
    /// Passes over all objects, those of the start included.
    pub passes: usize,
    /// Requests to the API server that only read.
    pub kubernetes_reads: usize,
    /// Writes to the API server.
    pub kubernetes_writes: usize,
    /// Requests to GitLab.
    pub gitlab: usize,
    /// Writes to GitLab.
    pub gitlab_writes: usize,
}

/// The machine's clock, put forward.
#[derive(Default)]
struct MovedClock(Mutex<SignedDuration>);

impl MovedClock {
    fn advance_to(&self, since_start: Duration) {
        let mut ahead = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *ahead = SignedDuration::try_from(since_start).unwrap_or(SignedDuration::MAX);
    }
}

impl Clock for MovedClock {
    fn now(&self) -> Timestamp {
        Timestamp::now() + *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Measures it, while no other operator runs.
pub async fn measure(arguments: &Arguments, bed: &Bed) -> anyhow::Result<Accelerated> {
    let kubernetes = client(bed.control_plane.client_config_with_token(&bed.token))?;
    let clock = Arc::new(MovedClock::default());
    let (declarations, writers) = controllers::declarations();
    let connect =
        |_: &str, _: Option<&str>| http_transport(&HttpOptions { proxy: Proxy::None, ..HttpOptions::default() });
    let context = Context::new(kubernetes.clone(), Arc::new(connect), declarations.clone(), Settings::default());
    let context = Context { clock: clock.clone(), ..context };
    let watches = tokio::spawn(controllers::follow(kubernetes, writers));
    declarations.ready().await.context("a watch ended before it had begun")?;
    bed.gitlab.forget_requests().await?;
    let mark = bed.audit.mark().await?;
    let passes = run(arguments, &context, &clock).await;
    let requests = bed.audit.since(mark)?;
    let asked = bed.gitlab.requests().await?;
    watches.abort();
    let kubernetes_writes = requests.iter().filter(|request| request.is_write()).count();
    Ok(Accelerated {
        minutes: TIME.as_secs() / 60,
        passes,
        kubernetes_reads: requests.len() - kubernetes_writes,
        kubernetes_writes,
        gitlab: asked.len(),
        gitlab_writes: asked.iter().filter(|request| request.method != "GET").count(),
    })
}

/// Everything is looked at in the beginning, and then whenever it asked for.
async fn run(arguments: &Arguments, context: &Context, clock: &MovedClock) -> usize {
    let declared = [Key::Instance("campus".to_owned()), Key::Class("course".to_owned())];
    let mappings = (0..arguments.mappings).map(|number| Key::Mapping(mapping_name(number)));
    let all = declared.into_iter().chain(mappings);
    let mut queue: BinaryHeap<_> = all.map(|key| Reverse((Duration::ZERO, key))).collect();
    let mut passes = 0;
    loop {
        let mut due = Vec::new();
        while due.len() < AT_ONCE
            && let Some(Reverse((at, key))) = queue.pop_if_due(TIME)
        {
            due.push((at, key));
        }
        let Some((latest, _)) = due.last() else { return passes };
        let now = *latest;
        clock.advance_to(now);
        passes += due.len();
        let outcomes = join_all(due.iter().map(|(_, key)| reconcile(context, key))).await;
        for ((_, key), outcome) in due.into_iter().zip(outcomes) {
            if let Some(again) = outcome.again {
                queue.push(Reverse((now + again, key)));
            }
        }
    }
}

/// A queue by time.
trait Due<T> {
    /// The first, unless it is later than this.
    fn pop_if_due(&mut self, end: Duration) -> Option<Reverse<(Duration, T)>>;
}

impl<T: Ord> Due<T> for BinaryHeap<Reverse<(Duration, T)>> {
    fn pop_if_due(&mut self, end: Duration) -> Option<Reverse<(Duration, T)>> {
        self.peek().filter(|Reverse((at, _))| *at <= end)?;
        self.pop()
    }
}
