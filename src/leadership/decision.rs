//! What to do now, from what was seen and when. Pure.

use std::time::Duration;

use super::{clock::Moment, timing::Timing};

/// What a Lease says, as far as anything is decided by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Differs whenever the Lease was written: its UID and resource version.
    pub version: String,
    /// Who holds it; nobody when it was given back.
    pub holder: Option<String>,
    /// How long its holder lets others wait.
    pub duration: Option<Duration>,
}

/// What a process knows of the Lease, and how it stands to it.
#[derive(Clone, Debug, Default)]
pub struct Knowledge {
    seen: Option<Sighting>,
    /// When it was read last.
    heard: Option<Moment>,
    /// The Lease may have changed since.
    outdated: bool,
    /// When the last write began that made or kept this process the holder.
    renewed: Option<Moment>,
    /// After a failed call: nothing is tried before.
    pause_until: Option<Moment>,
}

/// A state of the Lease, and when it was first seen.
#[derive(Clone, Debug)]
struct Sighting {
    /// `None`: there is no Lease.
    record: Option<Record>,
    since: Moment,
    /// Whether there was another state before. Who finds no Lease on its first look comes to a new cluster; who saw it
    /// vanish does not know whether its holder has noticed yet.
    changed: bool,
}

impl Knowledge {
    /// What is known as long as nothing was read.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The Lease was read. `now` is when the answer had come: later than the change itself, which only makes this process
    /// wait longer.
    pub fn saw(&mut self, record: Option<Record>, now: Moment) {
        self.heard = Some(now);
        self.outdated = false;
        self.pause_until = None;
        let version = |record: &Option<Record>| record.as_ref().map(|record| record.version.clone());
        match &self.seen {
            Some(seen) if version(&seen.record) == version(&record) => {}
            before => self.seen = Some(Sighting { record, since: now, changed: before.is_some() }),
        }
    }

    /// This process wrote itself into the Lease; `began` is when the request was sent, since which others may count.
    pub fn held(&mut self, record: Record, began: Moment, now: Moment) {
        self.saw(Some(record), now);
        self.renewed = Some(began);
    }

    /// The Lease is not what it was: read it before anything is decided by it.
    pub fn changed(&mut self) {
        self.outdated = true;
    }

    /// A call failed; whether it took effect is not known.
    pub fn failed(&mut self, now: Moment, pause: Duration) {
        self.outdated = true;
        self.pause_until = Some(now.plus(pause));
    }

    /// Whether this process holds the lease as far as it knows.
    #[must_use]
    pub fn is_holder(&self) -> bool {
        self.renewed.is_some()
    }

    /// When a holder has to give up, unless it renews the lease before.
    #[must_use]
    pub fn deadline(&self, timing: &Timing) -> Option<Moment> {
        self.renewed.map(|renewed| renewed.plus(timing.renew_deadline()))
    }

    fn up_to_date(&self) -> Option<&Sighting> {
        self.seen.as_ref().filter(|_| !self.outdated)
    }
}

/// After how many retry periods without a change a candidate looks for itself: a holder renews in each.
const SILENT_PERIODS: u32 = 2;

/// What to do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Read the Lease.
    Read,
    /// Make it, with this process as its holder.
    Create,
    /// Write this process into it as the holder.
    Hold(Hold),
    /// Nothing before this moment, unless the Lease changes.
    Wait {
        /// When to decide again.
        until: Moment,
    },
    /// Give up: send nothing more, and end.
    End(Loss),
}

/// Why this process may write itself into the Lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// It holds it.
    Renew,
    /// Nobody does.
    Free,
    /// Its holder has not renewed it for as long as it said.
    Expired,
}

/// How a lease was lost.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Loss {
    /// It was not renewed in time.
    #[error("the lease could not be renewed for {0:?}; somebody else may take it soon")]
    Deadline(Duration),
    /// Somebody wrote another holder into it.
    #[error("the lease was taken away; it is held by {}", .by.as_deref().unwrap_or("nobody"))]
    Taken {
        /// Who stands there now.
        by: Option<String>,
    },
}

/// What the process of the identity `me` has to do now.
#[must_use]
pub fn decide(me: &str, timing: &Timing, known: &Knowledge, now: Moment) -> Decision {
    match known.renewed {
        Some(renewed) => as_holder(me, timing, known, renewed, now),
        None => as_candidate(me, timing, known, now),
    }
}

fn as_holder(me: &str, timing: &Timing, known: &Knowledge, renewed: Moment, now: Moment) -> Decision {
    let deadline = renewed.plus(timing.renew_deadline());
    if now >= deadline {
        return Decision::End(Loss::Deadline(timing.renew_deadline()));
    }
    if let Some(pause) = known.pause_until.filter(|pause| now < *pause) {
        return Decision::Wait { until: pause.min(deadline) };
    }
    let Some(seen) = known.up_to_date() else { return Decision::Read };
    match &seen.record {
        // Somebody deleted it. Whoever saw it vanish waits as long as a lease holds, so this process is the first.
        None => Decision::Create,
        Some(record) if record.holder.as_deref() != Some(me) => {
            Decision::End(Loss::Taken { by: record.holder.clone() })
        }
        Some(_) => {
            let next = renewed.plus(timing.retry_period());
            if now >= next { Decision::Hold(Hold::Renew) } else { Decision::Wait { until: next } }
        }
    }
}

fn as_candidate(me: &str, timing: &Timing, known: &Knowledge, now: Moment) -> Decision {
    if let Some(pause) = known.pause_until.filter(|pause| now < *pause) {
        return Decision::Wait { until: pause };
    }
    let Some(seen) = known.up_to_date() else { return Decision::Read };
    // Changes are heard of by a watch. Where that died without a word, a look from time to time does.
    let look = known.heard.unwrap_or(now).plus(timing.retry_period() * SILENT_PERIODS);
    let unless_before = |expiry: Moment, then: Decision| match now {
        now if now >= expiry => then,
        now if now >= look => Decision::Read,
        _ => Decision::Wait { until: expiry.min(look) },
    };
    match &seen.record {
        None if !seen.changed => Decision::Create,
        None => unless_before(seen.since.plus(timing.lease()), Decision::Create),
        Some(record) => match record.holder.as_deref() {
            None => Decision::Hold(Hold::Free),
            // A write of this process took effect, but its answer did not come.
            Some(holder) if holder == me => Decision::Hold(Hold::Renew),
            Some(_) => {
                let expiry = seen.since.plus(record.duration.unwrap_or(timing.lease()));
                unless_before(expiry, Decision::Hold(Hold::Expired))
            }
        },
    }
}
