//! The claim: what a call must have before it leaves, and the two seams where it is asked for it.
//!
//! A call is begun only while the lease has at least as much time left as the call itself may take, and is dropped when the
//! lease ends all the same. So whatever a process sent has been answered or given up when another one takes the lease, even
//! if the process or the whole machine stood still in between.

use std::{pin::pin, sync::Arc, task::Poll, time::Duration};

use bytes::Bytes;
use futures::future;
use http::Request;
use kube::{Client, client::Body};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::task::{TaskTracker, task_tracker::TaskTrackerToken};
use tower::{BoxError, ServiceExt as _};

use super::clock::{BootClock, Moment, SinceBoot};
use crate::gitlab::{Transport, TransportError, TransportErrorKind};

/// The call was not sent: this process does not lead, or cannot be sure that it still will when the call ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "nothing was sent, because the lease by which this operator works is not certain; it is renewed, or another operator takes over, by itself"
)]
pub struct Refused;

/// Whether this process may work, and until when. Clones share it.
#[derive(Clone)]
pub struct Claim(Arc<Inner>);

struct Inner {
    clock: Arc<dyn BootClock>,
    standing: Mutex<Standing>,
    /// Whether work has begun; never taken back: who loses the lease ends.
    begun: watch::Sender<bool>,
    under_way: TaskTracker,
}

#[derive(Clone, Copy, Debug)]
struct Standing {
    lease: Held,
    /// Nothing more is to be begun, whatever the lease says.
    withdrawn: bool,
}

/// How this process stands to the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    /// It never held it.
    No,
    /// It holds it until then.
    Until(Moment),
    /// There is no election.
    Alone,
}

impl Claim {
    /// Nothing may be sent before the lease is held.
    pub fn none(clock: Arc<dyn BootClock>) -> Self {
        Self::with(clock, Held::No)
    }

    /// Everything may be sent: for an operator that is known to be the only one.
    pub fn alone() -> Self {
        Self::with(Arc::new(SinceBoot), Held::Alone)
    }

    fn with(clock: Arc<dyn BootClock>, lease: Held) -> Self {
        let standing = Mutex::new(Standing { lease, withdrawn: false });
        let begun = watch::Sender::new(lease == Held::Alone);
        Self(Arc::new(Inner { clock, standing, begun, under_way: TaskTracker::new() }))
    }

    /// The lease is held until then.
    pub(super) fn extend(&self, until: Moment) {
        self.0.standing.lock().lease = Held::Until(until);
        self.0.begun.send_replace(true);
    }

    /// Nothing more may be begun, whatever becomes of the lease. What is under way may still end.
    pub fn withdraw(&self) {
        self.0.standing.lock().withdrawn = true;
        self.0.under_way.close();
    }

    /// Waits, after [`withdraw`](Self::withdraw), for what is under way. That takes no longer than a call may.
    pub async fn quiet(&self) {
        self.0.under_way.wait().await;
    }

    /// Waits until this process may work for the first time. Whether it still may is asked by each call.
    pub async fn begun(&self) {
        // The sender lives as long as this.
        let _ = self.0.begun.subscribe().wait_for(|begun| *begun).await;
    }

    /// Sends a call that may take up to `timeout`, if the lease has that much left, and drops it when the lease ends.
    ///
    /// # Errors
    /// [`Refused`], made into the call's own error.
    pub async fn guard<T, E: From<Refused>>(
        &self,
        timeout: Duration,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let _under_way = self.admit(timeout)?;
        let mut call = pin!(call);
        future::poll_fn(|context| {
            // After a suspension nothing may come of what was about to be sent.
            if self.is_over() { Poll::Ready(Err(Refused.into())) } else { call.as_mut().poll(context) }
        })
        .await
    }

    fn admit(&self, timeout: Duration) -> Result<TaskTrackerToken, Refused> {
        // Under the lock, so that whoever withdraws the claim waits for this call.
        let standing = self.0.standing.lock();
        let enough = match standing.lease {
            Held::No => false,
            Held::Until(until) => until.since(self.0.clock.now()) >= timeout,
            Held::Alone => true,
        };
        if enough && !standing.withdrawn { Ok(self.0.under_way.token()) } else { Err(Refused) }
    }

    /// Whether the lease that a call began with has ended.
    fn is_over(&self) -> bool {
        let lease = self.0.standing.lock().lease;
        matches!(lease, Held::Until(until) if self.0.clock.now() >= until)
    }

    /// A client of the API server whose calls need the claim. `timeout` is the longest that a call of `client` may take.
    pub fn kubernetes(&self, client: &Client, timeout: Duration) -> Client {
        let (claim, inner) = (self.clone(), client.clone());
        let service = tower::service_fn(move |request: Request<Body>| {
            let (claim, inner) = (claim.clone(), inner.clone());
            async move { claim.guard(timeout, async { inner.send(request).await.map_err(BoxError::from) }).await }
        });
        Client::new(service, client.default_namespace())
    }

    /// A transport to a GitLab whose calls need the claim. `timeout` is the longest that a call of `transport` may take.
    pub fn gitlab(&self, transport: Transport, timeout: Duration) -> Transport {
        let claim = self.clone();
        Transport::new(tower::service_fn(move |request: Request<Bytes>| {
            let (claim, transport) = (claim.clone(), transport.clone());
            async move { claim.guard(timeout, transport.oneshot(request)).await }
        }))
    }
}

impl From<Refused> for TransportError {
    fn from(refused: Refused) -> Self {
        Self::new(TransportErrorKind::NotSent, refused.to_string())
    }
}
