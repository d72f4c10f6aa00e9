//! One pass over a `ProjectMapping`: what is declared, what is known, what should be, what has to change.

use std::{collections::BTreeMap, time::Duration};

use futures::{StreamExt as _, stream};
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{Api, Resource as _, runtime::reflector::ObjectRef};

use super::{
    Finding, Key, adoption,
    brake::{self, Held as Waiting},
    credentials::{self, Credential},
    delivery::{self, Deliverable, Delivery},
    ending::{self, End},
    environments::{self, Asking, Environments},
    finalizer,
    namespace::{self, Job, Kept},
    project::{self, Held},
    report::Report,
};
use crate::{
    api::{HandledRequests, NamespaceLayout, ProjectMapping, names},
    apply::hands::Notes,
    context::{Context, Sight},
    declared::{Class, Instance, Mapping},
    facts::{self, instance::InstanceFacts, problems, project::ProjectFacts},
    plan::{environments::Placed, namespace::Owner, ownership::Mark},
    status::{Problem, Reason, is_ready},
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
}

/// Reconciles a mapping. One that was as declared when it was last looked at is first compared with the caches: most changes
/// that wake it were its own, and then no server is asked.
pub(super) async fn reconcile(context: &Context, name: &str) -> Result<Finding, Problem> {
    if context.hands.work()
        && let Some(finding) = glance(context, name).await
    {
        return Ok(finding);
    }
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

/// A pass that believes the caches. `None` when a closer look is needed.
async fn glance(context: &Context, name: &str) -> Option<Finding> {
    let object = context.declarations.mappings.get(&ObjectRef::new(name))?;
    if !context.caches.are_filled() || !was_as_declared(&object) || comparison_is_due(context, name) {
        return None;
    }
    let notes = Notes::brief();
    let finding = look(&context.noting(&notes, Sight::Caches), &object).await.ok()?;
    (!notes.found_any() && finding.problem.is_none()).then_some(finding)
}

fn was_as_declared(object: &ProjectMapping) -> bool {
    let status = object.status.as_ref();
    object.metadata.deletion_timestamp.is_none()
        && status.is_some_and(|status| {
            status.observed_generation == object.metadata.generation && is_ready(&status.conditions)
        })
}

async fn look(context: &Context, object: &ProjectMapping) -> Result<Finding, Problem> {
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
    let work = Work { pass, class, instance, project: &project, held: &held, known };
    report.looked_at_namespaces();
    for name in &environments.undecided {
        let why = project.problem.clone().or_else(|| known.access.as_ref().err().cloned());
        let why = why.map_or_else(|| "GitLab was not asked".to_owned(), |problem| problem.message);
        let message = format!("the environment {name} has no namespace yet, since its slug is not known: {why}");
        report.namespace_failed(name, Problem::new(Reason::Progressing, message));
    }
    let deliverables = work.namespaces(&environments, active && client.is_ok(), report).await;
    let waiting = work.leave(report).await?;
    deliver(&work, &environments, &deliverables, compare, report).await?;
    work.settle(&deliverables, report).await?;
    let waits = brake::explain(pass, &waiting).or_else(|| adoption::misplaced(pass, &environments, &held));
    if let Some(problem) = waits {
        report.stopped(problem);
    }
    Ok(())
}

fn comparison_is_due(context: &Context, mapping: &str) -> bool {
    let memory = context.memory.mapping(mapping);
    memory.drift_check_at.is_some_and(|at| context.clock.now() >= at)
}

async fn deliver(
    work: &Work<'_>,
    environments: &Environments,
    deliverables: &[Deliverable],
    compare: bool,
    report: &mut Report,
) -> Result<(), Problem> {
    let pass = work.pass;
    let client = match (&work.project.problem, &work.known.access) {
        (Some(problem), _) | (None, Err(problem)) => Err(problem.clone()),
        (None, Ok(access)) => Ok(&access.client),
    };
    let mut undecided = environments.undecided.clone();
    let placed = environments.placed.iter().map(|placed| placed.environment.name.clone());
    let delivered = |name: &String| deliverables.iter().any(|deliverable| deliverable.environment.name == *name);
    undecided.extend(placed.filter(|name| report.has_namespace_problem(name) && !delivered(name)));
    let delivery = Delivery {
        client,
        project: work.project,
        endpoint: work.known.endpoint.as_ref().map_err(Clone::clone)?,
        mark: Mark {
            cluster: work.instance.cluster_name.clone(),
            cluster_uid: facts::cluster::cluster_uid(pass.context).await?,
            mapping: pass.mapping.name.clone(),
        },
        undecided: &undecided,
        seen: &environments.seen,
        compare,
    };
    let compared = delivery::deliver(pass, &delivery, deliverables, report).await;
    let at = delivery::next_comparison(pass, work.instance.drift_interval, compared);
    report.due_in(until(pass, at));
    if let Some(at) = pass.context.memory.mapping(&pass.mapping.name).project_due {
        report.due_in(until(pass, at));
    }
    Ok(())
}

/// Zero when it is overdue.
fn until(pass: &Pass<'_>, at: jiff::Timestamp) -> Duration {
    let wait = at.duration_since(pass.context.clock.now());
    Duration::try_from(wait).unwrap_or_default()
}

/// How many namespaces of a mapping are worked on at the same time.
const NAMESPACES_AT_ONCE: usize = 4;

/// What the steps of a living mapping share.
struct Work<'a> {
    pass: &'a Pass<'a>,
    class: &'a Class,
    instance: &'a Instance,
    project: &'a ProjectFacts,
    held: &'a Held,
    known: &'a InstanceFacts,
}

