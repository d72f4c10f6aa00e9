//! Feature flags (lib/api/features.rb), for administrators.

use serde_json::{Value, json};

use crate::http::answer::Answer;
use crate::http::call::Call;
use crate::http::params::{Kind, Param};
use crate::http::refusal::{Outcome, Refusal};
use crate::http::route::{Door, Route};
use crate::state::features::{DEFINITIONS, Definition, Gates};

/// Narrower gates: parameter and the word that GitLab puts before the id or name.
const ACTORS: &[(&str, &str)] = &[
    ("feature_group", "FeatureGroup"),
    ("user", "User"),
    ("group", "Group"),
    ("namespace", "Namespace"),
    ("project", "Project"),
    ("repository", "Repository"),
];

const SET: &[Param] = &[
    Param::required("value", Kind::Text),
    // Any other word, an empty one too (the Go client sends all parameters always), means `percentage_of_time`.
    Param::optional("key", Kind::Text),
    Param::optional("feature_group", Kind::Text),
    Param::optional("user", Kind::Text),
    Param::optional("group", Kind::Text),
    Param::optional("namespace", Kind::Text),
    Param::optional("project", Kind::Text),
    Param::optional("repository", Kind::Text),
    Param::optional("force", Kind::Flag),
];

/// The endpoints of this module.
pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/features", list).door(Door::Admin),
        Route::get("/features/definitions", definitions).door(Door::Admin),
        Route::post("/features/:name", set).door(Door::Admin).params(SET),
        Route::delete("/features/:name", unset).door(Door::Admin),
    ]
}

/// Only flags that have been set; not paged.
fn list(call: &mut Call<'_>) -> Outcome {
    let flags = call.state.features.set_ones().map(|(name, gates)| shape(name, gates)).collect();
    Ok(Answer::ok(Value::Array(flags)))
}

fn definitions(_: &mut Call<'_>) -> Outcome {
    Ok(Answer::ok(Value::Array(DEFINITIONS.iter().map(definition).collect())))
}

fn set(call: &mut Call<'_>) -> Outcome {
    let name = call.path("name").to_owned();
    let actors = actors(call);
    let of_actors = call.params.text("key") == Some("percentage_of_actors");
    let value = call.params.text("value").unwrap_or_default();
    let gates = match value {
        "true" | "false" if !actors.is_empty() => {
            let mut gates = call.state.features.gates(&name).clone();
            gates.actors.retain(|actor| !actors.contains(actor));
            if value == "true" {
                gates.actors.extend(actors);
            }
            gates
        }
        "true" | "100" => Gates { boolean: Some(true), ..Gates::default() },
        "false" | "0" => Gates { boolean: Some(false), ..Gates::default() },
        number => {
            let percentage = number.parse().ok().filter(|percentage| *percentage <= 100);
            let percentage = percentage.ok_or_else(|| Refusal::bad_request("value is not a percentage"))?;
            let gates = call.state.features.gates(&name).clone();
            if of_actors {
                Gates { percentage_of_actors: Some(percentage), ..gates }
            } else {
                Gates { percentage_of_time: Some(percentage), ..gates }
            }
        }
    };
    let body = shape(&name, &gates);
    *call.state.features.gates(&name) = gates;
    Ok(Answer::created(body))
}

fn actors(call: &Call<'_>) -> Vec<String> {
    let mut actors = Vec::new();
    for (parameter, kind) in ACTORS {
        let names = call.params.present(parameter).unwrap_or_default().split(',').map(str::trim);
        actors.extend(names.filter(|name| !name.is_empty()).map(|name| format!("{kind}:{name}")));
    }
    actors
}

fn unset(call: &mut Call<'_>) -> Outcome {
    let name = call.path("name").to_owned();
    call.state.features.unset(&name);
    Ok(Answer::no_content())
}

/// `boolean` and `expression` are always shown, other gates when they were set.
fn shape(name: &str, gates: &Gates) -> Value {
    let narrow = !gates.actors.is_empty()
        || gates.percentage_of_actors.is_some_and(|percentage| percentage > 0)
        || gates.percentage_of_time.is_some_and(|percentage| percentage > 0);
    let state = match gates.boolean {
        Some(true) => "on",
        _ if gates.percentage_of_time == Some(100) => "on",
        _ if narrow => "conditional",
        _ => "off",
    };
    let mut shown = vec![
        json!({"key": "boolean", "value": gates.boolean.unwrap_or(false)}),
        json!({"key": "expression", "value": null}),
    ];
    if !gates.actors.is_empty() {
        shown.push(json!({"key": "actors", "value": gates.actors}));
    }
    for (key, percentage) in
        [("percentage_of_actors", gates.percentage_of_actors), ("percentage_of_time", gates.percentage_of_time)]
    {
        shown.extend(percentage.filter(|value| *value > 0).map(|value| json!({"key": key, "value": value})));
    }
    let known = DEFINITIONS.iter().find(|definition| definition.name == name);
    json!({"name": name, "state": state, "gates": shown, "definition": known.map(definition)})
}

fn definition(definition: &Definition) -> Value {
    json!({
        "name": definition.name,
        "feature_issue_url": null,
        "introduced_by_url": null,
        "rollout_issue_url": null,
        "milestone": definition.milestone,
        "log_state_changes": null,
        "type": definition.kind,
        "group": definition.group,
        "default_enabled": definition.default_enabled,
    })
}
