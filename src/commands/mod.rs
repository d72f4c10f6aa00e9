//! The program's subcommands, one file each.

pub mod crds;
pub mod doctor;
pub mod name;
pub mod output;
pub mod plan;
pub mod rules;
pub mod run;

use clap::{CommandFactory as _, Parser, Subcommand};

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
    ///
    /// Keeps namespaces, accounts and credentials of all mapped projects as they are declared. The API server is found as
    /// kubectl finds it: in a cluster by the ServiceAccount, otherwise by KUBECONFIG. On SIGTERM or Ctrl-C what is under way
    /// is finished; what is not is done after the next start.
    #[command(verbatim_doc_comment)]
    Run(run::RunArgs),
    /// Show what the operator would change now, in Kubernetes and in GitLab, and why
    ///
    /// Runs the operator's own reconcile without writing anything: what is shown is what the next reconcile does. Secrets
    /// are shown as fingerprints. It needs the rights of the operator, or those of an administrator. Signs: + create,
    /// ~ change, ± delete and make anew, - delete, * issue a token, ! a problem that keeps an object from being as declared.
    ///
    /// Exit code: 0 when there is nothing to change, 2 when there is, 1 when something kept the plan from being whole.
    #[command(verbatim_doc_comment)]
    Plan(plan::PlanArgs),
    /// Check everything that has to be right, and say what is not and what to do
    ///
    /// Looks at the operator's rights, the kinds, roles and policies, at each GitLab, each mapping, and logs in with each
    /// credential that jobs have. It writes nothing. The API server is found as kubectl finds it. Run as a cluster
    /// administrator it checks everything; with the operator's own account it says what it could not check.
    ///
    /// Exit code: 0 when no error was found, 2 when one was (with --strict also for warnings and what could not be
    /// checked), 1 when the checks could not be made.
    #[command(verbatim_doc_comment)]
    Doctor(doctor::DoctorArgs),
    /// Print the custom resource definitions as YAML
    Crds,
    /// Print the slug and namespace that GitLab's naming rules give
    ///
    /// The output is the slug, a tab and the namespace. With an empty ENVIRONMENT it is an empty slug and the namespace that
    /// serves all environments of the project. The names are those that GitLab computes for new environments (the namespace
    /// without a prefix); nothing is asked over the network.
    ///
    /// Without arguments, each line of standard input gives exactly one line of output. An input line has three fields
    /// separated by tabs: PROJECT_PATH, ID and ENVIRONMENT. Lines end with a line feed; a carriage return before it belongs
    /// to the environment.
    ///
    /// What cannot be computed (not three fields, an empty segment in the path, an ID that is no positive number of 64 bits,
    /// a line that is no UTF-8 or longer than 1 MiB) gives an empty line, and the reason on standard error. The lines after
    /// it are computed as usual.
    ///
    /// Exit code: 0 when everything was computed, 1 when something was not, 2 for wrong usage.
    #[command(verbatim_doc_comment)]
    Name(name::NameArgs),
}

/// What begins the names of all environment variables that configure the program.
const PREFIX: &str = "GL_K8S_";
/// Kubernetes itself sets variables with this prefix for the Service of the same name.
const SERVICE_PREFIX: &str = "GL_K8S_INTEGRATOR_";

/// Of these environment variables, those that look like configuration and are none: a misspelt one would go unnoticed.
pub fn unknown_variables(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let command = Cli::command();
    let known: Vec<String> = command
        .get_subcommands()
        .flat_map(clap::Command::get_arguments)
        .filter_map(|argument| Some(argument.get_env()?.to_string_lossy().into_owned()))
        .collect();
    let ours = |name: &String| name.starts_with(PREFIX) && !name.starts_with(SERVICE_PREFIX);
    names.into_iter().filter(|name| ours(name) && !known.contains(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_misspelt_variable_is_noticed_and_those_of_the_service_are_not() {
        let names = ["PATH", "GL_K8S_LOG", "GL_K8S_NAMESPACE", "GL_K8S_NAMESPAC", "GL_K8S_INTEGRATOR_SERVICE_HOST"];
        assert_eq!(unknown_variables(names.map(str::to_owned)), ["GL_K8S_NAMESPAC"]);
    }
}
