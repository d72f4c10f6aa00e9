//! Users.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;

/// The state of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserState {
    /// May sign in.
    Active,
    /// Blocked by an administrator.
    Blocked,
    /// Blocked by the directory.
    LdapBlocked,
    /// Signed up, not approved.
    BlockedPendingApproval,
    /// Banned.
    Banned,
    /// Dormant.
    Deactivated,
}

impl UserState {
    /// GitLab's word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Blocked => "blocked",
            Self::LdapBlocked => "ldap_blocked",
            Self::BlockedPendingApproval => "blocked_pending_approval",
            Self::Banned => "banned",
            Self::Deactivated => "deactivated",
        }
    }
}

/// A user or a bot.
#[derive(Clone, Debug)]
pub struct User {
    /// Numeric id.
    pub id: u64,
    /// Login name, unique without regard to case.
    pub username: String,
    /// Display name.
    pub name: String,
    /// Primary address.
    pub email: String,
    /// The address shown to everybody; may be empty.
    pub public_email: String,
    /// Administrator?
    pub admin: bool,
    /// External user: sees only what it is a member of.
    pub external: bool,
    /// Account of an access token or service.
    pub bot: bool,
    /// May sign in?
    pub state: UserState,
    /// The personal namespace.
    pub namespace_id: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// Last change.
    pub updated_at: Timestamp,
    /// Last day of activity.
    pub last_activity_on: Option<Date>,
}

/// All users.
#[derive(Debug, Default)]
pub struct Users(BTreeMap<u64, User>);

impl Users {
    /// By id.
    pub fn get(&self, id: u64) -> Option<&User> {
        self.0.get(&id)
    }

    /// By id, to change.
    pub fn get_mut(&mut self, id: u64) -> Option<&mut User> {
        self.0.get_mut(&id)
    }

    /// By login name, without regard to case.
    pub fn by_username(&self, username: &str) -> Option<&User> {
        self.0.values().find(|user| user.username.eq_ignore_ascii_case(username))
    }

    /// The user whose personal namespace this is.
    pub fn by_namespace(&self, namespace_id: u64) -> Option<&User> {
        self.0.values().find(|user| user.namespace_id == namespace_id)
    }

    /// All, by id ascending.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &User> {
        self.0.values()
    }

    /// Adds one.
    pub fn insert(&mut self, user: User) {
        self.0.insert(user.id, user);
    }

    /// Removes one.
    pub fn remove(&mut self, id: u64) -> Option<User> {
        self.0.remove(&id)
    }
}
