//! One mapping at one workload: undisturbed, or with a case.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use gl_k8s_integrator::reconcile::Outcome;
use serde_json::Value;

use crate::{
    cases::Case,
    operator::Operator,
    picture::Seen,
    recording::{Recording, Step},
    seams::{Call, Server},
    stations::{Station, Tokens},
    subject::Subject,
    tokens::Held,
    world::World,
};

/// What an undisturbed pass through a workload showed.
#[derive(Clone, Debug, PartialEq)]
pub struct Learned {
    /// What it leaves.
    pub picture: Value,
    /// What it calls.
    pub steps: BTreeSet<Step>,
}

/// How a case went.
pub enum Ended {
    /// As it should.
    Well(Learned),
    /// The call of the case never came in these passes.
    Unmet(Vec<String>),
}

/// More passes than any work takes.
const MOST_PASSES: usize = 25;
/// By then everything that was delivered is compared with GitLab.
const UNTIL_COMPARED: Duration = Duration::from_secs(6 * 3600 + 60);

/// A workload under way.
struct Run<'a> {
    world: &'a World,
    station: Station,
    operator: Operator,
    recording: Option<Recording>,
    /// How many calls were looked at for their effect on tokens.
    seen_calls: usize,
    before: Vec<Held>,
    passes: Vec<String>,
}

/// Takes a mapping through a workload. What it leaves is compared by the caller.
pub async fn run(world: &World, subject: &mut Subject, station: Station, case: Option<&Case>) -> Result<Ended, String> {
    let mut run = Run {
        world,
        station,
        operator: world.operator(),
        recording: None,
        seen_calls: 0,
        before: world.held(subject).await,
        passes: Vec::new(),
    };
    if let Some(wait) = station.noticed_after() {
        run.settle(subject).await?;
        run.operator.advance(wait);
    }
    station.begin(world, subject).await;
    let recording = Recording::begin(&run.operator.seams, subject, case);
    run.recording = Some(recording.clone());
    if case.is_some_and(|case| case.disturbance.is_end()) {
        let seams = run.operator.seams.clone();
        let settled = tokio::select! {
            settled = run.settle(subject) => Some(settled),
            () = seams.death() => None,
        };
        if !recording.met() {
            return settled.unwrap_or(Ok(())).map(|()| Ended::Unmet(run.passes));
        }
        run.passes.push("the operator ended".to_owned());
        run.tokens_are_alive(subject).await?;
        run.operator = world.successor(run.operator.clock.clone());
        run.seen_calls = 0;
        run.recording = None;
    }
    run.settle(subject).await?;
    if case.is_some() && !recording.met() {
        return Ok(Ended::Unmet(run.passes));
    }
    let steps = recording.steps();
    run.finish(subject).await?;
    let seen = world.look(subject).await;
    run.jobs_can_work(subject, &seen).await?;
    run.nothing_foreign_was_touched(subject, &seen)?;
    if subject.of_tenants.is_empty() {
        subject.settle_tenants(world).await;
    }
    Ok(Ended::Well(Learned { picture: seen.picture, steps }))
}

