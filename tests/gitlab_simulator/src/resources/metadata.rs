//! `GET /metadata` and `GET /version`: what this instance is.

use serde_json::json;

use crate::http::answer::Answer;
use crate::http::call::Call;
use crate::http::refusal::Outcome;
use crate::http::route::{Route, Scopes};

/// The endpoints of this module.
pub fn routes() -> Vec<Route> {
    vec![Route::get("/metadata", show).scopes(Scopes::ReadUser), Route::get("/version", show).scopes(Scopes::ReadUser)]
}

fn show(call: &mut Call<'_>) -> Outcome {
    let version = &call.state.version;
    let number = version.split('-').next().unwrap_or(version);
    Ok(Answer::ok(json!({
        "version": version,
        "revision": "5e9f1a2b3c4",
        "kas": {"enabled": false, "externalUrl": null, "externalK8sProxyUrl": null, "version": number},
        "enterprise": version.ends_with("-ee"),
    })))
}
