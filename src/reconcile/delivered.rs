//! What came of a delivery: which entries stand in GitLab now, which do not, and why.

use std::collections::BTreeSet;

use crate::{
    api::{CiAccessStatus, EnvironmentStatus, PendingRemoval, PendingRemovalKind},
    apply::gitlab::{Carried, Entry, NotRemoved},
    plan::ci_access::{Foreign, certificate, recorded_fingerprint},
    status::{Problem, Reason},
};

/// What status said was delivered.
pub(super) struct Recorded(pub Vec<EnvironmentStatus>);

impl Recorded {
    /// What was recorded of an environment.
    pub fn status(&self, scope: &str) -> Option<&CiAccessStatus> {
        self.0.iter().find(|status| status.name == scope)?.ci_access.as_ref()
    }

    /// The fingerprint that was recorded for a variable.
    pub fn variable(&self, scope: &str, key: &str) -> Option<String> {
        recorded_fingerprint(self.status(scope), key).map(str::to_owned)
    }

    /// The cluster entry that was recorded for an environment.
    pub fn cluster(&self, scope: &str) -> Option<certificate::Recorded> {
        let status = self.status(scope)?;
        let print = recorded_fingerprint(Some(status), certificate::KEY).unwrap_or_default();
        Some((status.cluster_id?, print.to_owned()))
    }
}

/// What came of a delivery.
pub(super) struct Outcome {
    /// Cluster entries that were to be written.
    pub written: Carried,
    /// Variables that were to be written and removed.
    pub carried: Carried,
    /// Cluster entries that were to be removed.
    pub removed: Carried,
    /// Entries in the way that are not ours.
    pub foreign: Vec<Foreign>,
    /// Cluster entries could not be read, since the feature is off.
    pub clusters_unread: bool,
}

impl Outcome {
    /// Whether something could not be written for an environment.
    pub fn failed(&self, scope: &str) -> bool {
        [&self.written, &self.carried].iter().any(|carried| carried.failed.contains_key(scope))
    }

    /// Whether an entry of an environment is not as wanted.
    pub fn lacks(&self, scope: &str, key: &str) -> bool {
        let failed = |carried: &Carried| carried.failed.get(scope).is_some_and(|keys| keys.iter().any(|k| k == key));
        let foreign = self.foreign.iter().any(|foreign| {
            foreign.scope == scope && (key == certificate::KEY || foreign.what == format!("variable {key}"))
        });
        failed(&self.written) || failed(&self.carried) || foreign
    }

    /// Why an environment has not got what it should.
    pub fn problem(&self, project: &str, scope: &str) -> Option<Problem> {
        let refused = [&self.written, &self.carried].iter().find_map(|carried| carried.problems.get(scope).cloned());
        refused.or_else(|| {
            let foreign = self.foreign.iter().find(|foreign| foreign.scope == scope)?;
            let message = format!(
                "the {} with the scope {scope} in the project {project} in GitLab belongs to {}; it is left as it is: remove it there if nobody needs it, or use another environment",
                foreign.what, foreign.owner
            );
            Some(Problem::new(Reason::NotOurs, message))
        })
    }

    /// What of ours stays in GitLab for now, in this scope.
    pub fn pending(&self, scope: &str, recorded: &Recorded) -> Vec<PendingRemoval> {
        let stays = self.carried.not_removed.iter().chain(&self.removed.not_removed).filter(|left| left.scope == scope);
        let mut pending: Vec<_> = stays.map(pending_removal).collect();
        if self.clusters_unread
            && let Some(status) = recorded.status(scope)
        {
            let known = status.cluster_id.into_iter();
            let before = status.pending_removal.iter().filter_map(|entry| entry.id);
            let ids: BTreeSet<_> = known.chain(before).collect();
            pending.extend(ids.into_iter().map(|id| PendingRemoval {
                kind: Some(PendingRemovalKind::Cluster),
                key: None,
                scope: Some(scope.to_owned()),
                id: Some(id),
            }));
        }
        pending
    }

    /// Why something of ours stays.
    pub fn why_pending(&self, scope: &str) -> Problem {
        let left = self.carried.not_removed.iter().chain(&self.removed.not_removed).find(|left| left.scope == scope);
        match left {
            Some(left) => Problem { reason: Reason::RemovalPending, ..left.problem.clone() },
            None => Problem::new(
                Reason::RemovalPending,
                "a cluster entry of ours cannot be removed while GitLab's feature flag certificate_based_clusters is off; it is worthless without the flag, and goes when it is on",
            ),
        }
    }
}

fn pending_removal(left: &NotRemoved) -> PendingRemoval {
    let (kind, key, id) = match &left.entry {
        Entry::Variable(key) => (PendingRemovalKind::Variable, Some(key.clone()), None),
        Entry::Cluster(id) => (PendingRemovalKind::Cluster, None, Some(*id)),
    };
    PendingRemoval { kind: Some(kind), key, scope: Some(left.scope.clone()), id }
}
