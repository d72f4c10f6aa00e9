//! What GitLab's models say against a variable (app/models/ci/variable.rb, app/models/concerns/ci/*.rb).

use secrecy::ExposeSecret;

use crate::http::refusal::ModelErrors;
use crate::rules::{environment_scope, variable as rules};
use crate::state::State;
use crate::state::owner::Owner;
use crate::state::variables::Variable;

/// All errors of a new or changed variable, compared with the stored ones.
pub fn errors(state: &State, variable: &Variable) -> ModelErrors {
    let mut errors = ModelErrors::default();
    for sentence in rules::key_errors(&variable.key) {
        errors.add("key", sentence);
    }
    if is_taken(state, variable) {
        errors.add("key", format!("({}) has already been taken", variable.key));
    }
    let value = variable.value.expose_secret();
    if variable.masked && !rules::is_maskable(value, variable.raw) {
        errors.add("value", "is invalid");
    }
    if variable.owner == Owner::Instance && value.chars().count() > rules::LONGEST_INSTANCE_VALUE {
        errors.add("value", "The value of the provided variable exceeds the 10000 character limit");
    }
    for sentence in environment_scope::errors(&variable.environment_scope) {
        errors.add("environment_scope", sentence);
    }
    if variable.description.as_ref().is_some_and(|text| text.chars().count() > rules::LONGEST_DESCRIPTION) {
        errors.add("description", format!("is too long (maximum is {} characters)", rules::LONGEST_DESCRIPTION));
    }
    let was_hidden = state.variables.get(&(variable.owner, variable.id)).is_some_and(|stored| stored.hidden);
    if was_hidden && !variable.masked {
        errors.add("base", "The visibility setting cannot be changed for masked and hidden variables.");
    }
    errors
}

/// Adds the sentence of a full owner.
pub fn add_count(state: &State, owner: Owner, errors: &mut ModelErrors) {
    let (limit, kind) = match owner {
        Owner::Project(_) => (8_000, "project ci variables"),
        Owner::Group(_) => (30_000, "group ci variables"),
        Owner::Instance => (25, "ci instance level variables"),
    };
    if state.variables_of(owner).count() >= limit {
        errors.add("base", format!("Maximum number of {kind} ({limit}) exceeded"));
    }
}

/// Key and scope are unique per owner.
fn is_taken(state: &State, variable: &Variable) -> bool {
    state.variables_of(variable.owner).any(|other| {
        other.id != variable.id && other.key == variable.key && other.environment_scope == variable.environment_scope
    })
}
