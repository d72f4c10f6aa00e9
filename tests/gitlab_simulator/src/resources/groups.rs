//! Groups: creating, reading, changing (lib/api/groups.rb).

use http::StatusCode;
use serde_json::Value;

use super::path_rules::group_path_complaint;
use super::project_lists;
use crate::access::ability::GroupAbility;
use crate::access::level;
use crate::entities::{group as entity, project as project_entity};
use crate::http::answer::Answer;
use crate::http::call::Call;
use crate::http::params::{Fallback, Kind, Param};
use crate::http::refusal::{ModelErrors, Outcome, Refusal};
use crate::http::route::{Door, Limit, Route};
use crate::state::State;
use crate::state::groups::{Group, Visibility};
use crate::state::ids::Sequence;
use crate::state::members::{Member, Source};
use crate::state::projects::Namespace;

/// At most this many projects are shown inside a group.
const LARGEST_INLINE: usize = 100;

const CREATE: &[Param] = &[
    Param::required("name", Kind::Text),
    Param::required("path", Kind::Text),
    Param::optional("parent_id", Kind::Integer),
    Param::optional("description", Kind::Text),
    Param::optional("visibility", Kind::Text).values(Visibility::WORDS),
];

const UPDATE: &[Param] = &[
    Param::optional("name", Kind::Text),
    Param::optional("path", Kind::Text),
    Param::optional("description", Kind::Text),
    Param::optional("visibility", Kind::Text).values(Visibility::WORDS),
];

const SHOW: &[Param] = &[Param::optional("with_projects", Kind::Flag).default(Fallback::Flag(true))];

/// The endpoints of this module.
pub fn routes() -> Vec<Route> {
    vec![
        Route::post("/groups", create).params(CREATE),
        Route::get("/groups/:id", show).door(Door::Open).limited(Limit::Group).params(SHOW),
        Route::put("/groups/:id", update).params(UPDATE),
    ]
}

fn create(call: &mut Call<'_>) -> Outcome {
    let parent = match call.params.id("parent_id") {
        Some(id) => Some(call.group_named(&id.to_string())?),
        None => None,
    };
    match parent {
        Some(parent) => call.authorize_group(parent, GroupAbility::CreateSubgroup)?,
        None => authorize_top_level(call)?,
    }
    let text = |name: &str| call.params.text(name).unwrap_or_default().to_owned();
    let visibility = wanted_visibility(call, parent);
    let group = Group {
        id: call.state.ids.next(Sequence::Namespace),
        name: text("name"),
        path: text("path"),
        description: text("description"),
        parent,
        visibility,
        archived: false,
        marked_for_deletion_on: None,
        before_deletion: None,
        shares: Vec::new(),
        created_at: call.now,
        updated_at: call.now,
    };
    let errors = validate(call.state, &group);
    if !errors.is_empty() {
        let printed = format!("Failed to save group {}", errors.as_ruby_hash());
        return Err(Refusal::message(StatusCode::BAD_REQUEST, printed));
    }
    let id = group.id;
    call.state.groups.insert(id, group);
    own(call, id)?;
    detail(call, id, true).map(Answer::created)
}

/// The creator becomes the group's owner.
fn own(call: &mut Call<'_>, group: u64) -> Result<(), Refusal> {
    let user_id = call.user_id()?;
    let member = Member {
        id: call.state.ids.next(Sequence::Member),
        source: Source::Group(group),
        user_id,
        access_level: level::OWNER,
        created_at: call.now,
        created_by: Some(user_id),
        expires_at: None,
        updated_at: call.now,
    };
    call.state.members.insert(member.id, member);
    Ok(())
}

fn authorize_top_level(call: &Call<'_>) -> Result<(), Refusal> {
    let user = call.state.users.get(call.user_id()?);
    let allowed = call.is_admin() || user.is_some_and(|user| !user.external && !user.bot);
    if allowed { Ok(()) } else { Err(Refusal::forbidden()) }
}

