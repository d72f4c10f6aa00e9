//! The one bag of what a reconcile needs, and the seams where a test takes hold: the two clients, the calendar and chance.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::Timestamp;
use kube::runtime::events::Recorder;

use crate::{
    facts::declarations::Declarations,
    gitlab::{Transport, TransportError},
    memory::Memory,
    plan::{brake::Brake, environments::ReservedNames},
    server::Metrics,
};

/// The calendar. Waiting is `tokio::time`'s; everything that compares with a date asks here.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// The one source of chance: jitter of delays and of periodic work. Seedable, so that a run can be replayed.
#[derive(Debug)]
pub struct Chance(Mutex<fastrand::Rng>);

impl Chance {
    /// A source that gives the same sequence for the same seed.
    pub fn seeded(seed: u64) -> Self {
        Self(Mutex::new(fastrand::Rng::with_seed(seed)))
    }

    /// A source seeded by the operating system.
    pub fn from_system() -> Self {
        Self(Mutex::new(fastrand::Rng::new()))
    }

    /// Any number.
    pub fn number(&self) -> u64 {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).u64(..)
    }

    /// A number from 0 (included) to 1 (excluded).
    pub fn fraction(&self) -> f64 {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).f64()
    }
}

/// Makes the transport to a GitLab: in production over HTTP, in a test perhaps the simulator's router.
///
/// Takes the instance's URL and the PEM of a private CA, if the instance names one.
pub type Connect = dyn Fn(&str, Option<&str>) -> Result<Transport, TransportError> + Send + Sync;

/// What an administrator sets by flags.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The operator's own namespace: token Secrets and CA ConfigMaps are read there and nowhere else.
    pub own_namespace: String,
    /// Namespaces that are never touched.
    pub reserved: ReservedNames,
    /// After which age a project is read from GitLab again.
    pub project_refresh: Duration,
    /// How long it is believed that an instance cannot be worked with, so that a thousand mappings do not ask a GitLab
    /// that is down.
    pub bad_news: Duration,
    /// The longest delay after failures in a row.
    pub longest_backoff: Duration,
    /// How many namespaces may be deleted within a time before a person is asked.
    pub brake: Brake,
}

/// The one bag of what a reconcile needs. Two of them can live in one process.
pub struct Context {
    /// The API server.
    pub kubernetes: kube::Client,
    /// How to reach a GitLab.
    pub connect: Box<Connect>,
    /// The calendar.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub chance: Arc<Chance>,
    /// What administrators declared, kept up by watches.
    pub declarations: Declarations,
    /// What an administrator set by flags.
    pub settings: Settings,
    /// What may be forgotten: ages, failures, connections.
    pub memory: Memory,
    /// Where events go.
    pub events: Recorder,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

impl Context {
    /// A fraction of `interval` between a half and the whole, so that periodic work spreads out.
    pub fn jittered(&self, interval: Duration) -> Duration {
        interval.mul_f64(0.5 + self.chance.fraction() / 2.0)
    }
}
