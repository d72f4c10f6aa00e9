//! Who owns what: claims on namespaces and marks in GitLab, each judged by one truth table.
//!
//! A *claim* is what a managed namespace says about itself; a *mark* is what an entry that we wrote into GitLab says
//! about itself. Status is only a cache of both: whatever destroys or overwrites asks here first.

mod claim;
mod entry;
mod holder;
mod namespace;

pub use claim::{Claim, is_managed, is_marked};
pub use entry::{EntryVerdict, Mark, judge_entry};
pub use holder::{Candidate, holder};
pub use namespace::{AdoptionAct, AdoptionObstacle, NamespaceVerdict, Wish, judge_namespace};

/// What identifies a project: the server and the number that it gave the project. Paths are for people.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProjectIdentity {
    /// The instance's URL as in `GitLabInstance.spec.url`.
    pub gitlab_url: String,
    /// GitLab's numeric project id.
    pub project_id: i64,
}

/// What other mappings exist, as far as ownership needs to know.
pub trait OtherMappings {
    /// Whether a mapping of this name exists and still names this project.
    fn holds(&self, mapping: &str, project: &ProjectIdentity) -> bool;
    /// Whether a mapping of this name exists at all.
    fn exists(&self, mapping: &str) -> bool;
}

/// The other mappings that exist in a test, by name.
#[cfg(test)]
pub(crate) struct Others(pub &'static [&'static str]);

#[cfg(test)]
impl OtherMappings for Others {
    fn holds(&self, mapping: &str, _: &ProjectIdentity) -> bool {
        self.0.contains(&mapping)
    }
    fn exists(&self, mapping: &str) -> bool {
        self.0.contains(&mapping)
    }
}
