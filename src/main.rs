//! The program: reads the command line and hands over to a subcommand.

use std::{
    io::{self, IsTerminal as _},
    process::ExitCode,
};

use clap::Parser as _;
use gl_k8s_integrator::commands::{Cli, Command, crds, doctor, name, plan, run, unknown_variables};

/// What clap exits with for wrong usage.
const WRONG_USAGE: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let names = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    let unknown = unknown_variables(names);
    if !unknown.is_empty() {
        eprintln!("error: unknown environment variables: {}; see gl-k8s-integrator run --help", unknown.join(", "));
        return ExitCode::from(WRONG_USAGE);
    }
    if let Command::Run(args) = &cli.command
        && let Err(wrong) = args.election()
    {
        eprintln!("error: {wrong}; see gl-k8s-integrator run --help");
        return ExitCode::from(WRONG_USAGE);
    }
    let result = match cli.command {
        Command::Run(args) => in_runtime(run::run(args)).map(|()| ExitCode::SUCCESS),
        Command::Plan(args) => in_runtime(plan::run(args, colours())),
        Command::Doctor(args) => in_runtime(doctor::run(args, colours())),
        Command::Crds => crds::run().map(|()| ExitCode::SUCCESS).map_err(Into::into),
        Command::Name(args) => {
            let output = io::BufWriter::new(io::stdout().lock());
            name::run(&args, io::stdin().lock(), output, io::stderr().lock()).map_err(Into::into)
        }
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

/// Whether what people read on standard output may be coloured: on a terminal, unless `NO_COLOR` has a value (no-color.org).
fn colours() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Runs what talks to servers.
fn in_runtime<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    // One provider for both clients; with two in the tree rustls could not choose.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        anyhow::bail!("a TLS provider was installed already");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(work);
    // Whoever lost the lease has no time to wait for threads, such as one that looks up a name.
    runtime.shutdown_background();
    result
}
