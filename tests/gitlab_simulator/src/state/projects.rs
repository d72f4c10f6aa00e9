//! Projects.

use jiff::Timestamp;
use jiff::civil::Date;

use super::State;
use super::groups::Visibility;
use super::members::Share;

/// Where a project lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namespace {
    /// In a user's personal namespace.
    User(u64),
    /// In a group.
    Group(u64),
}

/// Who may use a feature of a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeatureAccess {
    /// Everybody who sees the project.
    Enabled,
    /// Members only.
    Private,
    /// Nobody, administrators included.
    Disabled,
}

impl FeatureAccess {
    /// GitLab's words.
    pub const WORDS: &'static [&'static str] = &["disabled", "private", "enabled"];

    /// GitLab's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Private => "private",
            Self::Disabled => "disabled",
        }
    }

    /// From GitLab's word.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "enabled" => Some(Self::Enabled),
            "private" => Some(Self::Private),
            "disabled" => Some(Self::Disabled),
            _ => None,
        }
    }
}

/// The features whose switches change what the simulated endpoints allow.
#[derive(Clone, Debug)]
pub struct Features {
    /// The repository; off also switches off CI/CD.
    pub repository: FeatureAccess,
    /// CI/CD: variables and environments depend on it.
    pub builds: FeatureAccess,
    /// Environments.
    pub environments: FeatureAccess,
    /// Clusters.
    pub infrastructure: FeatureAccess,
}

impl Default for Features {
    fn default() -> Self {
        let on = FeatureAccess::Enabled;
        Self { repository: on, builds: on, environments: on, infrastructure: on }
    }
}

/// A project.
#[derive(Clone, Debug)]
pub struct Project {
    /// Numeric id.
    pub id: u64,
    /// Display name.
    pub name: String,
    /// Last segment of the full path.
    pub path: String,
    /// Where it lives.
    pub namespace: Namespace,
    /// Description; none when never set.
    pub description: Option<String>,
    /// Who may see it.
    pub visibility: Visibility,
    /// Archived itself (an ancestor group may be, too).
    pub archived: bool,
    /// The day of deletion's marking.
    pub marked_for_deletion_on: Option<Date>,
    /// Name and path before the mark's suffix.
    pub before_deletion: Option<(String, String)>,
    /// Who made it.
    pub creator_id: u64,
    /// Topics.
    pub topics: Vec<String>,
    /// Default branch, also of an empty repository.
    pub default_branch: String,
    /// Nothing was pushed yet.
    pub empty_repository: bool,
    /// Where the pipeline's definition is.
    pub ci_config_path: Option<String>,
    /// Feature switches.
    pub features: Features,
    /// Invited groups.
    pub shares: Vec<Share>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Last change.
    pub updated_at: Timestamp,
    /// Last activity.
    pub last_activity_at: Timestamp,
}

impl State {
    /// The full path: `group/sub/project`.
    pub fn project_full_path(&self, project: &Project) -> String {
        format!("{}/{}", self.namespace_full_path(project.namespace), project.path)
    }

    /// The full path of a namespace: a group's, or the user's login name.
    pub fn namespace_full_path(&self, namespace: Namespace) -> String {
        match namespace {
            Namespace::Group(id) => self.group_full_path(id),
            Namespace::User(id) => self.users.get(id).map(|user| user.username.clone()).unwrap_or_default(),
        }
    }

    /// By full path, without regard to case.
    pub fn project_by_path(&self, path: &str) -> Option<&Project> {
        let (_, last) = path.rsplit_once('/')?;
        // The last segment first: it is at hand, the full path must be put together.
        let mut candidates = self.projects.values().filter(|project| project.path.eq_ignore_ascii_case(last));
        candidates.find(|project| self.project_full_path(project).eq_ignore_ascii_case(path))
    }

    /// Is the project, or a group above it, archived?
    pub fn project_is_archived(&self, project: &Project) -> bool {
        project.archived || matches!(project.namespace, Namespace::Group(id) if self.group_is_archived(id))
    }

    /// Is the project, or a group above it, marked for deletion?
    pub fn project_is_marked(&self, project: &Project) -> bool {
        let below = matches!(project.namespace, Namespace::Group(id) if self.group_is_marked(id));
        project.marked_for_deletion_on.is_some() || below
    }

    /// The groups above a project, nearest first.
    pub fn project_ancestors(&self, project: &Project) -> Vec<u64> {
        match project.namespace {
            Namespace::Group(id) => self.group_and_ancestors(id).iter().map(|group| group.id).collect(),
            Namespace::User(_) => Vec::new(),
        }
    }
}
