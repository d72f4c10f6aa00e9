//! Entries in GitLab: carries changes out one by one, so that one refused entry does not hold up the others.

use std::collections::BTreeMap;

use crate::{
    apply::hands::Hands,
    facts::problems,
    gitlab::{Client, Error, Missing},
    plan::{
        change::Change,
        ci_access::{certificate, telling, variables},
    },
    status::Problem,
};

/// What happened to the entries of each scope.
#[derive(Debug, Default)]
pub struct Carried {
    /// The first problem of each scope, for what was to be written.
    pub problems: BTreeMap<String, Problem>,
    /// Keys that could not be written, by scope.
    pub failed: BTreeMap<String, Vec<String>>,
    /// What could not be removed: scope, key (of a variable), id (of a cluster entry), why.
    pub not_removed: Vec<NotRemoved>,
    /// Ids of the cluster entries that exist now, by scope.
    pub cluster_ids: BTreeMap<String, i64>,
}

/// An entry of ours that could not be removed.
#[derive(Clone, Debug)]
pub struct NotRemoved {
    /// Its scope.
    pub scope: String,
    /// What it is.
    pub entry: Entry,
    /// Why it stays.
    pub problem: Problem,
}

/// An entry in GitLab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A variable, by key.
    Variable(String),
    /// A cluster entry, by id.
    Cluster(i64),
}

impl std::fmt::Display for Entry {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Variable(key) => write!(formatter, "variable {key}"),
            Self::Cluster(id) => write!(formatter, "cluster entry {id}"),
        }
    }
}

impl Carried {
    fn wrote(&mut self, scope: &str, key: &str, what: &str, result: Result<(), Error>) {
        if let Err(error) = result {
            let problem = problems::gitlab(&format!("{what} for the environment {scope}"), &error);
            self.problems.entry(scope.to_owned()).or_insert(problem);
            self.failed.entry(scope.to_owned()).or_default().push(key.to_owned());
        }
    }

    fn removed(&mut self, scope: &str, entry: Entry, result: Result<bool, Error>) {
        if let Err(error) = result {
            let problem = problems::gitlab(&format!("remove the {entry} of the environment {scope}"), &error);
            self.not_removed.push(NotRemoved { scope: scope.to_owned(), entry, problem });
        }
    }

    /// Whether GitLab has to be left alone for now: going on would only meet the same error again.
    fn is_hopeless(error: &Error) -> bool {
        matches!(
            error,
            Error::Unauthorized { .. } | Error::RateLimited { .. } | Error::Transport { .. } | Error::Redirected { .. }
        )
    }
}

/// Writes and removes variables: first what is wanted, then what is not, so that a job never finds less than it should.
///
/// # Errors
/// When GitLab cannot be worked with at all.
pub async fn variables(
    hands: &Hands,
    client: &Client,
    project_id: i64,
    changes: &variables::Changes,
) -> Result<Carried, Error> {
    let mut carried = Carried::default();
    if noted(hands, || telling::of_variables(changes)) {
        return Ok(carried);
    }
    let writes = changes.create.iter().map(|variable| (variable, true));
    for (variable, new) in writes.chain(changes.update.iter().map(|(variable, _)| (variable, false))) {
        let result = if new {
            client.create_variable(project_id, variable).await
        } else {
            client.update_variable(project_id, variable).await
        };
        let result = stop_if_hopeless(result)?.map(drop);
        carried.wrote(
            &variable.environment_scope,
            &variable.key,
            &format!("write the variable {}", variable.key),
            result,
        );
    }
    for (key, scope) in &changes.remove {
        let result = stop_if_hopeless(client.delete_variable(project_id, key, scope).await)?;
        carried.removed(scope, Entry::Variable(key.clone()), result);
    }
    Ok(carried)
}

/// Writes and removes cluster entries, in the same order.
///
/// # Errors
/// When GitLab cannot be worked with at all.
pub async fn clusters(
    hands: &Hands,
    client: &Client,
    project_id: i64,
    changes: &certificate::Changes,
) -> Result<Carried, Error> {
    let mut carried = Carried::default();
    carried.cluster_ids.extend(changes.keep.iter().map(|(id, scope)| (scope.clone(), *id)));
    if noted(hands, || telling::of_clusters(changes)) {
        let updated = changes.update.iter().map(|(live, wanted)| (wanted.settings.environment_scope.clone(), live.id));
        carried.cluster_ids.extend(updated);
        return Ok(carried);
    }
    let writes = changes.create.iter().map(|wanted| (None, wanted));
    for (id, wanted) in writes.chain(changes.update.iter().map(|(live, wanted)| (Some(live.id), wanted))) {
        let scope = &wanted.settings.environment_scope;
        let result = match id {
            None => client.create_cluster(project_id, &wanted.settings, &wanted.token).await,
            Some(id) => client.update_cluster(project_id, id, &wanted.settings, Some(&wanted.token)).await,
        };
        let result = stop_if_hopeless(result)?;
        let written = result.as_ref().ok().map(|cluster| cluster.id).or(id);
        carried.wrote(scope, certificate::KEY, "write the cluster entry", result.map(drop));
        carried.cluster_ids.extend(written.map(|id| (scope.clone(), id)));
    }
    for (id, scope) in &changes.remove {
        let result = stop_if_hopeless(client.delete_cluster(project_id, *id).await)?;
        carried.removed(scope, Entry::Cluster(*id), result);
    }
    Ok(carried)
}

/// Notes all changes if they are not to be carried out.
fn noted(hands: &Hands, changes: impl FnOnce() -> Vec<Change>) -> bool {
    if hands.work() {
        return false;
    }
    for change in changes() {
        hands.note(|| change);
    }
    true
}

fn stop_if_hopeless<T>(result: Result<T, Error>) -> Result<Result<T, Error>, Error> {
    match result {
        Err(error) if Carried::is_hopeless(&error) => Err(error),
        result => Ok(result),
    }
}

/// Whether an error of the cluster endpoints says that certificate-based clusters are switched off, if the project
/// itself answers.
pub fn says_switched_off(error: &Error) -> bool {
    matches!(error, Error::NotFound { what: Missing::Feature | Missing::Route | Missing::Other, .. })
}
