//! What can happen to a call, and the names by which a case is found again.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::{
    recording::Step,
    seams::{Fate, Server, faults::Fault},
    stations::Station,
};

/// What happens at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Disturbance {
    /// The operator ends before the call leaves.
    EndBefore,
    /// The operator ends after the call took effect, before the answer.
    EndWithoutAnswer,
    /// The operator ends after the answer.
    EndAfter,
    /// The call fails; the operator goes on.
    Fails(Fault),
}

impl Disturbance {
    /// All that can happen at a call to a server.
    pub fn all(server: Server) -> Vec<Self> {
        let ends = [Self::EndBefore, Self::EndWithoutAnswer, Self::EndAfter];
        ends.into_iter().chain(Fault::all(server).into_iter().map(Self::Fails)).collect()
    }

    /// Whether the operator ends.
    pub fn is_end(self) -> bool {
        !matches!(self, Self::Fails(_))
    }

    /// What the seam does.
    pub fn fate(self) -> Fate {
        match self {
            Self::EndBefore => Fate::NeverSent,
            Self::EndWithoutAnswer => Fate::Last,
            Self::EndAfter => Fate::LastAnswered,
            Self::Fails(fault) => Fate::Fails(fault),
        }
    }
}

impl fmt::Display for Disturbance {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EndBefore => formatter.write_str("end-before"),
            Self::EndWithoutAnswer => formatter.write_str("end-without-answer"),
            Self::EndAfter => formatter.write_str("end-after"),
            Self::Fails(fault) => formatter.write_str(&fault.name()),
        }
    }
}

/// One disturbance of one call of one workload.
#[derive(Clone, Debug)]
pub struct Case {
    /// The workload.
    pub station: Station,
    /// The number of the call among the workload's calls, from 1.
    pub number: usize,
    /// The call.
    pub step: Step,
    /// What happens at it.
    pub disturbance: Disturbance,
}

impl Case {
    /// `workload/number/disturbance`.
    pub fn name(&self) -> String {
        format!("{}/{}/{}", self.station.name(), self.number, self.disturbance)
    }

    /// All cases of a workload that makes these calls.
    pub fn all(station: Station, steps: &BTreeSet<Step>) -> Vec<Self> {
        let numbered = steps.iter().enumerate();
        let of_one = |(at, step): (usize, &Step)| {
            let step = step.clone();
            let disturbances = Disturbance::all(step.server).into_iter();
            disturbances
                .map(|disturbance| Self { station, number: at + 1, step: step.clone(), disturbance })
                .collect::<Vec<_>>()
        };
        numbered.flat_map(of_one).collect()
    }
}

/// Which cases are run.
pub enum Selection {
    /// Of each workload and each disturbance one call at most, chosen by a seed.
    Sample {
        /// The seed.
        seed: u64,
    },
    /// All.
    All,
    /// Those whose name fits; `*` stands for any characters.
    Named(String),
}

impl Selection {
    /// As the environment says.
    pub fn from_environment() -> Self {
        let seed = std::env::var("GL_K8S_FAULTS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
        match std::env::var("GL_K8S_FAULTS").unwrap_or_default().as_str() {
            "" => Self::Sample { seed },
            "all" => Self::All,
            pattern => Self::Named(pattern.to_owned()),
        }
    }

    /// The cases to run, of all. In no order, so that the first ones tell of all the others.
    pub fn of(&self, mut cases: Vec<Case>) -> Vec<Case> {
        fastrand::Rng::with_seed(1).shuffle(&mut cases);
        match self {
            Self::All => cases,
            Self::Named(pattern) => {
                cases.retain(|case| fits(pattern, &case.name()));
                cases
            }
            Self::Sample { seed } => sample(cases, *seed),
        }
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sample { seed } => write!(formatter, "a part, seed {seed}"),
            Self::All => formatter.write_str("all"),
            Self::Named(pattern) => write!(formatter, "{pattern}"),
        }
    }
}

/// How many cases a part has.
const PART: usize = 360;

/// One call for each workload and disturbance, and of these as many as a part has.
fn sample(cases: Vec<Case>, seed: u64) -> Vec<Case> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut groups: BTreeMap<_, Vec<Case>> = BTreeMap::new();
    for case in cases {
        groups.entry((case.station, case.disturbance)).or_default().push(case);
    }
    let mut chosen: Vec<_> =
        groups.into_values().map(|mut group| group.swap_remove(random.usize(..group.len()))).collect();
    random.shuffle(&mut chosen);
    chosen.truncate(PART);
    chosen
}

/// Whether a name fits a pattern in which `*` stands for any characters.
fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, rest)) => name.strip_prefix(start).is_some_and(|name| {
            (0..=name.len()).filter(|at| name.is_char_boundary(*at)).any(|at| fits(rest, &name[at..]))
        }),
    }
}

#[test]
fn a_star_stands_for_any_characters() {
    for (pattern, name, expected) in [
        ("renew/12/reset", "renew/12/reset", true),
        ("renew/1/reset", "renew/12/reset", false),
        ("renew/*", "renew/12/reset", true),
        ("*/reset", "renew/12/reset", true),
        ("*new/*/429", "renew/12/reset", false),
        ("*", "", true),
    ] {
        assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
    }
}
