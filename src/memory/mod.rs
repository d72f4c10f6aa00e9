//! What may be forgotten at any time: how old facts are, how often something failed, connections that can be made anew.
//! Nothing that decides about writing or deleting stands here; a restart only makes the operator read a little more.

mod series;

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use jiff::Timestamp;
use parking_lot::Mutex;

use crate::{
    api::Key,
    facts::{instance::InstanceFacts, survey::Arrivals},
    gitlab::{Pace, Project},
};

use series::Series;
pub use series::{SeriesKey, Told};

/// See the module.
#[derive(Default)]
pub struct Memory {
    failures: Mutex<HashMap<Key, u32>>,
    mappings: Mutex<HashMap<String, MappingMemory>>,
    instances: Mutex<HashMap<String, Arc<InstanceSlot>>>,
    paces: Mutex<HashMap<String, Arc<Pace>>>,
    surveys: Mutex<HashMap<String, Timestamp>>,
    arrivals: Mutex<HashMap<String, ArrivalsSlot>>,
    roles: Mutex<HashMap<String, Timestamp>>,
    reading_roles: tokio::sync::Mutex<()>,
    cluster_uid: tokio::sync::OnceCell<String>,
    deletions: tokio::sync::Mutex<()>,
    events: Mutex<Series>,
}

/// One instance's facts; the lock is held while they are read, so that a thousand mappings ask GitLab once.
#[derive(Default)]
pub struct InstanceSlot {
    reading: tokio::sync::Mutex<()>,
    known: Mutex<Option<Remembered>>,
}

impl InstanceSlot {
    /// Whoever holds this reads the facts anew.
    pub fn reading(&self) -> &tokio::sync::Mutex<()> {
        &self.reading
    }

    /// What was read last of this UID and generation of the instance.
    pub fn known(&self, of: &(String, i64)) -> Option<Remembered> {
        self.known.lock().clone().filter(|known| known.of == *of)
    }

    /// Keeps what was read.
    pub fn keep(&self, facts: Remembered) {
        *self.known.lock() = Some(facts);
    }
}

/// The projects that were found in bulk for new mappings; the lock is held while GitLab lists them.
pub type ArrivalsSlot = Arc<tokio::sync::Mutex<Arrivals>>;

/// Facts with the time after which they are read again.
#[derive(Clone)]
pub struct Remembered {
    /// The facts.
    pub facts: Arc<InstanceFacts>,
    /// They hold for this UID and generation of the instance only.
    pub of: (String, i64),
    /// When they are read again.
    pub stale_at: Timestamp,
}

/// What is remembered of a mapping.
#[derive(Clone, Debug, Default)]
pub struct MappingMemory {
    /// The project as GitLab gave it last.
    pub project: Option<Project>,
    /// When the project is read again.
    pub project_due: Option<Timestamp>,
    /// When what was delivered is compared with GitLab next.
    pub drift_check_at: Option<Timestamp>,
    /// The token of each namespace that this process issued: its fingerprint, and when, by our calendar.
    pub issued: HashMap<String, (String, Timestamp)>,
    /// Since when this process fails to take out of GitLab what a mapping that ends has there.
    pub withdrawal_fails_since: Option<Timestamp>,
    /// What people were told once and need not be told again on every pass.
    pub told: BTreeSet<String>,
}

impl Memory {
    /// Counts a failure and gives how many there were in a row.
    pub fn failed(&self, key: &Key) -> u32 {
        let mut failures = self.failures.lock();
        let count = failures.entry(key.clone()).or_default();
        *count = count.saturating_add(1);
        *count
    }

    /// Ends a row of failures: after a success, or when something that the object depends on has changed.
    pub fn reset_failures(&self, key: &Key) {
        self.failures.lock().remove(key);
    }

    /// What is remembered of a mapping.
    pub fn mapping(&self, name: &str) -> MappingMemory {
        self.mappings.lock().get(name).cloned().unwrap_or_default()
    }

    /// Changes what is remembered of a mapping.
    pub fn update_mapping(&self, name: &str, change: impl FnOnce(&mut MappingMemory)) {
        change(self.mappings.lock().entry(name.to_owned()).or_default());
    }

    /// Whether this is the first time that something is told about a mapping.
    pub fn tell_once(&self, mapping: &str, what: &str) -> bool {
        self.mappings.lock().entry(mapping.to_owned()).or_default().told.insert(what.to_owned())
    }

    /// Forgets everything about an object that is gone.
    pub fn forget(&self, key: &Key) {
        self.reset_failures(key);
        match key {
            Key::Mapping(name) => {
                self.mappings.lock().remove(name);
            }
            Key::Instance(name) => {
                self.forget_instance(name);
                self.paces.lock().remove(name);
                self.surveys.lock().remove(name);
                self.arrivals.lock().remove(name);
            }
            Key::Class(_) => {}
        }
    }

    /// The place where an instance's facts are kept.
    pub fn instance(&self, name: &str) -> Arc<InstanceSlot> {
        self.instances.lock().entry(name.to_owned()).or_default().clone()
    }

    /// The pace of requests to an instance. It outlives the facts: a new token lifts no limit.
    pub fn pace(&self, instance: &str, make: impl FnOnce() -> Pace) -> Arc<Pace> {
        self.paces.lock().entry(instance.to_owned()).or_insert_with(|| Arc::new(make())).clone()
    }

    /// Whether an instance's projects are to be listed now; if so, the next time is noted.
    pub fn survey_is_due(&self, instance: &str, now: Timestamp, next: Timestamp) -> bool {
        let mut surveys = self.surveys.lock();
        let due = surveys.get(instance).is_none_or(|at| now >= *at);
        if due {
            surveys.insert(instance.to_owned(), next);
        }
        due
    }

    /// What was found in bulk for new mappings of an instance.
    pub fn arrivals(&self, instance: &str) -> ArrivalsSlot {
        self.arrivals.lock().entry(instance.to_owned()).or_default().clone()
    }

    /// Whether a ClusterRole was seen so lately that it still counts.
    pub fn role_was_seen(&self, role: &str, now: Timestamp) -> bool {
        self.roles.lock().get(role).is_some_and(|until| now < *until)
    }

    /// Whoever holds this looks at a ClusterRole; the others find out what it saw.
    pub fn reading_roles(&self) -> &tokio::sync::Mutex<()> {
        &self.reading_roles
    }

    /// A ClusterRole was seen; that counts for a while.
    pub fn saw_role(&self, role: &str, until: Timestamp) {
        self.roles.lock().insert(role.to_owned(), until);
    }

    /// Forgets an instance's facts: its Secret or a CA changed, or GitLab refused the token.
    pub fn forget_instance(&self, name: &str) {
        self.instances.lock().remove(name);
    }

    /// The event that tells of the same and is not old; it is counted once more.
    pub fn told_again(&self, key: SeriesKey, now: Timestamp) -> Option<Told> {
        self.events.lock().again(key, now)
    }

    /// An event of this name was written.
    pub fn told_first(&self, key: SeriesKey, name: String, now: Timestamp) {
        self.events.lock().first(key, name, now);
    }

    /// Held while a deletion is asked for: of two passes that ask in the same moment the second sees what the first one got.
    pub fn deletions(&self) -> &tokio::sync::Mutex<()> {
        &self.deletions
    }

    /// The UID of `kube-system`, which tells clusters apart; read once.
    pub fn cluster_uid(&self) -> &tokio::sync::OnceCell<String> {
        &self.cluster_uid
    }
}
