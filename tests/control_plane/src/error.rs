//! Why a control plane did not start.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use crate::binaries::MissingBinaries;

/// Why [`ControlPlane::start`](crate::ControlPlane::start) or a restart of the API server failed. The text is complete:
/// show it as it is.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The servers' binaries are not there.
    #[error(transparent)]
    MissingBinaries(#[from] MissingBinaries),

    /// A file or folder could not be written.
    #[error("cannot {action}: {source}")]
    Files {
        /// What was attempted, on which file.
        action: String,
        /// The system's reason.
        source: io::Error,
    },

    /// A key or certificate could not be made.
    #[error("cannot make the certificates of the control plane: {0}")]
    Certificates(#[from] rcgen::Error),

    /// A program could not be executed at all.
    #[error("cannot execute {program}: {source}")]
    Execute {
        /// The program's path.
        program: PathBuf,
        /// The system's reason.
        source: io::Error,
    },

    /// No free port was found on loopback.
    #[error("found no free port on 127.0.0.1 among {tried} tried")]
    NoFreePort {
        /// How many ports were tried.
        tried: u32,
    },

    /// A server ended although it should serve.
    #[error("{server} ended ({status}); its last words were:\n{last_lines}\nAll logs: {}", logs.display())]
    Ended {
        /// The server's name.
        server: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// The last lines of its log.
        last_lines: String,
        /// The folder with the logs of all servers; it stays.
        logs: PathBuf,
    },

    /// Something that must come about did not.
    #[error("no sign of {awaited} after {} s; the last words of {server} were:\n{last_lines}\nAll logs: {}",
            limit.as_secs(), logs.display())]
    NotReady {
        /// What was waited for.
        awaited: &'static str,
        /// For how long.
        limit: Duration,
        /// The server that should have brought it about.
        server: &'static str,
        /// The last lines of its log.
        last_lines: String,
        /// The folder with the logs of all servers; it stays.
        logs: PathBuf,
    },

    /// The client of the new control plane could not be made.
    #[error("cannot make a client for the new control plane: {0}")]
    Client(#[from] Box<kube::Error>),
}

impl StartError {
    /// Whether somebody else took the port between our choosing it and the server's binding it: the one failure that
    /// another try with another port heals.
    pub(crate) fn is_lost_port(&self) -> bool {
        matches!(self, Self::Ended { last_lines, .. } if last_lines.contains("address already in use"))
    }
}
