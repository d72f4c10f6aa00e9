//! Tests of the election: what is decided, by tables and by any order of events; the claim; and the loop in virtual time.

mod claim;
mod decision;
mod election;
mod orders;

use std::time::Duration;

use super::{BootClock, Moment, Timing};

/// Paused time as a clock.
#[derive(Debug)]
struct Virtual(tokio::time::Instant);

impl Virtual {
    fn new() -> Self {
        Self(tokio::time::Instant::now())
    }
}

impl BootClock for Virtual {
    fn now(&self) -> Moment {
        Moment::after_start(self.0.elapsed())
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn at(second: u64) -> Moment {
    Moment::after_start(seconds(second))
}

fn timing() -> Timing {
    Timing::new(seconds(30), seconds(20), seconds(5)).unwrap()
}
