//! Sequences of ids.

use std::collections::BTreeMap;

/// What an id counts. Groups and the namespaces of users share one sequence, as in GitLab.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sequence {
    /// Users.
    User,
    /// Groups, user namespaces, project namespaces.
    Namespace,
    /// Projects.
    Project,
    /// Memberships.
    Member,
    /// Personal access tokens.
    Token,
    /// Deploy tokens.
    DeployToken,
    /// CI/CD variables.
    Variable,
    /// Environments.
    Environment,
    /// Certificate clusters.
    Cluster,
    /// Jobs.
    Job,
    /// Pipelines.
    Pipeline,
    /// Deployments.
    Deployment,
}

/// The last id given, per sequence.
#[derive(Debug, Default)]
pub struct Ids(BTreeMap<Sequence, u64>);

impl Ids {
    /// A new id, starting with 1; never given twice.
    pub fn next(&mut self, sequence: Sequence) -> u64 {
        let last = self.0.entry(sequence).or_insert(0);
        *last += 1;
        *last
    }
}
