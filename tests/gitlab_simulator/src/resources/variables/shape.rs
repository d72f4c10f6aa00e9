//! How a variable is shown (lib/api/entities/ci/variable.rb).

use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::state::owner::Owner;
use crate::state::variables::Variable;

/// The value of a hidden variable is null for ever; variables of the instance know neither scope nor hiding.
pub fn shape(variable: &Variable) -> Value {
    let value = (!variable.hidden).then(|| variable.value.expose_secret());
    let mut shape = json!({
        "variable_type": variable.variable_type.word(),
        "key": variable.key,
        "value": value,
        "protected": variable.protected,
        "masked": variable.masked,
        "raw": variable.raw,
        "description": variable.description,
    });
    if variable.owner != Owner::Instance {
        shape["hidden"] = Value::from(variable.hidden);
        shape["environment_scope"] = Value::from(variable.environment_scope.as_str());
    }
    shape
}
