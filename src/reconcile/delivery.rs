//! The way into GitLab: what is delivered, compared, and taken out again.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{
    credentials::Credential,
    delivered::{Outcome, Recorded},
    mapping::Pass,
    report::Report,
};
use crate::{
    api::{CiAccessMethod, CiAccessStatus, DeliveredEntry, NamespaceLayout, PendingRemovalKind},
    apply::gitlab as apply,
    context::Sight,
    declared::Environment,
    facts::{
        problems,
        project::{Part, ProjectFacts},
    },
    gitlab::{Client, Cluster, Environment as SeenEnvironment, Error, NewVariable, ProjectRef, Variable},
    plan::{
        change::{Action, Change},
        ci_access::{self, Access, Endpoint, Foreign, certificate, variables},
        environments::{Before, is_protected, is_protection_recorded},
        ownership::Mark,
    },
    status::{Problem, Reason},
};

/// An environment whose jobs are to get a credential.
pub(super) struct Deliverable {
    /// The environment.
    pub environment: Environment,
    /// Its namespace.
    pub namespace: String,
    /// The credential.
    pub credential: Credential,
}

/// What a delivery works with.
pub(super) struct Delivery<'a> {
    /// GitLab, or why it cannot be asked.
    pub client: Result<&'a Client, Problem>,
    /// The project.
    pub project: &'a ProjectFacts,
    /// How jobs reach the cluster.
    pub endpoint: &'a Endpoint,
    /// Our mark.
    pub mark: Mark,
    /// Environments that could not be worked out: their entries stay as they are.
    pub undecided: &'a BTreeSet<String>,
    /// What GitLab said about environments in this pass.
    pub seen: &'a BTreeMap<String, SeenEnvironment>,
    /// Everything is compared with GitLab, also what status says was delivered.
    pub compare: bool,
}

/// Delivers to all environments of a mapping; true when GitLab was read and everything written that could be.
pub(super) async fn deliver(
    pass: &Pass<'_>,
    delivery: &Delivery<'_>,
    deliverables: &[Deliverable],
    report: &mut Report,
) -> bool {
    let method = pass.mapping.ci_access.method;
    let nothing_asked = method == CiAccessMethod::None;
    report.looked_at_delivery(if nothing_asked { Reason::NotRequested } else { Reason::Delivered });
    let up_to_date = is_up_to_date(pass, delivery, deliverables, report);
    if up_to_date && !delivery.compare {
        return false;
    }
    if !up_to_date && pass.context.sight == Sight::Caches {
        // That is all that a glance has to find out: GitLab is asked by the pass that writes.
        pass.context.hands.note(|| Change::gitlab(Action::Update, "entries", "they are not on record"));
        return false;
    }
    let result = match &delivery.client {
        Ok(client) => pass_through(pass, delivery, client, deliverables, report).await,
        Err(problem) => Err(problem.clone()),
    };
    let Err(problem) = result else { return true };
    if !up_to_date {
        for name in names(deliverables) {
            report.delivery_failed(name, problem.clone());
        }
    }
    report.stopped(problem);
    false
}

fn names(deliverables: &[Deliverable]) -> impl Iterator<Item = &str> {
    deliverables.iter().map(|deliverable| deliverable.environment.name.as_str())
}

/// Whether status says that GitLab holds all that is wanted and nothing that is not.
fn is_up_to_date(pass: &Pass<'_>, delivery: &Delivery<'_>, deliverables: &[Deliverable], report: &Report) -> bool {
    let method = pass.mapping.ci_access.method;
    let protection = pass.mapping.environments.iter().all(|environment| {
        let status = report.environment_status(&environment.name).and_then(|status| status.protected);
        delivery.undecided.contains(&environment.name) || is_protection_recorded(environment, status)
    });
    let wanted_ones = deliverables.iter().all(|deliverable| {
        let access = access(pass, delivery, deliverable, false);
        let entries = entries(method, access);
        let status = report.environment_status(&deliverable.environment.name);
        let recorded = status.and_then(|status| status.ci_access.as_ref());
        ci_access::is_recorded(recorded, method, &deliverable.credential.fingerprint, &entries)
    });
    let others = report.status().environments.iter().filter(|status| {
        !delivery.undecided.contains(&status.name) && !names(deliverables).any(|name| name == status.name)
    });
    protection
        && wanted_ones
        && others.map(|status| status.ci_access.as_ref()).all(|status| status.is_none_or(is_clean))
}

