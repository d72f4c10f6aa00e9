//! Members of projects and groups: adding, changing, removing (lib/api/members.rb).

use serde_json::json;

use crate::access::ability::{GroupAbility, ProjectAbility};
use crate::access::level;
use crate::entities::member as entity;
use crate::http::answer::Answer;
use crate::http::call::Call;
use crate::http::params::{Kind, Param};
use crate::http::refusal::{ModelErrors, Outcome, Refusal};
use crate::http::route::{Limit, Route, Together};
use crate::state::ids::Sequence;
use crate::state::members::{Member, Source};
use crate::state::projects::Namespace;
use crate::state::tokens::today;

const CREATE: &[Param] = &[
    Param::required("access_level", Kind::Integer),
    Param::optional("user_id", Kind::Text),
    Param::optional("username", Kind::Text),
    Param::optional("expires_at", Kind::Date),
    Param::optional("invite_source", Kind::Text),
    Param::optional("member_role_id", Kind::Integer),
];

const UPDATE: &[Param] = &[
    Param::required("access_level", Kind::Integer),
    Param::optional("expires_at", Kind::Date),
    Param::optional("member_role_id", Kind::Integer),
];

const DELETE: &[Param] =
    &[Param::optional("skip_subresources", Kind::Flag), Param::optional("unassign_issuables", Kind::Flag)];

const WHO: &[&str] = &["user_id", "username"];

/// The endpoints of this module.
pub fn routes() -> Vec<Route> {
    let adding = |pattern, handler| {
        let route = Route::post(pattern, handler).params(CREATE);
        route.together(Together::Exclusive(WHO, None)).together(Together::AtLeastOne(WHO))
    };
    let removing = |pattern, handler| Route::delete(pattern, handler).limited(Limit::MembersDelete).params(DELETE);
    vec![
        adding("/projects/:id/members", create_in_project),
        adding("/groups/:id/members", create_in_group),
        Route::put("/projects/:id/members/:user_id", update_in_project).params(UPDATE),
        Route::put("/groups/:id/members/:user_id", update_in_group).params(UPDATE),
        removing("/projects/:id/members/:user_id", delete_from_project),
        removing("/groups/:id/members/:user_id", delete_from_group),
    ]
}

fn create_in_project(call: &mut Call<'_>) -> Outcome {
    let source = Source::Project(call.project_for(ProjectAbility::AdminMembers)?);
    create(call, source)
}

fn create_in_group(call: &mut Call<'_>) -> Outcome {
    let source = Source::Group(call.group_for(GroupAbility::AdminMembers)?);
    create(call, source)
}

fn update_in_project(call: &mut Call<'_>) -> Outcome {
    let source = Source::Project(call.project_for(ProjectAbility::AdminMembers)?);
    update(call, source)
}

fn update_in_group(call: &mut Call<'_>) -> Outcome {
    let source = Source::Group(call.group_for(GroupAbility::AdminMembers)?);
    update(call, source)
}

/// Members may leave by themselves.
fn delete_from_project(call: &mut Call<'_>) -> Outcome {
    let id = call.project()?;
    if !leaves(call)? {
        call.authorize_project(id, ProjectAbility::AdminMembers)?;
    }
    delete(call, Source::Project(id))
}

fn delete_from_group(call: &mut Call<'_>) -> Outcome {
    let id = call.group()?;
    if !leaves(call)? {
        call.authorize_group(id, GroupAbility::AdminMembers)?;
    }
    delete(call, Source::Group(id))
}

fn leaves(call: &Call<'_>) -> Result<bool, Refusal> {
    Ok(call.path_id("user_id")? == call.user_id()?)
}

/// A comma list skips the check for existing members and answers with a status instead of a member.
fn create(call: &mut Call<'_>, source: Source) -> Outcome {
    let given = call.params.text("user_id").or(call.params.text("username")).unwrap_or_default().to_owned();
    let by_id = call.params.has("user_id");
    if given.contains(',') {
        return create_several(call, source, &given, by_id);
    }
    let user = find_user(call, &given, by_id).ok_or_else(|| Refusal::kind_not_found("User"))?;
    if direct(call, source, user).is_some() {
        return Err(Refusal::conflict("Member already exists"));
    }
    let (access_level, expires_at) = validate(call, source, user)?;
    let member = new_member(call, source, user, access_level, expires_at);
    let shape = entity::member(call.state, &member, access_level, call.is_admin());
    call.state.members.insert(member.id, member);
    Ok(Answer::created(shape))
}

fn create_several(call: &mut Call<'_>, source: Source, given: &str, by_id: bool) -> Outcome {
    let mut errors = serde_json::Map::new();
    for name in given.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let Some(user) = find_user(call, name, by_id) else {
            errors.insert(name.to_owned(), json!("not found"));
            continue;
        };
        let (access_level, expires_at) = validate(call, source, user)?;
        let mut member = new_member(call, source, user, access_level, expires_at);
        if let Some(known) = direct(call, source, user) {
            (member.id, member.created_at, member.created_by) = (known.id, known.created_at, known.created_by);
        }
        call.state.members.insert(member.id, member);
    }
    let body =
        if errors.is_empty() { json!({"status": "success"}) } else { json!({"status": "error", "message": errors}) };
    Ok(Answer::created(body))
}

fn new_member(
    call: &mut Call<'_>,
    source: Source,
    user_id: u64,
    access_level: u8,
    expires_at: Option<jiff::civil::Date>,
) -> Member {
    Member {
        id: call.state.ids.next(Sequence::Member),
        source,
        user_id,
        access_level,
        created_at: call.now,
        created_by: call.caller.map(|caller| caller.user),
        expires_at,
        updated_at: call.now,
    }
}

