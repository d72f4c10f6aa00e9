//! Which cluster serves a job.

use std::cmp::Reverse;

use super::environment_scope::rank;

/// How far a cluster is from a project; the smaller, the nearer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Distance {
    /// The project is the cluster's management project.
    ManagementProject,
    /// A cluster of the project itself.
    Project,
    /// A cluster of a group above it: 0 is the immediate one, 1 its parent.
    Group(usize),
    /// A cluster of the instance; looked at only when nothing nearer matches.
    Instance,
}

/// What the choice looks at.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// How far it is.
    pub distance: Distance,
    /// Its environment scope.
    pub scope: &'a str,
    /// Disabled clusters are skipped.
    pub enabled: bool,
}

/// The index of the chosen candidate: the nearest, then the closest scope, then the first
/// (`app/models/concerns/deployment_platform.rb`).
pub fn choose(candidates: &[Candidate<'_>], environment: &str) -> Option<usize> {
    let fitting =
        candidates.iter().enumerate().filter(|(_, candidate)| candidate.enabled).filter_map(|(at, candidate)| {
            rank(candidate.scope, Some(environment)).map(|rank| (candidate.distance, Reverse(rank), at))
        });
    fitting.min().map(|(_, _, at)| at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::vectors::{block, cases, text};

    fn distance(level: &str) -> Distance {
        match level {
            "project" => Distance::Project,
            "group" => Distance::Group(0),
            "parent_group" => Distance::Group(1),
            "instance" => Distance::Instance,
            other => panic!("level {other}"),
        }
    }

    #[test]
    fn the_cluster_is_chosen_as_gitlab_chooses() {
        for case in cases(&block("environment_scope_match"), "/cluster_choice/cases") {
            let clusters = cases(&case, "/clusters");
            let candidates: Vec<Candidate<'_>> = clusters
                .iter()
                .map(|cluster| Candidate {
                    distance: distance(text(cluster, "level")),
                    scope: text(cluster, "scope"),
                    enabled: cluster["enabled"].as_bool().unwrap_or(true),
                })
                .collect();
            let chosen = choose(&candidates, text(&case, "environment")).map(|at| &clusters[at]);
            let (level, scope) = (text(&case["chosen"], "level"), text(&case["chosen"], "scope"));
            let chosen = chosen.expect("one is chosen");
            assert_eq!((text(chosen, "level"), text(chosen, "scope")), (level, scope), "{case}");
        }
    }

    #[test]
    fn a_management_project_comes_first_and_nothing_may_match() {
        let of = |distance, scope| Candidate { distance, scope, enabled: true };
        let candidates = [of(Distance::Project, "production"), of(Distance::ManagementProject, "*")];
        assert_eq!(choose(&candidates, "production"), Some(1));
        assert_eq!(choose(&[of(Distance::Instance, "staging")], "production"), None);
    }
}
