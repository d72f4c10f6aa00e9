//! Users: reading (lib/api/users.rb).

use http::StatusCode;
use serde_json::Value;

use crate::entities::user as entity;
use crate::http::answer::Answer;
use crate::http::call::Call;
use crate::http::paging::{self, Row};
use crate::http::params::{Fallback, Kind, Param};
use crate::http::refusal::{Outcome, Refusal};
use crate::http::route::{Door, Limit, Route, Scopes};
use crate::state::time;
use crate::state::users::{User, UserState};

const LIST: &[Param] = &[
    Param::optional("username", Kind::Text),
    Param::optional("public_email", Kind::Text),
    Param::optional("search", Kind::Text),
    Param::optional("active", Kind::Flag),
    Param::optional("blocked", Kind::Flag),
    Param::optional("humans", Kind::Flag),
    Param::optional("external", Kind::Flag),
    Param::optional("admins", Kind::Flag),
    Param::optional("without_project_bots", Kind::Flag),
    Param::optional("without_projects", Kind::Flag),
    Param::optional("exclude_active", Kind::Flag),
    Param::optional("exclude_external", Kind::Flag),
    Param::optional("exclude_humans", Kind::Flag),
    Param::optional("exclude_internal", Kind::Flag),
    Param::optional("created_after", Kind::Time),
    Param::optional("created_before", Kind::Time),
    Param::optional("order_by", Kind::Text)
        .values(&["id", "name", "username", "created_at", "updated_at"])
        .default(Fallback::Text("id")),
    Param::optional("sort", Kind::Text).values(&["asc", "desc"]).default(Fallback::Text("desc")),
    Param::optional("pagination", Kind::Text).values(&["legacy", "keyset"]),
    Param::optional("cursor", Kind::Text),
];

/// The endpoints of this module.
pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/user", myself).scopes(Scopes::ReadUser),
        Route::get("/users", list).door(Door::Open).scopes(Scopes::ReadUser).params(LIST).paged(),
        Route::get("/users/:id", show).door(Door::Open).scopes(Scopes::ReadUser).limited(Limit::User),
    ]
}

fn myself(call: &mut Call<'_>) -> Outcome {
    let id = call.user_id()?;
    let user = call.state.users.get(id).ok_or_else(Refusal::unauthorized)?;
    let shape = if user.admin { entity::with_admin(call.state, user) } else { entity::public(call.state, user) };
    Ok(Answer::ok(shape))
}

fn list(call: &mut Call<'_>) -> Outcome {
    if call.caller.is_none() && call.params.present("username").is_none() {
        return Err(Refusal::forbidden_because("Not authorized to access /api/v4/users"));
    }
    let admin = call.is_admin();
    // Order and some filters are an administrator's; from others they are ignored.
    let order = call.params.text("order_by").filter(|_| admin).unwrap_or("id").to_owned();
    let descending = !admin || call.params.text("sort") != Some("asc");
    let users = call.state.users.iter().filter(|user| fits(call, user, admin));
    let mut rows: Vec<Row<u64>> =
        users.map(|user| Row { key: sort_key(user, &order), id: user.id, value: user.id }).collect();
    paging::sort(&mut rows, descending);
    let shape = |call: &Call<'_>, row: &Row<u64>| shape(call, row.value, admin);
    if call.params.text("pagination") == Some("keyset") {
        return paging::cursor(call, &rows, descending, shape);
    }
    paging::refuse_far_offset(call, "User")?;
    paging::offset(call, &rows, shape)
}

fn show(call: &mut Call<'_>) -> Outcome {
    if call.caller.is_none() {
        return Err(Refusal::forbidden_because("Not authorized!"));
    }
    let id = call.path_id("id")?;
    let user = call.state.users.get(id).ok_or_else(|| Refusal::kind_not_found("User"))?;
    let shape = if call.is_admin() { entity::with_admin(call.state, user) } else { entity::profile(call.state, user) };
    Ok(Answer::ok(shape))
}

fn shape(call: &Call<'_>, id: u64, admin: bool) -> Value {
    let Some(user) = call.state.users.get(id) else { return Value::Null };
    if admin { entity::with_admin(call.state, user) } else { entity::basic(call.state, user) }
}

/// 404 `404 User Not Found` unless the path's `:id` names a user.
pub fn find(call: &Call<'_>) -> Result<u64, Refusal> {
    let id = call.path_id("id")?;
    call.state.users.get(id).map(|user| user.id).ok_or_else(|| Refusal::kind_not_found("User"))
}

/// Answers `true`, as the calls that change an account's state do.
pub fn done() -> Outcome {
    Ok(Answer::json(StatusCode::CREATED, Value::Bool(true)))
}

fn sort_key(user: &User, order: &str) -> String {
    match order {
        "name" => user.name.to_lowercase(),
        "username" => user.username.to_lowercase(),
        "created_at" => time(user.created_at),
        "updated_at" => time(user.updated_at),
        _ => format!("{:020}", user.id),
    }
}

fn fits(call: &Call<'_>, user: &User, admin: bool) -> bool {
    let params = &call.params;
    let blocked = matches!(user.state, UserState::Blocked | UserState::LdapBlocked);
    let hidden = blocked || user.state == UserState::Banned;
    let unless = |name: &str, fits: bool| !params.is_true(name) || fits;
    let found = params.present("search").is_none_or(|text| matches_search(user, text, admin));
    let named = params.text("username").is_none_or(|name| user.username.eq_ignore_ascii_case(name));
    let mailed = params.text("public_email").is_none_or(|email| user.public_email.eq_ignore_ascii_case(email));
    let after = params.time("created_after").is_none_or(|at| !admin || user.created_at >= at);
    let before = params.time("created_before").is_none_or(|at| !admin || user.created_at <= at);
    let active = user.state == UserState::Active;
    (admin || !hidden)
        && found
        && named
        && mailed
        && after
        && before
        && unless("active", active)
        && unless("exclude_active", !active)
        && unless("blocked", blocked)
        && unless("humans", !user.bot)
        && unless("exclude_humans", user.bot)
        && unless("without_project_bots", !user.bot)
        && unless("external", user.external)
        && unless("exclude_external", !user.external)
        && unless("admins", !admin || user.admin)
        // Only looked at when asked for: it goes through all projects.
        && (!admin || !params.is_true("without_projects") || !has_project(call, user.id))
}

/// A search finds parts of name and username, and an address in full (for administrators any address).
fn matches_search(user: &User, text: &str, admin: bool) -> bool {
    let text = text.to_lowercase();
    let mailed = user.public_email.to_lowercase() == text || (admin && user.email.to_lowercase() == text);
    user.name.to_lowercase().contains(&text) || user.username.to_lowercase().contains(&text) || mailed
}

fn has_project(call: &Call<'_>, user: u64) -> bool {
    call.state.projects.values().any(|project| call.state.level_in_project(user, project, call.now) > 0)
}
