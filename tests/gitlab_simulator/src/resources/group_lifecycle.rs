//! Groups: archiving, transfer, deletion in two steps, restoring (lib/api/groups.rb, app/services/groups/*).

use http::StatusCode;

use super::groups::detail;
use crate::access::ability::GroupAbility;
use crate::http::answer::Answer;
use crate::http::call::Call;
use crate::http::params::{Kind, Param};
use crate::http::refusal::{Outcome, Refusal};
use crate::http::route::Route;
use crate::state::groups::Group;
use crate::state::moves::deletion_suffix;
use crate::state::tokens::today;

const TRANSFER: &[Param] = &[Param::optional("group_id", Kind::Integer)];

const DELETE: &[Param] = &[Param::optional("permanently_remove", Kind::Flag), Param::optional("full_path", Kind::Text)];

/// The endpoints of this module.
pub fn routes() -> Vec<Route> {
    vec![
        Route::post("/groups/:id/archive", archive),
        Route::post("/groups/:id/unarchive", unarchive),
        Route::post("/groups/:id/transfer", transfer).params(TRANSFER),
        Route::delete("/groups/:id", delete).params(DELETE),
        Route::post("/groups/:id/restore", restore),
    ]
}

fn bad(sentence: &str) -> Refusal {
    Refusal::message(StatusCode::BAD_REQUEST, sentence)
}

fn get(call: &Call<'_>, id: u64) -> Result<Group, Refusal> {
    call.state.groups.get(&id).cloned().ok_or_else(|| Refusal::kind_not_found("Group"))
}

fn put(call: &mut Call<'_>, mut group: Group) {
    group.updated_at = call.now;
    call.state.change_paths(|state| {
        state.groups.insert(group.id, group);
    });
}

fn archive(call: &mut Call<'_>) -> Outcome {
    let id = call.group_for(GroupAbility::Archive)?;
    let mut group = get(call, id)?;
    if group.archived {
        return Err(Refusal::unprocessable("Group is already archived!"));
    }
    if call.state.group_is_archived(id) {
        return Err(Refusal::unprocessable(
            "Cannot archive group since one of the ancestor groups is already archived!",
        ));
    }
    group.archived = true;
    put(call, group);
    detail(call, id, true).map(Answer::created)
}

fn unarchive(call: &mut Call<'_>) -> Outcome {
    let id = call.group_for(GroupAbility::Archive)?;
    let mut group = get(call, id)?;
    if !group.archived {
        return Err(Refusal::unprocessable("Group is already unarchived!"));
    }
    group.archived = false;
    put(call, group);
    detail(call, id, true).map(Answer::created)
}

/// Without `group_id` a subgroup becomes a top-level group.
fn transfer(call: &mut Call<'_>) -> Outcome {
    let id = call.group_for(GroupAbility::AdminGroup)?;
    let target = match call.params.id("group_id") {
        Some(target) => Some(call.group_named(&target.to_string())?),
        None => None,
    };
    let mut group = get(call, id)?;
    if let Some(sentence) = refused_transfer(call, &group, target) {
        return Err(bad(&format!("Transfer failed: {sentence}")));
    }
    group.parent = target;
    let above = target.and_then(|target| call.state.groups.get(&target)).map(|above| above.visibility);
    group.visibility = above.map_or(group.visibility, |above| group.visibility.min(above));
    put(call, group);
    detail(call, id, true).map(Answer::created)
}

fn refused_transfer(call: &Call<'_>, group: &Group, target: Option<u64>) -> Option<&'static str> {
    if target == group.parent {
        return Some(match target {
            None => "Group is already a root group.",
            Some(_) => "Group is already associated to the parent group.",
        });
    }
    if let Some(target) = target {
        if call.state.group_is_within(target, group.id) {
            return Some("You cannot transfer a group to one of its descendants.");
        }
        if !call.may_in_group(target, GroupAbility::CreateSubgroup) {
            return Some("You don't have enough permissions.");
        }
    }
    let above = target.map(|target| format!("{}/", call.state.group_full_path(target))).unwrap_or_default();
    let path = format!("{above}{}", group.path);
    let taken = call.state.path_is_taken(&path, Some(group.id), None);
    taken.then_some("The parent group already has a subgroup or a project with the same path.")
}

/// The first call only marks and renames; the second, with `permanently_remove` and the suffixed path, destroys.
fn delete(call: &mut Call<'_>) -> Outcome {
    let id = call.group_for(GroupAbility::Remove)?;
    let mut group = get(call, id)?;
    call.check_unmodified_since(group.updated_at)?;
    let accepted = || Ok(Answer::accepted(serde_json::json!({"message": "202 Accepted"})));
    if call.params.is_true("permanently_remove") {
        if group.marked_for_deletion_on.is_none() {
            return Err(bad("Group must be marked for deletion first."));
        }
        if call.params.text("full_path") != Some(call.state.group_full_path(id).as_str()) {
            return Err(bad("`full_path` is incorrect. You must enter the complete path for the group."));
        }
        call.state.destroy_group(id);
        return accepted();
    }
    if group.marked_for_deletion_on.is_some() {
        return Err(bad("Group has been already marked for deletion"));
    }
    if !call.state.group_is_marked(id) {
        let suffix = deletion_suffix(id);
        group.marked_for_deletion_on = Some(today(call.now));
        group.before_deletion = Some((group.name.clone(), group.path.clone()));
        group.name.push_str(&suffix);
        group.path.push_str(&suffix);
        put(call, group);
    }
    accepted()
}

fn restore(call: &mut Call<'_>) -> Outcome {
    let id = call.group_for(GroupAbility::Remove)?;
    let mut group = get(call, id)?;
    if group.marked_for_deletion_on.is_none() {
        return Err(bad("Group has not been marked for deletion"));
    }
    group.marked_for_deletion_on = None;
    if let Some((name, path)) = group.before_deletion.take() {
        (group.name, group.path) = (name, path);
    }
    put(call, group);
    detail(call, id, true).map(Answer::created)
}
