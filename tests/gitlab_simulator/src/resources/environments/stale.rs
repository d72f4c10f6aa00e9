//! `POST …/environments/stop_stale`: stops what nobody touched for long.

use jiff::SignedDuration;
use serde_json::json;

use crate::access::ability::ProjectAbility;
use crate::http::answer::Answer;
use crate::http::call::Call;
use crate::http::params::{Kind, Param};
use crate::http::refusal::{Outcome, Refusal};
use crate::http::route::Route;
use crate::state::environments::Environment;

const BEFORE: &[Param] = &[Param::required("before", Kind::Time)];
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The endpoints of this module.
pub fn routes() -> Vec<Route> {
    vec![Route::post("/projects/:id/environments/stop_stale", stop_stale).params(BEFORE)]
}

fn stop_stale(call: &mut Call<'_>) -> Outcome {
    let before = call.params.time("before").ok_or_else(|| Refusal::bad_request("Invalid Date"))?;
    let project = call.project_for(ProjectAbility::AdminEnvironment)?;
    let age = call.now.duration_since(before);
    if age > DAY * 3652 || age < DAY * 7 {
        return Err(Refusal::bad_request("Invalid Date"));
    }
    let now = call.now;
    let stale = |environment: &Environment| {
        let deployed_before = environment.last_deployment.as_ref().is_none_or(|last| last.created_at < before);
        environment.project_id == project && environment.updated_at < before && deployed_before
    };
    for environment in call.state.environments.values_mut().filter(|environment| stale(environment)) {
        environment.stop(now);
    }
    Ok(Answer::ok(json!({"message": "Successfully scheduled stale environments to stop"})))
}
