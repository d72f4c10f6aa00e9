//! The two seams: every call to the API server and to GitLab passes here, is counted, and can be made to fail.

use std::{
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use axum::{Router, body::Body as AxumBody};
use bytes::Bytes;
use futures::{FutureExt as _, future::BoxFuture};
use gl_k8s_integrator::gitlab::{Transport, TransportError, TransportErrorKind};
use http::{Method, Request, Response};
use http_body_util::BodyExt as _;
use kube::{Client, client::Body};
use tokio::sync::{Notify, OwnedMutexGuard};
use tower::{BoxError, ServiceExt as _};

#[path = "faults.rs"]
pub mod faults;

use self::faults::Fault;

/// Whom a call goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Server {
    Kubernetes,
    GitLab,
}

/// A call of the operator: whom it went to, method, path with query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub server: Server,
    pub method: Method,
    pub path: String,
}

impl Call {
    /// Whether it can change anything.
    pub fn is_write(&self) -> bool {
        self.method != Method::GET
    }

    /// An event tells of what was done; nothing is decided by it.
    pub fn is_event(&self) -> bool {
        self.path.contains("/events")
    }
}

impl std::fmt::Display for Call {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:?} {} {}", self.server, self.method, self.path)
    }
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nothing special.
    Passes,
    /// It fails in this way.
    Fails(Fault),
    /// The operator ends before it leaves.
    NeverSent,
    /// It takes effect, and that is the last that the operator does.
    Last,
    /// It takes effect and is answered, and that is the last that the operator does.
    LastAnswered,
    /// It is not sent before [`Seams::release`].
    Held,
}

/// A place in the row of calls.
type Place = BoxFuture<'static, Option<OwnedMutexGuard<()>>>;
type Judge = dyn FnMut(&Call) -> Fate + Send;

/// What passed, and what becomes of the next call.
#[derive(Default)]
pub struct Seams {
    calls: Mutex<Vec<Call>>,
    judge: Mutex<Option<Box<Judge>>>,
    dead: Mutex<bool>,
    death: Notify,
    held: Notify,
    released: Notify,
    /// Whose turn it is, where calls go one by one.
    turn: Option<Arc<tokio::sync::Mutex<()>>>,
}

impl Seams {
    /// Seams that let calls through one by one, in the order in which they come: so the same work makes the same calls in
    /// the same order.
    pub fn one_by_one() -> Self {
        Self { turn: Some(Arc::default()), ..Self::default() }
    }

    /// All calls so far.
    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// Decides the fate of all calls from now on.
    pub fn judge(&self, judge: impl FnMut(&Call) -> Fate + Send + 'static) {
        *self.judge.lock().unwrap() = Some(Box::new(judge));
    }

    /// Ends the operator right after the call of this number (from 1) of those that a predicate picks.
    pub fn last_is(&self, number: usize, picks: fn(&Call) -> bool) {
        let mut seen = 0;
        self.judge(move |call| {
            seen += usize::from(picks(call));
            if seen == number && picks(call) { Fate::Last } else { Fate::Passes }
        });
    }

    /// Waits for the call that was to be the last one.
    pub async fn death(&self) {
        self.death.notified().await;
    }

    /// Waits for a call that is held.
    pub async fn held(&self) {
        self.held.notified().await;
    }

    /// Lets the call go that is held.
    pub fn release(&self) {
        self.released.notify_one();
    }

    /// Takes a place in the row: at once, not when somebody gets round to it.
    fn queue(&self) -> Place {
        let mut place: Place = match &self.turn {
            None => return Box::pin(std::future::ready(None)),
            Some(turn) => Box::pin(Arc::clone(turn).lock_owned().map(Some)),
        };
        match place.poll_unpin(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(turn) => Box::pin(std::future::ready(turn)),
            Poll::Pending => place,
        }
    }

