//! Inviting a group to a project or to another group.

use http::StatusCode;
use serde_json::json;

use super::groups::detail;
use crate::access::ability::{GroupAbility, ProjectAbility};
use crate::http::answer::Answer;
use crate::http::call::Call;
use crate::http::params::{Kind, Param};
use crate::http::refusal::{Outcome, Refusal};
use crate::http::route::Route;
use crate::state::members::Share;

const SHARE: &[Param] = &[
    Param::required("group_id", Kind::Integer),
    Param::required("group_access", Kind::Integer).values(&["10", "15", "20", "25", "30", "40", "50"]),
    Param::optional("expires_at", Kind::Date),
];

/// The endpoints of this module.
pub fn routes() -> Vec<Route> {
    vec![
        Route::post("/projects/:id/share", share_project).params(SHARE),
        Route::delete("/projects/:id/share/:group_id", unshare_project),
        Route::post("/groups/:id/share", share_group).params(SHARE),
        Route::delete("/groups/:id/share/:group_id", unshare_group),
    ]
}

fn wanted(call: &Call<'_>) -> Result<Share, Refusal> {
    let id = call.params.id("group_id").unwrap_or_default();
    let group_id = call.group_named(&id.to_string())?;
    let access_level = call.params.integer("group_access").and_then(|level| u8::try_from(level).ok());
    Ok(Share { group_id, access_level: access_level.unwrap_or_default(), expires_at: call.params.date("expires_at") })
}

fn refuse_second(shares: &[Share], wanted: &Share) -> Result<(), Refusal> {
    if shares.iter().any(|share| share.group_id == wanted.group_id) {
        let sentence = "Group already shared with this group";
        return Err(Refusal::message(StatusCode::CONFLICT, sentence));
    }
    Ok(())
}

fn share_project(call: &mut Call<'_>) -> Outcome {
    let id = call.project_for(ProjectAbility::ShareWithGroup)?;
    let share = wanted(call)?;
    let project = call.state.projects.get_mut(&id).ok_or_else(|| Refusal::kind_not_found("Project"))?;
    refuse_second(&project.shares, &share)?;
    let body = json!({
        "id": project.shares.len() + 1,
        "project_id": id,
        "group_id": share.group_id,
        "group_access": share.access_level,
        "expires_at": share.expires_at.map(|day| day.to_string()),
    });
    project.shares.push(share);
    Ok(Answer::created(body))
}

fn unshare_project(call: &mut Call<'_>) -> Outcome {
    let id = call.project_for(ProjectAbility::ShareWithGroup)?;
    let group = call.path_id("group_id")?;
    let project = call.state.projects.get_mut(&id).ok_or_else(|| Refusal::kind_not_found("Project"))?;
    remove(&mut project.shares, group)
}

fn share_group(call: &mut Call<'_>) -> Outcome {
    let id = call.group_for(GroupAbility::ShareWithGroup)?;
    let share = wanted(call)?;
    let group = call.state.groups.get_mut(&id).ok_or_else(|| Refusal::kind_not_found("Group"))?;
    refuse_second(&group.shares, &share)?;
    group.shares.push(share);
    detail(call, id, true).map(Answer::created)
}

fn unshare_group(call: &mut Call<'_>) -> Outcome {
    let id = call.group_for(GroupAbility::ShareWithGroup)?;
    let invited = call.path_id("group_id")?;
    let group = call.state.groups.get_mut(&id).ok_or_else(|| Refusal::kind_not_found("Group"))?;
    remove(&mut group.shares, invited)
}

fn remove(shares: &mut Vec<Share>, group: u64) -> Outcome {
    let before = shares.len();
    shares.retain(|share| share.group_id != group);
    if shares.len() == before { Err(Refusal::kind_not_found("Group Link")) } else { Ok(Answer::no_content()) }
}
