//! Which mapping meets which case, how far things are, and what came of it.

use std::{
    collections::{BTreeMap, VecDeque},
    panic::AssertUnwindSafe,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures::{FutureExt as _, StreamExt as _, stream};

use crate::{
    cases::{Case, Selection},
    difference::differences,
    report::say,
    run::{Ended, Learned, run},
    stations::{Station, WAYS},
    world::World,
};

/// How many mappings are on their way at the same time. Most of them wait for the API server.
const AT_ONCE: usize = 16;
/// No workload takes longer, however busy the machine is.
const LONGEST: Duration = Duration::from_secs(300);
/// After so many failures nothing new is to be learnt.
const ENOUGH: usize = 100;
/// How often it is said how far things are.
const PROGRESS: Duration = Duration::from_secs(15);

/// What a workload is to be like, and the cases that it is still to meet.
struct Stop {
    learned: Learned,
    waiting: Mutex<VecDeque<Case>>,
}

/// A case that did not go as it should.
pub struct Failure {
    pub name: String,
    pub what: String,
    pub message: String,
}

/// What is to be done and what was done.
pub struct Plan<'a> {
    world: &'a World,
    stops: BTreeMap<Station, Stop>,
    lives: AtomicUsize,
    done: AtomicUsize,
    failures: Mutex<Vec<Failure>>,
    /// Cases in all.
    pub total: usize,
    /// Calls of each workload.
    pub calls: Vec<(Station, usize)>,
}

/// What came of it all.
pub struct Summary {
    pub done: usize,
    pub failures: Vec<Failure>,
}

impl<'a> Plan<'a> {
    /// Lets mappings go all ways undisturbed, and chooses the cases.
    pub async fn learn(world: &'a World, selection: &Selection) -> Self {
        let learned = stream::iter(WAYS.into_iter().enumerate()).then(|(number, way)| async move {
            // One after the other: all mappings share the record of deletions, and may be in each other's way there.
            let first = learn(world, 2 * number + 1, way).await;
            let second = learn(world, 2 * number + 2, way).await;
            let twice = way.iter().chain(way).copied();
            twice.zip(first.into_iter().chain(second)).collect::<Vec<_>>()
        });
        let mut stops = BTreeMap::new();
        let mut calls = Vec::new();
        let mut cases = Vec::new();
        for (station, learned) in learned.collect::<Vec<_>>().await.into_iter().flatten() {
            if let Some(Stop { learned: before, .. }) = stops.get(&station) {
                before.assert_same(&learned, station);
                continue;
            }
            calls.push((station, learned.steps.len()));
            cases.extend(Case::all(station, &learned.steps));
            stops.insert(station, Stop { learned, waiting: Mutex::default() });
        }
        let chosen = selection.of(cases);
        let total = chosen.len();
        for case in chosen {
            stops[&case.station].waiting.lock().unwrap().push_back(case);
        }
        let lives = AtomicUsize::new(2 * WAYS.len() + 1);
        let (done, failures) = (AtomicUsize::default(), Mutex::default());
        Self { world, stops, lives, done, failures, total, calls }
    }

    /// Lets mappings go their ways until every case was met.
    pub async fn carry_out(self) -> Summary {
        let begin = Instant::now();
        let work = async {
            let walkers = (0..AT_ONCE).map(|_| async {
                for way in WAYS {
                    while self.life(way).await {}
                }
            });
            futures::future::join_all(walkers).await;
        };
        let progress = async {
            loop {
                tokio::time::sleep(PROGRESS).await;
                let (done, failed) = (self.done.load(Ordering::Relaxed), self.failures.lock().unwrap().len());
                say(&format!("{done} of {} cases, {failed} failed, {} s", self.total, begin.elapsed().as_secs()));
            }
        };
        tokio::select! {
            () = work => {}
            () = progress => {}
        }
        Summary { done: self.done.into_inner(), failures: self.failures.into_inner().unwrap() }
    }

    /// Takes one mapping as far along a way as cases wait there. False when none waits.
    async fn life(&self, way: &[Station]) -> bool {
        if self.failures.lock().unwrap().len() >= ENOUGH {
            return false;
        }
        let mut walk: VecDeque<_> = way.iter().map(|station| (*station, self.next_case(*station))).collect();
        walk.truncate(walk.iter().rposition(|(_, case)| case.is_some()).map_or(0, |last| last + 1));
        if walk.is_empty() {
            return false;
        }
        let mut subject = self.world.subject(self.lives.fetch_add(1, Ordering::Relaxed)).await;
        while let Some((station, case)) = walk.pop_front() {
            let work = AssertUnwindSafe(run(self.world, &mut subject, station, case.as_ref())).catch_unwind();
            let ended = match tokio::time::timeout(LONGEST, work).await {
                Ok(Ok(ended)) => ended,
                Ok(Err(panic)) => Err(words_of(&*panic)),
                Err(_) => Err(format!("it took longer than {} s", LONGEST.as_secs())),
            };
            if !self.judge(station, case.as_ref(), ended) {
                break;
            }
        }
        // What it did not come to is left for others.
        for (station, case) in walk {
            self.stops[&station].waiting.lock().unwrap().extend(case);
        }
        self.world.retire(&subject).await;
        true
    }

    fn next_case(&self, station: Station) -> Option<Case> {
        self.stops[&station].waiting.lock().unwrap().pop_front()
    }

    /// Notes how a case went; false when the mapping is no good beginning for another one.
    fn judge(&self, station: Station, case: Option<&Case>, ended: Result<Ended, String>) -> bool {
        self.done.fetch_add(usize::from(case.is_some()), Ordering::Relaxed);
        let message = match ended {
            Ok(Ended::Well(left)) => {
                let differing = differences(&self.stops[&station].learned.picture, &left.picture);
                if differing.is_empty() {
                    return true;
                }
                format!("it ends differently:\n{}", differing.join("\n"))
            }
            Ok(Ended::Unmet(passes)) => format!("its call never came; passes: {passes:#?}"),
            Err(message) => message,
        };
        let name = case.map_or_else(|| format!("{}/undisturbed", station.name()), Case::name);
        let what = case.map(|case| case.step.to_string()).unwrap_or_default();
        let failure = Failure { name, what, message };
        say(&format!("{failure}"));
        self.failures.lock().unwrap().push(failure);
        false
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, what, message } = self;
        write!(formatter, "FAILED {name}: {what}\n{message}\nreplay it: make faults CASE='{name}'\n")
    }
}

impl Learned {
    /// What only one of two mappings does is chance: it could not be numbered, and its cases would come to nothing.
    fn assert_same(&self, other: &Self, station: Station) {
        let differing = differences(&self.picture, &other.picture);
        assert!(differing.is_empty(), "{}: two mappings end differently: {differing:#?}", station.name());
        let by_chance: Vec<_> = self.steps.symmetric_difference(&other.steps).map(ToString::to_string).collect();
        assert!(by_chance.is_empty(), "{}: only one of two mappings calls {by_chance:#?}", station.name());
    }
}

async fn learn(world: &World, number: usize, way: &[Station]) -> Vec<Learned> {
    let mut subject = world.subject(number).await;
    let mut all = Vec::new();
    for station in way {
        match run(world, &mut subject, *station, None).await {
            Ok(Ended::Well(learned)) => all.push(learned),
            Ok(Ended::Unmet(_)) => unreachable!("there was no case"),
            Err(message) => panic!("{} fails although nothing disturbs it: {message}", station.name()),
        }
    }
    all
}

fn words_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_else(|| "a panic".to_owned())
}
