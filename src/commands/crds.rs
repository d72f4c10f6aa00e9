//! `gl-k8s-integrator crds`: prints the definitions of the kinds.

use std::io::{self, Write as _};

use super::output::print;
use crate::api::crds;

/// Writes all definitions as YAML documents to standard output.
///
/// # Errors
/// When they cannot be written.
pub fn run() -> io::Result<()> {
    let yaml = crds::all_yaml().map_err(io::Error::other)?;
    print(|output| output.write_all(yaml.as_bytes()))
}
