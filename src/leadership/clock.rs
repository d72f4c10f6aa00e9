//! A clock that goes on while the machine is suspended.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A moment on a [`BootClock`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(Duration);

impl Moment {
    /// The moment at which this much time had passed since the clock's start.
    #[must_use]
    pub const fn after_start(passed: Duration) -> Self {
        Self(passed)
    }

    /// The moment that comes this much later.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }

    /// How much later this moment is than another one; nothing when it is not later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// Tells how much time has passed, suspension included. Neither the calendar, which people set, nor
/// `tokio::time`, which stands still while the machine is suspended: who slept through the end of a lease must notice it.
pub trait BootClock: Send + Sync {
    /// Now.
    fn now(&self) -> Moment;
}

/// The kernel's `CLOCK_BOOTTIME`.
#[derive(Clone, Copy, Debug, Default)]
pub struct SinceBoot;

impl BootClock for SinceBoot {
    fn now(&self) -> Moment {
        let time = clock_gettime(ClockId::Boottime);
        // Never negative: it counts from the start of the machine.
        let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
        let nanoseconds = u64::try_from(time.tv_nsec).unwrap_or_default();
        Moment(Duration::from_secs(seconds) + Duration::from_nanos(nanoseconds))
    }
}