impl Run<'_> {
    /// Passes until nothing is wrong any more, each after the delay that the operator asked for.
    async fn settle(&mut self, subject: &Subject) -> Result<(), String> {
        for _ in 0..MOST_PASSES {
            let outcomes = self.round(subject).await?;
            let ill = outcomes.iter().filter(|outcome| outcome.problem.is_some());
            let Some(wait) = ill.map(|outcome| outcome.again.unwrap_or_default()).min() else { return Ok(()) };
            self.operator.advance(wait);
        }
        Err(format!("it does not settle: {:#?}", self.passes))
    }

    /// One pass over each object that the workload is about.
    async fn round(&mut self, subject: &Subject) -> Result<Vec<Outcome>, String> {
        let keys = self.station.keys(subject);
        let mut outcomes = Vec::new();
        for key in &keys {
            for key in &keys {
                self.world.shows(key).await?;
            }
            if let Some(recording) = &self.recording {
                recording.another_pass();
            }
            let outcome = self.operator.reconcile(key.clone()).await;
            self.passes.push(format!("{} {outcome:?}", key.kind()));
            self.tokens_are_alive(subject).await?;
            outcomes.push(outcome);
        }
        Ok(outcomes)
    }

    /// Whatever GitLab holds for a job is alive, unless the workload kills it.
    async fn tokens_are_alive(&mut self, subject: &Subject) -> Result<(), String> {
        let calls = self.operator.seams.calls();
        let concerned = calls[self.seen_calls..].iter().any(concerns_tokens);
        self.seen_calls = calls.len();
        if !concerned {
            return Ok(());
        }
        for held in self.world.held(subject).await {
            let dies = matches!(self.station.tokens(), Tokens::Die(those) if those.contains(&held.environment));
            if !dies {
                self.world.is_alive(&held).await.map_err(|why| {
                    format!("GitLab holds a dead token for {}: {why}; passes: {:#?}", held.environment, self.passes)
                })?;
            }
        }
        Ok(())
    }

    /// Nothing is left to do, also when everything is compared.
    async fn finish(&mut self, subject: &Subject) -> Result<(), String> {
        self.operator.advance(UNTIL_COMPARED);
        if self.station.noticed_after().is_some() {
            self.settle(subject).await?;
        }
        let before = self.operator.seams.calls().len();
        let outcomes = self.round(subject).await?;
        let calls = self.operator.seams.calls();
        let writes: Vec<_> = calls[before..].iter().filter(|call| call.is_write()).map(ToString::to_string).collect();
        if !writes.is_empty() || outcomes.iter().any(|outcome| outcome.problem.is_some()) {
            return Err(format!("a further pass ({outcomes:?}) wrote {writes:#?}; passes: {:#?}", self.passes));
        }
        Ok(())
    }

    /// What jobs get is alive and opens their namespaces; what was to die is dead.
    async fn jobs_can_work(&self, subject: &Subject, seen: &Seen) -> Result<(), String> {
        for held in &seen.held {
            seen.has_alive(held).map_err(|why| format!("{}: dead in the end: {why}", held.environment))?;
            let opened = self.world.opens(held).await;
            opened.map_err(|status| format!("{}: the token opens nothing: {status}", held.environment))?;
        }
        let served: Vec<_> = seen.held.iter().map(|held| held.environment).collect();
        if served != subject.environments {
            return Err(format!("jobs of {served:?} have tokens instead of {:?}", subject.environments));
        }
        let Tokens::Die(those) = self.station.tokens() else { return Ok(()) };
        for before in self.before.iter().filter(|before| those.contains(&before.environment)) {
            if seen.has_alive(before).is_ok() {
                return Err(format!("the token that {} had before is still alive", before.environment));
            }
        }
        Ok(())
    }

    fn nothing_foreign_was_touched(&self, subject: &Subject, seen: &Seen) -> Result<(), String> {
        for (list, entry) in &subject.foreign_entries {
            if !seen.entries.iter().any(|(now, found)| now == list && found == entry) {
                return Err(format!("of the project's {list} this one was touched: {entry}"));
            }
        }
        let mut expected: BTreeMap<_, _> = subject.of_tenants.clone();
        expected.retain(|place, _| {
            let stays = |name: &String| place.ends_with(&format!(" in {name}"));
            !self.station.deletes_namespaces() || seen.accounts.keys().any(stays)
        });
        if seen.of_tenants != expected {
            return Err(format!("tenants' objects are {:#?} instead of {expected:#?}", seen.of_tenants));
        }
        Ok(())
    }
}

/// Whether a call can have an effect on a token that GitLab holds.
fn concerns_tokens(call: &Call) -> bool {
    call.is_write() && (call.server == Server::GitLab || call.method == http::Method::DELETE)
}
