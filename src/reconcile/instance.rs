//! One pass over a `GitLabInstance`: whether GitLab can be worked with, and who uses it.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{Api, Resource as _};

use super::{
    Finding, Key,
    usage::{self, Standing},
};
use crate::{
    api::{GitLabInstance, GitLabInstanceStatus, InstanceTokenStatus},
    apply::{declared::write_status, events},
    context::Context,
    declared::Instance,
    facts::{self, instance::InstanceFacts, problems},
    server::InstanceSeries,
    status::{Problem, READY, Reason, Verdict, merge},
};

/// How often an instance is looked at when nothing changes, unless its projects are to be read more often.
const INTERVAL: Duration = Duration::from_secs(300);

/// Reconciles an instance.
pub(super) async fn reconcile(context: &Context, name: &str) -> Result<Finding, Problem> {
    let api: Api<GitLabInstance> = Api::all(context.kubernetes.clone());
    let what = format!("read the GitLabInstance {name}");
    let Some(object) = api.get_opt(name).await.map_err(|error| problems::kubernetes(&what, &error))? else {
        context.declarations.agree_that_it_is_gone(&Key::Instance(name.to_owned()))?;
        context.memory.forget(&Key::Instance(name.to_owned()));
        context.metrics.forget_instance(name);
        return Ok(Finding::default());
    };
    let users = context.declarations.mappings_of_instance(name);
    let standing = usage::hold(context, &object, &users).await?;
    if matches!(standing, Standing::Gone) {
        return Ok(Finding::default());
    }
    let mut status =
        GitLabInstanceStatus { mappings: Some(usage::count(&users)), ..object.status.clone().unwrap_or_default() };
    let problem = match Instance::try_from(&object) {
        Ok(instance) => describe(context, &instance, &mut status).await,
        Err(invalid) => Some(Problem::until_changed(Reason::InvalidSpec, invalid.to_string())),
    };
    let problem = if let Standing::InUse(waiting) = standing { Some(waiting) } else { problem };
    let verdict = match &problem {
        Some(problem) => Verdict::no(READY, problem),
        None => Verdict::yes(READY, Reason::Ready, format!("GitLab {}", status.version.as_deref().unwrap_or("?"))),
    };
    context.metrics.set_instance(name, series(&status, &verdict));
    status.observed_generation = object.metadata.generation;
    status.conditions = merge(&status.conditions, &[verdict], object.metadata.generation, context.clock.now());
    if write_status(context, &object, object.status.as_ref(), &status).await? {
        let before = object.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
        events::of_ready(context, &object.object_ref(&()), before, &status.conditions).await;
    }
    Ok(Finding { problem, due: Some(context.jittered(INTERVAL.min(context.settings.project_refresh))) })
}

/// What is known of the instance goes into its status; what is not known now stays as it was.
async fn describe(context: &Context, instance: &Instance, status: &mut GitLabInstanceStatus) -> Option<Problem> {
    let facts = facts::instance::read(context, instance).await;
    let InstanceFacts { endpoint, access } = &*facts;
    match access {
        Ok(access) => {
            status.version = Some(access.version.clone());
            status.certificate_based_clusters = access.certificate_based_clusters;
            status.token = Some(InstanceTokenStatus {
                expires_at: access.token_expires.map(Time),
                scopes: access.token_scopes.clone(),
            });
            if let Err(error) = facts::survey::survey(context, instance, &access.client).await {
                tracing::warn!(instance = instance.name, %error, "could not list the instance's projects");
            }
            endpoint.as_ref().err().cloned()
        }
        Err(problem) => Some(problem.clone()),
    }
}

/// For the metrics. When GitLab cannot be asked, the end of its token is the one that was last heard of.
fn series(status: &GitLabInstanceStatus, verdict: &Verdict) -> InstanceSeries {
    let expiry = status.token.as_ref().and_then(|token| token.expires_at.as_ref());
    let state = verdict.reason.as_str().to_owned();
    InstanceSeries { state, token_ends: expiry.map(|expiry| expiry.0.as_second()) }
}
