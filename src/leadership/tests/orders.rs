//! Whatever happens in whatever order: calls overtake each other, fail, take effect without an answer; processes stand still,
//! end and come back; people delete the Lease. Never do two processes hold a claim.

use std::panic::{AssertUnwindSafe, catch_unwind};

use fastrand::Rng;

use super::{super::*, seconds};

/// How many orders are tried.
const ORDERS: u64 = 2000;
const PROCESSES: usize = 3;
const LEASE: u64 = 4;

/// What happens next.
#[derive(Clone, Copy, Debug)]
enum Happening {
    /// Time passes.
    Passes(u64),
    /// A process decides what to do and begins it.
    Begins(usize),
    /// Its request reaches the API server.
    Arrives(usize),
    /// Its answer reaches the process.
    Returns(usize),
    /// Its request or answer is lost, and it notices.
    Fails(usize),
    /// It ends, and another process takes its place.
    Restarts(usize),
    /// It lays down the claim and gives the lease back.
    Releases(usize),
    /// A person deletes the Lease.
    Deleted,
}

#[derive(Clone, Copy, Debug)]
enum Call {
    Read,
    Create,
    Hold,
    Release,
}

#[derive(Debug)]
enum Answer {
    Lease(Option<Record>),
    Held(Record),
    Conflict,
}

#[derive(Debug)]
struct Process {
    identity: String,
    known: Knowledge,
    /// What was read or written last.
    lease: Option<Record>,
    claim: Option<Moment>,
    laid_down: bool,
    call: Option<(Call, Moment)>,
    answer: Option<(Answer, Moment)>,
}

impl Process {
    fn new(number: usize) -> Self {
        let identity = format!("process-{number}");
        let (known, lease, claim, laid_down, call, answer) = (Knowledge::new(), None, None, false, None, None);
        Self { identity, known, lease, claim, laid_down, call, answer }
    }
}

struct World {
    now: u64,
    timing: Timing,
    lease: Option<Record>,
    writes: u64,
    processes: Vec<Process>,
    started: usize,
    holders: Vec<String>,
    taken: usize,
}

impl World {
    fn new() -> Self {
        let timing = Timing::new(seconds(LEASE), seconds(LEASE - 1), seconds(1)).unwrap();
        let processes = (0..PROCESSES).map(Process::new).collect();
        let (lease, holders) = (None, Vec::new());
        Self { now: 0, timing, lease, writes: 0, processes, started: PROCESSES, holders, taken: 0 }
    }

    fn moment(&self) -> Moment {
        Moment::after_start(seconds(self.now))
    }

    fn happens(&mut self, happening: Happening) {
        match happening {
            Happening::Passes(time) => self.now += time,
            Happening::Begins(number) => self.begins(number),
            Happening::Arrives(number) => self.arrives(number),
            Happening::Returns(number) => self.returns(number),
            Happening::Fails(number) => self.fails(number),
            Happening::Restarts(number) => self.restarts(number),
            Happening::Releases(number) => {
                let process = &mut self.processes[number];
                process.laid_down = true;
                process.claim = None;
            }
            Happening::Deleted => self.lease = None,
        }
        self.one_claim_at_most(happening);
    }

    fn begins(&mut self, number: usize) {
        let now = self.moment();
        let process = &mut self.processes[number];
        if process.call.is_some() || process.answer.is_some() {
            return;
        }
        if process.laid_down {
            if process.known.is_holder() {
                process.call = Some((Call::Release, now));
            } else {
                self.restarts(number);
            }
            return;
        }
        match decide(&process.identity, &self.timing, &process.known, now) {
            Decision::Read => process.call = Some((Call::Read, now)),
            Decision::Create => process.call = Some((Call::Create, now)),
            Decision::Hold(_) => process.call = Some((Call::Hold, now)),
            Decision::Wait { until } => assert!(until > now, "nobody waits for what has been"),
            Decision::End(_) => self.restarts(number),
        }
    }

    fn arrives(&mut self, number: usize) {
        let process = &self.processes[number];
        let Some((call, began)) = process.call else { return };
        let current =
            self.lease.as_ref().map(|lease| &lease.version) == process.lease.as_ref().map(|lease| &lease.version);
        let writes = match call {
            Call::Read => false,
            Call::Create => self.lease.is_none(),
            Call::Hold | Call::Release => self.lease.is_some() && current,
        };
        let answer = if writes {
            self.writes += 1;
            let holder = (!matches!(call, Call::Release)).then(|| process.identity.clone());
            let record = Record { version: self.writes.to_string(), holder, duration: Some(seconds(LEASE)) };
            self.lease = Some(record.clone());
            Answer::Held(record)
        } else if matches!(call, Call::Read) {
            Answer::Lease(self.lease.clone())
        } else {
            Answer::Conflict
        };
        let process = &mut self.processes[number];
        process.call = None;
        process.answer = Some((answer, began));
    }

