//! Personal access tokens: creating for a user, reading, revoking, rotating (lib/api/personal_access_tokens*).

use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::Value;

use super::users;
use crate::entities::token as entity;
use crate::http::answer::Answer;
use crate::http::call::Call;
use crate::http::paging;
use crate::http::params::{Kind, Param};
use crate::http::refusal::{Outcome, Refusal};
use crate::http::route::{Door, Route, Scopes};
use crate::state::ids::Sequence;
use crate::state::tokens::{NewToken, Scope, new_secret, today};

/// GitLab's longest life of a token, in days.
const LONGEST_LIFE: i64 = 365;
/// The life of a rotated token when nothing is said, in days.
const LIFE_AFTER_ROTATION: i64 = 7;

const SCOPES: &[&str] = &[
    "api",
    "read_api",
    "read_user",
    "self_rotate",
    "k8s_proxy",
    "admin_mode",
    "sudo",
    "read_repository",
    "write_repository",
];

/// The parameters of a new token.
pub const CREATE: &[Param] = &[
    Param::required("name", Kind::Text),
    Param::required("scopes", Kind::Texts).values(SCOPES),
    Param::optional("expires_at", Kind::Date),
    Param::optional("description", Kind::Text),
];

const LIST: &[Param] = &[
    Param::optional("user_id", Kind::Integer),
    Param::optional("revoked", Kind::Flag),
    Param::optional("state", Kind::Text).values(&["active", "inactive"]),
    Param::optional("search", Kind::Text),
];

const ROTATE: &[Param] = &[Param::optional("expires_at", Kind::Date)];

/// The endpoints of this module.
pub fn routes() -> Vec<Route> {
    vec![
        Route::post("/users/:id/personal_access_tokens", create).door(Door::Admin).params(CREATE),
        Route::get("/personal_access_tokens", list).params(LIST).paged(),
        Route::get("/personal_access_tokens/self", show_self).scopes(Scopes::Any),
        Route::delete("/personal_access_tokens/self", revoke_self).scopes(Scopes::Any),
        Route::post("/personal_access_tokens/self/rotate", rotate_self).scopes(Scopes::SelfRotate).params(ROTATE),
        Route::get("/personal_access_tokens/:id", show),
        Route::delete("/personal_access_tokens/:id", revoke),
        Route::post("/personal_access_tokens/:id/rotate", rotate).params(ROTATE),
    ]
}

fn create(call: &mut Call<'_>) -> Outcome {
    let user_id = users::find(call)?;
    let new = requested(call, user_id)?;
    issue(call, new).map(Answer::created)
}

/// The token that the parameters of [`CREATE`] ask for.
pub fn requested(call: &Call<'_>, user_id: u64) -> Result<NewToken, Refusal> {
    let scopes: Vec<Scope> = call.params.texts("scopes").iter().filter_map(|word| Scope::parse(word)).collect();
    if scopes.is_empty() {
        return Err(Refusal::unprocessable("Scopes can't be blank"));
    }
    let expires_at = match call.params.date("expires_at") {
        Some(day) => Some(within_longest_life(call, day)?),
        None => default_end(call, LONGEST_LIFE),
    };
    Ok(NewToken {
        user_id,
        name: call.params.text("name").unwrap_or_default().to_owned(),
        description: call.params.text("description").map(str::to_owned),
        scopes,
        expires_at,
        family: None,
    })
}

fn list(call: &mut Call<'_>) -> Outcome {
    let caller = call.user_id()?;
    let wanted = call.params.id("user_id");
    if !call.is_admin() && wanted.is_some_and(|user| user != caller) {
        return Err(Refusal::unauthorized());
    }
    let owner = if call.is_admin() { wanted } else { Some(caller) };
    let state = call.params.text("state").map(|word| word == "active");
    let revoked = call.params.flag("revoked");
    let search = call.params.present("search").map(str::to_lowercase);
    let rows: Vec<u64> = call
        .state
        .tokens
        .iter()
        .filter(|token| owner.is_none_or(|owner| token.user_id == owner))
        .filter(|token| revoked.is_none_or(|revoked| token.revoked == revoked))
        .filter(|token| state.is_none_or(|active| token.is_active(call.now) == active))
        .filter(|token| search.as_ref().is_none_or(|text| token.name.to_lowercase().contains(text)))
        .map(|token| token.id)
        .collect();
    paging::offset(call, &rows, |call, id| {
        call.state.tokens.get(*id).map(|token| entity::with_addresses(token, call.now)).unwrap_or_default()
    })
}

