//! Who calls: tokens in their four places, dead tokens, scopes, `Sudo`.

use http::Method;
use jiff::Timestamp;

use super::refusal::Refusal;
use super::request::Request;
use super::route::{Door, Route, Scopes};
use crate::state::State;
use crate::state::tokens::Scope;
use crate::state::users::UserState;

/// The caller of an authenticated request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The user that acts (the other one under `Sudo`).
    pub user: u64,
    /// The token that was presented.
    pub token: u64,
    /// Does the user act with an administrator's rights?
    pub admin: bool,
}

/// Finds the caller and checks token, scope and `Sudo`. `Ok(None)` without any token.
pub fn authenticate(
    state: &mut State,
    request: &Request,
    route: &Route,
    now: Timestamp,
) -> Result<Option<Caller>, Refusal> {
    let Some(presented) = presented(request) else { return Ok(None) };
    let token = state.tokens.find_by_value(&presented).ok_or_else(Refusal::unauthorized)?;
    let (token_id, user_id, scopes) = (token.id, token.user_id, token.scopes.clone());
    if token.revoked {
        let rotation = route.scopes == Scopes::SelfRotate;
        if rotation {
            state.tokens.revoke_family(token_id);
        }
        return Err(Refusal::invalid_token("Token was revoked. You have to re-authorize from the user."));
    }
    if token.is_expired(now) {
        return Err(Refusal::invalid_token("Token is expired. You can either do re-authorization or token refresh."));
    }
    check_scopes(&scopes, route, &request.method)?;
    let user = state.users.get(user_id).ok_or_else(Refusal::unauthorized)?;
    if let Some(reason) = refused_state(user.state) {
        return Err(Refusal::forbidden_because(reason));
    }
    let admin = user.admin && (!state.settings.admin_mode() || scopes.contains(&Scope::AdminMode));
    state.tokens.touch(token_id, now);
    let caller = Caller { user: user_id, token: token_id, admin };
    sudo(state, request, caller, &scopes).map(Some)
}

/// The token presented and its user, alive or dead; for the record and the throttles.
pub fn identify(state: &State, request: &Request) -> Option<(u64, u64)> {
    let token = state.tokens.find_by_value(&presented(request)?)?;
    Some((token.id, token.user_id))
}

/// The door of a route: 401 without a caller, 403 without an administrator.
pub fn pass(door: Door, caller: Option<&Caller>, method: &Method) -> Result<(), Refusal> {
    let reading = matches!(*method, Method::GET | Method::HEAD);
    match (door, caller) {
        (Door::Open, _) => Ok(()),
        (Door::SignedInToWrite, None) if reading => Ok(()),
        (_, None) => Err(Refusal::unauthorized()),
        (Door::Admin, Some(caller)) if !caller.admin => Err(Refusal::forbidden()),
        (_, Some(_)) => Ok(()),
    }
}

fn presented(request: &Request) -> Option<String> {
    if let Some(token) = request.header("PRIVATE-TOKEN").or_else(|| request.text("private_token")) {
        return Some(token.to_owned());
    }
    let header = request.header("Authorization");
    let bearer = header.and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    bearer.or_else(|| request.text("access_token")).map(str::to_owned)
}

fn check_scopes(scopes: &[Scope], route: &Route, method: &Method) -> Result<(), Refusal> {
    if route.scopes == Scopes::Any {
        return Ok(());
    }
    let reading = matches!(*method, Method::GET | Method::HEAD);
    let mut accepted = vec![Scope::Api];
    if reading {
        accepted.push(Scope::ReadApi);
    }
    match route.scopes {
        Scopes::ReadUser if reading => accepted.push(Scope::ReadUser),
        Scopes::SelfRotate => accepted.push(Scope::SelfRotate),
        _ => {}
    }
    if accepted.iter().any(|scope| scopes.contains(scope)) {
        return Ok(());
    }
    let mut named = vec!["api", "read_api"];
    if route.scopes == Scopes::ReadUser {
        named.push("read_user");
    }
    if route.scopes == Scopes::SelfRotate {
        named.push("self_rotate");
    }
    Err(Refusal::insufficient_scope(&named.join(" ")))
}

fn refused_state(state: UserState) -> Option<&'static str> {
    match state {
        UserState::Active => None,
        UserState::Blocked | UserState::LdapBlocked => Some("Your account has been blocked."),
        UserState::BlockedPendingApproval => Some("Your request to join is pending approval."),
        UserState::Banned => Some("Your account has been blocked."),
        UserState::Deactivated => Some(
            "Your account has been deactivated by your administrator. Please log back in to reactivate your account.",
        ),
    }
}

fn sudo(state: &State, request: &Request, caller: Caller, scopes: &[Scope]) -> Result<Caller, Refusal> {
    let Some(wanted) = request.header("Sudo").or_else(|| request.text("sudo")) else { return Ok(caller) };
    if !caller.admin {
        return Err(Refusal::forbidden_because("Must be admin to use sudo"));
    }
    if !scopes.contains(&Scope::Sudo) {
        return Err(Refusal::insufficient_scope("sudo"));
    }
    let user = wanted.parse().ok().and_then(|id| state.users.get(id)).or_else(|| state.users.by_username(wanted));
    match user {
        Some(user) => Ok(Caller { user: user.id, admin: user.admin, ..caller }),
        None => Err(Refusal::kind_not_found(&format!("User with ID or username '{wanted}'"))),
    }
}