fn find_user(call: &Call<'_>, given: &str, by_id: bool) -> Option<u64> {
    let users = &call.state.users;
    let user = if by_id { users.get(given.parse().ok()?) } else { users.by_username(given) };
    user.map(|user| user.id)
}

fn direct(call: &Call<'_>, source: Source, user: u64) -> Option<Member> {
    call.state.direct_members(source, call.now).find(|member| member.user_id == user).cloned()
}

fn update(call: &mut Call<'_>, source: Source) -> Outcome {
    let user = call.path_id("user_id")?;
    let mut member = direct(call, source, user).ok_or_else(Refusal::record_not_found)?;
    refuse_owner_by_maintainer(call, source, member.access_level)?;
    let (access_level, expires_at) = validate(call, source, user)?;
    member.access_level = access_level;
    if call.params.has("expires_at") {
        member.expires_at = expires_at;
    }
    member.updated_at = call.now;
    let shape = entity::member(call.state, &member, access_level, call.is_admin());
    call.state.members.insert(member.id, member);
    Ok(Answer::ok(shape))
}

fn delete(call: &mut Call<'_>, source: Source) -> Outcome {
    let user = call.path_id("user_id")?;
    let member = direct(call, source, user).ok_or_else(Refusal::record_not_found)?;
    call.check_unmodified_since(member.updated_at)?;
    refuse_owner_by_maintainer(call, source, member.access_level)?;
    if is_last_owner(call, source, &member) {
        return Err(Refusal::forbidden());
    }
    call.state.members.remove(&member.id);
    if let Source::Group(group) = source
        && !call.params.is_true("skip_subresources")
    {
        remove_below(call, group, user);
    }
    Ok(Answer::no_content())
}

/// Removing somebody from a group removes the direct memberships below it, too.
fn remove_below(call: &mut Call<'_>, group: u64, user: u64) {
    let state = &*call.state;
    let below = |source: Source| match source {
        Source::Group(id) => state.group_is_within(id, group),
        Source::Project(id) => state.projects.get(&id).is_some_and(
            |project| matches!(project.namespace, Namespace::Group(id) if state.group_is_within(id, group)),
        ),
    };
    let ids: Vec<u64> = state
        .members
        .values()
        .filter(|member| member.user_id == user && below(member.source))
        .map(|member| member.id)
        .collect();
    for id in ids {
        call.state.members.remove(&id);
    }
}

/// The last owner of a top-level group cannot be removed.
fn is_last_owner(call: &Call<'_>, source: Source, member: &Member) -> bool {
    let Source::Group(id) = source else { return false };
    let top_level = call.state.groups.get(&id).is_some_and(|group| group.parent.is_none());
    let owners = call.state.direct_members(source, call.now).filter(|member| member.access_level == level::OWNER);
    top_level && member.access_level == level::OWNER && owners.count() == 1
}

fn refuse_owner_by_maintainer(call: &Call<'_>, source: Source, access_level: u8) -> Result<(), Refusal> {
    match source {
        Source::Project(id) if access_level == level::OWNER => call.authorize_project(id, ProjectAbility::ManageOwners),
        _ => Ok(()),
    }
}

/// The wanted level and end, checked: known, not below what is inherited, end not in the past.
fn validate(call: &Call<'_>, source: Source, user: u64) -> Result<(u8, Option<jiff::civil::Date>), Refusal> {
    let wanted = call.params.integer("access_level").and_then(|level| u8::try_from(level).ok()).unwrap_or(u8::MAX);
    let known = [
        level::MINIMAL,
        level::GUEST,
        level::PLANNER,
        level::REPORTER,
        level::SECURITY_MANAGER,
        level::DEVELOPER,
        level::MAINTAINER,
        level::OWNER,
    ];
    let mut errors = ModelErrors::default();
    let of_project = matches!(source, Source::Project(_));
    if !known.contains(&wanted) || (of_project && wanted == level::MINIMAL) {
        errors.add("access_level", "is not included in the list");
    }
    refuse_owner_by_maintainer(call, source, wanted)?;
    let inherited = inherited_level(call, source, user);
    if known.contains(&wanted) && wanted < inherited {
        let name = group_name_of_inheritance(call, source);
        errors.add(
            "access_level",
            format!(
                "should be greater than or equal to {} inherited membership from group {name}",
                level::name(inherited)
            ),
        );
    }
    let expires_at = call.params.date("expires_at");
    if expires_at.is_some_and(|day| day < today(call.now)) {
        errors.add("expires_at", "cannot be a date in the past");
    }
    errors.refuse_if_any()?;
    Ok((wanted, expires_at))
}

fn parent_group(call: &Call<'_>, source: Source) -> Option<u64> {
    match source {
        Source::Group(id) => call.state.groups.get(&id).and_then(|group| group.parent),
        Source::Project(id) => match call.state.projects.get(&id)?.namespace {
            Namespace::Group(group) => Some(group),
            Namespace::User(_) => None,
        },
    }
}

fn inherited_level(call: &Call<'_>, source: Source, user: u64) -> u8 {
    let Some(parent) = parent_group(call, source) else { return level::NONE };
    let groups = call.state.group_and_ancestors(parent);
    let members = groups.iter().flat_map(|group| call.state.direct_members(Source::Group(group.id), call.now));
    members.filter(|member| member.user_id == user).map(|member| member.access_level).max().unwrap_or(level::NONE)
}

fn group_name_of_inheritance(call: &Call<'_>, source: Source) -> String {
    let group = parent_group(call, source).and_then(|id| call.state.groups.get(&id));
    group.map(|group| group.name.clone()).unwrap_or_default()
}
