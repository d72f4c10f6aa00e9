//! Projects: archiving, transfer, deletion in two steps, restoring (lib/api/projects.rb, app/services/projects/*).

use http::StatusCode;
use serde_json::Value;

use super::groups::detail;
use super::projects::validate;
use crate::access::ability::{GroupAbility, ProjectAbility};
use crate::entities::project as entity;
use crate::http::answer::Answer;
use crate::http::call::Call;
use crate::http::params::{Kind, Param};
use crate::http::refusal::{Outcome, Refusal};
use crate::http::route::{Door, Route};
use crate::state::groups::Visibility;
use crate::state::moves::deletion_suffix;
use crate::state::projects::{Namespace, Project};
use crate::state::tokens::today;

const TRANSFER: &[Param] = &[Param::required("namespace", Kind::Text)];

const DELETE: &[Param] = &[Param::optional("permanently_remove", Kind::Flag), Param::optional("full_path", Kind::Text)];

/// The endpoints of this module.
pub fn routes() -> Vec<Route> {
    vec![
        Route::post("/projects/:id/archive", archive),
        Route::post("/projects/:id/unarchive", unarchive),
        Route::put("/projects/:id/transfer", transfer).params(TRANSFER),
        Route::post("/groups/:id/projects/:project_id", transfer_to_group).door(Door::Admin),
        Route::delete("/projects/:id", delete).params(DELETE),
        Route::post("/projects/:id/restore", restore),
    ]
}

fn bad(sentence: impl Into<String>) -> Refusal {
    Refusal::message(StatusCode::BAD_REQUEST, sentence.into())
}

fn get(call: &Call<'_>, id: u64) -> Result<Project, Refusal> {
    call.state.projects.get(&id).cloned().ok_or_else(|| Refusal::kind_not_found("Project"))
}

fn shown(call: &Call<'_>, id: u64) -> Result<Value, Refusal> {
    get(call, id).map(|project| entity::full(call.state, &project))
}

fn archive(call: &mut Call<'_>) -> Outcome {
    let id = call.project_for(ProjectAbility::Archive)?;
    let mut project = get(call, id)?;
    if project.archived {
        return Err(bad("Project is already archived!"));
    }
    if call.state.project_is_archived(&project) {
        return Err(bad("Cannot archive project since one of the ancestor namespaces is archived!"));
    }
    if call.state.project_is_marked(&project) {
        return Err(bad("Cannot archive project since it is scheduled for deletion."));
    }
    project.archived = true;
    project.updated_at = call.now;
    call.state.projects.insert(id, project);
    shown(call, id).map(Answer::created)
}

fn unarchive(call: &mut Call<'_>) -> Outcome {
    let id = call.project_for(ProjectAbility::Archive)?;
    let mut project = get(call, id)?;
    if !project.archived {
        return Err(bad("Project is already unarchived!"));
    }
    project.archived = false;
    project.updated_at = call.now;
    call.state.projects.insert(id, project);
    shown(call, id).map(Answer::created)
}

fn transfer(call: &mut Call<'_>) -> Outcome {
    let id = call.project_for(ProjectAbility::ChangeNamespace)?;
    let target = find_namespace(call)?;
    move_to(call, id, target)?;
    shown(call, id).map(Answer::ok)
}

/// The same seen from the group, which is the answer (lib/api/groups.rb).
fn transfer_to_group(call: &mut Call<'_>) -> Outcome {
    let group = call.group()?;
    let id = call.project_named(call.path("project_id"))?;
    move_to(call, id, Namespace::Group(group))?;
    detail(call, group, true).map(Answer::created)
}