/// Whether nothing of ours is in GitLab for an environment that is to have nothing.
pub(super) fn is_clean(status: &CiAccessStatus) -> bool {
    status.entries.is_empty() && status.pending_removal.is_empty() && status.cluster_id.is_none()
}

fn access<'a>(
    pass: &'a Pass<'_>,
    delivery: &'a Delivery<'_>,
    deliverable: &'a Deliverable,
    protected: bool,
) -> Access<'a> {
    Access {
        environment: &deliverable.environment.name,
        namespace: &deliverable.namespace,
        token: &deliverable.credential.token,
        endpoint: delivery.endpoint,
        kubeconfig: pass.mapping.ci_access.kubeconfig,
        protected,
        mark: &delivery.mark,
    }
}

fn entries(method: CiAccessMethod, access: Access<'_>) -> Vec<DeliveredEntry> {
    match method {
        CiAccessMethod::Variables => variables::wanted(access).iter().map(variables::entry).collect(),
        CiAccessMethod::ClusterCertificate => vec![certificate::wanted(access).entry()],
        CiAccessMethod::None => Vec::new(),
    }
}

/// What a project's variables and cluster entries are to become.
struct Wanted {
    variables: Vec<NewVariable>,
    clusters: Vec<certificate::WantedCluster>,
}

async fn pass_through(
    pass: &Pass<'_>,
    delivery: &Delivery<'_>,
    client: &Client,
    deliverables: &[Deliverable],
    report: &mut Report,
) -> Result<(), Problem> {
    let id = delivery.project.id;
    let project = delivery.project.in_words();
    let hands = &pass.context.hands;
    let failed = problems::gitlab;
    let live_variables = live_variables(delivery, client).await?;
    let live_clusters = clusters(pass, delivery, client, report).await?;
    let protection = protection(pass, delivery, &live_variables, report);
    let wanted = wanted(pass, delivery, deliverables, &protection);
    let recorded = Recorded(report.status().environments.clone());
    let others = &pass.context.declarations;
    let undecided = |scope: &str| delivery.undecided.contains(scope);
    let mut foreign: Vec<Foreign> = Vec::new();

    // What is wanted is written before what is not is removed, whichever of the two kinds it is.
    let cluster_changes = live_clusters.as_ref().map(|live| {
        certificate::changes(
            &wanted.clusters,
            live,
            &delivery.mark,
            &|scope| recorded.cluster(scope),
            &undecided,
            others,
        )
    });
    let (cluster_writes, cluster_removals) = split(cluster_changes.unwrap_or_default());
    foreign.extend(cluster_writes.foreign.iter().cloned());
    let written = apply::clusters(hands, client, id, &cluster_writes)
        .await
        .map_err(|error| failed(&format!("write cluster entries of the project {project}"), &error))?;
    let spared = |scope: &str| undecided(scope) || written.failed.contains_key(scope);
    let fingerprint = |scope: &str, key: &str| recorded.variable(scope, key);
    let variable_changes =
        variables::changes(&wanted.variables, &live_variables, &delivery.mark, &fingerprint, &spared, others);
    foreign.extend(variable_changes.foreign.iter().cloned());
    let carried = apply::variables(hands, client, id, &variable_changes)
        .await
        .map_err(|error| failed(&format!("write variables of the project {project}"), &error))?;
    let removals = certificate::Changes {
        remove: cluster_removals.into_iter().filter(|(_, scope)| !carried.failed.contains_key(scope)).collect(),
        ..certificate::Changes::default()
    };
    let removed = apply::clusters(hands, client, id, &removals)
        .await
        .map_err(|error| failed(&format!("remove cluster entries of the project {project}"), &error))?;

    let outcome = Outcome { written, carried, removed, foreign, clusters_unread: live_clusters.is_none() };
    record(pass, delivery, deliverables, &recorded, outcome, report);
    for (name, protected) in protection {
        report.environment(&name).protected = Some(protected);
    }
    Ok(())
}

