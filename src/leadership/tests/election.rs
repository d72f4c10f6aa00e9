//! The loop, in virtual time, against a Lease in this process whose calls can fail.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use http::{Method, Request, Response};
use http_body_util::BodyExt as _;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Client, client::Body};
use serde_json::json;
use tokio::{task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{super::*, Virtual, seconds, timing};
use crate::{
    context::{Chance, SystemClock},
    server::Metrics,
};

/// What an API server does with a Lease: versions, and refusals of those who are late.
#[derive(Default)]
struct Server {
    lease: Mutex<Option<Lease>>,
    writes: AtomicUsize,
    /// Nobody answers.
    away: AtomicBool,
    /// Writes take effect, but nobody learns of it.
    mute: AtomicBool,
}

impl Server {
    fn client(self: &Arc<Self>) -> Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move { Ok::<_, tower::BoxError>(server.answer(request).await) }
        });
        Client::new(service, "default")
    }

    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        // The watch is never answered here: there is still the clock.
        if self.away.load(Ordering::Relaxed) || request.uri().query().unwrap_or_default().contains("fieldSelector") {
            std::future::pending::<()>().await;
        }
        let writes = request.method() != Method::GET;
        let creates = request.method() == Method::POST;
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let answer = if writes { self.written(creates, &body) } else { self.read() };
        if writes && self.mute.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        answer
    }

    fn written(&self, creates: bool, body: &[u8]) -> Response<Body> {
        let mut lease: Lease = serde_json::from_slice(body).unwrap();
        let mut stored = self.lease.lock().unwrap();
        let version = |lease: &Option<Lease>| lease.as_ref().and_then(|lease| lease.metadata.resource_version.clone());
        let fits = creates == stored.is_none() && lease.metadata.resource_version == version(&stored);
        if !fits {
            return refusal(409, "Conflict");
        }
        let number = self.writes.fetch_add(1, Ordering::Relaxed) + 1;
        lease.metadata.resource_version = Some(number.to_string());
        lease.metadata.uid = Some("the-one".to_owned());
        *stored = Some(lease.clone());
        Response::new(Body::from(serde_json::to_vec(&lease).unwrap()))
    }

    fn read(&self) -> Response<Body> {
        match &*self.lease.lock().unwrap() {
            Some(lease) => Response::new(Body::from(serde_json::to_vec(lease).unwrap())),
            None => refusal(404, "NotFound"),
        }
    }

    fn holder(&self) -> Option<String> {
        self.lease.lock().unwrap().as_ref().and_then(|lease| Record::from(lease).holder)
    }

    fn transitions(&self) -> Option<i32> {
        self.lease.lock().unwrap().as_ref()?.spec.as_ref()?.lease_transitions
    }
}

fn refusal(status: u16, reason: &str) -> Response<Body> {
    let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status, "reason": reason});
    Response::builder().status(status).body(Body::from(body.to_string().into_bytes())).unwrap()
}

/// One that stands for election.
struct Operator {
    claim: Claim,
    end: CancellationToken,
    task: JoinHandle<Result<(), Loss>>,
    metrics: Arc<Metrics>,
}

impl Operator {
    fn start(server: &Arc<Server>, identity: &str) -> Self {
        let clock = Arc::new(Virtual::new());
        let (claim, end) = (Claim::none(clock.clone()), CancellationToken::new());
        let metrics = Arc::new(Metrics::new("test"));
        let store = LeaseStore::new(server.client(), "own", identity, timing().lease(), Arc::new(SystemClock));
        let chance = Arc::new(Chance::seeded(1));
        let candidate =
            Candidate { identity: identity.to_owned(), timing: timing(), clock, chance, metrics: metrics.clone() };
        let task = tokio::spawn(Election::new(candidate, store, claim.clone()).run(end.clone()));
        Self { claim, end, task, metrics }
    }

    async fn may_call(&self) -> bool {
        self.claim.guard(timing().call_timeout(), async { Ok::<_, Refused>(()) }).await.is_ok()
    }

    fn shows(&self, metric: &str) -> bool {
        self.metrics.to_text().unwrap().lines().any(|line| line == metric)
    }
}

