//! `gl-k8s-integrator crds`: prints the definitions of the kinds.

use std::io::{self, Write};

use crate::api::crds;

/// Writes all definitions as YAML documents.
///
/// # Errors
/// When they cannot be written.
pub fn run(mut output: impl Write) -> io::Result<()> {
    let yaml = crds::all_yaml().map_err(io::Error::other)?;
    output.write_all(yaml.as_bytes())?;
    output.flush()
}
