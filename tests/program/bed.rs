//! The control plane of this test binary. The program runs in it by itself, one at a time.

#[path = "../support/installed.rs"]
mod installed;

use std::process::Output;

use control_plane::ControlPlane;
use tokio::sync::{Mutex, OnceCell};

use crate::process::finished;

pub use installed::{OWN, eventually};

static BEFORE: OnceCell<Output> = OnceCell::const_new();

/// There is no leader election: whoever starts the operator holds this.
pub static ALONE: Mutex<()> = Mutex::const_new(());

/// With everything installed.
pub async fn bed() -> &'static ControlPlane {
    without_the_kinds().await;
    installed::bed().await
}

/// What `run` did in the control plane before anything was installed in it.
pub async fn without_the_kinds() -> &'static Output {
    let control_plane = ControlPlane::shared().await;
    let kubeconfig = control_plane.kubeconfig().to_str().unwrap();
    let run = async || finished(&["run", "--listen", "127.0.0.1:0"], &[("KUBECONFIG", kubeconfig)], "").await;
    BEFORE.get_or_init(run).await
}

/// The program ends with each test, so that there is nothing to be let alone.
pub fn retire(_: String) {}
