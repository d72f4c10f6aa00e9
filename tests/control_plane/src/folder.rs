//! The folder of one control plane: what the servers read and write, and their logs.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::error::StartError;

/// Layout of one control plane's folder, below the system's folder for temporary files and readable by its owner only.
/// `logs` is apart from the rest because it stays after a failed start. Removing it is the watchdog's work.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    root: PathBuf,
}

impl Folder {
    /// Creates a new folder with its subfolders.
    pub(crate) fn create() -> Result<Self, StartError> {
        let root = tempfile::Builder::new()
            .prefix("control-plane-")
            .tempdir()
            .map_err(|source| StartError::Files { action: "create a folder for the control plane".to_owned(), source })?
            .keep();
        let folder = Self { root };
        for part in [folder.logs(), folder.state()] {
            fs::create_dir(&part)
                .map_err(|source| StartError::Files { action: format!("create {}", part.display()), source })?;
        }
        Ok(folder)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    pub(crate) fn log_of(&self, server: &str) -> PathBuf {
        self.logs().join(format!("{server}.log"))
    }

    pub(crate) fn audit_log(&self) -> PathBuf {
        self.logs().join("audit.jsonl")
    }

    /// Everything but the logs: etcd's data, keys and certificates, caches.
    pub(crate) fn state(&self) -> PathBuf {
        self.root.join("state")
    }

    /// A file or folder of this name below [`Self::state`].
    pub(crate) fn in_state(&self, name: &str) -> PathBuf {
        self.state().join(name)
    }

    /// Writes a file below [`Self::state`] that only its owner can read.
    pub(crate) fn write(&self, name: &str, content: &str) -> Result<PathBuf, StartError> {
        let path = self.in_state(name);
        fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(content.as_bytes()))
            .map_err(|source| StartError::Files { action: format!("write {}", path.display()), source })?;
        Ok(path)
    }
}
