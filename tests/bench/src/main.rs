//! What the operator costs, measured against the least that its work can cost.
//!
//! It starts a real control plane and a simulated GitLab as processes of their own, learns from the operator which writes
//! and calls one mapping takes, and lets a bare client send just these for N other mappings: the *floor*. Then, on a fresh
//! control plane, the operator brings the same N mappings from nothing to ready. It links nothing of the operator but for
//! the ten idle minutes in accelerated time: everything else is seen from outside.
//!
//! What is where: `steps` has one file per measurement, in the order in which they run; `bed`, `gitlab`, `operator`,
//! `bare` are the actors; `recorder` and `chain` learn and replay; `audit` and `processes` are the instruments; `report`
//! is what people and machines read.

mod audit;
mod bare;
mod bed;
mod chain;
mod gitlab;
mod numbers;
mod objects;
mod operator;
mod processes;
mod recorder;
mod report;
mod steps;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;

/// Measures the operator against the least that its work can cost.
#[derive(Parser, Clone, Debug)]
pub struct Arguments {
    /// How many mappings; each has two environments
    #[arg(long, default_value = "200")]
    mappings: usize,
    /// How often floor and operator take turns
    #[arg(long, default_value = "1")]
    rounds: usize,
    /// Switch GitLab's application limits off, which are on by default
    #[arg(long)]
    without_limits: bool,
    /// The floor only with this many mappings at a time, instead of the best of several
    #[arg(long, value_name = "NUMBER")]
    concurrency: Option<usize>,
    /// Only the floor and the cold start
    #[arg(long)]
    cold_only: bool,
    /// Seconds of real time in which a converged operator is watched doing nothing
    #[arg(long, default_value = "20", value_name = "SECONDS")]
    idle: u64,
    /// How many objects are deleted by hand, and a fifth as many mappings changed
    #[arg(long, default_value = "50", value_name = "NUMBER")]
    repairs: usize,
    /// The operator's program; by default the one beside this program
    #[arg(long, value_name = "PATH")]
    operator: Option<PathBuf>,
    /// Further arguments of the operator's `run`, separated by blanks
    #[arg(long, default_value = "", allow_hyphen_values = true)]
    operator_arguments: String,
    /// The GitLab simulator's program; by default the one beside this program
    #[arg(long, value_name = "PATH")]
    simulator: Option<PathBuf>,
    /// Append the result to this file of JSON lines
    #[arg(long, value_name = "PATH")]
    json: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    // One provider for all clients; whoever was first is right.
    rustls::crypto::ring::default_provider().install_default().ok();
    let programs = Programs::find(&arguments)?;
    let result = tokio::select! {
        result = steps::all(&arguments, &programs) => result?,
        // Dropping the steps ends all programs that they started.
        _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted"),
    };
    print!("{}", result.table());
    match &arguments.json {
        Some(path) => result.append(path),
        None => Ok(()),
    }
}

/// The programs that are measured or that others are measured with.
pub struct Programs {
    /// The operator.
    pub operator: PathBuf,
    /// The simulated GitLab.
    pub simulator: PathBuf,
}

impl Programs {
    fn find(arguments: &Arguments) -> anyhow::Result<Self> {
        let operator = arguments.operator.clone().map_or_else(|| beside("gl-k8s-integrator"), Ok)?;
        let simulator = arguments.simulator.clone().map_or_else(|| beside("gitlab-simulator"), Ok)?;
        for program in [&operator, &simulator] {
            anyhow::ensure!(program.is_file(), "{} is missing; build it: make bench", program.display());
        }
        Ok(Self { operator, simulator })
    }
}

/// A program that cargo has put beside this one.
fn beside(name: &str) -> anyhow::Result<PathBuf> {
    Ok(std::env::current_exe().context("cannot find out where this program is")?.with_file_name(name))
}