    async fn enter(&self, place: Place, call: &Call) -> (Fate, Option<OwnedMutexGuard<()>>) {
        let turn = place.await;
        if *self.dead.lock().unwrap() {
            // A process that has ended sends nothing more; whoever runs it drops it now.
            self.end().await;
        }
        let fate = self.judge.lock().unwrap().as_mut().map_or(Fate::Passes, |judge| judge(call));
        match fate {
            Fate::NeverSent => {
                *self.dead.lock().unwrap() = true;
                self.end().await;
            }
            Fate::Last | Fate::LastAnswered => *self.dead.lock().unwrap() = true,
            Fate::Held => {
                self.held.notify_one();
                self.released.notified().await;
            }
            Fate::Passes | Fate::Fails(_) => {}
        }
        self.calls.lock().unwrap().push(call.clone());
        (fate, turn)
    }

    async fn leave(&self, fate: Fate) {
        if fate == Fate::Last {
            self.end().await;
        }
    }

    async fn end(&self) {
        self.death.notify_one();
        std::future::pending::<()>().await;
    }

    /// A client of the API server whose calls pass here.
    pub fn kubernetes(self: &Arc<Self>, client: Client) -> Client {
        let seams = Arc::clone(self);
        let service = tower::service_fn(move |request: Request<Body>| {
            let (seams, client) = (Arc::clone(&seams), client.clone());
            let place = seams.queue();
            async move {
                let call = called(Server::Kubernetes, &request);
                let (fate, _turn) = seams.enter(place, &call).await;
                if let Fate::Fails(fault) = fate {
                    return failing_kubernetes(fault, &call, client, request).await;
                }
                let answer = client.send(request).await?;
                seams.leave(fate).await;
                Ok::<_, BoxError>(answer)
            }
        });
        Client::new(service, "default")
    }

    /// A transport to a GitLab in this process whose calls pass here.
    pub fn gitlab(self: &Arc<Self>, router: Router) -> Transport {
        let seams = Arc::clone(self);
        Transport::new(tower::service_fn(move |request: Request<Bytes>| {
            let (seams, router) = (Arc::clone(&seams), router.clone());
            let place = seams.queue();
            async move {
                let call = called(Server::GitLab, &request);
                let (fate, _turn) = seams.enter(place, &call).await;
                if let Fate::Fails(fault) = fate {
                    return failing_gitlab(fault, &call, router, request).await;
                }
                let answer = asked(router, request).await;
                seams.leave(fate).await;
                answer
            }
        }))
    }
}

fn lost() -> BoxError {
    "the answer was lost on the way".into()
}

fn cut() -> TransportError {
    TransportError::new(TransportErrorKind::Cut, "the answer was lost on the way")
}

async fn asked(router: Router, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
    let answer = router.oneshot(request.map(AxumBody::from)).await.unwrap();
    let (head, body) = answer.into_parts();
    let body = body.collect().await.map_err(|_| cut())?;
    Ok(Response::from_parts(head, body.to_bytes()))
}

async fn failing_kubernetes(
    fault: Fault,
    call: &Call,
    client: Client,
    request: Request<Body>,
) -> Result<Response<Body>, BoxError> {
    let mut answer = None;
    if fault.takes_effect() {
        let (head, body) = client.send(request).await?.into_parts();
        answer = Some(Response::from_parts(head, body.collect_bytes().await?.to_vec()));
    }
    match fault.instead(call, answer) {
        Some(answer) => Ok(answer.map(Body::from)),
        // What the layer says that limits the time of every call.
        None if fault == Fault::TimedOut => Err(tower::timeout::error::Elapsed::new().into()),
        None => Err(lost()),
    }
}

async fn failing_gitlab(
    fault: Fault,
    call: &Call,
    router: Router,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, TransportError> {
    let mut answer = None;
    if fault.takes_effect() {
        answer = Some(asked(router, request).await?.map(|body| body.to_vec()));
    }
    match fault.instead(call, answer) {
        Some(answer) => Ok(answer.map(Bytes::from)),
        None if fault == Fault::TimedOut => {
            Err(TransportError::new(TransportErrorKind::TimedOut, "the test let nothing through"))
        }
        None => Err(cut()),
    }
}

fn called<B>(server: Server, request: &Request<B>) -> Call {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    Call { server, method: request.method().clone(), path: path.to_owned() }
}
