//! The one bag of what a reconcile needs, and the seams where a test takes hold: the two clients, the calendar and chance.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use parking_lot::Mutex;

use crate::{
    api::names,
    apply::hands::{Hands, Notes},
    facts::{caches::Caches, declarations::Declarations},
    gitlab::{HttpOptions, Transport, TransportError, http_transport},
    memory::Memory,
    plan::{brake::Brake, environments::ReservedNames},
    server::Metrics,
};

/// The calendar. Waiting is `tokio::time`'s; everything that compares with a date asks here.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// The one source of chance: jitter of delays and of periodic work. Seedable, so that a run can be replayed.
#[derive(Debug)]
pub struct Chance(Mutex<fastrand::Rng>);

impl Chance {
    /// A source that gives the same sequence for the same seed.
    pub fn seeded(seed: u64) -> Self {
        Self(Mutex::new(fastrand::Rng::with_seed(seed)))
    }

    /// A source seeded by the operating system.
    pub fn from_system() -> Self {
        Self(Mutex::new(fastrand::Rng::new()))
    }

    /// Any number.
    pub fn number(&self) -> u64 {
        self.0.lock().u64(..)
    }

    /// A number from 0 (included) to 1 (excluded).
    pub fn fraction(&self) -> f64 {
        self.0.lock().f64()
    }
}

/// Makes the transport to a GitLab: in production over HTTP, in a test perhaps the simulator's router.
///
/// Takes the instance's URL and the PEM of a private CA, if the instance names one.
pub type Connect = dyn Fn(&str, Option<&str>) -> Result<Transport, TransportError> + Send + Sync;

/// What an administrator sets by flags.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The operator's own namespace: token Secrets and CA ConfigMaps are read there and nowhere else.
    pub own_namespace: String,
    /// What events call this one of several operators: the name of its pod.
    pub instance: String,
    /// Namespaces that are never touched.
    pub reserved: ReservedNames,
    /// After which age a project is read from GitLab again.
    pub project_refresh: Duration,
    /// How long it is believed that an instance cannot be worked with, so that a thousand mappings do not ask a GitLab
    /// that is down.
    pub bad_news: Duration,
    /// The longest delay after failures in a row.
    pub longest_backoff: Duration,
    /// How many namespaces may be deleted within a time before a person is asked.
    pub brake: Brake,
}

/// Where a pass looks for what exists in the cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sight {
    /// It asks the API server. Whatever is written or deleted is decided so.
    #[default]
    Live,
    /// It believes the caches: enough to see that there is nothing to do.
    Caches,
    /// It looks nowhere, since it made the namespace a moment ago: nothing of ours can be in it. Whatever somebody else
    /// put there meanwhile is applied over, or refuses the apply; then the next pass looks.
    Nothing,
}

/// How long it is believed that an instance cannot be worked with.
const BAD_NEWS: Duration = Duration::from_secs(10);
/// The longest delay after failures in a row.
const LONGEST_BACKOFF: Duration = Duration::from_secs(600);
/// After which age a project is read again, unless a flag says otherwise.
const PROJECT_REFRESH: Duration = Duration::from_secs(600);

/// How many namespaces may be deleted within [`DELETION_WINDOW`], unless a flag says otherwise.
const DELETION_LIMIT: usize = 10;
/// The time within which deletions count, unless a flag says otherwise.
const DELETION_WINDOW: Duration = Duration::from_secs(600);

impl Default for Settings {
    /// What holds without flags, for an operator in the namespace that the manifests name.
    fn default() -> Self {
        Self {
            own_namespace: names::OPERATOR.to_owned(),
            instance: names::FIELD_MANAGER.to_owned(),
            reserved: ReservedNames::new(names::OPERATOR, &[]),
            project_refresh: PROJECT_REFRESH,
            bad_news: BAD_NEWS,
            longest_backoff: LONGEST_BACKOFF,
            brake: Brake { limit: DELETION_LIMIT, window: DELETION_WINDOW },
        }
    }
}

/// The one bag of what a reconcile needs. Two of them can live in one process.
#[derive(Clone)]
pub struct Context {
    /// The API server.
    pub kubernetes: kube::Client,
    /// How to reach a GitLab.
    pub connect: Arc<Connect>,
    /// The calendar.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub chance: Arc<Chance>,
    /// What administrators declared, kept up by watches.
    pub declarations: Declarations,
    /// What watches show of the objects that we keep.
    pub caches: Caches,
    /// Where a pass looks for what exists.
    pub sight: Sight,
    /// Whether changes are carried out.
    pub hands: Hands,
    /// What an administrator set by flags.
    pub settings: Settings,
    /// What may be forgotten: ages, failures, connections.
    pub memory: Arc<Memory>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

impl Context {
    /// For work: with the machine's calendar and chance, remembering nothing yet.
    pub fn new(
        kubernetes: kube::Client,
        connect: Arc<Connect>,
        declarations: Declarations,
        settings: Settings,
    ) -> Self {
        Self {
            kubernetes,
            connect,
            clock: Arc::new(SystemClock),
            chance: Arc::new(Chance::from_system()),
            declarations,
            caches: Caches::default(),
            sight: Sight::Live,
            hands: Hands::Work,
            settings,
            memory: Arc::default(),
            metrics: Arc::new(Metrics::new(env!("CARGO_PKG_VERSION"))),
        }
    }

    /// For a command that looks and writes nothing.
    pub fn for_reading(client: kube::Client, declarations: Declarations, settings: Settings) -> Self {
        let connect = |_: &str, ca: Option<&str>| {
            http_transport(&HttpOptions { extra_ca_pem: ca.map(str::to_owned), ..HttpOptions::default() })
        };
        let hands = Hands::Note(Notes::brief());
        Self { hands, ..Self::new(client, Arc::new(connect), declarations, settings) }
    }

    /// The same for a pass that only notes down what it would change.
    pub fn noting(&self, notes: &Arc<Notes>, sight: Sight) -> Self {
        Self { hands: Hands::Note(notes.clone()), sight, ..self.clone() }
    }

    /// The same for what is done in a namespace that was created a moment ago.
    pub fn seeing_nothing(&self) -> Self {
        Self { sight: Sight::Nothing, ..self.clone() }
    }

    /// A fraction of `interval` between a half and the whole, so that periodic work spreads out.
    pub fn jittered(&self, interval: Duration) -> Duration {
        interval.mul_f64(0.5 + self.chance.fraction() / 2.0)
    }
}
