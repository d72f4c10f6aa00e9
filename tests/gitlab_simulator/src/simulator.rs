//! The simulator as a value: made, cloned, asked, served.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{fmt, io};

use axum::Router;
use axum::body::Body;
use axum::extract::Request as HttpRequest;
use axum::response::Response;
use futures::StreamExt as _;
use http::StatusCode;
use jiff::Timestamp;
use tokio::net::TcpListener;

use crate::control;
use crate::http::answer::Answer;
use crate::http::faults::{self, Fault, FaultKind, Faults, InvalidFault};
use crate::http::record::{Record, Recorded};
use crate::http::request::Request;
use crate::http::route::RouteTable;
use crate::http::{auth, dispatch};
use crate::resources;
use crate::state::State;
use crate::state::ids::Sequence;
use crate::state::tokens::{NewToken, Scope};
use crate::state::users::{User, UserState};

/// Tells the time to a simulator; tests shift it to make tokens and memberships expire.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How a simulator starts.
#[derive(Clone)]
pub struct Options {
    /// The secret of the first administrator's token (scopes `api` and `sudo`).
    pub admin_token: String,
    /// The clock; the system's when none.
    pub clock: Option<Clock>,
    /// What `GET /version` says.
    pub version: String,
    /// The configured address of this GitLab (`web_url`, `Link`); the listener's when none.
    pub external_url: Option<String>,
}

impl Options {
    /// The newest GitLab with this administrator's token.
    pub fn new(admin_token: impl Into<String>) -> Self {
        Self { admin_token: admin_token.into(), clock: None, version: "19.3.0-ee".to_owned(), external_url: None }
    }
}

/// An in-memory GitLab. Clones share one state.
#[derive(Clone)]
pub struct Simulator(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    control: Mutex<Control>,
    routes: RouteTable,
    clock: Clock,
    fixed_url: bool,
}

/// What surrounds the model: faults to come and requests that came.
#[derive(Default)]
struct Control {
    faults: Faults,
    record: Record,
}

/// The connection is to be cut instead of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionCut;

impl fmt::Display for ConnectionCut {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the simulator cut the connection, as a fault asked")
    }
}

impl std::error::Error for ConnectionCut {}

impl fmt::Debug for Simulator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Simulator")
    }
}

impl Simulator {
    /// A GitLab with one administrator, `root`, and nothing else.
    pub fn new(options: Options) -> Self {
        let clock = options.clock.unwrap_or_else(|| Arc::new(Timestamp::now));
        let fixed_url = options.external_url.is_some();
        let base_url = options.external_url.unwrap_or_else(|| "http://localhost".to_owned());
        let mut state = State::new(base_url.trim_end_matches('/').to_owned(), options.version);
        add_administrator(&mut state, &options.admin_token, clock());
        let (state, control) = (Mutex::new(state), Mutex::default());
        let inner = Inner { state, control, routes: resources::table(), clock, fixed_url };
        Self(Arc::new(inner))
    }

    /// The time as this simulator sees it.
    pub fn now(&self) -> Timestamp {
        (self.0.clock)()
    }

    /// The configured address, without a trailing slash.
    pub fn base_url(&self) -> String {
        self.state().base_url.clone()
    }

    /// The simulator as a tower service for use in the same process, without a socket. Where a socket's connection
    /// would be cut, the answer here is 502 with a body that fails when read.
    pub fn router(&self) -> Router {
        let simulator = self.clone();
        Router::new().fallback(move |request: HttpRequest| {
            let simulator = simulator.clone();
            async move { simulator.respond(request).await.unwrap_or_else(broken) }
        })
    }

    /// The whole model, locked.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn control(&self) -> MutexGuard<'_, Control> {
        self.0.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Arms a fault for requests to come; gives its id.
    pub fn add_fault(&self, fault: Fault) -> Result<u64, InvalidFault> {
        self.control().faults.add(fault)
    }

    /// Disarms one fault.
    pub fn clear_fault(&self, id: u64) {
        self.control().faults.clear(Some(id));
    }

    /// Disarms all faults.
    pub fn clear_faults(&self) {
        self.control().faults.clear(None);
    }

