//! Users: an administrator creating, changing, blocking and deleting accounts (lib/api/users.rb).

use std::sync::LazyLock;

use regex::Regex;

use super::users::{done, find};
use crate::entities::user as entity;
use crate::http::answer::Answer;
use crate::http::call::Call;
use crate::http::params::{Kind, Param};
use crate::http::refusal::{ModelErrors, Outcome, Refusal};
use crate::http::route::{Door, Route, Together};
use crate::state::State;
use crate::state::ids::Sequence;
use crate::state::members::Source;
use crate::state::projects::{Namespace, Project};
use crate::state::users::{User, UserState};

const CREATE: &[Param] = &[
    Param::required("email", Kind::Text),
    Param::optional("password", Kind::Text),
    Param::optional("reset_password", Kind::Flag),
    Param::optional("skip_confirmation", Kind::Flag),
    Param::optional("force_random_password", Kind::Flag),
    Param::required("name", Kind::Text),
    Param::required("username", Kind::Text),
    Param::optional("public_email", Kind::Text),
    Param::optional("admin", Kind::Flag),
    Param::optional("external", Kind::Flag),
];

const UPDATE: &[Param] = &[
    Param::optional("email", Kind::Text),
    Param::optional("name", Kind::Text),
    Param::optional("username", Kind::Text),
    Param::optional("public_email", Kind::Text),
    Param::optional("admin", Kind::Flag),
    Param::optional("external", Kind::Flag),
];

const DELETE: &[Param] = &[Param::optional("hard_delete", Kind::Flag)];

const PASSWORDS: &[&str] = &["password", "reset_password", "force_random_password"];

/// The endpoints of this module.
pub fn routes() -> Vec<Route> {
    let state_change = |pattern, handler| Route::post(pattern, handler).door(Door::Admin);
    vec![
        Route::post("/users", create).door(Door::Admin).params(CREATE).together(Together::AtLeastOne(PASSWORDS)),
        Route::put("/users/:id", update).door(Door::Admin).params(UPDATE),
        Route::delete("/users/:id", delete).door(Door::Admin).params(DELETE),
        state_change("/users/:id/block", block),
        state_change("/users/:id/unblock", unblock),
        state_change("/users/:id/deactivate", deactivate),
        state_change("/users/:id/activate", activate),
        state_change("/users/:id/ban", ban),
        state_change("/users/:id/unban", unban),
    ]
}

fn create(call: &mut Call<'_>) -> Outcome {
    let text = |name: &str| call.params.text(name).unwrap_or_default().to_owned();
    let (username, email, name) = (text("username"), text("email"), text("name"));
    refuse_taken(call.state, &email, &username, None)?;
    validate(&username, &email, &name, call.params.text("password"))?;
    let user = User {
        id: call.state.ids.next(Sequence::User),
        username,
        name,
        email,
        public_email: text("public_email"),
        admin: call.params.is_true("admin"),
        external: call.params.is_true("external"),
        bot: false,
        state: UserState::Active,
        namespace_id: call.state.ids.next(Sequence::Namespace),
        created_at: call.now,
        updated_at: call.now,
        last_activity_on: None,
    };
    let shape = entity::with_admin(call.state, &user);
    call.state.users.insert(user);
    Ok(Answer::created(shape))
}

fn update(call: &mut Call<'_>) -> Outcome {
    let id = find(call)?;
    let mut user = call.state.users.get(id).cloned().ok_or_else(|| Refusal::kind_not_found("User"))?;
    let params = &call.params;
    refuse_taken(
        call.state,
        params.text("email").unwrap_or_default(),
        params.text("username").unwrap_or_default(),
        Some(id),
    )?;
    let set = |field: &mut String, name: &str| {
        if let Some(text) = params.text(name) {
            text.clone_into(field);
        }
    };
    set(&mut user.email, "email");
    set(&mut user.name, "name");
    set(&mut user.username, "username");
    set(&mut user.public_email, "public_email");
    user.admin = params.flag("admin").unwrap_or(user.admin);
    user.external = params.flag("external").unwrap_or(user.external);
    user.updated_at = call.now;
    validate(&user.username, &user.email, &user.name, None)?;
    let shape = entity::with_admin(call.state, &user);
    // A new username moves the user's personal projects.
    call.state.change_paths(|state| state.users.insert(user));
    Ok(Answer::ok(shape))
}

/// Deletes the account, its tokens, its memberships and its personal projects.
fn delete(call: &mut Call<'_>) -> Outcome {
    let id = find(call)?;
    if let Some(user) = call.state.users.get(id) {
        call.check_unmodified_since(user.updated_at)?;
    }
    if !call.params.is_true("hard_delete") && is_sole_owner(call, id) {
        return Err(Refusal::conflict("User cannot be removed while is the sole-owner of a group"));
    }
    let own = |project: &&Project| project.namespace == Namespace::User(id);
    let projects: Vec<u64> = call.state.projects.values().filter(own).map(|project| project.id).collect();
    for project in projects {
        call.state.destroy_project(project);
    }
    call.state.members.retain(|_, member| member.user_id != id);
    call.state.tokens.remove_user(id);
    call.state.users.remove(id);
    Ok(Answer::no_content())
}

