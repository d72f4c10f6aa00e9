//! The in-memory model: what GitLab keeps in its database. One value of it, behind one lock.

use std::collections::{BTreeMap, VecDeque};

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

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
use tokens::{Tokens, today};
use users::Users;

use crate::http::limits::Counters;
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
    /// CI/CD variables by owner and id.
    pub variables: BTreeMap<(Owner, u64), Variable>,
    /// Environments by id.
    pub environments: BTreeMap<u64, Environment>,
    /// Certificate-based clusters by id.
    pub clusters: BTreeMap<u64, Cluster>,
    /// Feature flags.
    pub features: Features,
    /// What came of the last jobs, the oldest first.
    pub jobs: VecDeque<JobReport>,
    /// Counters of the rate limits.
    pub counters: Counters,
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
            counters: Counters::default(),
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
        self.variables.retain(|(of, _), _| *of != owner);
        self.clusters.retain(|_, cluster| cluster.owner != owner);
    }

    /// Destroys what was marked for deletion longer ago than the retention period.
    pub fn destroy_overdue(&mut self, now: Timestamp) {
        let retention = i64::try_from(self.settings.number("deletion_adjourned_period")).unwrap_or(i64::MAX);
        let overdue = |marked: Option<Date>| {
            marked.is_some_and(|day| day.saturating_add(retention.min(100_000).days()) <= today(now))
        };
        let groups: Vec<u64> =
            self.groups.values().filter(|group| overdue(group.marked_for_deletion_on)).map(|group| group.id).collect();
        for id in groups {
            self.destroy_group(id);
        }
        let projects = self.projects.values().filter(|project| overdue(project.marked_for_deletion_on));
        let projects: Vec<u64> = projects.map(|project| project.id).collect();
        for id in projects {
            self.destroy_project(id);
        }
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
