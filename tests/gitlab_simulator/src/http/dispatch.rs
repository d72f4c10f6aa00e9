//! The way of one request through GitLab's checks: path, token, scope, door, parameters, handler.

use jiff::Timestamp;

use super::answer::Answer;
use super::auth;
use super::call::Call;
use super::limits::{Throttle, check_application_limit};
use super::params::Params;
use super::refusal::{Outcome, Refusal};
use super::request::Request;
use super::route::{Found, RouteTable};
use crate::jobs::stop;
use crate::state::State;

/// Answers a request; nothing here waits.
pub fn answer(routes: &RouteTable, state: &mut State, request: &Request, now: Timestamp) -> Answer {
    state.destroy_overdue(now);
    stop::settle(state, now);
    let user = auth::identify(state, request).map(|(_, user)| user);
    let throttle = Throttle::apply(&mut state.counters, &state.settings, request, user, now);
    // HEAD is answered like GET: the server sends the headers only.
    match &throttle {
        Some(throttle) if throttle.is_exceeded() => throttle.refusal(),
        Some(throttle) => throttle.mark(outcome(routes, state, request, now)),
        None => outcome(routes, state, request, now),
    }
}

fn outcome(routes: &RouteTable, state: &mut State, request: &Request, now: Timestamp) -> Answer {
    run(routes, state, request, now).unwrap_or_else(Refusal::into_answer)
}

fn run(routes: &RouteTable, state: &mut State, request: &Request, now: Timestamp) -> Outcome {
    if is_below(&request.path, "/api/v3") {
        let gone = "API V3 is no longer supported. Use API V4 instead.";
        return Err(Refusal::error(http::StatusCode::GONE, gone));
    }
    let Some(path) = request.path.strip_prefix("/api/v4").filter(|_| is_below(&request.path, "/api/v4")) else {
        return Err(Refusal::unknown_path());
    };
    let (route, path) = match routes.find(&request.method, path) {
        Found::Route(route, path) => (route, path),
        Found::WrongMethod => return Err(Refusal::wrong_method()),
        Found::Nothing => return Err(Refusal::unknown_path()),
    };
    if request.malformed {
        let reason = "message body does not match declared format";
        return Err(Refusal::error(http::StatusCode::BAD_REQUEST, reason));
    }
    let caller = auth::authenticate(state, request, route, now)?;
    auth::pass(route.door, caller.as_ref(), &request.method)?;
    if let Some(limit) = route.limit {
        let source = request.path.trim_start_matches("/api/v4");
        let source = source.rsplit_once('/').map_or(source, |(above, _)| above);
        check_application_limit(&mut state.counters, &state.settings, limit, caller.as_ref(), source, now)?;
    }
    let mut call = Call { state, request, caller, params: Params::default(), now, path };
    if let Some(before) = route.before {
        before(&mut call)?;
    }
    call.params = route.check(&request.parameters)?;
    (route.handler)(&mut call)
}

fn is_below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
