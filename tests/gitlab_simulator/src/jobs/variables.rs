//! The variables of a job, in GitLab's order (lib/gitlab/ci/variables/builder.rb): predefined, injected by a cluster, the
//! job's own, instance, groups from the top down, project, and the environment's name and slug, which nothing overrides.

use jiff::Timestamp;
use secrecy::ExposeSecret;

use super::pipeline::Created;
use super::{cluster, predefined};
use crate::rules::default_namespace;
use crate::rules::deployment_variables::{self as deployment, deployment_variables};
use crate::rules::expansion::expand;
use crate::rules::job_variables::{JobVariable, Stored, last_of_each_key, of_level};
use crate::state::State;
use crate::state::environments::Environment;
use crate::state::owner::Owner;
use crate::state::projects::Project;
use crate::state::variables::{Variable, VariableType};

/// What a started job sees: each key once, expanded.
pub fn of_started(state: &State, created: &Created, now: Timestamp) -> Vec<JobVariable> {
    let Some(project) = state.projects.get(&created.project_id) else { return Vec::new() };
    let environment = created.environment_id.and_then(|id| state.environments.get(&id));
    let mut variables = predefined::variables(state, project, created, now);
    if let Some(environment) = environment {
        variables.extend(of_environment(created, environment));
        variables.extend(of_cluster(state, project, created, environment));
    }
    variables.extend(of_request_and_levels(state, project, created, environment.map(|found| found.name.as_str())));
    if let Some(environment) = environment {
        variables.push(JobVariable::public("CI_ENVIRONMENT_NAME", &environment.name));
        variables.push(JobVariable::public("CI_ENVIRONMENT_SLUG", &environment.slug));
    }
    let files = format!("/builds/{}.tmp", state.project_full_path(project));
    last_of_each_key(expand(variables, &files))
}

/// What is known before there is an environment: its name and namespace are expanded with these.
pub fn simple(state: &State, created: &Created, now: Timestamp) -> Vec<JobVariable> {
    let Some(project) = state.projects.get(&created.project_id) else { return Vec::new() };
    let mut variables = predefined::variables(state, project, created, now);
    variables.extend(of_request_and_levels(state, project, created, None));
    last_of_each_key(variables)
}

fn of_environment(created: &Created, environment: &Environment) -> Vec<JobVariable> {
    let tier = created.request.deployment_tier.map(|tier| tier.word()).unwrap_or(&environment.tier);
    let mut variables = vec![
        JobVariable::public("CI_ENVIRONMENT_ACTION", created.request.environment_action.word()),
        JobVariable::public("CI_ENVIRONMENT_TIER", tier),
    ];
    let url = created.request.environment_url.as_ref().or(environment.external_url.as_ref());
    variables.extend(url.map(|url| JobVariable::public("CI_ENVIRONMENT_URL", url)));
    variables
}

/// What the chosen cluster injects. Nothing is ever provisioned in a managed one: there is no Kubernetes here.
fn of_cluster(state: &State, project: &Project, created: &Created, environment: &Environment) -> Vec<JobVariable> {
    let Some(cluster) = cluster::of_environment(state, project, &environment.name) else { return Vec::new() };
    let platform = &cluster.platform;
    let domain = cluster.domain.as_deref().filter(|domain| !domain.trim().is_empty());
    let input = deployment::Input {
        api_url: &platform.api_url,
        token: platform.token.expose_secret(),
        ca_pem: platform.ca_cert.as_deref(),
        domain: domain.or_else(|| state.settings.text("auto_devops_domain")),
        managed: cluster.managed,
        management_project: cluster.management_project == Some(project.id),
        provisioned: None,
        requested_namespace: created.namespace.as_deref(),
        default: default_namespace::Input {
            project_path: &project.path,
            project_id: project.id,
            environment_slug: &environment.slug,
            managed: cluster.managed,
            namespace_per_environment: cluster.namespace_per_environment,
            platform_namespace: platform.namespace.as_deref(),
        },
    };
    let mut variables = deployment_variables(&input);
    let agent_server = format!("{}/-/kubernetes-agent/k8s-proxy", state.base_url);
    variables.extend(deployment::job_kubeconfig(&agent_server, &created.job_token, Some(&input)));
    variables
}

fn of_request_and_levels(
    state: &State,
    project: &Project,
    created: &Created,
    environment: Option<&str>,
) -> Vec<JobVariable> {
    let mut variables: Vec<JobVariable> =
        created.request.variables.iter().map(|(key, value)| JobVariable::public(key, value)).collect();
    if let Some(user) = state.users.get(created.user_id) {
        variables.push(JobVariable::public("GITLAB_USER_ID", &user.id.to_string()));
        variables.push(JobVariable::public("GITLAB_USER_LOGIN", &user.username));
    }
    let groups = state.project_ancestors(project).into_iter().rev().map(Owner::Group);
    let levels = std::iter::once(Owner::Instance).chain(groups).chain([Owner::Project(project.id)]);
    for owner in levels {
        let stored: Vec<Stored> = state.variables_of(owner).map(stored).collect();
        variables.extend(of_level(&stored, environment, created.request.ref_protected));
    }
    variables
}

fn stored(variable: &Variable) -> Stored {
    Stored {
        variable: JobVariable {
            key: variable.key.clone(),
            value: variable.value.expose_secret().to_owned(),
            public: false,
            file: variable.variable_type == VariableType::File,
            masked: variable.masked,
            raw: variable.raw,
            protected: variable.protected,
        },
        scope: variable.environment_scope.clone(),
    }
}
