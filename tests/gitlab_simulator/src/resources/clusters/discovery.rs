//! `GET /discover-cert-based-clusters`: all clusters below a group, whatever the feature flag says.

use serde_json::{Map, Value, json};

use crate::access::level::MAINTAINER;
use crate::http::answer::Answer;
use crate::http::call::Call;
use crate::http::params::{Kind, Param};
use crate::http::refusal::Outcome;
use crate::http::route::Route;
use crate::state::owner::Owner;
use crate::state::projects::Namespace;

const GROUP: &[Param] = &[Param::required("group_id", Kind::Integer)];

/// The endpoints of this module.
pub fn routes() -> Vec<Route> {
    vec![Route::get("/discover-cert-based-clusters", discover).params(GROUP)]
}

/// The group itself, and what lies below it as far as the caller is Maintainer there.
fn discover(call: &mut Call<'_>) -> Outcome {
    let id = call.params.id("group_id").unwrap_or(0);
    let top = call.group_named(&id.to_string())?;
    let groups = call.state.groups.keys().copied().filter(|group| {
        *group == top || (call.state.group_is_within(*group, top) && call.level_in_group(*group) >= MAINTAINER)
    });
    let mut of_groups = Map::new();
    for group in groups {
        add(call, &mut of_groups, call.state.group_full_path(group), Owner::Group(group));
    }
    let mut of_projects = Map::new();
    for project in call.state.projects.values() {
        let below = matches!(project.namespace, Namespace::Group(group) if call.state.group_is_within(group, top));
        if below && call.level_in_project(project) >= MAINTAINER {
            add(call, &mut of_projects, call.state.project_full_path(project), Owner::Project(project.id));
        }
    }
    Ok(Answer::ok(json!({"groups": of_groups, "projects": of_projects})))
}

fn add(call: &Call<'_>, found: &mut Map<String, Value>, path: String, owner: Owner) {
    let clusters = call.state.clusters_of(owner);
    let shown: Vec<Value> = clusters.map(|cluster| json!({"id": cluster.id, "name": cluster.name})).collect();
    if !shown.is_empty() {
        found.insert(path, Value::Array(shown));
    }
}
