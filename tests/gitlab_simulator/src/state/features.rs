//! Feature flags: definitions and the gates that were set.

use std::collections::BTreeMap;

/// What GitLab's source says of a flag.
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    /// Name.
    pub name: &'static str,
    /// Kind of flag: `ops`, `gitlab_com_derisk`, ….
    pub kind: &'static str,
    /// The team.
    pub group: &'static str,
    /// Since when.
    pub milestone: &'static str,
    /// On without anybody's doing?
    pub default_enabled: bool,
}

/// The flags that the simulated endpoints depend on.
pub const DEFINITIONS: &[Definition] = &[
    Definition {
        name: CERTIFICATE_BASED_CLUSTERS,
        kind: "ops",
        group: "group::environments",
        milestone: "14.9",
        default_enabled: false,
    },
    Definition {
        name: "environment_search_api_min_chars",
        kind: "gitlab_com_derisk",
        group: "group::environments",
        milestone: "15.2",
        default_enabled: true,
    },
    Definition {
        name: NEW_DEFAULT_FOR_AUTO_STOP,
        kind: "gitlab_com_derisk",
        group: "group::environments",
        milestone: "17.9",
        default_enabled: false,
    },
];

/// The switch of certificate-based clusters.
pub const CERTIFICATE_BASED_CLUSTERS: &str = "certificate_based_clusters";
/// Environments of the tiers production and staging stop only with a job.
pub const NEW_DEFAULT_FOR_AUTO_STOP: &str = "new_default_for_auto_stop";

/// What was set for one flag.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gates {
    /// For everybody.
    pub boolean: Option<bool>,
    /// For so many percent of calls.
    pub percentage_of_time: Option<u8>,
    /// For so many percent of actors.
    pub percentage_of_actors: Option<u8>,
    /// For single users, groups, projects: without effect where a flag is read without an actor.
    pub actors: Vec<String>,
}

/// The flags that have been set.
#[derive(Clone, Debug, Default)]
pub struct Features(BTreeMap<String, Gates>);

impl Features {
    /// Those that were set, by name.
    pub fn set_ones(&self) -> impl Iterator<Item = (&str, &Gates)> {
        self.0.iter().map(|(name, gates)| (name.as_str(), gates))
    }

    /// The gates of a flag, to be changed.
    pub fn gates(&mut self, name: &str) -> &mut Gates {
        self.0.entry(name.to_owned()).or_default()
    }

    /// Back to the default.
    pub fn unset(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// Is a flag on when it is read without an actor? Only the boolean and 100 % of the time count.
    pub fn is_on(&self, name: &str) -> bool {
        let default = || DEFINITIONS.iter().any(|definition| definition.name == name && definition.default_enabled);
        match self.0.get(name) {
            None => default(),
            Some(gates) => gates.boolean == Some(true) || gates.percentage_of_time == Some(100),
        }
    }
}
