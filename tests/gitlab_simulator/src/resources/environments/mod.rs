//! Environments (lib/api/environments.rb). The parameters are checked before the role: 400 before 403.

use crate::access::ability::ProjectAbility;
use crate::http::answer::Answer;
use crate::http::call::Call;
use crate::http::paging;
use crate::http::params::{Fallback, Kind, Param};
use crate::http::refusal::{Outcome, Refusal};
use crate::http::route::{Route, Together};
use crate::rules::environment::TIERS;
use crate::rules::slug::environment_slug;
use crate::state::environments::{AutoStopSetting, EnvironmentState};
use crate::state::ids::Sequence;

mod review_apps;
mod search;
mod shape;
mod stale;
pub mod validation;
mod write;

pub use shape::with_project;
pub use write::new_environment;

const LIST: &[Param] = &[
    Param::optional("name", Kind::Text),
    Param::optional("search", Kind::Text),
    Param::optional("states", Kind::Text).values(EnvironmentState::WORDS),
];

const NAME: &[Param] = &[Param::required("name", Kind::Text)];

const ATTRIBUTES: &[Param] = &[
    Param::optional("external_url", Kind::Text),
    Param::optional("slug", Kind::Text).refused("is automatically generated and cannot be changed"),
    Param::optional("tier", Kind::Text).values(TIERS),
    Param::optional("cluster_agent_id", Kind::Integer),
    Param::optional("kubernetes_namespace", Kind::Text),
    Param::optional("flux_resource_path", Kind::Text),
    Param::optional("description", Kind::Text),
    Param::optional("auto_stop_setting", Kind::Text).values(AutoStopSetting::WORDS),
];

const STOP: &[Param] = &[Param::optional("force", Kind::Flag).default(Fallback::Flag(false))];

/// The endpoints of this module.
pub fn routes() -> Vec<Route> {
    let mut routes = vec![
        Route::get("/projects/:id/environments", list)
            .params(LIST)
            .together(Together::Exclusive(&["name", "search"], Some("cannot be used together")))
            .paged(),
        Route::get("/projects/:id/environments/:environment_id", show),
        Route::post("/projects/:id/environments", create).params(NAME).params(ATTRIBUTES),
        Route::put("/projects/:id/environments/:environment_id", update).params(ATTRIBUTES),
        Route::post("/projects/:id/environments/:environment_id/stop", stop).params(STOP),
        Route::delete("/projects/:id/environments/:environment_id", delete),
    ];
    routes.extend(stale::routes());
    routes.extend(review_apps::routes());
    routes
}

fn list(call: &mut Call<'_>) -> Outcome {
    let project = call.project_for(ProjectAbility::ReadEnvironment)?;
    let rows = search::environments(call, project)?;
    paging::offset(call, &rows, |call, environment| with_project(call.state, environment))
}

fn show(call: &mut Call<'_>) -> Outcome {
    let id = find(call, ProjectAbility::ReadEnvironment)?;
    let environment = call.state.environments.get(&id).ok_or_else(Refusal::record_not_found)?;
    Ok(Answer::ok(shape::single(call.state, environment)))
}

fn create(call: &mut Call<'_>) -> Outcome {
    let project = call.project_for(ProjectAbility::CreateEnvironment)?;
    write::check_agent(call)?;
    let name = call.params.text("name").unwrap_or_default().to_owned();
    let mut environment = new_environment(call.state, project, &name, call.params.text("tier"), call.now);
    write::assign(call, &mut environment);
    let mut errors = validation::new_errors(call.state, &environment);
    errors.extend(validation::attribute_errors(call, &environment));
    if !errors.is_empty() {
        return Err(Refusal::sentences(validation::sentences(&errors)));
    }
    environment.id = call.state.ids.next(Sequence::Environment);
    let body = with_project(call.state, &environment);
    call.state.environments.insert(environment.id, environment);
    Ok(Answer::created(body))
}

fn update(call: &mut Call<'_>) -> Outcome {
    let id = find(call, ProjectAbility::UpdateEnvironment)?;
    write::check_agent(call)?;
    let mut environment = call.state.environments.get(&id).ok_or_else(Refusal::record_not_found)?.clone();
    write::assign(call, &mut environment);
    validation::by_attribute(validation::attribute_errors(call, &environment)).refuse_if_any()?;
    environment.updated_at = call.now;
    let body = with_project(call.state, &environment);
    call.state.environments.insert(id, environment);
    Ok(Answer::ok(body))
}

fn stop(call: &mut Call<'_>) -> Outcome {
    let id = find(call, ProjectAbility::ReadEnvironment)?;
    let project = call.project()?;
    call.authorize_project(project, ProjectAbility::StopEnvironment)?;
    let (now, force) = (call.now, call.params.is_true("force"));
    let environment = call.state.environments.get_mut(&id).ok_or_else(Refusal::record_not_found)?;
    if force {
        environment.stop_by_force(now);
    } else {
        environment.stop(now);
    }
    if environment.state == EnvironmentState::Available {
        return Err(Refusal::bad_request("Attempted to stop the environment but failed to change the status"));
    }
    let environment = environment.clone();
    Ok(Answer::ok(with_project(call.state, &environment)))
}

/// Only a stopped environment may go.
fn delete(call: &mut Call<'_>) -> Outcome {
    let id = find(call, ProjectAbility::ReadEnvironment)?;
    let project = call.project()?;
    call.authorize_project(project, ProjectAbility::DestroyEnvironment)?;
    let environment = call.state.environments.get(&id).ok_or_else(Refusal::record_not_found)?;
    if environment.state != EnvironmentState::Stopped {
        return Err(Refusal::forbidden());
    }
    call.check_unmodified_since(environment.updated_at)?;
    call.state.environments.remove(&id);
    Ok(Answer::no_content())
}

fn find(call: &Call<'_>, ability: ProjectAbility) -> Result<u64, Refusal> {
    let id = call.path_id("environment_id")?;
    let project = call.project_for(ability)?;
    let found = call.state.environments.get(&id).filter(|environment| environment.project_id == project);
    found.map(|environment| environment.id).ok_or_else(Refusal::record_not_found)
}
