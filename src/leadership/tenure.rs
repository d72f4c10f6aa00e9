//! The time for which this process may work: from the election to giving the lease back.

use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{
    claim::Claim,
    decision::Loss,
    election::{Candidate, Election},
    lease::LeaseStore,
};

/// Takes part in an election in the background, or leads without one.
pub struct Tenure {
    claim: Claim,
    election: Option<JoinHandle<Result<(), Loss>>>,
    end: CancellationToken,
}

/// Why a tenure ended before it was laid down.
#[derive(Debug, thiserror::Error)]
pub enum Lost {
    /// The lease was lost.
    #[error("this operator must not work any more and ends: {0}")]
    Lease(#[from] Loss),
    /// A fault of the program.
    #[error("the election ended by itself: {0}")]
    Fault(#[from] JoinError),
}

impl Tenure {
    /// Leads from now on: there is no other operator.
    pub fn alone() -> Self {
        Self { claim: Claim::alone(), election: None, end: CancellationToken::new() }
    }

    /// Stands for election.
    pub fn stand(candidate: Candidate, store: LeaseStore) -> Self {
        let claim = Claim::none(candidate.clock.clone());
        let end = CancellationToken::new();
        let election = Election::new(candidate, store, claim.clone());
        Self { claim, election: Some(tokio::spawn(election.run(end.clone()))), end }
    }

    /// What each call of the work has to ask for.
    pub fn claim(&self) -> &Claim {
        &self.claim
    }

    /// Waits until the lease is lost. The process has to end at once then; nothing is sent any more.
    pub async fn lost(&mut self) -> Lost {
        let Some(election) = &mut self.election else { return std::future::pending().await };
        match election.await {
            Ok(Err(loss)) => loss.into(),
            Err(fault) => {
                self.claim.withdraw();
                fault.into()
            }
            // Only laying it down ends an election without a loss.
            Ok(Ok(())) => std::future::pending().await,
        }
    }

    /// Begins nothing more, waits for the calls that are under way, and gives the lease back as the last act.
    ///
    /// # Errors
    /// When the lease was lost meanwhile.
    pub async fn lay_down(mut self) -> Result<(), Lost> {
        self.claim.withdraw();
        let claim = self.claim.clone();
        tokio::select! {
            lost = self.lost() => return Err(lost),
            () = claim.quiet() => {}
        }
        self.end.cancel();
        match self.election {
            Some(election) => Ok(election.await??),
            None => Ok(()),
        }
    }
}
