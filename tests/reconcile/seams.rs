//! The two seams: every call to the API server and to GitLab passes here, is counted, and can be made to fail.

use std::sync::{Arc, Mutex};

use axum::{Router, body::Body as AxumBody};
use bytes::Bytes;
use gl_k8s_integrator::gitlab::{Transport, TransportError, TransportErrorKind};
use http::{Method, Request, Response};
use http_body_util::BodyExt as _;
use kube::{Client, client::Body};
use serde_json::json;
use tokio::sync::Notify;
use tower::ServiceExt as _;

/// Whom a call goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// The API server answers with this status and does nothing.
    Refused(u16),
    /// It takes effect, but no answer comes.
    AnswerLost,
    /// It takes effect, and that is the last that the operator does.
    Last,
    /// It is not sent before [`Seams::release`].
    Held,
}

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
}

impl Seams {
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

    async fn enter(&self, call: &Call) -> Fate {
        let fate = self.judge.lock().unwrap().as_mut().map_or(Fate::Passes, |judge| judge(call));
        if *self.dead.lock().unwrap() {
            // A process that has ended sends nothing more; whoever runs it drops it now.
            std::future::pending::<()>().await;
        }
        if fate == Fate::Last {
            *self.dead.lock().unwrap() = true;
        }
        if fate == Fate::Held {
            self.held.notify_one();
            self.released.notified().await;
        }
        self.calls.lock().unwrap().push(call.clone());
        fate
    }

    async fn leave(&self, fate: Fate) {
        if fate == Fate::Last {
            self.death.notify_one();
            std::future::pending::<()>().await;
        }
    }

    /// A client of the API server whose calls pass here.
    pub fn kubernetes(self: &Arc<Self>, client: Client) -> Client {
        let seams = Arc::clone(self);
        let service = tower::service_fn(move |request: Request<Body>| {
            let (seams, client) = (Arc::clone(&seams), client.clone());
            async move {
                let call = called(Server::Kubernetes, &request);
                let fate = seams.enter(&call).await;
                if let Fate::Refused(status) = fate {
                    return Ok(refusal(status, &call));
                }
                let answer = client.send(request).await?;
                seams.leave(fate).await;
                match fate {
                    Fate::AnswerLost => Err("the answer was lost on the way".into()),
                    _ => Ok::<_, tower::BoxError>(answer),
                }
            }
        });
        Client::new(service, "default")
    }

    /// A transport to a GitLab in this process whose calls pass here.
    pub fn gitlab(self: &Arc<Self>, router: Router) -> Transport {
        let seams = Arc::clone(self);
        Transport::new(tower::service_fn(move |request: Request<Bytes>| {
            let (seams, router) = (Arc::clone(&seams), router.clone());
            async move {
                let fate = seams.enter(&called(Server::GitLab, &request)).await;
                let cut = |detail| TransportError::new(TransportErrorKind::Cut, detail);
                let answer = router.oneshot(request.map(AxumBody::from)).await.unwrap();
                let (head, body) = answer.into_parts();
                let body = body.collect().await.map_err(|error| cut(error.to_string()));
                seams.leave(fate).await;
                match fate {
                    Fate::AnswerLost => Err(cut("the answer was lost on the way".to_owned())),
                    _ => Ok(Response::from_parts(head, body?.to_bytes())),
                }
            }
        }))
    }
}

fn called<B>(server: Server, request: &Request<B>) -> Call {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    Call { server, method: request.method().clone(), path: path.to_owned() }
}

fn refusal(status: u16, call: &Call) -> Response<Body> {
    let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status,
        "reason": if status == 409 { "Conflict" } else { "InternalError" }, "message": format!("a test refused {call}")});
    let answer = Response::builder().status(status).header("Content-Type", "application/json");
    answer.body(Body::from(body.to_string().into_bytes())).unwrap()
}