fn move_to(call: &mut Call<'_>, id: u64, target: Namespace) -> Result<(), Refusal> {
    let mut project = get(call, id)?;
    let failed = |error: &str| bad(format!("Failed to transfer project {{:new_namespace=>[{error:?}]}}"));
    if project.namespace == target {
        return Err(failed("Project is already in this namespace."));
    }
    if !may_receive(call, target) {
        return Err(failed("You don't have permission to transfer projects into that namespace."));
    }
    project.namespace = target;
    let visibility = match target {
        Namespace::Group(group) => call.state.groups.get(&group).map(|group| group.visibility),
        Namespace::User(_) => Some(Visibility::Public),
    };
    project.visibility = project.visibility.min(visibility.unwrap_or(Visibility::Private));
    project.updated_at = call.now;
    if !validate(call.state, &project).is_empty() {
        return Err(failed("Project with same name or path in target namespace already exists"));
    }
    call.state.change_paths(|state| {
        state.projects.insert(id, project);
    });
    Ok(())
}

/// The namespace by id or full path: a visible group or a user's own namespace.
fn find_namespace(call: &Call<'_>) -> Result<Namespace, Refusal> {
    let text = call.params.text("namespace").unwrap_or_default();
    let number = text.parse::<u64>().ok();
    let group = match number {
        Some(id) => call.state.groups.get(&id),
        None => call.state.group_by_path(text),
    };
    if let Some(group) = group.filter(|group| call.sees_group(group)) {
        return Ok(Namespace::Group(group.id));
    }
    let user = match number {
        Some(id) => call.state.users.by_namespace(id),
        None => call.state.users.by_username(text),
    };
    user.map(|user| Namespace::User(user.id)).ok_or_else(|| Refusal::kind_not_found("Namespace"))
}

fn may_receive(call: &Call<'_>, target: Namespace) -> bool {
    match target {
        Namespace::Group(group) => call.may_in_group(group, GroupAbility::TransferProjects),
        Namespace::User(user) => call.caller.is_some_and(|caller| caller.user == user),
    }
}

/// The first call only marks and renames; the second, with `permanently_remove` and the suffixed path, destroys.
fn delete(call: &mut Call<'_>) -> Outcome {
    let id = call.project_for(ProjectAbility::Remove)?;
    let project = get(call, id)?;
    call.check_unmodified_since(project.updated_at)?;
    let accepted = || Ok(Answer::accepted(serde_json::json!({"message": "202 Accepted"})));
    if call.params.is_true("permanently_remove") {
        if project.marked_for_deletion_on.is_none() {
            return Err(bad("Project must be marked for deletion first."));
        }
        if call.params.text("full_path") != Some(call.state.project_full_path(&project).as_str()) {
            return Err(bad("`full_path` is incorrect. You must enter the complete path for the project."));
        }
        call.state.destroy_project(id);
        return accepted();
    }
    if project.marked_for_deletion_on.is_some() {
        return Err(bad("Project has already been marked for deletion"));
    }
    // Below a marked group nothing more is marked.
    if !call.state.project_is_marked(&project) {
        mark(call, project);
    }
    accepted()
}

fn mark(call: &mut Call<'_>, mut project: Project) {
    let suffix = deletion_suffix(project.id);
    project.marked_for_deletion_on = Some(today(call.now));
    project.before_deletion = Some((project.name.clone(), project.path.clone()));
    project.name.push_str(&suffix);
    project.path.push_str(&suffix);
    project.updated_at = call.now;
    call.state.change_paths(|state| {
        state.projects.insert(project.id, project);
    });
}

fn restore(call: &mut Call<'_>) -> Outcome {
    let id = call.project_for(ProjectAbility::Remove)?;
    let mut project = get(call, id)?;
    if project.marked_for_deletion_on.is_none() {
        return Err(bad("Project has not been marked for deletion"));
    }
    project.marked_for_deletion_on = None;
    if let Some((name, path)) = project.before_deletion.take() {
        (project.name, project.path) = (name, path);
    }
    project.updated_at = call.now;
    // Somebody may have taken the old name meanwhile.
    if !validate(call.state, &project).is_empty() {
        let suffix: String = std::iter::repeat_with(fastrand::alphanumeric).take(5).collect();
        project.name = format!("{}-{suffix}", project.name);
        project.path = format!("{}-{suffix}", project.path);
    }
    call.state.change_paths(|state| {
        state.projects.insert(id, project);
    });
    shown(call, id).map(Answer::created)
}