    fn returns(&mut self, number: usize) {
        let now = self.moment();
        let process = &mut self.processes[number];
        let Some((answer, began)) = process.answer.take() else { return };
        match answer {
            // It is gone after its last act, whatever came of it.
            _ if process.laid_down => self.restarts(number),
            Answer::Lease(record) => {
                process.known.saw(record.clone(), now);
                process.lease = record;
            }
            Answer::Conflict => process.known.changed(),
            Answer::Held(record) => {
                self.taken += usize::from(!process.known.is_holder());
                process.known.held(record.clone(), began, now);
                process.lease = Some(record);
                process.claim = Some(began.plus(self.timing.lease()));
            }
        }
    }

    fn fails(&mut self, number: usize) {
        let now = self.moment();
        let process = &mut self.processes[number];
        if process.call.take().is_some() || process.answer.take().is_some() {
            process.known.failed(now, self.timing.retry_period());
        }
    }

    fn restarts(&mut self, number: usize) {
        self.processes[number] = Process::new(self.started);
        self.started += 1;
    }

    fn one_claim_at_most(&mut self, after: Happening) {
        let now = self.moment();
        let holding = self.processes.iter().filter(|process| process.claim.is_some_and(|until| now < until));
        self.holders = holding.map(|process| process.identity.clone()).collect();
        assert!(self.holders.len() <= 1, "after {after:?} at {now:?}: {:#?}", self.processes);
    }
}

/// Something at random; now and then what is rare.
fn happening(chance: &mut Rng) -> Happening {
    let process = chance.usize(0..PROCESSES);
    match chance.u32(0..32) {
        0..4 => Happening::Passes(chance.u64(1..=LEASE)),
        4..12 => Happening::Begins(process),
        12..20 => Happening::Arrives(process),
        20..28 => Happening::Returns(process),
        28..30 => Happening::Fails(process),
        30 => Happening::Restarts(process),
        _ => Happening::Releases(process),
    }
}

/// Runs many orders, each of them a different one and always the same ones; a failure names its number.
fn in_many_orders(run: impl Fn(&mut Rng)) {
    for seed in 0..ORDERS {
        let order = AssertUnwindSafe(|| run(&mut Rng::with_seed(seed)));
        assert!(catch_unwind(order).is_ok(), "in the order number {seed}");
    }
}

/// A process does what it decides, and its call succeeds.
fn acts(world: &mut World, number: usize) {
    for happening in [Happening::Begins(number), Happening::Arrives(number), Happening::Returns(number)] {
        world.happens(happening);
    }
}

#[test]
fn never_do_two_processes_hold_a_claim() {
    in_many_orders(|chance| {
        let mut world = World::new();
        for _ in 0..300 {
            world.happens(happening(chance));
        }
    });
}

#[test]
fn whatever_happened_one_process_leads_soon_after() {
    in_many_orders(|chance| {
        let mut world = World::new();
        for _ in 0..chance.u32(0..100) {
            world.happens(happening(chance));
        }
        for number in 0..PROCESSES {
            world.happens(Happening::Arrives(number));
            world.happens(Happening::Returns(number));
        }
        for _ in 0..3 * LEASE {
            for number in 0..PROCESSES {
                for _ in 0..3 {
                    acts(&mut world, number);
                }
            }
            world.happens(Happening::Passes(1));
        }
        assert_eq!(world.holders.len(), 1);
    });
}

/// Deleted while all candidates know it; who comes just then cannot know that there was one.
#[test]
fn not_even_when_a_person_deletes_the_lease() {
    in_many_orders(|chance| {
        let mut world = World::new();
        for number in 0..PROCESSES {
            for _ in 0..3 {
                acts(&mut world, number);
            }
        }
        let deleted = chance.u32(0..200);
        for number in 0..200 {
            if number == deleted {
                world.happens(Happening::Deleted);
            }
            let happening = happening(chance);
            // Who comes anew after a loss is out of this, too.
            if world.started == PROCESSES && !matches!(happening, Happening::Restarts(_) | Happening::Releases(_)) {
                world.happens(happening);
            }
        }
    });
}

#[test]
fn the_lease_changes_hands_in_these_orders_at_all() {
    let mut world = World::new();
    for number in 0..PROCESSES {
        for _ in 0..3 {
            acts(&mut world, number);
        }
    }
    assert_eq!(world.holders, ["process-0"]);
    world.happens(Happening::Passes(LEASE));
    for _ in 0..3 {
        acts(&mut world, 1);
    }
    assert_eq!(world.holders, ["process-1"]);
    assert_eq!(world.taken, 2);
}
