//! Access tokens of projects and groups: a bot user, its membership and its token (lib/api/resource_access_tokens.rb).

use serde_json::Value;

use super::personal_access_tokens::{CREATE, issue, requested};
use crate::access::ability::{GroupAbility, ProjectAbility};
use crate::access::level;
use crate::entities::token as entity;
use crate::http::answer::Answer;
use crate::http::call::Call;
use crate::http::paging;
use crate::http::params::{Fallback, Kind, Param};
use crate::http::refusal::{Outcome, Refusal};
use crate::http::route::Route;
use crate::state::ids::Sequence;
use crate::state::members::{Member, Source};
use crate::state::tokens::Token;
use crate::state::users::{User, UserState};

const LEVEL: &[Param] = &[Param::optional("access_level", Kind::Integer)
    .values(level::WORDS)
    .default(Fallback::Integer(level::MAINTAINER as i64))];

/// The endpoints of this module.
pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/projects/:id/access_tokens", list_of_project).paged(),
        Route::post("/projects/:id/access_tokens", create_in_project).params(CREATE).params(LEVEL),
        Route::get("/projects/:id/access_tokens/:token_id", show_of_project),
        Route::delete("/projects/:id/access_tokens/:token_id", revoke_in_project),
        Route::get("/groups/:id/access_tokens", list_of_group).paged(),
        Route::post("/groups/:id/access_tokens", create_in_group).params(CREATE).params(LEVEL),
        Route::get("/groups/:id/access_tokens/:token_id", show_of_group),
        Route::delete("/groups/:id/access_tokens/:token_id", revoke_in_group),
    ]
}

fn project(call: &Call<'_>) -> Result<Source, Refusal> {
    call.project_for(ProjectAbility::ManageAccessTokens).map(Source::Project)
}

fn group(call: &Call<'_>) -> Result<Source, Refusal> {
    call.group_for(GroupAbility::ManageAccessTokens).map(Source::Group)
}

fn list_of_project(call: &mut Call<'_>) -> Outcome {
    let source = project(call)?;
    list(call, source)
}

fn list_of_group(call: &mut Call<'_>) -> Outcome {
    let source = group(call)?;
    list(call, source)
}

fn create_in_project(call: &mut Call<'_>) -> Outcome {
    let source = project(call)?;
    create(call, source)
}

fn create_in_group(call: &mut Call<'_>) -> Outcome {
    let source = group(call)?;
    create(call, source)
}

fn show_of_project(call: &mut Call<'_>) -> Outcome {
    let source = project(call)?;
    show(call, source)
}

fn show_of_group(call: &mut Call<'_>) -> Outcome {
    let source = group(call)?;
    show(call, source)
}

fn revoke_in_project(call: &mut Call<'_>) -> Outcome {
    let source = project(call)?;
    revoke(call, source)
}

fn revoke_in_group(call: &mut Call<'_>) -> Outcome {
    let source = group(call)?;
    revoke(call, source)
}

/// The level of the bot behind a token, when it is a bot of this project or group.
fn bot_level(call: &Call<'_>, source: Source, token: &Token) -> Option<u8> {
    call.state.users.get(token.user_id).filter(|user| user.bot)?;
    let mut members = call.state.members.values().filter(|member| member.source == source);
    members.find(|member| member.user_id == token.user_id).map(|member| member.access_level)
}

fn shape(token: &Token, access_level: u8, call: &Call<'_>) -> Value {
    let mut shape = entity::personal(token, call.now);
    shape["access_level"] = Value::from(access_level);
    shape
}

fn list(call: &mut Call<'_>, source: Source) -> Outcome {
    let of_source = |token: &Token| bot_level(call, source, token).map(|level| (token.id, level));
    let rows: Vec<(u64, u8)> = call.state.tokens.iter().filter_map(of_source).collect();
    paging::offset(call, &rows, |call, (id, level)| {
        call.state.tokens.get(*id).map(|token| shape(token, *level, call)).unwrap_or_default()
    })
}

fn find(call: &Call<'_>, source: Source) -> Result<(u64, u8), Refusal> {
    let id = call.path_id("token_id")?;
    let token = call.state.tokens.get(id);
    let found = token.and_then(|token| bot_level(call, source, token).map(|level| (id, level)));
    found.ok_or_else(Refusal::not_found)
}

fn show(call: &mut Call<'_>, source: Source) -> Outcome {
    let (id, level) = find(call, source)?;
    let token = call.state.tokens.get(id).ok_or_else(Refusal::not_found)?;
    Ok(Answer::ok(shape(token, level, call)))
}

fn revoke(call: &mut Call<'_>, source: Source) -> Outcome {
    let (id, _) = find(call, source)?;
    if let Some(token) = call.state.tokens.get_mut(id) {
        token.revoked = true;
    }
    Ok(Answer::no_content())
}

fn create(call: &mut Call<'_>, source: Source) -> Outcome {
    let access_level = call.params.integer("access_level").and_then(|level| u8::try_from(level).ok());
    let access_level = access_level.unwrap_or(level::MAINTAINER);
    if access_level == level::OWNER
        && let Source::Project(id) = source
    {
        call.authorize_project(id, ProjectAbility::ManageOwners)?;
    }
    let mut new = requested(call, 0)?;
    new.user_id = add_bot(call, source, access_level);
    issue(call, new).map(|mut shape| {
        shape["access_level"] = Value::from(access_level);
        Answer::created(shape)
    })
}

/// Bots are users and members like others; nothing in their JSON says what they are but the name.
fn add_bot(call: &mut Call<'_>, source: Source, access_level: u8) -> u64 {
    let (kind, of) = match source {
        Source::Project(id) => ("project", id),
        Source::Group(id) => ("group", id),
    };
    let hex: String = std::iter::repeat_with(|| fastrand::digit(16)).take(32).collect();
    let username = format!("{kind}_{of}_bot_{hex}");
    let user = User {
        id: call.state.ids.next(Sequence::User),
        email: format!("{username}@noreply.localhost"),
        username,
        name: call.params.text("name").unwrap_or_default().to_owned(),
        public_email: String::new(),
        admin: false,
        external: false,
        bot: true,
        state: UserState::Active,
        namespace_id: call.state.ids.next(Sequence::Namespace),
        created_at: call.now,
        updated_at: call.now,
        last_activity_on: None,
    };
    let member = Member {
        id: call.state.ids.next(Sequence::Member),
        source,
        user_id: user.id,
        access_level,
        created_at: call.now,
        created_by: call.caller.map(|caller| caller.user),
        expires_at: None,
        updated_at: call.now,
    };
    let id = user.id;
    call.state.members.insert(member.id, member);
    call.state.users.insert(user);
    id
}
