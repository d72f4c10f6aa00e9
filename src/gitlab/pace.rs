//! How fast one GitLab may be asked: GitLab's own limits, what it said about waiting, and how much at once.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::Instant,
};

use super::error::Throttle;

/// GitLab's application limits that concern calls of ours (on by default, also on self-managed servers), each kept to four
/// fifths, because the same user may have other clients.
///
/// Source: `lib/gitlab/application_rate_limiter`, the defaults in `app/models/application_setting.rb`.
const LIMITS: [Limit; 2] = [
    Limit { endpoint: "GET /projects/:id", requests: 320, per: Duration::from_secs(60) },
    Limit { endpoint: "GET /projects", requests: 1_600, per: Duration::from_secs(600) },
];
/// Requests under way at the same time.
const CONCURRENCY: usize = 8;
/// The longest that a request waits for its turn; a longer wait is handed back, so that a reconcile does not hang.
const LONGEST_WAIT: Duration = Duration::from_secs(20);
/// The longest `Retry-After` that is believed.
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);
/// The pause after the first, and the longest after any, refusal that names no time.
const UNEXPLAINED_PAUSE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(300));

struct Limit {
    endpoint: &'static str,
    requests: usize,
    per: Duration,
}

/// The pace of one GitLab instance, shared by everything that asks it. Waits in `tokio::time`, and takes its jitter from the
/// chance that it is given.
pub struct Pace {
    slots: Semaphore,
    state: Mutex<State>,
    chance: Box<dyn Fn() -> f64 + Send + Sync>,
}

#[derive(Default)]
struct State {
    /// Nothing is asked before this, because GitLab said so.
    not_before: Option<Instant>,
    /// Refusals in a row that named no time.
    unexplained: u32,
    /// When requests to limited endpoints were, or will be, let go, oldest first.
    granted: HashMap<&'static str, VecDeque<Instant>>,
}

/// What to do about a request now.
enum Turn {
    Go,
    WaitUntil(Instant),
    TooLong(Duration, Throttle),
}

impl std::fmt::Debug for Pace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pace").field("free_slots", &self.slots.available_permits()).finish_non_exhaustive()
    }
}

impl Pace {
    /// A fresh pace. `chance` gives numbers from 0 (included) to 1 (excluded).
    pub fn new(chance: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        Self { slots: Semaphore::new(CONCURRENCY), state: Mutex::default(), chance: Box::new(chance) }
    }

