//! Personal access tokens. Only a digest of the value is kept, so that nothing can print it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use sha2::{Digest, Sha256};

/// What a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Everything.
    Api,
    /// Reading everything.
    ReadApi,
    /// Reading users and metadata.
    ReadUser,
    /// Rotating itself.
    SelfRotate,
    /// The Kubernetes proxy.
    K8sProxy,
    /// Administrator's rights where admin mode is on.
    AdminMode,
    /// Acting as others.
    Sudo,
    /// Git over HTTP, reading.
    ReadRepository,
    /// Git over HTTP, writing.
    WriteRepository,
}

impl Scope {
    /// All scopes with GitLab's words for them.
    pub const ALL: [(Self, &'static str); 9] = [
        (Self::Api, "api"),
        (Self::ReadApi, "read_api"),
        (Self::ReadUser, "read_user"),
        (Self::SelfRotate, "self_rotate"),
        (Self::K8sProxy, "k8s_proxy"),
        (Self::AdminMode, "admin_mode"),
        (Self::Sudo, "sudo"),
        (Self::ReadRepository, "read_repository"),
        (Self::WriteRepository, "write_repository"),
    ];

    /// GitLab's word.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(scope, _)| *scope == self).map_or("", |(_, word)| word)
    }

    /// From GitLab's word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == word).map(|(scope, _)| *scope)
    }
}

/// One token.
#[derive(Clone, Debug)]
pub struct Token {
    /// Numeric id.
    pub id: u64,
    /// The user it belongs to.
    pub user_id: u64,
    /// Name.
    pub name: String,
    /// Description.
    pub description: Option<String>,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Dead from 00:00 UTC of this day.
    pub expires_at: Option<Date>,
    /// Taken back?
    pub revoked: bool,
    /// Last use.
    pub last_used_at: Option<Timestamp>,
    /// The first token of the chain of rotations.
    pub family: u64,
    digest: [u8; 32],
}

impl Token {
    /// Past its day?
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|day| day <= today(now))
    }

    /// Neither revoked nor expired.
    pub fn is_active(&self, now: Timestamp) -> bool {
        !self.revoked && !self.is_expired(now)
    }
}

/// A token to be made.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// The user it belongs to.
    pub user_id: u64,
    /// Name.
    pub name: String,
    /// Description.
    pub description: Option<String>,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// Its last day, exclusive.
    pub expires_at: Option<Date>,
    /// The family it joins; its own when none.
    pub family: Option<u64>,
}

/// All tokens.
#[derive(Debug, Default)]
pub struct Tokens(BTreeMap<u64, Token>);

impl Tokens {
    /// Adds a token with this secret value.
    pub fn insert(&mut self, id: u64, value: &str, new: NewToken, now: Timestamp) {
        let token = Token {
            id,
            user_id: new.user_id,
            name: new.name,
            description: new.description,
            scopes: new.scopes,
            created_at: now,
            expires_at: new.expires_at,
            revoked: false,
            last_used_at: None,
            family: new.family.unwrap_or(id),
            digest: Sha256::digest(value).into(),
        };
        self.0.insert(id, token);
    }

    /// The token with this secret value.
    pub fn find_by_value(&self, value: &str) -> Option<&Token> {
        let digest: [u8; 32] = Sha256::digest(value).into();
        self.0.values().find(|token| token.digest == digest)
    }

    /// By id.
    pub fn get(&self, id: u64) -> Option<&Token> {
        self.0.get(&id)
    }

    /// By id, to change.
    pub fn get_mut(&mut self, id: u64) -> Option<&mut Token> {
        self.0.get_mut(&id)
    }

    /// All, by id ascending.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Token> {
        self.0.values()
    }

    /// Notes a use.
    pub fn touch(&mut self, id: u64, now: Timestamp) {
        if let Some(token) = self.0.get_mut(&id) {
            token.last_used_at = Some(now);
        }
    }

    /// Takes back every token of the chain that this one belongs to.
    pub fn revoke_family(&mut self, id: u64) {
        let Some(family) = self.0.get(&id).map(|token| token.family) else { return };
        for token in self.0.values_mut().filter(|token| token.family == family) {
            token.revoked = true;
        }
    }

    /// Forgets the tokens of a deleted user.
    pub fn remove_user(&mut self, user_id: u64) {
        self.0.retain(|_, token| token.user_id != user_id);
    }
}

/// The calendar day in UTC.
pub fn today(now: Timestamp) -> Date {
    now.to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// A new secret: the prefix and random letters and digits.
pub fn new_secret(prefix: &str) -> String {
    let random: String = std::iter::repeat_with(fastrand::alphanumeric).take(24).collect();
    format!("{prefix}{random}")
}