fn show_self(call: &mut Call<'_>) -> Outcome {
    let id = own_token(call)?;
    shown(call, id)
}

fn revoke_self(call: &mut Call<'_>) -> Outcome {
    let id = own_token(call)?;
    revoke_token(call, id)
}

/// A lost answer of this call is dangerous: the old token is dead at once, and using it again for rotation kills the
/// new one too (see `http::auth`).
fn rotate_self(call: &mut Call<'_>) -> Outcome {
    let id = own_token(call)?;
    rotate_token(call, id)
}

fn show(call: &mut Call<'_>) -> Outcome {
    let id = readable(call, Refusal::not_found)?;
    shown(call, id)
}

fn revoke(call: &mut Call<'_>) -> Outcome {
    let id = readable(call, Refusal::not_found)?;
    revoke_token(call, id)
}

fn rotate(call: &mut Call<'_>) -> Outcome {
    let id = readable(call, Refusal::unauthorized)?;
    rotate_token(call, id)
}

fn own_token(call: &Call<'_>) -> Result<u64, Refusal> {
    call.caller.map(|caller| caller.token).ok_or_else(Refusal::unauthorized)
}

/// The token of `:id` when it is the caller's own or the caller an administrator.
fn readable(call: &Call<'_>, otherwise: fn() -> Refusal) -> Result<u64, Refusal> {
    let id = call.path_id("id")?;
    let caller = call.user_id()?;
    let token = call.state.tokens.get(id).filter(|token| call.is_admin() || token.user_id == caller);
    match token {
        Some(token) => Ok(token.id),
        None if call.is_admin() => Err(Refusal::not_found()),
        None => Err(otherwise()),
    }
}

fn shown(call: &Call<'_>, id: u64) -> Outcome {
    let token = call.state.tokens.get(id).ok_or_else(Refusal::not_found)?;
    Ok(Answer::ok(entity::with_addresses(token, call.now)))
}

fn revoke_token(call: &mut Call<'_>, id: u64) -> Outcome {
    let token = call.state.tokens.get_mut(id).ok_or_else(Refusal::not_found)?;
    token.revoked = true;
    Ok(Answer::no_content())
}

fn rotate_token(call: &mut Call<'_>, id: u64) -> Outcome {
    let old = call.state.tokens.get(id).ok_or_else(Refusal::not_found)?.clone();
    if old.revoked {
        call.state.tokens.revoke_family(id);
        return Err(Refusal::bad_request("token already revoked"));
    }
    let expires_at = match call.params.date("expires_at") {
        Some(day) => Some(within_longest_life(call, day)?),
        None => default_end(call, LIFE_AFTER_ROTATION),
    };
    let new = NewToken {
        user_id: old.user_id,
        name: old.name,
        description: old.description,
        scopes: old.scopes,
        expires_at,
        family: Some(old.family),
    };
    if let Some(token) = call.state.tokens.get_mut(id) {
        token.revoked = true;
    }
    issue(call, new).map(Answer::ok)
}

/// Makes the token; the JSON shows its value, this once.
pub fn issue(call: &mut Call<'_>, new: NewToken) -> Result<Value, Refusal> {
    let value = new_secret("glpat-");
    let id = call.state.ids.next(Sequence::Token);
    call.state.tokens.insert(id, &value, new, call.now);
    let token = call.state.tokens.get(id).ok_or_else(Refusal::not_found)?;
    Ok(entity::with_value(token, &value, call.now))
}

/// Where expiry is mandatory a token without a date gets one.
fn default_end(call: &Call<'_>, days: i64) -> Option<Date> {
    let mandatory = call.state.settings.flag("require_personal_access_token_expiry");
    mandatory.then(|| today(call.now).saturating_add(days.days()))
}

fn within_longest_life(call: &Call<'_>, day: Date) -> Result<Date, Refusal> {
    let end = today(call.now).saturating_add(LONGEST_LIFE.days());
    if day <= end || !call.state.settings.flag("require_personal_access_token_expiry") {
        return Ok(day);
    }
    Err(Refusal::unprocessable(format!("Expiration date must be before {}", end.saturating_add(1.days()))))
}
