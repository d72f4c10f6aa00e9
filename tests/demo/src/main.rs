//! The demo: a small university on this machine.
//!
//! It starts a real control plane and a simulated GitLab, installs the operator's files with the real kubectl, runs the
//! operator with exactly the rights that these files give, and then does what a CI job of a mapped project would do. It
//! links nothing of the operator: what it shows, it shows from outside.
//!
//! What is where: `acts` is the play, one file per act, in the order in which they are seen; `cluster`, `gitlab`,
//! `operator` and `job` are the actors; `report` is what the spectator reads.

mod acts;
mod cluster;
mod gitlab;
mod job;
mod objects;
mod operator;
mod report;
mod waiting;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

/// A small university on this machine: a real Kubernetes control plane, a simulated GitLab, the operator, and a CI job
/// that deploys.
#[derive(Parser)]
pub struct Arguments {
    /// End when everything was shown, with exit code 0 if every step showed what it should
    #[arg(long)]
    once: bool,
    /// The operator's program; by default the one beside this program
    #[arg(long, value_name = "PATH")]
    operator: Option<PathBuf>,
    /// The GitLab simulator's program; by default the one beside this program
    #[arg(long, value_name = "PATH")]
    simulator: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    run(Arguments::parse()).await.unwrap_or_else(|error| {
        eprintln!("demo: {error:#}");
        ExitCode::FAILURE
    })
}

async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    // Dropping the play, as a signal does here, ends all programs that it started.
    let played = tokio::select! {
        played = acts::play(&arguments) => played?,
        signalled = ending_signal() => {
            println!("\nEnded before everything was shown.");
            return signalled.map(|()| ExitCode::from(130));
        }
    };
    if let Some(stage) = played.stage.as_ref().filter(|_| !arguments.once) {
        acts::say_how_to_look_around(stage);
        ending_signal().await?;
    }
    Ok(if played.success { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Waits for Ctrl-C or SIGTERM.
async fn ending_signal() -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// A program that cargo has put beside this one.
fn beside(name: &str) -> anyhow::Result<PathBuf> {
    let this = std::env::current_exe().context("cannot find out where this program is")?;
    let path = this.with_file_name(name);
    anyhow::ensure!(path.is_file(), "{} is missing; build it: make build", path.display());
    Ok(path)
}
