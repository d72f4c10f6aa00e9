//! How an environment is shown (lib/api/entities/environment.rb).

use serde_json::{Value, json};

use crate::entities::{joined, project, user};
use crate::state::environments::{Deployment, Environment};
use crate::state::{State, time};

/// The least form: clean-up of review apps.
pub fn basic(environment: &Environment) -> Value {
    json!({
        "id": environment.id,
        "name": environment.name,
        "slug": environment.slug,
        "external_url": environment.external_url,
        "created_at": time(environment.created_at),
        "updated_at": time(environment.updated_at),
    })
}

/// The form of lists and of answers to changes, with the whole project in it.
pub fn with_project(state: &State, environment: &Environment) -> Value {
    let project = state.projects.get(&environment.project_id).map(|found| project::basic(state, found));
    joined([basic(environment), details(environment), json!({"project": project})])
}

/// The form of a single environment: with the last deployment, without the project.
pub fn single(state: &State, environment: &Environment) -> Value {
    let deployment = environment.last_deployment.as_ref().map(|last| deployment(state, last));
    joined([basic(environment), details(environment), json!({"last_deployment": deployment})])
}

fn details(environment: &Environment) -> Value {
    json!({
        "tier": environment.tier,
        "state": environment.state.word(),
        "auto_stop_at": null,
        "description": environment.description,
        "auto_stop_setting": environment.auto_stop_setting.word(),
    })
}

fn deployment(state: &State, deployment: &Deployment) -> Value {
    let status = if deployment.succeeded { "success" } else { "failed" };
    let user = user::basic_by_id(state, deployment.user_id);
    json!({
        "id": deployment.id,
        "iid": deployment.id,
        "ref": deployment.git_ref,
        "sha": "0000000000000000000000000000000000000000",
        "created_at": time(deployment.created_at),
        "updated_at": time(deployment.finished_at),
        "status": status,
        "user": user,
        "deployable": {
            "id": deployment.job_id,
            "ref": deployment.git_ref,
            "status": status,
            "finished_at": time(deployment.finished_at),
            "user": user,
        },
    })
}
