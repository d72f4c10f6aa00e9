//! One reconcile of one object: facts → plan → apply → status, in an order in which every step may be the last one
//! before a crash. One short file per kind; the steps of a mapping stand in files of their own.

mod adoption;
mod brake;
mod class;
mod credentials;
mod delivered;
mod delivery;
mod ending;
mod environments;
mod finalizer;
mod glance;
mod instance;
mod mapping;
mod namespace;
mod project;
mod report;
mod upkeep;
mod usage;

use std::{panic::AssertUnwindSafe, time::Duration};

use futures::FutureExt as _;

pub use crate::api::Key;
use crate::{
    context::Context,
    status::{Problem, Reason, Retry},
};

/// What is to happen next with an object. A change that a watch sees comes before the time that stands here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// When the object is looked at again without any change.
    pub again: Option<Duration>,
    /// What keeps it from being as declared.
    pub problem: Option<Reason>,
    /// The same for a person.
    pub message: Option<String>,
}

/// What a kind's reconcile says: problems, and when something is due.
#[derive(Clone, Debug, Default)]
struct Finding {
    problem: Option<Problem>,
    due: Option<Duration>,
}

/// A whole reconcile takes no longer. Far above what is normal, far below what would hold up a queue for good.
const LONGEST: Duration = Duration::from_secs(180);
/// Nothing is looked at again sooner because of the clock.
const SHORTEST_DELAY: Duration = Duration::from_millis(100);
/// The delay after the first failure; it doubles with each further one.
const FIRST_DELAY: Duration = Duration::from_secs(1);
/// The longest wait that a server may ask for, and the pace at which what waits for a change is looked at anyway.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// Brings one object to what is declared. Never fails: what went wrong stands in the object's status, in the outcome, and
/// in the delay after which it is tried again.
pub async fn reconcile(context: &Context, key: &Key) -> Outcome {
    let start = tokio::time::Instant::now();
    let work = async {
        match key {
            Key::Instance(name) => instance::reconcile(context, name).await,
            Key::Class(name) => class::reconcile(context, name).await,
            Key::Mapping(name) => match glance::at(context, name).await {
                Some(finding) => Ok(finding),
                None => mapping::reconcile(context, name).await,
            },
        }
    };
    let finding = match tokio::time::timeout(LONGEST, contained(work)).await {
        Ok(Ok(finding)) => finding,
        Ok(Err(problem)) => Finding { problem: Some(problem), due: None },
        Err(_) => {
            let message = format!("it took longer than {} s", LONGEST.as_secs());
            Finding { problem: Some(Problem::new(Reason::KubernetesUnavailable, message)), due: None }
        }
    };
    let outcome = schedule(context, key, &finding);
    report(context, key, &finding, start.elapsed());
    outcome
}

/// A panic is a fault of this program in one object: it must not stop the work on the others. What is known is kept behind
/// locks that bear it, and the next pass reads everything anew.
async fn contained(work: impl Future<Output = Result<Finding, Problem>>) -> Result<Finding, Problem> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|_| {
        let message = "the operator met a fault of its own, which stands in its log; it is tried again";
        Err(Problem::new(Reason::InternalError, message))
    })
}

fn schedule(context: &Context, key: &Key, finding: &Finding) -> Outcome {
    let Some(problem) = &finding.problem else {
        context.memory.reset_failures(key);
        return Outcome { again: finding.due.map(|due| due.max(SHORTEST_DELAY)), problem: None, message: None };
    };
    let failures = context.memory.failed(key);
    let delay = match problem.retry {
        Retry::Backoff => backoff(failures, context.settings.longest_backoff, context.chance.fraction()),
        Retry::NotBefore(wait) => wait.min(LONGEST_WAIT) + FIRST_DELAY.mul_f64(context.chance.fraction()),
        Retry::OnChange => context.jittered(LONGEST_WAIT),
    };
    Outcome {
        again: Some(sooner(delay, finding.due)),
        problem: Some(problem.reason),
        message: Some(problem.message.clone()),
    }
}

/// What is overdue is what failed: it waits for its next attempt. What is due later is not held up by the failure.
fn sooner(delay: Duration, due: Option<Duration>) -> Duration {
    due.filter(|due| !due.is_zero()).map_or(delay, |due| due.min(delay))
}

/// The delay after a number of failures in a row: doubled each time, up to a limit, and then a part of it by chance.
fn backoff(failures: u32, longest: Duration, fraction: f64) -> Duration {
    let doubled = FIRST_DELAY.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
    doubled.min(longest).mul_f64(0.5 + fraction / 2.0)
}

fn report(context: &Context, key: &Key, finding: &Finding, took: Duration) {
    let result = if finding.problem.is_some() { "problem" } else { "success" };
    context.metrics.reconciled(key.kind(), result, took.as_secs_f64());
    if let Some(problem) = &finding.problem {
        context.metrics.failed(key.kind(), problem.reason.as_str());
    }
    match &finding.problem {
        Some(problem) => tracing::warn!(
            kind = key.kind(),
            name = key.name(),
            reason = problem.reason.as_str(),
            took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            "{problem}"
        ),
        None => tracing::debug!(kind = key.kind(), name = key.name(), "reconciled"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_is_not_tried_again_at_once_because_it_is_overdue() {
        let delay = Duration::from_secs(8);
        assert_eq!(sooner(delay, Some(Duration::ZERO)), delay);
        assert_eq!(sooner(delay, None), delay);
        assert_eq!(sooner(delay, Some(Duration::from_secs(3))), Duration::from_secs(3));
        assert_eq!(sooner(delay, Some(Duration::from_secs(30))), delay);
    }

    #[tokio::test]
    async fn a_panic_stays_with_the_object_that_met_it() {
        let fault = contained(async { panic!("a fault") }).await;
        assert_eq!(fault.map(|_| ()).map_err(|problem| problem.reason), Err(Reason::InternalError));
        assert!(contained(async { Ok(Finding::default()) }).await.is_ok());
    }

    #[test]
    fn delays_grow_with_failures_and_are_spread_by_chance() {
        let longest = Duration::from_secs(600);
        assert_eq!(backoff(1, longest, 0.0), Duration::from_millis(500));
        assert_eq!(backoff(1, longest, 1.0), Duration::from_secs(1));
        assert_eq!(backoff(4, longest, 1.0), Duration::from_secs(8));
        assert_eq!(backoff(60, longest, 1.0), longest);
        for failures in 1..60 {
            assert!(backoff(failures, longest, 0.3) <= backoff(failures + 1, longest, 0.3));
        }
    }
}