fn is_sole_owner(call: &Call<'_>, user: u64) -> bool {
    call.state.groups.values().any(|group| {
        let owners: Vec<u64> = call
            .state
            .direct_members(Source::Group(group.id), call.now)
            .filter(|member| member.access_level == crate::access::level::OWNER)
            .map(|member| member.user_id)
            .collect();
        owners == [user]
    })
}

fn block(call: &mut Call<'_>) -> Outcome {
    let id = find(call)?;
    match state_of(call, id) {
        UserState::LdapBlocked => {
            return Err(Refusal::forbidden_because("LDAP blocked users cannot be modified by the API"));
        }
        UserState::Blocked => return Ok(Answer::created(serde_json::Value::Null)),
        _ => {}
    }
    if call.caller.is_some_and(|caller| caller.user == id) {
        return Err(Refusal::forbidden_because("The API initiating user cannot be blocked by the API"));
    }
    change(call, id, UserState::Blocked)
}

fn unblock(call: &mut Call<'_>) -> Outcome {
    let id = find(call)?;
    match state_of(call, id) {
        UserState::LdapBlocked => Err(Refusal::forbidden_because("LDAP blocked users cannot be unblocked by the API")),
        UserState::Deactivated => Err(Refusal::forbidden_because("Deactivated users cannot be unblocked by the API")),
        _ => change(call, id, UserState::Active),
    }
}

fn deactivate(call: &mut Call<'_>) -> Outcome {
    let id = find(call)?;
    match state_of(call, id) {
        UserState::Blocked | UserState::LdapBlocked => {
            Err(Refusal::forbidden_because("A blocked user cannot be deactivated by the API"))
        }
        _ => change(call, id, UserState::Deactivated),
    }
}

fn activate(call: &mut Call<'_>) -> Outcome {
    let id = find(call)?;
    match state_of(call, id) {
        UserState::Blocked | UserState::LdapBlocked => {
            Err(Refusal::forbidden_because("A blocked user must be unblocked to be activated"))
        }
        _ => change(call, id, UserState::Active),
    }
}

fn ban(call: &mut Call<'_>) -> Outcome {
    let id = find(call)?;
    match state_of(call, id) {
        UserState::Active => change(call, id, UserState::Banned),
        other => Err(Refusal::forbidden_because(&format!("You cannot ban {} users.", other.word()))),
    }
}

fn unban(call: &mut Call<'_>) -> Outcome {
    let id = find(call)?;
    match state_of(call, id) {
        UserState::Banned => change(call, id, UserState::Active),
        other => Err(Refusal::forbidden_because(&format!("You cannot unban {} users.", other.word()))),
    }
}

fn state_of(call: &Call<'_>, id: u64) -> UserState {
    call.state.users.get(id).map_or(UserState::Active, |user| user.state)
}

fn change(call: &mut Call<'_>, id: u64, state: UserState) -> Outcome {
    let now = call.now;
    if let Some(user) = call.state.users.get_mut(id) {
        user.state = state;
        user.updated_at = now;
    }
    done()
}

fn refuse_taken(state: &State, email: &str, username: &str, except: Option<u64>) -> Result<(), Refusal> {
    let others = || state.users.iter().filter(|user| Some(user.id) != except);
    if !email.is_empty() && others().any(|user| user.email.eq_ignore_ascii_case(email)) {
        return Err(Refusal::conflict("Email has already been taken"));
    }
    let group = state.group_by_path(username).is_some();
    if group || (!username.is_empty() && others().any(|user| user.username.eq_ignore_ascii_case(username))) {
        return Err(Refusal::conflict("Username has already been taken"));
    }
    Ok(())
}

#[allow(clippy::expect_used, reason = "a constant expression")]
static USERNAME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^[a-zA-Z0-9_.][a-zA-Z0-9_.\-]*$").expect("a valid expression"));

fn validate(username: &str, email: &str, name: &str, password: Option<&str>) -> Result<(), Refusal> {
    let mut errors = ModelErrors::default();
    let bad_end = [".", ".git", ".atom"].iter().any(|end| username.ends_with(end));
    if username.is_empty() {
        errors.add("username", "can't be blank");
    } else if bad_end || !USERNAME.is_match(username) {
        errors.add(
            "username",
            "can contain only letters, digits, '_', '-' and '.'. Cannot start with '-' or end in '.', '.git' or '.atom'.",
        );
    }
    if email.is_empty() {
        errors.add("email", "can't be blank");
    } else if !email.contains('@') {
        errors.add("email", "is invalid");
    }
    if name.is_empty() {
        errors.add("name", "can't be blank");
    }
    if password.is_some_and(|password| password.chars().count() < 8) {
        errors.add("password", "is too short (minimum is 8 characters)");
    }
    errors.refuse_if_any()
}
