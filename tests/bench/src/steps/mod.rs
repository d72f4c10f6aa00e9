//! The measurements, in the order in which they run.

mod accelerated;
mod change;
mod cold;
mod floor;
mod idle;
mod repair;
mod restart;
mod watching;

use anyhow::Context as _;

use crate::bed::{Bed, create};
use crate::operator::Operator;
use crate::report::{Machine, Outcome};
use crate::{Arguments, Programs, objects};

pub use accelerated::Accelerated;
pub use change::Change;
pub use cold::Cold;
pub use floor::Floor;
pub use idle::Idle;
pub use repair::Repair;
pub use restart::Restart;

/// How many mappings are created at a time, by whoever creates them.
const CREATED_AT_ONCE: usize = 16;

/// Everything that the arguments ask for.
pub async fn all(arguments: &Arguments, programs: &Programs) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::new(arguments, Machine::this());
    for round in 1..=arguments.rounds {
        said(arguments, &format!("round {round} of {}: the floor", arguments.rounds));
        let (floor, lists) = floor::measure(arguments, programs).await.context("measuring the floor")?;
        outcome.floors.push(floor);
        said(arguments, &format!("round {round} of {}: the operator, from nothing", arguments.rounds));
        let started = cold::measure(arguments, programs).await.context("measuring the cold start")?;
        outcome.colds.push(started.cold.clone());
        if round < arguments.rounds || arguments.cold_only {
            continue;
        }
        let (bed, operator) = (started.bed, started.operator);
        said(arguments, "restart with everything converged");
        let (restarted, operator) =
            restart::measure(arguments, programs, &bed, operator, &lists).await.context("restarting")?;
        outcome.restart = Some(restarted);
        said(arguments, &format!("{} idle seconds", arguments.idle));
        outcome.idle = Some(idle::measure(arguments, &bed, &operator).await.context("watching it idle")?);
        said(arguments, "mappings changed, objects deleted by hand");
        outcome.change = Some(change::measure(arguments, &bed).await.context("changing mappings")?);
        outcome.repair = Some(repair::measure(arguments, &bed).await.context("deleting objects")?);
        operator.stop().await?;
        said(arguments, "ten idle minutes in accelerated time");
        outcome.accelerated = Some(accelerated::measure(arguments, &bed).await.context("letting time go by")?);
        bed.control_plane.stop().await;
    }
    Ok(outcome)
}

fn said(arguments: &Arguments, what: &str) {
    eprintln!("bench: {} mappings: {what}", arguments.mappings);
}

/// A bed with an operator that has nothing to do yet.
async fn operating(arguments: &Arguments, programs: &Programs, projects: usize) -> anyhow::Result<(Bed, Operator)> {
    let bed = Bed::start(arguments, programs, projects).await?;
    let url = bed.gitlab.url().to_owned();
    bed.declare(&url).await?;
    let server = bed.control_plane.server_url().to_owned();
    let operator = Operator::start(&programs.operator, arguments, &bed, &server).await?;
    Ok((bed, operator))
}

/// Creates the mapping of a project; gives it as the server has it.
async fn map(bed: &Bed, number: usize) -> anyhow::Result<kube::api::DynamicObject> {
    create(&bed.objects("ProjectMapping"), objects::mapping(number)).await
}