#[tokio::test(start_paused = true)]
async fn one_leads_and_renews_and_the_other_one_waits() {
    let server = Arc::new(Server::default());
    let (first, second) = (Operator::start(&server, "first"), Operator::start(&server, "second"));
    first.claim.begun().await;
    for _ in 0..200 {
        tokio::time::sleep(seconds(7)).await;
        assert!(first.may_call().await && !second.may_call().await);
    }
    assert_eq!((server.holder(), server.transitions()), (Some("first".to_owned()), Some(0)));
    assert!(server.writes.load(Ordering::Relaxed) > 200, "once in five seconds");
    assert!(first.shows("gl_k8s_leader 1") && second.shows("gl_k8s_leader 0"));
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_gone_is_replaced_after_the_lease_and_not_before() {
    let server = Arc::new(Server::default());
    let (first, second) = (Operator::start(&server, "first"), Operator::start(&server, "second"));
    first.claim.begun().await;
    tokio::time::sleep(seconds(12)).await;
    first.task.abort();
    let gone = Instant::now();
    second.claim.begun().await;
    // It was renewed last at 10 s, and gone at 12 s. No watch works here, so that it may have been seen up to ten seconds later.
    let until = gone.elapsed();
    assert!(until >= seconds(28) && until <= seconds(38), "{until:?}");
    assert_eq!((server.holder(), server.transitions()), (Some("second".to_owned()), Some(1)));
    assert!(!first.may_call().await && second.may_call().await);
    assert!(second.shows("gl_k8s_lease_transitions 1"));
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_is_away_ends_the_leader_at_the_deadline_and_calls_stop_before() {
    let server = Arc::new(Server::default());
    let first = Operator::start(&server, "first");
    first.claim.begun().await;
    let renewed = Instant::now();
    server.away.store(true, Ordering::Relaxed);
    tokio::time::sleep(seconds(14)).await;
    assert!(first.may_call().await, "less than half of the lease is over");
    tokio::time::sleep(seconds(2)).await;
    assert!(!first.may_call().await, "a call might outlast the lease");
    assert_eq!(first.task.await.unwrap(), Err(Loss::Deadline(seconds(20))));
    assert_eq!(renewed.elapsed().as_secs(), 20);
    assert!(first.metrics.to_text().unwrap().contains("gl_k8s_leader 0"));
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_is_away_for_less_than_the_deadline_costs_nothing() {
    let server = Arc::new(Server::default());
    let first = Operator::start(&server, "first");
    first.claim.begun().await;
    for _ in 0..100 {
        server.away.store(true, Ordering::Relaxed);
        tokio::time::sleep(seconds(8)).await;
        server.away.store(false, Ordering::Relaxed);
        tokio::time::sleep(seconds(12)).await;
        assert!(first.may_call().await);
    }
    assert_eq!(server.transitions(), Some(0));
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_answer_was_lost_is_found_and_confirmed() {
    let server = Arc::new(Server::default());
    server.mute.store(true, Ordering::Relaxed);
    let first = Operator::start(&server, "first");
    tokio::time::sleep(seconds(9)).await;
    assert_eq!(server.holder().as_deref(), Some("first"));
    assert!(!first.may_call().await, "nobody told it");
    server.mute.store(false, Ordering::Relaxed);
    first.claim.begun().await;
    assert!(first.may_call().await);
    assert_eq!(server.transitions(), Some(0));
}

#[tokio::test(start_paused = true)]
async fn a_leader_gives_the_lease_back_and_is_told_when_it_was_taken_away() {
    let server = Arc::new(Server::default());
    let first = Operator::start(&server, "first");
    first.claim.begun().await;
    first.end.cancel();
    assert_eq!(first.task.await.unwrap(), Ok(()));
    assert_eq!(server.holder(), None);
    assert!(server.lease.lock().unwrap().is_some(), "it stays, and says that nobody holds it");

    let second = Operator::start(&server, "second");
    second.claim.begun().await;
    let number = server.writes.fetch_add(1, Ordering::Relaxed) + 1;
    if let Some(lease) = &mut *server.lease.lock().unwrap() {
        lease.metadata.resource_version = Some(number.to_string());
        lease.spec.as_mut().unwrap().holder_identity = Some("third".to_owned());
    }
    assert_eq!(second.task.await.unwrap(), Err(Loss::Taken { by: Some("third".to_owned()) }));
    assert!(second.claim.guard(seconds(0), async { Ok::<_, Refused>(()) }).await.is_err());
    assert_eq!(server.holder().as_deref(), Some("third"), "what is another's is not given back");
}
