//! CI/CD variables of projects, groups and the instance (lib/api/ci/variables.rb, lib/api/group_variables.rb,
//! lib/api/admin/ci/variables.rb). The role is checked before the parameters: 403 before 400.

use crate::access::ability::{GroupAbility, ProjectAbility};
use crate::http::answer::Answer;
use crate::http::call::Call;
use crate::http::paging;
use crate::http::params::{Kind, Param};
use crate::http::refusal::{Outcome, Refusal};
use crate::http::route::{Door, Route};
use crate::state::State;
use crate::state::ids::Sequence;
use crate::state::owner::Owner;
use crate::state::variables::{Variable, VariableType};

mod lookup;
mod shape;
mod validation;
mod write;

use lookup::{find, find_for_group_update};
use shape::shape;

const FILTER: &[Param] = &[Param::optional("filter", Kind::Hash(&[Param::optional("environment_scope", Kind::Text)]))];

const NEW: &[Param] = &[Param::required("key", Kind::Text), Param::required("value", Kind::Text)];

const CHANGED: &[Param] = &[Param::optional("value", Kind::Text)];

const ATTRIBUTES: &[Param] = &[
    Param::optional("protected", Kind::Flag),
    Param::optional("masked", Kind::Flag),
    Param::optional("raw", Kind::Flag),
    Param::optional("variable_type", Kind::Text).values(VariableType::WORDS),
    Param::optional("description", Kind::Text),
];

/// Not on the instance.
const SCOPE: &[Param] = &[Param::optional("environment_scope", Kind::Text)];

/// Only when a project's or group's variable is created.
const HIDING: &[Param] = &[Param::optional("masked_and_hidden", Kind::Flag)];

/// Whose variables an endpoint is about; checks the caller's role.
trait Owned {
    fn owner(call: &Call<'_>) -> Result<Owner, Refusal>;
}

struct OfProject;
struct OfGroup;
struct OfInstance;

impl Owned for OfProject {
    fn owner(call: &Call<'_>) -> Result<Owner, Refusal> {
        call.project_for(ProjectAbility::AdminVariables).map(Owner::Project)
    }
}

impl Owned for OfGroup {
    fn owner(call: &Call<'_>) -> Result<Owner, Refusal> {
        call.group_for(GroupAbility::AdminVariables).map(Owner::Group)
    }
}

impl Owned for OfInstance {
    fn owner(_: &Call<'_>) -> Result<Owner, Refusal> {
        Ok(Owner::Instance)
    }
}

/// The endpoints of this module.
pub fn routes() -> Vec<Route> {
    let mut routes = scoped::<OfProject>("/projects/:id/variables", "/projects/:id/variables/:key");
    routes.extend(scoped::<OfGroup>("/groups/:id/variables", "/groups/:id/variables/:key"));
    let instance = plain::<OfInstance>("/admin/ci/variables", "/admin/ci/variables/:key");
    routes.extend(instance.map(|route| route.door(Door::Admin)));
    routes
}

/// Endpoints that know neither scopes nor hiding.
fn plain<O: Owned>(all: &'static str, one: &'static str) -> [Route; 5] {
    [
        Route::get(all, list::<O>).before(may::<O>).paged(),
        Route::get(one, show::<O>).before(may::<O>),
        Route::post(all, create::<O>).before(may::<O>).params(NEW).params(ATTRIBUTES),
        Route::put(one, update::<O>).before(may::<O>).params(CHANGED).params(ATTRIBUTES),
        Route::delete(one, delete::<O>).before(may::<O>),
    ]
}

fn scoped<O: Owned>(all: &'static str, one: &'static str) -> Vec<Route> {
    let [list, show, create, update, delete] = plain::<O>(all, one);
    vec![
        list,
        show.params(FILTER),
        create.params(SCOPE).params(HIDING),
        update.params(SCOPE).params(FILTER),
        delete.params(FILTER),
    ]
}

fn may<O: Owned>(call: &mut Call<'_>) -> Result<(), Refusal> {
    O::owner(call).map(drop)
}

fn list<O: Owned>(call: &mut Call<'_>) -> Outcome {
    let rows: Vec<&Variable> = call.state.variables_of(O::owner(call)?).collect();
    paging::offset(call, &rows, |_, variable| shape(variable))
}

fn show<O: Owned>(call: &mut Call<'_>) -> Outcome {
    let owner = O::owner(call)?;
    let found = find(call, owner)?.ok_or_else(|| absent(owner))?;
    Ok(Answer::ok(shape(found)))
}

fn create<O: Owned>(call: &mut Call<'_>) -> Outcome {
    let owner = O::owner(call)?;
    let mut variable = write::blank(call, owner);
    write::assign(call, &mut variable);
    if call.params.is_true("masked_and_hidden") {
        variable.masked = true;
        variable.hidden = true;
    }
    let mut errors = validation::errors(call.state, &variable);
    validation::add_count(call.state, owner, &mut errors);
    errors.refuse_if_any()?;
    variable.id = call.state.ids.next(Sequence::Variable);
    let body = shape(&variable);
    call.state.variables.insert((owner, variable.id), variable);
    Ok(Answer::created(body))
}

/// Omitted attributes stay; `key` in the body never renames.
fn update<O: Owned>(call: &mut Call<'_>) -> Outcome {
    let owner = O::owner(call)?;
    let found = match owner {
        Owner::Group(_) => find_for_group_update(call, owner)?,
        Owner::Instance | Owner::Project(_) => find(call, owner)?,
    };
    let mut variable = found.ok_or_else(|| absent(owner))?.clone();
    write::assign(call, &mut variable);
    validation::errors(call.state, &variable).refuse_if_any()?;
    variable.updated_at = call.now;
    let body = shape(&variable);
    call.state.variables.insert((owner, variable.id), variable);
    Ok(Answer::ok(body))
}

fn delete<O: Owned>(call: &mut Call<'_>) -> Outcome {
    let owner = O::owner(call)?;
    let found = find(call, owner)?.ok_or_else(|| absent(owner))?;
    if matches!(owner, Owner::Group(_)) {
        call.check_unmodified_since(found.updated_at)?;
    }
    let id = found.id;
    call.state.variables.remove(&(owner, id));
    Ok(Answer::no_content())
}

fn absent(owner: Owner) -> Refusal {
    Refusal::kind_not_found(match owner {
        Owner::Project(_) => "Variable",
        Owner::Group(_) => "GroupVariable",
        Owner::Instance => "InstanceVariable",
    })
}

/// Without a Premium licence the scope of a group variable is dropped (`group_scoped_ci_variables`); an Enterprise
/// version counts as licensed.
fn takes_scope(state: &State, owner: Owner) -> bool {
    match owner {
        Owner::Project(_) => true,
        Owner::Group(_) => state.version.ends_with("-ee"),
        Owner::Instance => false,
    }
}
