//! The simulator as a value: made, cloned, asked, served.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::Request as HttpRequest;
use axum::response::Response;
use jiff::Timestamp;

use crate::http::answer::Answer;
use crate::http::dispatch;
use crate::http::request::Request;
use crate::http::route::RouteTable;
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
    routes: RouteTable,
    clock: Clock,
    fixed_url: bool,
}

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
        let inner = Inner { state: Mutex::new(state), routes: resources::table(), clock, fixed_url };
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

    /// The simulator as a tower service for use in the same process, without a socket.
    pub fn router(&self) -> Router {
        let simulator = self.clone();
        Router::new().fallback(move |request: HttpRequest| {
            let simulator = simulator.clone();
            async move { simulator.respond(request).await }
        })
    }

    /// The whole model, locked.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers one request.
    pub async fn respond(&self, request: HttpRequest) -> Response {
        let request = Request::read(request).await;
        self.answer(&request).into_response()
    }

    fn answer(&self, request: &Request) -> Answer {
        dispatch::answer(&self.0.routes, &mut self.state(), request, self.now())
    }

    /// Takes the listener's address as the configured one, unless another was given.
    pub(crate) fn listens_at(&self, url: &str) {
        if !self.0.fixed_url {
            self.state().base_url = url.to_owned();
        }
    }
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
