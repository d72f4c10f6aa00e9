//! Direct memberships.

use jiff::Timestamp;
use jiff::civil::Date;

/// What one is a member of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A group.
    Group(u64),
    /// A project.
    Project(u64),
}

/// A user's direct membership.
#[derive(Clone, Debug)]
pub struct Member {
    /// Membership id; lists are ordered by it, answers do not show it.
    pub id: u64,
    /// Where.
    pub source: Source,
    /// Who.
    pub user_id: u64,
    /// GitLab's number for the role.
    pub access_level: u8,
    /// Since when.
    pub created_at: Timestamp,
    /// Who added the member.
    pub created_by: Option<u64>,
    /// The day on which it ends.
    pub expires_at: Option<Date>,
    /// Last change.
    pub updated_at: Timestamp,
}

/// A group invited to a group or project.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    /// The invited group.
    pub group_id: u64,
    /// The highest level that its members get.
    pub access_level: u8,
    /// The day on which it ends.
    pub expires_at: Option<Date>,
}
