//! Deploy tokens of projects and groups (lib/api/deploy_tokens.rb).

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::access::ability::{GroupAbility, ProjectAbility};
use crate::http::answer::Answer;
use crate::http::call::Call;
use crate::http::paging;
use crate::http::params::{Kind, Param};
use crate::http::refusal::{Outcome, Refusal};
use crate::http::route::{Door, Route};
use crate::state;
use crate::state::deploy_tokens::DeployToken;
use crate::state::ids::Sequence;
use crate::state::members::Source;
use crate::state::tokens::new_secret;

const SCOPES: &[&str] = &[
    "read_repository",
    "read_registry",
    "write_registry",
    "read_package_registry",
    "write_package_registry",
    "read_virtual_registry",
    "write_virtual_registry",
];

const LIST: &[Param] = &[Param::optional("active", Kind::Flag)];

const CREATE: &[Param] = &[
    Param::required("name", Kind::Text),
    Param::required("scopes", Kind::Texts).values(SCOPES),
    Param::optional("expires_at", Kind::Time),
    Param::optional("username", Kind::Text),
];

/// The endpoints of this module.
pub fn routes() -> Vec<Route> {
    let reading = |pattern, handler| Route::get(pattern, handler).door(Door::SignedInToWrite);
    vec![
        Route::get("/deploy_tokens", list_all).door(Door::Admin).params(LIST).paged(),
        reading("/projects/:id/deploy_tokens", list_of_project).params(LIST).paged(),
        Route::post("/projects/:id/deploy_tokens", create_in_project).params(CREATE),
        reading("/projects/:id/deploy_tokens/:token_id", show_of_project),
        Route::delete("/projects/:id/deploy_tokens/:token_id", delete_from_project),
        reading("/groups/:id/deploy_tokens", list_of_group).params(LIST).paged(),
        Route::post("/groups/:id/deploy_tokens", create_in_group).params(CREATE),
        reading("/groups/:id/deploy_tokens/:token_id", show_of_group),
        Route::delete("/groups/:id/deploy_tokens/:token_id", delete_from_group),
    ]
}

fn list_of_project(call: &mut Call<'_>) -> Outcome {
    let source = Source::Project(call.project_for(ProjectAbility::ManageDeployTokens)?);
    list(call, source)
}

fn create_in_project(call: &mut Call<'_>) -> Outcome {
    let source = Source::Project(call.project_for(ProjectAbility::ManageDeployTokens)?);
    create(call, source)
}

fn show_of_project(call: &mut Call<'_>) -> Outcome {
    let source = Source::Project(call.project_for(ProjectAbility::ManageDeployTokens)?);
    show(call, source)
}

fn delete_from_project(call: &mut Call<'_>) -> Outcome {
    let source = Source::Project(call.project_for(ProjectAbility::ManageDeployTokens)?);
    delete(call, source)
}

/// A group's Maintainer may read; creating and deleting need Owner.
fn list_of_group(call: &mut Call<'_>) -> Outcome {
    let source = Source::Group(call.group_for(GroupAbility::ReadDeployTokens)?);
    list(call, source)
}

fn create_in_group(call: &mut Call<'_>) -> Outcome {
    let source = Source::Group(call.group_for(GroupAbility::ManageDeployTokens)?);
    create(call, source)
}

fn show_of_group(call: &mut Call<'_>) -> Outcome {
    let source = Source::Group(call.group_for(GroupAbility::ReadDeployTokens)?);
    show(call, source)
}

fn delete_from_group(call: &mut Call<'_>) -> Outcome {
    let source = Source::Group(call.group_for(GroupAbility::ManageDeployTokens)?);
    delete(call, source)
}

/// The instance's, for administrators.
fn list_all(call: &mut Call<'_>) -> Outcome {
    page(call, |_| true)
}

/// Revoked and expired ones stay listed unless only active ones are wanted.
fn page(call: &Call<'_>, wanted: impl Fn(&DeployToken) -> bool) -> Outcome {
    let only_active = call.params.is_true("active");
    let fits =
        |token: &&DeployToken| wanted(token) && (!only_active || (!token.revoked && !token.is_expired(call.now)));
    let rows: Vec<&DeployToken> = call.state.deploy_tokens.values().filter(fits).collect();
    paging::offset(call, &rows, |call, token| shape(token, call.now))
}

fn list(call: &mut Call<'_>, source: Source) -> Outcome {
    page(call, |token| token.source == source)
}

fn create(call: &mut Call<'_>, source: Source) -> Outcome {
    let secret = new_secret("gldt-");
    let id = call.state.ids.next(Sequence::DeployToken);
    let default_username = format!("gitlab+deploy-token-{id}");
    let token = DeployToken {
        id,
        source,
        name: call.params.text("name").unwrap_or_default().to_owned(),
        username: call.params.present("username").unwrap_or(&default_username).to_owned(),
        expires_at: call.params.time("expires_at"),
        scopes: in_gitlabs_order(&call.params.texts("scopes")),
        revoked: false,
        created_at: call.now,
        secret: secret.clone().into(),
    };
    let mut body = shape(&token, call.now);
    body["token"] = Value::from(secret);
    call.state.deploy_tokens.insert(id, token);
    Ok(Answer::created(body))
}

fn in_gitlabs_order(given: &[String]) -> Vec<String> {
    let known = SCOPES.iter().filter(|scope| given.iter().any(|given| given == *scope));
    known.map(|scope| (*scope).to_owned()).collect()
}

fn show(call: &mut Call<'_>, source: Source) -> Outcome {
    let id = find(call, source)?;
    let token = call.state.deploy_tokens.get(&id).ok_or_else(Refusal::record_not_found)?;
    Ok(Answer::ok(shape(token, call.now)))
}

fn delete(call: &mut Call<'_>, source: Source) -> Outcome {
    let id = find(call, source)?;
    call.state.deploy_tokens.remove(&id);
    Ok(Answer::no_content())
}

fn find(call: &Call<'_>, source: Source) -> Result<u64, Refusal> {
    let id = call.path_id("token_id")?;
    let token = call.state.deploy_tokens.get(&id).filter(|token| token.source == source);
    token.map(|token| token.id).ok_or_else(Refusal::record_not_found)
}

fn shape(token: &DeployToken, now: Timestamp) -> Value {
    json!({
        "id": token.id,
        "name": token.name,
        "username": token.username,
        "expires_at": token.expires_at.map(state::time),
        "scopes": token.scopes,
        "revoked": token.revoked,
        "expired": token.is_expired(now),
    })
}