    /// Waits for a request's turn; the permit is held while the request is under way.
    ///
    /// # Errors
    /// How long to wait and why, when that is longer than a reconcile should wait.
    pub(super) async fn turn(&self, endpoint: &'static str) -> Result<SemaphorePermit<'_>, (Duration, Throttle)> {
        let deadline = Instant::now() + LONGEST_WAIT;
        let mut granted = self.reserve(endpoint, deadline)?;
        loop {
            tokio::time::sleep_until(granted).await;
            let busy = (self.jittered(UNEXPLAINED_PAUSE.0), Throttle::Busy);
            let Ok(Ok(permit)) = tokio::time::timeout_at(deadline, self.slots.acquire()).await else {
                return Err(busy);
            };
            // While this one waited, another request may have been told to wait.
            match self.paused(deadline) {
                Turn::Go => return Ok(permit),
                Turn::WaitUntil(later) => granted = later,
                Turn::TooLong(wait, why) => return Err((wait, why)),
            }
        }
    }

    /// Notes that GitLab asked to be left alone: from now on nothing is asked for `retry_after`, or, where it named no time,
    /// for a delay that grows. Gives the time that was chosen.
    pub(super) fn told_to_wait(&self, retry_after: Option<Duration>) -> Duration {
        let mut state = self.state.lock();
        let pause = match retry_after {
            Some(pause) => pause.min(LONGEST_PAUSE),
            None => {
                let (first, longest) = UNEXPLAINED_PAUSE;
                let pause = first.saturating_mul(2_u32.saturating_pow(state.unexplained)).min(longest);
                state.unexplained = state.unexplained.saturating_add(1);
                self.jittered(pause)
            }
        };
        let until = Instant::now() + pause;
        state.not_before = Some(state.not_before.map_or(until, |already| already.max(until)));
        pause
    }

    /// Notes that GitLab answered as usual.
    pub(super) fn served(&self) {
        self.state.lock().unexplained = 0;
    }

    /// The delay before the repetition of a request (the first is number 0) that failed on the way.
    pub(super) fn before_retry(&self, number: u32) -> Duration {
        self.jittered(Duration::from_millis(250) * 2_u32.saturating_pow(number))
    }

    /// Takes a place in the row for an endpoint.
    fn reserve(&self, endpoint: &'static str, deadline: Instant) -> Result<Instant, (Duration, Throttle)> {
        let now = Instant::now();
        let mut state = self.state.lock();
        let (mut at, mut why) = (now, Throttle::OwnBudget);
        if let Some(not_before) = state.not_before.filter(|not_before| *not_before > now) {
            (at, why) = (not_before, Throttle::GitLab);
        }
        let Some(limit) = LIMITS.iter().find(|limit| limit.endpoint == endpoint) else {
            return if at > deadline { Err((at - now, why)) } else { Ok(at) };
        };
        let granted = state.granted.entry(limit.endpoint).or_default();
        while granted.front().is_some_and(|oldest| *oldest + limit.per <= now) {
            granted.pop_front();
        }
        if granted.len() >= limit.requests {
            let free = granted[granted.len() - limit.requests] + limit.per;
            if free > at {
                (at, why) = (free, Throttle::OwnBudget);
            }
        }
        if at > deadline {
            return Err((at - now, why));
        }
        granted.push_back(at);
        Ok(at)
    }

    /// Whether GitLab has asked to be left alone.
    fn paused(&self, deadline: Instant) -> Turn {
        let now = Instant::now();
        match self.state.lock().not_before {
            Some(until) if until > deadline => Turn::TooLong(until - now, Throttle::GitLab),
            Some(until) if until > now => Turn::WaitUntil(until),
            _ => Turn::Go,
        }
    }

    /// Between three quarters and five quarters of a duration.
    fn jittered(&self, duration: Duration) -> Duration {
        duration.mul_f64(0.75 + (self.chance)() / 2.0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn pace() -> Pace {
        Pace::new(|| 0.5)
    }

    /// Sends as many requests as are let go within `time`; gives when each went.
    async fn requests_within(pace: &Pace, endpoint: &'static str, time: Duration) -> Vec<Instant> {
        let end = Instant::now() + time;
        let mut went = Vec::new();
        while Instant::now() < end {
            match pace.turn(endpoint).await {
                Ok(_permit) => went.push(Instant::now()),
                Err((wait, _)) => tokio::time::sleep(wait).await,
            }
        }
        went
    }

    #[tokio::test(start_paused = true)]
    async fn no_minute_holds_more_project_reads_than_gitlab_allows() {
        let went = requests_within(&pace(), "GET /projects/:id", Duration::from_secs(300)).await;
        assert!(went.len() > 4 * 320, "the budget is used: {}", went.len());
        for (index, start) in went.iter().enumerate() {
            let in_window = went[index..].iter().take_while(|at| **at - *start < Duration::from_secs(60)).count();
            assert!(in_window < 400, "{in_window} reads within a minute");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_gitlab_does_not_limit_is_not_held_back() {
        let pace = pace();
        let start = Instant::now();
        for _ in 0..5_000 {
            drop(pace.turn("GET /projects/:id/variables").await.unwrap());
        }
        assert_eq!(Instant::now(), start);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_gitlab_asked_for_holds_every_request_back() {
        let pace = pace();
        let start = Instant::now();
        pace.told_to_wait(Some(Duration::from_secs(7)));
        pace.told_to_wait(Some(Duration::from_secs(2)));
        drop(pace.turn("GET /projects/:id/variables").await.unwrap());
        assert_eq!(Instant::now() - start, Duration::from_secs(7), "the longer wait counts");
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_waits_already_heeds_what_gitlab_says_meanwhile() {
        let pace = pace();
        let start = Instant::now();
        pace.told_to_wait(Some(Duration::from_secs(5)));
        let (permit, ()) = tokio::join!(pace.turn("GET /metadata"), async {
            tokio::time::sleep(Duration::from_secs(4)).await;
            pace.told_to_wait(Some(Duration::from_secs(6)));
        });
        drop(permit.unwrap());
        assert_eq!(Instant::now() - start, Duration::from_secs(10));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_longer_than_a_reconcile_should_hang_is_handed_back() {
        let pace = pace();
        pace.told_to_wait(Some(Duration::from_secs(60)));
        let (wait, why) = pace.turn("GET /metadata").await.unwrap_err();
        assert_eq!((wait, why), (Duration::from_secs(60), Throttle::GitLab));
        tokio::time::sleep(wait).await;
        drop(pace.turn("GET /metadata").await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn an_absurd_wait_is_cut() {
        let pace = pace();
        assert_eq!(pace.told_to_wait(Some(Duration::from_secs(u64::MAX))), LONGEST_PAUSE);
    }

    #[tokio::test(start_paused = true)]
    async fn refusals_without_a_time_lead_to_growing_bounded_waits_until_an_answer_comes() {
        let pace = pace();
        let waits: Vec<_> = (0..10).map(|_| pace.told_to_wait(None)).collect();
        assert!(waits.windows(2).all(|pair| pair[0] <= pair[1]) && waits[0] < waits[3], "{waits:?}");
        assert!(waits[9] <= UNEXPLAINED_PAUSE.1.mul_f64(1.25), "{waits:?}");
        pace.served();
        assert_eq!(pace.told_to_wait(None), waits[0]);
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_than_eight_requests_are_under_way_and_none_waits_for_ever() {
        let pace = pace();
        let mut under_way = Vec::new();
        for _ in 0..CONCURRENCY {
            under_way.push(pace.turn("GET /metadata").await.unwrap());
        }
        let (_, why) = pace.turn("GET /metadata").await.unwrap_err();
        assert_eq!(why, Throttle::Busy);
        under_way.pop();
        drop(pace.turn("GET /metadata").await.unwrap());
    }
}