async fn live_variables(delivery: &Delivery<'_>, client: &Client) -> Result<Vec<Variable>, Problem> {
    let what = format!("read the variables of the project {}", delivery.project.in_words());
    let read = client.variables(delivery.project.id).await;
    read.map_err(|error| delivery.project.explain(Part::Variables, problems::gitlab(&what, &error)))
}

fn split(mut changes: certificate::Changes) -> (certificate::Changes, Vec<(i64, String)>) {
    let removals = std::mem::take(&mut changes.remove);
    (changes, removals)
}

/// Whose secrets go to protected refs only. Worked out whatever the method is: with another one there are no variables that
/// remember it until `Variables` comes back.
fn protection(pass: &Pass<'_>, delivery: &Delivery<'_>, live: &[Variable], report: &Report) -> BTreeMap<String, bool> {
    let others = &pass.context.declarations;
    let decided = pass.mapping.environments.iter().filter(|one| !delivery.undecided.contains(&one.name));
    let rule = |environment: &Environment| {
        let name = &environment.name;
        let before = Before {
            in_gitlab: variables::is_protected_now(live, name, &delivery.mark, others),
            on_record: report.environment_status(name).and_then(|status| status.protected),
        };
        let tier = delivery.seen.get(name).and_then(|seen| seen.tier);
        (name.clone(), is_protected(environment, tier, before))
    };
    decided.map(rule).collect()
}

fn wanted(
    pass: &Pass<'_>,
    delivery: &Delivery<'_>,
    deliverables: &[Deliverable],
    protection: &BTreeMap<String, bool>,
) -> Wanted {
    let accesses = deliverables.iter().map(|deliverable| {
        // Without a word about it the secrets are kept back rather than given away.
        let protected = protection.get(&deliverable.environment.name).copied().unwrap_or(true);
        access(pass, delivery, deliverable, protected)
    });
    match pass.mapping.ci_access.method {
        CiAccessMethod::Variables => {
            Wanted { variables: accesses.flat_map(variables::wanted).collect(), clusters: Vec::new() }
        }
        CiAccessMethod::ClusterCertificate => {
            Wanted { variables: Vec::new(), clusters: accesses.map(certificate::wanted).collect() }
        }
        CiAccessMethod::None => Wanted { variables: Vec::new(), clusters: Vec::new() },
    }
}

/// The cluster entries, where there may be any of ours. `None` while GitLab has certificate-based clusters switched off.
async fn clusters(
    pass: &Pass<'_>,
    delivery: &Delivery<'_>,
    client: &Client,
    report: &Report,
) -> Result<Option<Vec<Cluster>>, Problem> {
    let wanted = pass.mapping.ci_access.method == CiAccessMethod::ClusterCertificate;
    let environments = &report.status().environments;
    let traces = environments.iter().filter_map(|status| status.ci_access.as_ref()).any(|status| {
        status.cluster_id.is_some()
            || status.pending_removal.iter().any(|entry| entry.kind == Some(PendingRemovalKind::Cluster))
    });
    let no_record =
        environments.iter().all(|status| status.ci_access.as_ref().is_none_or(|status| status.method.is_none()));
    if !(wanted || traces || no_record) {
        return Ok(Some(Vec::new()));
    }
    let (id, project) = (delivery.project.id, delivery.project.in_words());
    match client.clusters(id).await {
        Ok(clusters) => Ok(Some(clusters)),
        // What is to be written meets a project that is gone by itself.
        Err(error) if apply::says_switched_off(&error) && !wanted => Ok(None),
        Err(error) if apply::says_switched_off(&error) => {
            // A 404 says so only if the project itself answers in the same pass.
            client
                .project(ProjectRef::Id(id))
                .await
                .map_err(|error| problems::gitlab(&format!("read the project {project}"), &error))?;
            let message = "GitLab's feature flag certificate_based_clusters is off, so that cluster entries can neither be read nor written; switch it on (POST /features/certificate_based_clusters), or use the method Variables";
            Err(Problem::new(Reason::CertificateBasedClustersOff, message))
        }
        Err(Error::Forbidden { .. }) if !wanted && !traces => Ok(None),
        Err(error) => Err(delivery.project.explain(
            Part::Clusters,
            problems::gitlab(&format!("read the cluster entries of the project {project}"), &error),
        )),
    }
}

