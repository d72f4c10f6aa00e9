//! From parameters to a variable.

use secrecy::SecretString;

use super::takes_scope;
use crate::http::call::Call;
use crate::rules::{environment_scope, variable as rules};
use crate::state::owner::Owner;
use crate::state::variables::{Variable, VariableType};

/// A new variable with GitLab's defaults; `raw` is false, although the documentation says otherwise.
pub fn blank(call: &Call<'_>, owner: Owner) -> Variable {
    Variable {
        id: 0,
        owner,
        key: rules::normalise_key(call.params.text("key").unwrap_or_default()),
        value: SecretString::from(""),
        variable_type: VariableType::EnvVar,
        protected: false,
        masked: false,
        hidden: false,
        raw: false,
        environment_scope: "*".to_owned(),
        description: None,
        updated_at: call.now,
    }
}

/// Takes over what was given; null counts as not given, except for the description.
pub fn assign(call: &Call<'_>, variable: &mut Variable) {
    let params = &call.params;
    if let Some(value) = params.text("value") {
        variable.value = SecretString::from(value);
    }
    if let Some(kind) = params.text("variable_type").and_then(VariableType::parse) {
        variable.variable_type = kind;
    }
    variable.protected = params.flag("protected").unwrap_or(variable.protected);
    variable.masked = params.flag("masked").unwrap_or(variable.masked);
    variable.raw = params.flag("raw").unwrap_or(variable.raw);
    if params.has("description") {
        variable.description = params.text("description").map(str::to_owned);
    }
    if let Some(scope) = params.text("environment_scope").filter(|_| takes_scope(call.state, variable.owner)) {
        variable.environment_scope = environment_scope::normalise(scope);
    }
}