/// What was asked for; else the instance's default, but never wider than the parent.
fn wanted_visibility(call: &Call<'_>, parent: Option<u64>) -> Visibility {
    if let Some(asked) = call.params.text("visibility").and_then(Visibility::parse) {
        return asked;
    }
    let default = call.state.settings.text("default_group_visibility").and_then(Visibility::parse);
    let default = default.unwrap_or(Visibility::Private);
    let above = parent.and_then(|parent| call.state.groups.get(&parent)).map(|parent| parent.visibility);
    above.map_or(default, |above| default.min(above))
}

fn show(call: &mut Call<'_>) -> Outcome {
    let id = call.group()?;
    let with_projects = call.params.is_true("with_projects");
    detail(call, id, with_projects).map(Answer::ok)
}

fn update(call: &mut Call<'_>) -> Outcome {
    let id = call.group_for(GroupAbility::AdminGroup)?;
    let mut group = call.state.groups.get(&id).cloned().ok_or_else(|| Refusal::kind_not_found("Group"))?;
    if let Some(name) = call.params.present("name") {
        name.clone_into(&mut group.name);
    }
    if let Some(path) = call.params.present("path") {
        path.clone_into(&mut group.path);
    }
    if call.params.has("description") {
        group.description = call.params.text("description").unwrap_or_default().to_owned();
    }
    if let Some(visibility) = call.params.text("visibility").and_then(Visibility::parse) {
        group.visibility = visibility;
    }
    group.updated_at = call.now;
    validate(call.state, &group).refuse_if_any()?;
    call.state.change_paths(|state| {
        state.groups.insert(id, group);
    });
    detail(call, id, true).map(Answer::ok)
}

fn validate(state: &State, group: &Group) -> ModelErrors {
    let mut errors = ModelErrors::default();
    if group.name.trim().is_empty() {
        errors.add("name", "can't be blank");
    }
    let parent_path = group.parent.map(|parent| format!("{}/", state.group_full_path(parent))).unwrap_or_default();
    if group.path.is_empty() {
        errors.add("path", "can't be blank");
    } else if let Some(complaint) = group_path_complaint(&group.path) {
        errors.add("path", complaint);
    } else if state.path_is_taken(&format!("{parent_path}{}", group.path), Some(group.id), None) {
        errors.add("path", "has already been taken");
    }
    validate_visibility(state, group, &mut errors);
    errors
}

/// Not wider than the parent, not narrower than what is inside.
fn validate_visibility(state: &State, group: &Group, errors: &mut ModelErrors) {
    let own = group.visibility.word();
    let inside = |namespace: Namespace| namespace == Namespace::Group(group.id);
    if state.projects.values().any(|project| inside(project.namespace) && project.visibility > group.visibility) {
        let reason = "is not allowed since this group contains projects with higher visibility.";
        errors.add("visibility_level", format!("{own} {reason}"));
    }
    if state.groups.values().any(|below| below.parent == Some(group.id) && below.visibility > group.visibility) {
        let reason = "is not allowed since there are sub-groups with higher visibility.";
        errors.add("visibility_level", format!("{own} {reason}"));
    }
    let above = group.parent.and_then(|parent| state.groups.get(&parent));
    if let Some(above) = above.filter(|above| group.visibility > above.visibility) {
        let parent = above.visibility.word();
        errors
            .add("visibility_level", format!("{own} is not allowed since the parent group has a {parent} visibility."));
    }
}

/// A group with what is shared and, unless declined, with up to 100 projects.
pub fn detail(call: &Call<'_>, id: u64, with_projects: bool) -> Result<Value, Refusal> {
    let group = call.state.groups.get(&id).ok_or_else(|| Refusal::kind_not_found("Group"))?;
    let mut shape = entity::detail(call.state, group);
    if with_projects {
        let shapes = |ids: Vec<u64>| -> Value {
            let projects = ids.iter().take(LARGEST_INLINE).filter_map(|id| call.state.projects.get(id));
            projects.map(|project| project_entity::full(call.state, project)).collect()
        };
        let own = call.state.projects.values().filter(|project| project.namespace == Namespace::Group(id));
        let visible = own.filter(|project| call.sees_project(project)).map(|project| project.id).collect();
        shape["projects"] = shapes(visible);
        shape["shared_projects"] = shapes(project_lists::shared_with(call, id));
    }
    Ok(shape)
}
