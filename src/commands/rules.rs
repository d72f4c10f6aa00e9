//! What `run` and `plan` have to be told alike, or a plan would not be what is done.

use std::time::Duration;

use crate::{
    api::{Period, PeriodError},
    context::Settings,
    naming::is_dns_label,
    plan::{brake::Brake, environments::ReservedNames},
};

/// Deletions follow each other at least as fast as namespaces can be revoked.
const SHORTEST_WINDOW: Duration = Duration::from_secs(60);

/// Where the operator lives.
#[derive(Clone, Debug, clap::Args)]
pub struct OwnNamespace {
    /// The operator's own namespace: Secrets with GitLab tokens and ConfigMaps with CA certificates are read there only
    #[arg(long, env = "GL_K8S_NAMESPACE", default_value = "gl-k8s-integrator", value_name = "NAME", value_parser = namespace)]
    pub namespace: String,
}

/// The rules that an administrator sets by flags.
#[derive(Clone, Debug, clap::Args)]
pub struct RulesArgs {
    #[command(flatten)]
    own: OwnNamespace,
    /// A namespace that is never touched, besides Kubernetes' own; `*` stands for any characters; may be repeated
    #[arg(long, env = "GL_K8S_RESERVED_NAMESPACES", value_delimiter = ',', value_name = "PATTERN")]
    reserved_namespace: Vec<String>,
    /// How many namespaces may be deleted within --deletion-window; the next ones are held until an annotation releases them
    #[arg(long, env = "GL_K8S_DELETION_LIMIT", default_value = "10", value_name = "NUMBER")]
    deletion_limit: usize,
    /// The time within which --deletion-limit counts
    #[arg(long, env = "GL_K8S_DELETION_WINDOW", default_value = "10m", value_name = "PERIOD", value_parser = window)]
    deletion_window: Period,
}

impl RulesArgs {
    /// The operator's own namespace.
    pub fn own_namespace(&self) -> &str {
        &self.own.namespace
    }

    /// The settings with these rules; everything else as it is without flags.
    pub fn settings(&self) -> Settings {
        Settings {
            own_namespace: self.own.namespace.clone(),
            reserved: ReservedNames::new(&self.own.namespace, &self.reserved_namespace),
            brake: Brake { limit: self.deletion_limit, window: self.deletion_window.duration() },
            ..Settings::default()
        }
    }
}

fn namespace(text: &str) -> Result<String, String> {
    if is_dns_label(text) {
        Ok(text.to_owned())
    } else {
        Err("it is no name of a namespace (RFC 1123 label)".to_owned())
    }
}

fn window(text: &str) -> Result<Period, String> {
    let period: Period = text.parse().map_err(|error: PeriodError| error.to_string())?;
    if period.duration() < SHORTEST_WINDOW {
        return Err("give at least 1m, or nothing is ever held".to_owned());
    }
    Ok(period)
}
