//! Does what [`decide`] says, until the lease is given back or lost.

use std::{pin::pin, sync::Arc, time::Duration};

use futures::{Stream, StreamExt as _};
use k8s_openapi::api::coordination::v1::Lease;
use tokio_util::sync::CancellationToken;

use super::{
    claim::Claim,
    clock::{BootClock, Moment},
    decision::{Decision, Hold, Knowledge, Loss, Record, decide},
    lease::{LeaseStore, Written},
    timing::Timing,
};
use crate::{context::Chance, server::Metrics};

/// Giving the lease back is a courtesy to the next one; if it does not come about, the lease expires.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(3);

/// Who stands for election, and by what rules.
pub struct Candidate {
    /// Unlike that of any other process, also of an earlier one in the same pod: an earlier one may have calls under way.
    pub identity: String,
    /// The periods.
    pub timing: Timing,
    /// Time that counts suspension.
    pub clock: Arc<dyn BootClock>,
    /// Chance, so that candidates do not all come at once.
    pub chance: Arc<Chance>,
    /// Where it is shown who leads.
    pub metrics: Arc<Metrics>,
}

/// One process in the election.
pub struct Election {
    candidate: Candidate,
    store: LeaseStore,
    claim: Claim,
    known: Knowledge,
    /// The Lease as it was read or written last.
    lease: Option<Box<Lease>>,
}

impl Election {
    /// Takes part in the election that is held with this Lease; `claim` is extended as long as it is won.
    pub fn new(candidate: Candidate, store: LeaseStore, claim: Claim) -> Self {
        Self { candidate, store, claim, known: Knowledge::new(), lease: None }
    }

    /// Takes part until `end`; then gives the lease back if it is held. Whoever cancels `end` has withdrawn the claim before and
    /// waited for what was under way.
    ///
    /// # Errors
    /// The loss of a lease that was held. The claim is withdrawn by then; the process must end before the lease can expire.
    pub async fn run(mut self, end: CancellationToken) -> Result<(), Loss> {
        let mut hints = pin!(self.store.hints().fuse());
        while !end.is_cancelled() {
            let Candidate { identity, timing, .. } = &self.candidate;
            match decide(identity, timing, &self.known, self.now()) {
                Decision::Read => self.read().await,
                Decision::Create => self.create().await,
                Decision::Hold(why) => self.hold(why).await,
                Decision::Wait { until } => self.wait(until, hints.as_mut(), &end).await,
                Decision::End(loss) => {
                    self.claim.withdraw();
                    self.candidate.metrics.set_leader(false);
                    return Err(loss);
                }
            }
        }
        self.claim.withdraw();
        self.release().await;
        Ok(())
    }

    fn now(&self) -> Moment {
        self.candidate.clock.now()
    }

    async fn wait(&mut self, until: Moment, mut hints: impl Stream<Item = ()> + Unpin, end: &CancellationToken) {
        let pause = until.since(self.now());
        tokio::select! {
            () = end.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
            // A holder causes changes itself, and learns of others when it renews.
            Some(()) = hints.next() => if !self.known.is_holder() {
                self.known.changed();
            },
        }
    }

    async fn read(&mut self) {
        match self.timed(self.store.read()).await {
            Ok(lease) => self.saw(lease.map(Box::new)),
            Err(error) => self.failed("read", &error),
        }
    }

    async fn create(&mut self) {
        let began = self.now();
        let written = self.timed(self.store.create()).await;
        self.wrote(None, began, written);
    }

    async fn hold(&mut self, why: Hold) {
        let began = self.now();
        let Some(lease) = self.lease.take() else { return self.known.changed() };
        let written = self.timed(self.store.hold(&lease)).await;
        self.lease = Some(lease);
        self.wrote(Some(why), began, written);
    }

