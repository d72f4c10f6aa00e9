//! Members of projects and groups: reading (lib/api/members.rb, app/finders/members_finder.rb).

use serde_json::Value;

use crate::access::ability::{GroupAbility, ProjectAbility};
use crate::access::level;
use crate::access::membership::Path;
use crate::entities::member as entity;
use crate::http::answer::Answer;
use crate::http::call::Call;
use crate::http::paging;
use crate::http::params::{Kind, Param};
use crate::http::refusal::{Outcome, Refusal};
use crate::http::route::{Door, Limit, Route};
use crate::state::members::{Member, Source};

const LIST: &[Param] = &[
    Param::optional("query", Kind::Text),
    Param::optional("user_ids", Kind::Integers),
    Param::optional("skip_users", Kind::Integers),
    Param::optional("show_seat_info", Kind::Flag),
    Param::optional("with_saml_identity", Kind::Flag),
];

const LIST_ALL: &[Param] = &[
    Param::optional("query", Kind::Text),
    Param::optional("user_ids", Kind::Integers),
    Param::optional("show_seat_info", Kind::Flag),
    Param::optional("state", Kind::Text).values(&["awaiting", "active"]),
];

/// The endpoints of this module.
pub fn routes() -> Vec<Route> {
    let reading = |pattern, handler| Route::get(pattern, handler).door(Door::SignedInToWrite);
    vec![
        reading("/projects/:id/members", list_of_project).params(LIST).paged(),
        reading("/projects/:id/members/all", list_all_of_project).limited(Limit::MembersAll).params(LIST_ALL).paged(),
        reading("/projects/:id/members/:user_id", show_of_project),
        reading("/projects/:id/members/all/:user_id", show_any_of_project),
        reading("/groups/:id/members", list_of_group).params(LIST).paged(),
        reading("/groups/:id/members/all", list_all_of_group).limited(Limit::MembersAll).params(LIST_ALL).paged(),
        reading("/groups/:id/members/:user_id", show_of_group),
        reading("/groups/:id/members/all/:user_id", show_any_of_group),
    ]
}

/// A row to show: the membership and the level shown with it.
type Row = (u64, u8);

fn project_source(call: &Call<'_>) -> Result<Source, Refusal> {
    call.project_for(ProjectAbility::ReadMembers).map(Source::Project)
}

fn group_source(call: &Call<'_>) -> Result<Source, Refusal> {
    call.group_for(GroupAbility::ReadMembers).map(Source::Group)
}

fn list_of_project(call: &mut Call<'_>) -> Outcome {
    let source = project_source(call)?;
    page(call, direct(call, source))
}

fn list_all_of_project(call: &mut Call<'_>) -> Outcome {
    let source = project_source(call)?;
    page(call, all(call, source))
}

fn list_of_group(call: &mut Call<'_>) -> Outcome {
    let source = group_source(call)?;
    page(call, direct(call, source))
}

fn list_all_of_group(call: &mut Call<'_>) -> Outcome {
    let source = group_source(call)?;
    page(call, all(call, source))
}

fn show_of_project(call: &mut Call<'_>) -> Outcome {
    let source = project_source(call)?;
    one(call, direct(call, source))
}

fn show_any_of_project(call: &mut Call<'_>) -> Outcome {
    let source = project_source(call)?;
    one(call, all(call, source))
}

fn show_of_group(call: &mut Call<'_>) -> Outcome {
    let source = group_source(call)?;
    one(call, direct(call, source))
}

fn show_any_of_group(call: &mut Call<'_>) -> Outcome {
    let source = group_source(call)?;
    one(call, all(call, source))
}

fn direct(call: &Call<'_>, source: Source) -> Vec<Row> {
    call.state.direct_members(source, call.now).map(|member| (member.id, member.access_level)).collect()
}

/// One row per user: the direct membership if there is one, else the nearest other; but the level is the highest over
/// all ways, so `expires_at` may belong to another way than the level.
fn all(call: &Call<'_>, source: Source) -> Vec<Row> {
    let paths: Vec<Path<'_>> = match source {
        Source::Group(id) => call.state.paths_into_group(id, call.now),
        Source::Project(id) => {
            let project = call.state.projects.get(&id);
            project.map(|project| call.state.paths_into_project(project, call.now)).unwrap_or_default()
        }
    };
    let mut rows: Vec<(u64, Row)> = Vec::new();
    for path in &paths {
        let user = path.member.user_id;
        match rows.iter_mut().find(|(known, _)| *known == user) {
            Some((_, (_, level))) => *level = (*level).max(path.access_level),
            None => rows.push((user, (path.member.id, path.access_level))),
        }
    }
    let mut rows: Vec<Row> = rows.into_iter().map(|(_, row)| row).collect();
    rows.sort_unstable();
    rows
}

fn page(call: &Call<'_>, rows: Vec<Row>) -> Outcome {
    let wanted: Vec<Row> = rows.into_iter().filter(|row| fits(call, row)).collect();
    paging::offset(call, &wanted, shape)
}

fn one(call: &Call<'_>, rows: Vec<Row>) -> Outcome {
    let user = call.path_id("user_id")?;
    let is_wanted = |row: &&Row| call.state.members.get(&row.0).is_some_and(|member| member.user_id == user);
    let row = rows.iter().find(is_wanted).ok_or_else(Refusal::record_not_found)?;
    Ok(Answer::ok(shape(call, row)))
}

fn shape(call: &Call<'_>, row: &Row) -> Value {
    let member = call.state.members.get(&row.0);
    member.map(|member| entity::member(call.state, member, row.1, call.is_admin())).unwrap_or_default()
}

fn fits(call: &Call<'_>, row: &Row) -> bool {
    let Some(member) = call.state.members.get(&row.0) else { return false };
    let Some(user) = call.state.users.get(member.user_id) else { return false };
    let named = |list: &[i64], member: &Member| list.iter().any(|id| u64::try_from(*id) == Ok(member.user_id));
    let (only, skipped) = (call.params.integers("user_ids"), call.params.integers("skip_users"));
    let found = call.params.present("query").is_none_or(|text| {
        let text = text.to_lowercase();
        user.name.to_lowercase().contains(&text) || user.username.to_lowercase().contains(&text)
    });
    let awaiting = call.params.text("state") == Some("awaiting");
    found && !awaiting && (only.is_empty() || named(&only, member)) && !named(&skipped, member) && row.1 > level::NONE
}