impl Work<'_> {
    /// Brings the namespaces of all environments to what is wanted; gives those whose jobs can be given a credential.
    async fn namespaces(&self, environments: &Environments, may_renew: bool, report: &mut Report) -> Vec<Deliverable> {
        let mut groups: BTreeMap<&str, Vec<&Placed>> = BTreeMap::new();
        for placed in &environments.placed {
            groups.entry(&placed.namespace).or_default().push(placed);
        }
        let mut work = Vec::new();
        for group in groups.into_values() {
            work.push(self.namespace(self.job(&group, may_renew, report), group));
        }
        // What is only noted down is noted in order.
        let at_once = if self.pass.context.hands.work() { NAMESPACES_AT_ONCE } else { 1 };
        let kept: Vec<_> = stream::iter(work).buffered(at_once).collect().await;
        let mut deliverables = Vec::new();
        let mut all_well = environments.undecided.is_empty();
        for (result, group) in kept {
            match result {
                Ok(kept) => {
                    for placed in group {
                        deliverables.extend(self.kept(placed, &kept, report));
                    }
                }
                Err(problem) => {
                    all_well = false;
                    for placed in group {
                        report.namespace_failed(&placed.environment.name, problem.clone());
                    }
                }
            }
        }
        if all_well {
            self.handled(may_renew, report);
            self.forget_shared_token(report);
        }
        deliverables
    }

    async fn namespace<'j>(&self, job: Job<'j>, group: Vec<&'j Placed>) -> (Result<Kept, Problem>, Vec<&'j Placed>) {
        (namespace::keep(self.pass, &job).await, group)
    }

    fn job<'j>(&'j self, group: &[&'j Placed], may_renew: bool, report: &Report) -> Job<'j> {
        let mapping = self.pass.mapping;
        let first = group[0];
        let handled = report.status().handled_requests.clone().unwrap_or_default();
        let recorded = group.iter().find_map(|placed| {
            report.environment_status(&placed.environment.name)?.ci_access.as_ref()?.token_fingerprint.clone()
        });
        let shared = mapping.layout == NamespaceLayout::PerProject;
        let environment = (!shared).then_some((first.environment.name.as_str(), first.slug.as_str()));
        Job {
            name: first.namespace.clone(),
            owner: Owner {
                instance: &self.instance.name,
                project: &self.held.identity,
                project_path: self.project.path.as_deref(),
                mapping: &mapping.name,
                environment,
            },
            class: self.class,
            recorded_uid: report.recorded_uid(&first.namespace),
            token: credentials::Wish {
                recorded_fingerprint: recorded,
                may_renew,
                renew: mapping.renew.is_some() && mapping.renew != handled.renew,
                revoke: (mapping.revoke.is_some() && mapping.revoke != handled.revoke)
                    || (shared && self.somebody_left_with_the_token(report)),
                ca: self.known.endpoint.as_ref().ok().map(|endpoint| endpoint.ca_pem.clone()),
            },
        }
    }

    /// An environment that left a per-project mapping knows the shared token.
    fn somebody_left_with_the_token(&self, report: &Report) -> bool {
        self.gone(report).iter().any(|name| self.knows_the_shared_token(name, report))
    }

    fn knows_the_shared_token(&self, name: &str, report: &Report) -> bool {
        let status = report.environment_status(name).and_then(|status| status.ci_access.as_ref());
        self.pass.mapping.layout == NamespaceLayout::PerProject
            && status.is_some_and(|status| status.token_fingerprint.is_some())
    }

    /// Environments on record that are no longer declared.
    fn gone(&self, report: &Report) -> Vec<String> {
        let declared = |name: &str| self.pass.mapping.environments.iter().any(|environment| environment.name == name);
        let recorded = report.status().environments.iter().map(|status| status.name.clone());
        recorded.filter(|name| !declared(name)).collect()
    }

    fn kept(&self, placed: &Placed, kept: &Kept, report: &mut Report) -> Option<Deliverable> {
        let name = &placed.environment.name;
        report.namespace(name, &placed.slug, &placed.namespace, kept.uid.clone());
        let fingerprint = kept.credential.as_ref().map(|credential| credential.fingerprint.clone());
        if fingerprint.is_some() || report.environment(name).ci_access.is_some() {
            // At once, so that a token that cannot be delivered now is not issued again and again.
            report.environment(name).ci_access.get_or_insert_default().token_fingerprint = fingerprint;
        }
        let Some(credential) = kept.credential.clone() else {
            report.environment(name).token = None;
            return None;
        };
        let Credential { issued, expires, .. } = credential;
        report.token(name, issued, expires);
        if let Some(at) = credential.renew_at {
            report.due_in(until(self.pass, at));
        }
        Some(Deliverable { environment: placed.environment.clone(), namespace: placed.namespace.clone(), credential })
    }

    /// Records the requests that were acted on. A renewal that GitLab could not be told of is still to come.
    fn handled(&self, may_renew: bool, report: &mut Report) {
        let mapping = self.pass.mapping;
        if mapping.renew.is_none() && mapping.revoke.is_none() {
            return;
        }
        let before = report.status().handled_requests.clone().unwrap_or_default();
        let renew = if may_renew { mapping.renew.clone().or(before.renew) } else { before.renew };
        report.status_mut().handled_requests =
            Some(HandledRequests { renew, revoke: mapping.revoke.clone().or(before.revoke) });
    }

    /// The token that an environment left a per-project mapping with was revoked: it is not to be revoked again.
    fn forget_shared_token(&self, report: &mut Report) {
        if self.pass.mapping.layout != NamespaceLayout::PerProject {
            return;
        }
        for name in self.gone(report) {
            if let Some(status) = &mut report.environment(&name).ci_access {
                status.token_fingerprint = None;
            }
        }
    }

    /// Leaves the namespaces of environments that are no longer declared.
    async fn leave(&self, report: &mut Report) -> Result<Vec<Waiting>, Problem> {
        let mut waiting = Vec::new();
        for claimed in &self.held.claims {
            if ending::has_left(self.pass, &self.held.identity, claimed) {
                let recorded = report.recorded_uid(claimed.name());
                waiting.extend(ending::leave(self.pass, claimed, recorded.as_deref()).await?);
            }
        }
        report.hold(&waiting);
        Ok(waiting)
    }

    /// Once GitLab holds the right token, the Secret of the other kind goes; what is done with leaves the status.
    async fn settle(&self, deliverables: &[Deliverable], report: &mut Report) -> Result<(), Problem> {
        for deliverable in deliverables.iter().filter(|d| !report.has_delivery_problem(&d.environment.name)) {
            credentials::prune_other(self.pass, &deliverable.namespace, self.class.token).await?;
        }
        for name in self.gone(report) {
            let Some(status) = report.environment_status(&name) else { continue };
            // The UID on record is what a release goes by.
            let held = status.namespace.as_ref().is_some_and(|namespace| report.is_held(&namespace.name));
            let clean = status.ci_access.as_ref().is_none_or(delivery::is_clean);
            if !held && clean && !self.knows_the_shared_token(&name, report) {
                report.drop_environment(&name);
            }
        }
        Ok(())
    }
}