    fn wrote(&mut self, why: Option<Hold>, began: Moment, written: Result<Written, CallFailed>) {
        match written {
            Ok(Written::Done(lease)) => {
                let first = !self.known.is_holder();
                self.known.held(Record::from(&*lease), began, self.now());
                self.show(&lease);
                self.lease = Some(lease);
                self.claim.extend(began.plus(self.candidate.timing.lease()));
                if first {
                    self.candidate.metrics.set_leader(true);
                    let how = match why {
                        None => "new",
                        Some(Hold::Free) => "free",
                        Some(Hold::Expired) => "expired",
                        Some(Hold::Renew) => "written by a call whose answer was lost",
                    };
                    tracing::info!(identity = self.candidate.identity, how, "this operator leads");
                }
            }
            Ok(Written::Conflict) => self.known.changed(),
            Err(error) => self.failed("write", &error),
        }
    }

    fn saw(&mut self, lease: Option<Box<Lease>>) {
        let record = lease.as_deref().map(Record::from);
        let holder = |lease: &Option<Box<Lease>>| lease.as_deref().and_then(|lease| Record::from(lease).holder);
        let before = holder(&self.lease);
        let now = record.as_ref().and_then(|record| record.holder.clone());
        if let Some(leader) = now.filter(|now| Some(now) != before.as_ref() && *now != self.candidate.identity) {
            tracing::info!(leader, "another operator leads; this one waits");
        }
        if let Some(lease) = &lease {
            self.show(lease);
        }
        self.known.saw(record, self.now());
        self.lease = lease;
    }

    fn show(&self, lease: &Lease) {
        let transitions = lease.spec.as_ref().and_then(|spec| spec.lease_transitions).unwrap_or_default();
        self.candidate.metrics.set_lease_transitions(transitions.into());
    }

    /// Whether the call took effect is not known; the next thing is to read.
    fn failed(&mut self, doing: &'static str, error: &CallFailed) {
        let pause = self.candidate.timing.retry_period().mul_f64(0.5 + self.candidate.chance.fraction() / 2.0);
        self.known.failed(self.now(), pause);
        tracing::warn!(doing, %error, "could not reach the lease; it is tried again");
    }

    async fn timed<T>(&self, call: impl Future<Output = kube::Result<T>>) -> Result<T, CallFailed> {
        let timing = &self.candidate.timing;
        let left = self.known.deadline(timing).map(|deadline| deadline.since(self.now()));
        let limit = timing.lease_call_timeout().min(left.unwrap_or(Duration::MAX));
        match tokio::time::timeout(limit, call).await {
            Ok(result) => result.map_err(|error| CallFailed::Refused(Box::new(error))),
            Err(_) => Err(CallFailed::TimedOut(limit)),
        }
    }

    /// The last act of a holder.
    async fn release(&mut self) {
        if !self.known.is_holder() {
            return;
        }
        self.candidate.metrics.set_leader(false);
        match tokio::time::timeout(RELEASE_TIMEOUT, self.try_release()).await {
            Ok(Ok(Some(Written::Done(_)))) => tracing::info!("the lease was given back"),
            Ok(Ok(_)) => tracing::warn!("the lease was changed by somebody else and not given back"),
            Ok(Err(error)) => tracing::warn!(%error, "the lease could not be given back; it expires"),
            Err(_) => tracing::warn!("the lease could not be given back in time; it expires"),
        }
    }

    /// Reads it anew: a renewal whose answer was lost may have changed it.
    async fn try_release(&self) -> kube::Result<Option<Written>> {
        let lease = self.store.read().await?;
        let ours = lease.filter(|lease| Record::from(lease).holder.as_ref() == Some(&self.candidate.identity));
        match ours {
            Some(lease) => self.store.release(&lease).await.map(Some),
            None => Ok(None),
        }
    }
}

/// A call about the Lease gave no result.
#[derive(Debug, thiserror::Error)]
enum CallFailed {
    #[error("{0}")]
    Refused(Box<kube::Error>),
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
}
