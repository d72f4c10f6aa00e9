//! The real kubectl.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use tokio::process::Command;

/// Why `kubectl apply` failed.
#[derive(Debug, thiserror::Error)]
pub enum KubectlError {
    /// It could not be executed.
    #[error("cannot execute kubectl: {0}")]
    Execute(#[from] std::io::Error),

    /// It reported an error.
    #[error("kubectl apply of {} failed ({status}): {words}", path.display())]
    Apply {
        /// What was applied.
        path: PathBuf,
        /// How kubectl ended.
        status: ExitStatus,
        /// What it said on standard error.
        words: String,
    },
}

/// kubectl with this kubeconfig and cache.
pub(crate) fn command(kubectl: &Path, kubeconfig: &Path, cache: &Path) -> Command {
    let mut command = Command::new(kubectl);
    command
        .arg("--kubeconfig")
        .arg(kubeconfig)
        .env_remove("KUBECONFIG")
        .env("KUBECACHEDIR", cache)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// `apply` with this kubectl.
pub(crate) async fn apply(mut kubectl: Command, path: &Path) -> Result<String, KubectlError> {
    let kind_of_path = if path.join("kustomization.yaml").is_file() { "-k" } else { "-f" };
    let output = kubectl.args(["apply", "--request-timeout=30s", kind_of_path]).arg(path).output().await?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(KubectlError::Apply {
            path: path.to_owned(),
            status: output.status,
            words: String::from_utf8_lossy(&output.stderr).trim_end().to_owned(),
        })
    }
}
