//! The operator ends at any of its calls, or any of them fails in any way: what it leaves in the end is the same.
//!
//! A workload is learnt first, call by call, and then done once for each call and each thing that can happen to it.
//! `make faults` runs all of them, `make test` a part.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../support/bed.rs"]
mod bed;
#[allow(dead_code, reason = "shared with other tests; one or the other uses it")]
#[path = "../operator/campus.rs"]
mod campus;
mod cases;
mod difference;
#[path = "../support/installed.rs"]
mod installed;
#[allow(dead_code, reason = "shared with other tests; one or the other uses it")]
#[path = "../support/operator.rs"]
mod operator;
mod picture;
mod recording;
mod report;
mod run;
mod schedule;
#[allow(dead_code, reason = "shared with other tests; one or the other uses it")]
#[path = "../support/seams.rs"]
mod seams;
mod stations;
mod subject;
mod tokens;
mod world;

use std::time::Instant;

use crate::{
    cases::Selection,
    report::{say, summarize},
    schedule::Plan,
    world::World,
};

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_at_any_call_the_end_is_the_same() {
    let begin = Instant::now();
    let selection = Selection::from_environment();
    let world = World::new().await;
    let plan = Plan::learn(&world, &selection).await;
    for (station, calls) in &plan.calls {
        say(&format!("{}: {calls} calls", station.name()));
    }
    say(&format!("{} cases ({selection}), after {:.0} s of learning", plan.total, begin.elapsed().as_secs_f64()));
    assert!(plan.total > 0, "no case has such a name");
    let total = plan.total;
    let summary = plan.carry_out().await;
    summarize(&summary, begin.elapsed().as_secs_f64());
    assert!(summary.failures.is_empty(), "{} cases failed", summary.failures.len());
    assert_eq!(summary.done, total, "cases were left out");
    let strangers = world.strangers().await;
    assert!(strangers.is_empty(), "{strangers:#?}");
}
