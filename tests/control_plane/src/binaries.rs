//! Where the binaries are: `KUBEBUILDER_ASSETS`, or what `tests/control_plane/build` has built.

use std::fmt;
use std::path::{Path, PathBuf};

/// The environment variable that names a folder with ready binaries; the name is the one that controller-runtime's
/// `envtest` made common.
pub(crate) const ASSETS_VARIABLE: &str = "KUBEBUILDER_ASSETS";

/// The folder with the four binaries; existence was checked.
#[derive(Debug, Clone)]
pub struct Binaries {
    folder: PathBuf,
}

impl Binaries {
    const NAMES: [&str; 4] = ["etcd", "kube-apiserver", "kube-controller-manager", "kubectl"];

    /// Finds the binaries in the folder that `KUBEBUILDER_ASSETS` names, otherwise in `target/control-plane` of this
    /// workspace.
    ///
    /// # Errors
    /// Which binaries are missing, and how to get them.
    pub fn find() -> Result<Self, MissingBinaries> {
        match std::env::var_os(ASSETS_VARIABLE).filter(|folder| !folder.is_empty()) {
            Some(folder) => Self::in_folder(Path::new(&folder)),
            None => Self::in_folder(&Self::built_folder()),
        }
    }

    /// Takes the binaries of this folder.
    ///
    /// # Errors
    /// Which binaries are missing, and how to get them.
    pub fn in_folder(folder: &Path) -> Result<Self, MissingBinaries> {
        let missing: Vec<_> = Self::NAMES.into_iter().filter(|name| !folder.join(name).is_file()).collect();
        if missing.is_empty() {
            Ok(Self { folder: folder.to_owned() })
        } else {
            Err(MissingBinaries { folder: folder.to_owned(), missing })
        }
    }

    /// Where `tests/control_plane/build` puts them.
    fn built_folder() -> PathBuf {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        package.ancestors().nth(2).unwrap_or(package).join("target/control-plane")
    }

    pub(crate) fn etcd(&self) -> PathBuf {
        self.folder.join("etcd")
    }

    pub(crate) fn api_server(&self) -> PathBuf {
        self.folder.join("kube-apiserver")
    }

    pub(crate) fn controller_manager(&self) -> PathBuf {
        self.folder.join("kube-controller-manager")
    }

    pub(crate) fn kubectl(&self) -> PathBuf {
        self.folder.join("kubectl")
    }
}

/// Binaries that are not where they should be. Its text says how to get them.
#[derive(Debug)]
pub struct MissingBinaries {
    folder: PathBuf,
    missing: Vec<&'static str>,
}

impl fmt::Display for MissingBinaries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} missing in {}: build them with `make control-plane` (needs Go 1.24 or newer), or set {ASSETS_VARIABLE} to \
             a folder with {}",
            self.missing.join(", "),
            self.folder.display(),
            Binaries::NAMES.join(", "),
        )
    }
}

impl std::error::Error for MissingBinaries {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_binaries_are_named_with_the_way_to_get_them() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("etcd"), "").unwrap();
        let message = Binaries::in_folder(folder.path()).unwrap_err().to_string();
        assert!(message.starts_with("kube-apiserver, kube-controller-manager, kubectl missing in "), "{message}");
        assert!(message.contains("make control-plane"), "{message}");
        assert!(message.contains("KUBEBUILDER_ASSETS"), "{message}");
    }

    #[test]
    fn a_complete_folder_is_accepted() {
        let folder = tempfile::tempdir().unwrap();
        for name in Binaries::NAMES {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(Binaries::in_folder(folder.path()).unwrap().kubectl(), folder.path().join("kubectl"));
    }
}