fn record(
    pass: &Pass<'_>,
    delivery: &Delivery<'_>,
    deliverables: &[Deliverable],
    recorded: &Recorded,
    outcome: Outcome,
    report: &mut Report,
) {
    let method = pass.mapping.ci_access.method;
    let part = if method == CiAccessMethod::ClusterCertificate { Part::Clusters } else { Part::Variables };
    for deliverable in deliverables {
        let scope = deliverable.environment.name.as_str();
        let entries = entries(method, access(pass, delivery, deliverable, false));
        let status = CiAccessStatus {
            method: Some(method),
            token_fingerprint: Some(deliverable.credential.fingerprint.clone()),
            cluster_id: outcome.written.cluster_ids.get(scope).copied().or_else(|| {
                // What another method left is removed only after everything is written: until then it is not forgotten.
                recorded.status(scope).filter(|_| outcome.failed(scope))?.cluster_id
            }),
            entries: entries.into_iter().filter(|entry| !outcome.lacks(scope, &entry.key)).collect(),
            pending_removal: outcome.pending(scope, recorded),
        };
        if !status.pending_removal.is_empty() {
            report.note(scope, outcome.why_pending(scope));
        }
        report.environment(scope).ci_access = Some(status);
        if let Some(problem) = outcome.problem(&delivery.project.in_words(), scope) {
            report.delivery_failed(scope, delivery.project.explain(part, problem));
        }
    }
    let rest: Vec<_> = recorded.0.iter().map(|status| status.name.clone()).collect();
    for scope in rest.iter().filter(|scope| !delivery.undecided.contains(*scope)) {
        if names(deliverables).any(|name| name == scope) || outcome.failed(scope) {
            continue;
        }
        let pending_removal = outcome.pending(scope, recorded);
        if !pending_removal.is_empty() {
            report.note(scope, outcome.why_pending(scope));
        }
        report.environment(scope).ci_access = Some(CiAccessStatus {
            method: Some(CiAccessMethod::None),
            pending_removal,
            token_fingerprint: still_to_be_revoked(pass, recorded, scope),
            ..CiAccessStatus::default()
        });
    }
}

/// The fingerprint of a shared token that an environment left with, until that token was revoked.
fn still_to_be_revoked(pass: &Pass<'_>, recorded: &Recorded, scope: &str) -> Option<String> {
    let shared = pass.mapping.layout == NamespaceLayout::PerProject;
    recorded.status(scope).filter(|_| shared)?.token_fingerprint.clone()
}

/// When what was delivered is compared with GitLab next; the first time after a restart at a random moment, so that not
/// everything is read at once.
pub(super) fn next_comparison(pass: &Pass<'_>, interval: std::time::Duration, compared: bool) -> Timestamp {
    let now = pass.context.clock.now();
    let memory = pass.context.memory.mapping(&pass.mapping.name);
    if let (false, Some(at)) = (compared, memory.drift_check_at) {
        return at;
    }
    let wait =
        if compared { pass.context.jittered(interval) } else { interval.mul_f64(pass.context.chance.fraction()) };
    let at = now.checked_add(wait).unwrap_or(now);
    pass.context.memory.update_mapping(&pass.mapping.name, |memory| memory.drift_check_at = Some(at));
    at
}
