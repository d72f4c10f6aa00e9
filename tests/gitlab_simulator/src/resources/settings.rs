//! Application settings (lib/api/settings.rb), as far as they change what is simulated.

use serde_json::Value;

use crate::http::answer::Answer;
use crate::http::call::Call;
use crate::http::params::Params;
use crate::http::refusal::{Outcome, Refusal};
use crate::http::route::{Door, Route};
use crate::state::settings::Settings;

/// The endpoints of this module.
pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/application/settings", show).door(Door::Admin),
        Route::put("/application/settings", update).door(Door::Admin),
    ]
}

fn show(call: &mut Call<'_>) -> Outcome {
    Ok(Answer::ok(Value::Object(call.state.settings.all().clone())))
}

/// The settings themselves say which parameters there are and of which kind; unknown ones are ignored.
fn update(call: &mut Call<'_>) -> Outcome {
    let declared = Settings::declared();
    let given = Params::check(&[&declared], &call.request.parameters).map_err(|errors| Refusal::parameters(&errors))?;
    for (name, value) in given.into_values() {
        call.state.settings.set(&name, value);
    }
    show(call)
}
