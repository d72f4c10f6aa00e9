//! The program's subcommands, one file each.

pub mod crds;
pub mod name;
pub mod run;

use clap::{Parser, Subcommand};

/// Gives GitLab projects their own Kubernetes namespaces, and their CI jobs the credentials to deploy into them.
#[derive(Debug, Parser)]
#[command(name = "gl-k8s-integrator", version, propagate_version = true)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the operator until it is told to stop
    Run(run::RunArgs),
    /// Print the custom resource definitions as YAML
    Crds,
    /// Print the slug and namespace that GitLab's naming rules give
    Name(name::NameArgs),
}
