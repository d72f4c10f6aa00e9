//! `DELETE …/environments/review_apps`: schedules stopped review apps for deletion in a week.

use http::StatusCode;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::shape::basic;
use crate::access::ability::ProjectAbility;
use crate::http::answer::Answer;
use crate::http::call::Call;
use crate::http::params::{Fallback, Kind, Param};
use crate::http::refusal::{Outcome, Refusal};
use crate::http::route::Route;
use crate::state::environments::EnvironmentState;

const PARAMS: &[Param] = &[
    Param::optional("before", Kind::Time),
    Param::optional("limit", Kind::Integer).default(Fallback::Integer(100)),
    Param::optional("dry_run", Kind::Flag).default(Fallback::Flag(true)),
];
const DAY: SignedDuration = SignedDuration::from_hours(24);
const NOTHING: &str = "No environments found for scheduled deletion. Either your query did not match any environments \
                       (default parameters match environments that are 30 days or older), or you have insufficient \
                       permissions to delete matching environments.";

/// The endpoints of this module.
pub fn routes() -> Vec<Route> {
    vec![Route::delete("/projects/:id/environments/review_apps", delete).params(PARAMS)]
}

fn delete(call: &mut Call<'_>) -> Outcome {
    let limit = call.params.integer("limit").unwrap_or(100);
    if !(1..=1000).contains(&limit) {
        return Err(Refusal::parameters(&["limit does not have a valid value".to_owned()]));
    }
    let before = call.params.time("before").unwrap_or(call.now - DAY * 30);
    let project = call.project_for(ProjectAbility::ReadEnvironment)?;
    if !call.may_in_project(project, ProjectAbility::DestroyEnvironment) {
        let message = "You do not have permission to destroy environments in this project";
        return Ok(answer(StatusCode::UNAUTHORIZED, Some(message), Vec::new()));
    }
    let wanted = call.state.environments_of(project).filter(|environment| {
        environment.state == EnvironmentState::Stopped
            && environment.folder() == Some("review")
            && environment.auto_delete_at.is_none()
            && environment.created_at < before
    });
    let ids: Vec<u64> = wanted.take(usize::try_from(limit).unwrap_or(100)).map(|environment| environment.id).collect();
    if ids.is_empty() {
        return Ok(answer(StatusCode::BAD_REQUEST, Some(NOTHING), Vec::new()));
    }
    let (now, dry_run) = (call.now, call.params.flag("dry_run") != Some(false));
    let mut entries = Vec::new();
    for id in ids {
        let Some(environment) = call.state.environments.get_mut(&id) else { continue };
        if !dry_run {
            environment.auto_delete_at = Some(now + DAY * 7);
        }
        entries.push(basic(environment));
    }
    Ok(answer(StatusCode::OK, None, entries))
}

fn answer(status: StatusCode, message: Option<&str>, scheduled: Vec<Value>) -> Answer {
    let mut body = json!({"scheduled_entries": scheduled, "unprocessable_entries": []});
    if let Some(message) = message {
        body["message"] = Value::from(message);
    }
    Answer::json(status, body)
}
