//! The in-memory model: what GitLab keeps in its database. One value of it, behind one lock.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;

pub mod clusters;
pub mod deploy_tokens;
pub mod environments;
pub mod features;
pub mod groups;
pub mod ids;
pub mod members;
pub mod moves;
pub mod owner;
pub mod projects;
pub mod settings;
pub mod tokens;
pub mod users;
pub mod variables;

use clusters::Cluster;
use deploy_tokens::DeployToken;
use environments::Environment;
use features::Features;
use groups::Group;
use ids::Ids;
use members::{Member, Source};
use owner::Owner;
use projects::{Namespace, Project};
use settings::Settings;
use tokens::Tokens;
use users::Users;
use variables::Variable;

use crate::jobs::JobReport;

/// Everything the simulated instance knows. Handlers get it by `&mut`, so each request is one transaction.
#[derive(Debug)]
pub struct State {
    /// The configured address, without a trailing slash: `web_url`, `Link`.
    pub base_url: String,
    /// What `GET /version` says.
    pub version: String,
    /// Next ids, one sequence per kind.
    pub ids: Ids,
    /// Users, bots included.
    pub users: Users,
    /// Personal access tokens.
    pub tokens: Tokens,
    /// Groups by id.
    pub groups: BTreeMap<u64, Group>,
    /// Projects by id.
    pub projects: BTreeMap<u64, Project>,
    /// Old project paths (lower case) and where they lead.
    pub moved_paths: BTreeMap<String, u64>,
    /// Direct memberships of groups and projects, by membership id.
    pub members: BTreeMap<u64, Member>,
    /// Deploy tokens by id.
    pub deploy_tokens: BTreeMap<u64, DeployToken>,
    /// CI/CD variables by id.
    pub variables: BTreeMap<u64, Variable>,
    /// Environments by id.
    pub environments: BTreeMap<u64, Environment>,
    /// Certificate-based clusters by id.
    pub clusters: BTreeMap<u64, Cluster>,
    /// Feature flags.
    pub features: Features,
    /// What came of the last jobs, the oldest first.
    pub jobs: VecDeque<JobReport>,
    /// Application settings.
    pub settings: Settings,
}

impl State {
    /// An instance with nobody in it.
    pub fn new(base_url: String, version: String) -> Self {
        Self {
            base_url,
            version,
            ids: Ids::default(),
            users: Users::default(),
            tokens: Tokens::default(),
            groups: BTreeMap::new(),
            projects: BTreeMap::new(),
            moved_paths: BTreeMap::new(),
            members: BTreeMap::new(),
            deploy_tokens: BTreeMap::new(),
            variables: BTreeMap::new(),
            environments: BTreeMap::new(),
            clusters: BTreeMap::new(),
            features: Features::default(),
            jobs: VecDeque::new(),
            settings: Settings::default(),
        }
    }

    /// Forgets a project and everything below it, as after the retention period. Resources with maps of their own
    /// are removed here.
    pub fn destroy_project(&mut self, id: u64) {
        let source = Source::Project(id);
        self.projects.remove(&id);
        self.moved_paths.retain(|_, target| *target != id);
        self.members.retain(|_, member| member.source != source);
        self.deploy_tokens.retain(|_, token| token.source != source);
        self.environments.retain(|_, environment| environment.project_id != id);
        self.forget_owner(Owner::Project(id));
        for cluster in self.clusters.values_mut() {
            cluster.management_project = cluster.management_project.filter(|project| *project != id);
        }
    }

    /// Forgets the variables and clusters of an owner.
    fn forget_owner(&mut self, owner: Owner) {
        self.variables.retain(|_, variable| variable.owner != owner);
        self.clusters.retain(|_, cluster| cluster.owner != owner);
    }

    /// Forgets a group, the groups and the projects below it.
    pub fn destroy_group(&mut self, id: u64) {
        let groups: Vec<u64> = self.groups.keys().copied().filter(|group| self.group_is_within(*group, id)).collect();
        let below = |project: &Project| matches!(project.namespace, Namespace::Group(group) if groups.contains(&group));
        let projects: Vec<u64> =
            self.projects.values().filter(|project| below(project)).map(|project| project.id).collect();
        for project in projects {
            self.destroy_project(project);
        }
        for group in groups {
            self.forget_group(group);
        }
    }

    fn forget_group(&mut self, id: u64) {
        let source = Source::Group(id);
        self.groups.remove(&id);
        self.members.retain(|_, member| member.source != source);
        self.deploy_tokens.retain(|_, token| token.source != source);
        self.forget_owner(Owner::Group(id));
        for group in self.groups.values_mut() {
            group.shares.retain(|share| share.group_id != id);
        }
        for project in self.projects.values_mut() {
            project.shares.retain(|share| share.group_id != id);
        }
    }
}

/// A time as GitLab's JSON shows it: UTC, milliseconds, `Z`.
pub fn time(at: Timestamp) -> String {
    format!("{at:.3}")
}