    /// The faults in force, with their ids.
    pub fn faults(&self) -> Vec<(u64, Fault)> {
        self.control().faults.all()
    }

    /// Every request since the last clearing, oldest first; secrets are fingerprints.
    pub fn requests(&self) -> Vec<Recorded> {
        self.control().record.all()
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.control().record.clear();
    }

    /// Answers one request, or cuts its connection.
    pub async fn respond(&self, request: HttpRequest) -> Result<Response, ConnectionCut> {
        let request = Request::read(request).await;
        if request.path.starts_with(control::PREFIX) {
            return Ok(control::respond(self, &request).await);
        }
        let fault = self.control().faults.strike(&request.method, &request.target());
        if let Some(fault) = &fault {
            tokio::time::sleep(fault.delay()).await;
        }
        let kind = fault.as_ref().map(|fault| fault.kind);
        let who = auth::identify(&self.state(), &request);
        let answer = match (&fault, kind) {
            (Some(fault), Some(FaultKind::Status)) => Some(fault.status_answer()),
            (Some(fault), Some(FaultKind::Garbage)) => Some(fault.garbage_answer()),
            (Some(fault), Some(FaultKind::Large)) => Some(faults::large_head(fault)),
            (_, Some(FaultKind::Cut)) => None,
            _ => Some(self.answer(&request)),
        };
        let status = answer.as_ref().map(|answer| answer.status.as_u16());
        self.control().record.add(&request, status, who, kind);
        match (answer, &fault, kind) {
            (None, ..) | (_, _, Some(FaultKind::LostAnswer)) => Err(ConnectionCut),
            (Some(answer), Some(fault), Some(FaultKind::Large)) => {
                Ok(answer.into_response().map(|_| faults::large_body(fault)))
            }
            (Some(answer), _, Some(FaultKind::CutBody)) => Ok(cut_in_the_middle(answer.into_response()).await),
            (Some(answer), ..) => Ok(answer.into_response()),
        }
    }

    fn answer(&self, request: &Request) -> Answer {
        dispatch::answer(&self.0.routes, &mut self.state(), request, self.now())
    }

    /// Takes the listener's address as the configured one, unless another was given; serving does it too.
    pub fn listens_at(&self, listener: &TcpListener, tls: bool) -> io::Result<String> {
        let scheme = if tls { "https" } else { "http" };
        let url = format!("{scheme}://{}", listener.local_addr()?);
        if !self.0.fixed_url {
            self.state().base_url.clone_from(&url);
        }
        Ok(url)
    }
}

/// The head of a response with its full length, half of its body, and the cut.
async fn cut_in_the_middle(response: Response) -> Response {
    let (mut head, body) = response.into_parts();
    // The body was made here, so that it can be read to its end.
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    head.headers.insert(http::header::CONTENT_LENGTH, body.len().max(1).into());
    let half = futures::stream::iter([Ok(body.slice(..body.len() / 2))]);
    let cut = futures::stream::once(async {
        // The server sends what it has when nothing more is there yet; an error at once would swallow the half.
        tokio::task::yield_now().await;
        Err(ConnectionCut)
    });
    Response::from_parts(head, Body::from_stream(half.chain(cut)))
}

fn broken(cut: ConnectionCut) -> Response {
    let failing = futures::stream::once(async move { Err::<axum::body::Bytes, _>(cut) });
    let mut response = Response::new(Body::from_stream(failing));
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response
}

fn add_administrator(state: &mut State, token: &str, now: Timestamp) {
    let id = state.ids.next(Sequence::User);
    let user = User {
        id,
        username: "root".to_owned(),
        name: "Administrator".to_owned(),
        email: "admin@example.com".to_owned(),
        public_email: String::new(),
        admin: true,
        external: false,
        bot: false,
        state: UserState::Active,
        namespace_id: state.ids.next(Sequence::Namespace),
        created_at: now,
        updated_at: now,
        last_activity_on: None,
    };
    state.users.insert(user);
    let new = NewToken {
        user_id: id,
        name: "administrator".to_owned(),
        description: None,
        scopes: vec![Scope::Api, Scope::Sudo],
        expires_at: None,
        family: None,
    };
    let token_id = state.ids.next(Sequence::Token);
    state.tokens.insert(token_id, token, new, now);
}
