//! `gl-k8s-integrator doctor`: looks at everything that has to be right, and says what is not and what to do.
//!
//! It is run when something is broken, so each check stands alone: what one of them needs and another found broken is told
//! as unchecked, never taken for well. Each file holds one area: it asks, and judges by pure functions what it was told.
//! Nothing is written: access reviews are questions, and the writes that policies have to refuse are dry-runs.

mod bindings;
pub mod checks;
mod cluster;
mod compare;
mod confinement;
mod credentials;
mod declarations;
mod delivery;
mod endpoint;
mod everywhere;
mod findings;
mod installed;
mod instances;
mod kinds;
mod mappings;
mod policies;
mod projects;
mod right;
mod rights;
mod roles;
mod rules;

use std::process::ExitCode;

use anyhow::Context as _;

pub use findings::{Finding, Level, Report};

use super::{
    output::{Output, print},
    rules::OwnNamespace,
    run::configuration,
};

/// What `doctor` is told.
#[derive(Clone, Debug, clap::Args)]
pub struct DoctorArgs {
    /// Look at these mappings only, with their instances and classes; at all without a name
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// How the findings are written
    #[arg(short, long, value_enum, default_value = "text", value_name = "FORMAT")]
    output: Output,
    /// Count warnings, and what could not be checked, as errors in the exit code
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    own: OwnNamespace,
}

/// What the program exits with when there are findings.
const FINDINGS: u8 = 2;

/// Runs all checks and writes the report to standard output; the text may be coloured.
///
/// # Errors
/// When the checks could not be made at all: no API server, or no mapping of a given name.
pub async fn run(args: DoctorArgs, colours: bool) -> anyhow::Result<ExitCode> {
    let report = examine(&args).await?;
    let written = print(|output| match args.output {
        Output::Json => report.write_json(output),
        Output::Text => report.write_text(output, colours),
    });
    written.context("could not write the findings")?;
    let counts = [Level::Error, Level::Warning, Level::Unchecked].map(|level| report.count(level));
    let found = counts[0] > 0 || args.strict && counts.iter().sum::<usize>() > 0;
    Ok(if found { ExitCode::from(FINDINGS) } else { ExitCode::SUCCESS })
}

async fn examine(args: &DoctorArgs) -> anyhow::Result<Report> {
    let config = configuration().await?;
    let cluster = cluster::Cluster::meet(config, &args.own.namespace)
        .await
        .context("could not ask the API server who this is; see that it runs and that the kubeconfig is right")?;
    let declared = declarations::read(&cluster, &args.names).await?;
    let named = declared.roles();
    let (rights, kinds, roles, policies, mappings) = futures::join!(
        rights::check(&cluster),
        kinds::check(&cluster),
        roles::check(&cluster, &named),
        policies::check(&cluster),
        mappings::check(&cluster, &declared),
    );
    let findings = [declared.findings, rights, kinds, roles, policies, mappings];
    Ok(Report::new(findings.into_iter().flatten().collect()))
}
