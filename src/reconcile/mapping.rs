//! One pass over a `ProjectMapping`: what is declared, what is known, what should be, what has to change.

use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::{Api, Resource as _};

use super::{
    Finding, Key, adoption, brake,
    ending::{self, End},
    environments::{self, Asking},
    finalizer, project,
    report::Report,
    upkeep::Upkeep,
};
use crate::{
    api::{ProjectMapping, names},
    context::Context,
    declared::{Class, Instance, Mapping},
    facts::{self, instance::InstanceFacts, problems},
    status::{Problem, Reason},
};

/// One pass over one mapping.
#[derive(Clone, Copy)]
pub(super) struct Pass<'a> {
    /// What a reconcile needs.
    pub context: &'a Context,
    /// The object as it was read at the beginning.
    pub object: &'a ProjectMapping,
    /// The same, validated.
    pub mapping: &'a Mapping,
}

impl Pass<'_> {
    /// What events are about.
    pub fn about(&self) -> ObjectReference {
        self.object.object_ref(&())
    }

    /// How long it is until a time; zero when that is over.
    pub fn until(&self, at: jiff::Timestamp) -> Duration {
        let wait = at.duration_since(self.context.clock.now());
        Duration::try_from(wait).unwrap_or_default()
    }
}

/// Reconciles a mapping.
pub(super) async fn reconcile(context: &Context, name: &str) -> Result<Finding, Problem> {
    let api: Api<ProjectMapping> = Api::all(context.kubernetes.clone());
    let what = format!("read the ProjectMapping {name}");
    let Some(object) = api.get_opt(name).await.map_err(|error| problems::kubernetes(&what, &error))? else {
        context.declarations.agree_that_it_is_gone(&Key::Mapping(name.to_owned()))?;
        context.memory.forget(&Key::Mapping(name.to_owned()));
        context.metrics.forget_mapping(name);
        return Ok(Finding::default());
    };
    look(context, &object).await
}

/// One pass over the object as it was read.
pub(super) async fn look(context: &Context, object: &ProjectMapping) -> Result<Finding, Problem> {
    let mut report = Report::new(object);
    let mapping = match Mapping::try_from(object) {
        Ok(mapping) => mapping,
        Err(invalid) => {
            let waits = if object.metadata.deletion_timestamp.is_some() { "; its deletion waits for that" } else { "" };
            report.stopped(Problem::until_changed(Reason::InvalidSpec, format!("{invalid}{waits}")));
            return report.write(context, object).await;
        }
    };
    let pass = Pass { context, object, mapping: &mapping };
    if mapping.paused {
        report.stopped(paused(&mapping, &report));
        return report.write(context, object).await;
    }
    if mapping.is_ending() {
        return end(&pass, report).await;
    }
    if let Err(problem) = keep(&pass, &mut report).await {
        report.stopped(problem);
    }
    report.write(context, object).await
}

fn paused(mapping: &Mapping, report: &Report) -> Problem {
    let expiry = report.status().environments.iter().filter_map(|status| status.token.as_ref()?.expires_at.as_ref());
    let end =
        expiry.map(|time| time.0).min().map(|time| format!("; the first token ends at {time}")).unwrap_or_default();
    let deletion = if mapping.is_ending() { "; its deletion waits" } else { "" };
    Problem::until_changed(Reason::Paused, format!("spec.paused is true: nothing is kept up{end}{deletion}"))
}

async fn end(pass: &Pass<'_>, mut report: Report) -> Result<Finding, Problem> {
    let ended = ending::end(pass, &mut report).await;
    match ended {
        Ok(End::Done) => {
            finalizer::remove(pass.context, pass.object, names::MAPPING_FINALIZER).await?;
            return Ok(Finding::default());
        }
        Ok(End::Waiting(problem)) => {
            let message = format!("the credentials are revoked in the cluster; what is left in GitLab: {problem}");
            report.stopped(Problem { reason: Reason::Deleting, message, ..problem });
            report.due_in(Duration::from_secs(60));
        }
        Ok(End::Held(held, left)) => {
            report.stopped(left.into_iter().fold(held, |held, left| Problem {
                message: format!("{}; besides, what is left in GitLab: {left}", held.message),
                retry: left.retry,
                ..held
            }));
        }
        Err(problem) => report.stopped(problem),
    }
    report.write(pass.context, pass.object).await
}

/// The steps of a living mapping. Whatever fails for all of it is returned; whatever fails for one environment stands in
/// the report, and the others go on.
async fn keep(pass: &Pass<'_>, report: &mut Report) -> Result<(), Problem> {
    let Pass { context, mapping, .. } = *pass;
    let class = context.declarations.class(&mapping.class)?;
    let instance = context.declarations.instance(&mapping.instance)?;
    let known = facts::instance::read(context, &instance).await;
    let result = keep_known(pass, &class, &instance, &known, report).await;
    let refused = result.as_ref().err().map(|problem| problem.reason).or(report.worst());
    if known.access.is_ok() && refused.is_some_and(is_about_the_instance) {
        // What was known is wrong by now: the next pass asks anew, and so learns what is the matter.
        context.memory.forget_instance(&instance.name);
    }
    result
}

fn is_about_the_instance(reason: Reason) -> bool {
    use Reason::{
        GitLabCertificateUntrusted, GitLabUnreachable, TokenExpired, TokenInvalid, TokenRevoked, TokenScopeInsufficient,
    };
    let of_the_token = matches!(reason, TokenInvalid | TokenExpired | TokenRevoked | TokenScopeInsufficient);
    of_the_token || matches!(reason, GitLabUnreachable | GitLabCertificateUntrusted)
}

async fn keep_known(
    pass: &Pass<'_>,
    class: &Class,
    instance: &Instance,
    known: &InstanceFacts,
    report: &mut Report,
) -> Result<(), Problem> {
    let Pass { context, mapping, .. } = *pass;
    let compare = report.spec_is_new() || comparison_is_due(context, &mapping.name);
    let client = known.access.as_ref().map(|access| &access.client);
    let project = facts::project::read(context, mapping, report.status(), client, compare).await?;
    let held = project::hold(pass, instance, &project).await?;
    report.project(&project);

    let active = project.problem.is_none();
    let asking = Asking { client: client.ok().filter(|_| active), compare };
    let environments = environments::place(pass, instance, &project, &held, asking, report).await;
    let upkeep = Upkeep { pass, class, instance, project: &project, held: &held, known };
    report.looked_at_namespaces();
    for name in &environments.undecided {
        let why = project.problem.clone().or_else(|| known.access.as_ref().err().cloned());
        let why = why.map_or_else(|| "GitLab was not asked".to_owned(), |problem| problem.message);
        let message = format!("the environment {name} has no namespace yet, since its slug is not known: {why}");
        report.namespace_failed(name, Problem::new(Reason::Progressing, message));
    }
    let deliverables = upkeep.namespaces(&environments, active && client.is_ok(), report).await;
    let waiting = upkeep.leave(report).await?;
    upkeep.deliver(&environments, &deliverables, compare, report).await?;
    upkeep.settle(&deliverables, report).await?;
    let waits = brake::explain(pass, &waiting).or_else(|| adoption::misplaced(pass, &environments, &held));
    if let Some(problem) = waits {
        report.stopped(problem);
    }
    Ok(())
}

/// Whether what was delivered is to be compared with GitLab.
pub(super) fn comparison_is_due(context: &Context, mapping: &str) -> bool {
    let memory = context.memory.mapping(mapping);
    memory.drift_check_at.is_some_and(|at| context.clock.now() >= at)
}
