//! Groups and the tree they form.

use jiff::Timestamp;
use jiff::civil::Date;

use super::State;
use super::members::Share;

/// Who may see a group or project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Visibility {
    /// Members only.
    Private,
    /// Every signed-in user who is not external.
    Internal,
    /// Everybody.
    Public,
}

impl Visibility {
    /// GitLab's words.
    pub const WORDS: &'static [&'static str] = &["private", "internal", "public"];

    /// GitLab's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Internal => "internal",
            Self::Public => "public",
        }
    }

    /// From GitLab's word.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "private" => Some(Self::Private),
            "internal" => Some(Self::Internal),
            "public" => Some(Self::Public),
            _ => None,
        }
    }
}

/// A group.
#[derive(Clone, Debug)]
pub struct Group {
    /// Numeric id.
    pub id: u64,
    /// Display name.
    pub name: String,
    /// Last segment of the full path.
    pub path: String,
    /// Description; empty when none.
    pub description: String,
    /// The group above.
    pub parent: Option<u64>,
    /// Who may see it.
    pub visibility: Visibility,
    /// Archived itself (an ancestor may be, too).
    pub archived: bool,
    /// The day of deletion's marking.
    pub marked_for_deletion_on: Option<Date>,
    /// Name and path before the mark's suffix.
    pub before_deletion: Option<(String, String)>,
    /// Invited groups.
    pub shares: Vec<Share>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Last change.
    pub updated_at: Timestamp,
}

impl State {
    /// The group itself and those above it, nearest first.
    pub fn group_and_ancestors(&self, id: u64) -> Vec<&Group> {
        let mut chain = Vec::new();
        let mut next = Some(id);
        while let Some(group) = next.and_then(|id| self.groups.get(&id)) {
            chain.push(group);
            next = group.parent;
        }
        chain
    }

    /// The group's full path: `top/sub`.
    pub fn group_full_path(&self, id: u64) -> String {
        let paths: Vec<&str> = self.group_and_ancestors(id).iter().rev().map(|group| group.path.as_str()).collect();
        paths.join("/")
    }

    /// The group's full name: `Top / Sub`.
    pub fn group_full_name(&self, id: u64) -> String {
        let names: Vec<&str> = self.group_and_ancestors(id).iter().rev().map(|group| group.name.as_str()).collect();
        names.join(" / ")
    }

    /// By full path, without regard to case.
    pub fn group_by_path(&self, path: &str) -> Option<&Group> {
        let last = path.rsplit('/').next()?;
        // The last segment first: it is at hand, the full path must be put together.
        let mut candidates = self.groups.values().filter(|group| group.path.eq_ignore_ascii_case(last));
        candidates.find(|group| self.group_full_path(group.id).eq_ignore_ascii_case(path))
    }

    /// Is the group, or one above it, archived?
    pub fn group_is_archived(&self, id: u64) -> bool {
        self.group_and_ancestors(id).iter().any(|group| group.archived)
    }

    /// Is the group, or one above it, marked for deletion?
    pub fn group_is_marked(&self, id: u64) -> bool {
        self.group_and_ancestors(id).iter().any(|group| group.marked_for_deletion_on.is_some())
    }

    /// Is `id` below `ancestor` (or the same)?
    pub fn group_is_within(&self, id: u64, ancestor: u64) -> bool {
        self.group_and_ancestors(id).iter().any(|group| group.id == ancestor)
    }
}
