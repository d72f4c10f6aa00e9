//! The one bag of what a reconcile needs, and the seams where a test takes hold: the two clients, the calendar and chance.

use std::sync::Mutex;

use jiff::Timestamp;

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

    /// A number from 0 (included) to 1 (excluded).
    pub fn fraction(&self) -> f64 {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).f64()
    }
}
