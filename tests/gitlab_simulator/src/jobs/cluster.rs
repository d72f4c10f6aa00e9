//! The cluster that serves a job.

use crate::rules::cluster_choice::{Candidate, Distance, choose};
use crate::state::State;
use crate::state::clusters::Cluster;
use crate::state::features::CERTIFICATE_BASED_CLUSTERS;
use crate::state::owner::Owner;
use crate::state::projects::Project;

/// The chosen cluster; none while certificate-based clusters are off.
pub fn of_environment<'a>(state: &'a State, project: &Project, environment: &str) -> Option<&'a Cluster> {
    if !state.features.is_on(CERTIFICATE_BASED_CLUSTERS) {
        return None;
    }
    let groups = state.project_ancestors(project);
    let mut clusters = Vec::new();
    let mut candidates = Vec::new();
    for cluster in state.clusters.values() {
        if let Some(distance) = distance(cluster, project, &groups) {
            candidates.push(Candidate { distance, scope: &cluster.environment_scope, enabled: cluster.enabled });
            clusters.push(cluster);
        }
    }
    choose(&candidates, environment).and_then(|at| clusters.get(at).copied())
}

fn distance(cluster: &Cluster, project: &Project, groups: &[u64]) -> Option<Distance> {
    if cluster.management_project == Some(project.id) {
        return Some(Distance::ManagementProject);
    }
    match cluster.owner {
        Owner::Instance => Some(Distance::Instance),
        Owner::Project(id) => (id == project.id).then_some(Distance::Project),
        Owner::Group(id) => groups.iter().position(|group| *group == id).map(Distance::Group),
    }
}
