//! The steps of a living mapping: its namespaces and their credentials, what GitLab is given, and what is left behind.

use std::collections::BTreeMap;

use futures::{StreamExt as _, stream};

use super::{
    brake::{self, Held as Waiting},
    credentials::{self, Credential},
    delivery::{self, Deliverable, Delivery},
    ending,
    environments::Environments,
    mapping::Pass,
    namespace::{self, Job, Kept},
    project::Held,
    report::Report,
};
use crate::{
    api::{HandledRequests, NamespaceLayout},
    declared::{Class, Instance},
    facts::{self, instance::InstanceFacts, project::ProjectFacts},
    plan::{environments::Placed, namespace::Owner, ownership::Mark},
    status::Problem,
};

/// How many namespaces of a mapping are worked on at the same time.
const NAMESPACES_AT_ONCE: usize = 4;

/// What the steps of a living mapping share.
pub(super) struct Upkeep<'a> {
    /// The pass.
    pub pass: &'a Pass<'a>,
    /// The mapping's class.
    pub class: &'a Class,
    /// Its instance, as declared.
    pub instance: &'a Instance,
    /// The same, as it was found.
    pub known: &'a InstanceFacts,
    /// The project in GitLab.
    pub project: &'a ProjectFacts,
    /// The project as this mapping holds it.
    pub held: &'a Held,
}

impl Upkeep<'_> {
    /// Brings the namespaces of all environments to what is wanted; gives those whose jobs can be given a credential.
    pub async fn namespaces(
        &self,
        environments: &Environments,
        may_renew: bool,
        report: &mut Report,
    ) -> Vec<Deliverable> {
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
            report.due_in(self.pass.until(at));
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

    /// Gives GitLab what it has to hold.
    pub async fn deliver(
        &self,
        environments: &Environments,
        deliverables: &[Deliverable],
        compare: bool,
        report: &mut Report,
    ) -> Result<(), Problem> {
        let client = match (&self.project.problem, &self.known.access) {
            (Some(problem), _) | (None, Err(problem)) => Err(problem.clone()),
            (None, Ok(access)) => Ok(&access.client),
        };
        let mut undecided = environments.undecided.clone();
        let placed = environments.placed.iter().map(|placed| placed.environment.name.clone());
        let delivered = |name: &String| deliverables.iter().any(|deliverable| deliverable.environment.name == *name);
        undecided.extend(placed.filter(|name| report.has_namespace_problem(name) && !delivered(name)));
        let delivery = Delivery {
            client,
            project: self.project,
            endpoint: self.known.endpoint.as_ref().map_err(Clone::clone)?,
            mark: Mark {
                cluster: self.instance.cluster_name.clone(),
                cluster_uid: facts::cluster::cluster_uid(self.pass.context).await?,
                mapping: self.pass.mapping.name.clone(),
            },
            undecided: &undecided,
            seen: &environments.seen,
            compare,
        };
        let compared = delivery::deliver(self.pass, &delivery, deliverables, report).await;
        let at = delivery::next_comparison(self.pass, self.instance.drift_interval, compared);
        report.due_in(self.pass.until(at));
        if let Some(at) = self.pass.context.memory.mapping(&self.pass.mapping.name).project_due {
            report.due_in(self.pass.until(at));
        }
        Ok(())
    }

    /// Leaves the namespaces of environments that are no longer declared.
    pub async fn leave(&self, report: &mut Report) -> Result<Vec<Waiting>, Problem> {
        let mut waiting = Vec::new();
        for claimed in &self.held.claims {
            if ending::has_left(self.pass, &self.held.identity, claimed) {
                let recorded = report.recorded_uid(claimed.name());
                waiting.extend(ending::leave(self.pass, claimed, recorded.as_deref()).await?);
            }
        }
        brake::hold(self.pass, &waiting, report);
        Ok(waiting)
    }

    /// Once GitLab holds the right token, the Secret of the other kind goes; what is done with leaves the status.
    pub async fn settle(&self, deliverables: &[Deliverable], report: &mut Report) -> Result<(), Problem> {
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
