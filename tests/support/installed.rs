//! The control plane with the files of `crds/` and `manifests/`, and nothing else.

use std::{cell::Cell, future::Future, path::Path, time::Duration};

use control_plane::ControlPlane;
use tokio::sync::OnceCell;

/// The operator's own namespace.
pub const OWN: &str = "gl-k8s-integrator";

static INSTALLED: OnceCell<()> = OnceCell::const_new();

/// The control plane of this test binary with everything installed. No operator runs in it.
pub async fn bed() -> &'static ControlPlane {
    let control_plane = ControlPlane::shared().await;
    INSTALLED.get_or_init(async || install(control_plane).await).await;
    control_plane
}

/// Installs everything in a control plane.
pub async fn install(control_plane: &ControlPlane) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    control_plane.kubectl_apply(&root.join("crds")).await.unwrap();
    control_plane.kubectl_apply(&root.join("manifests")).await.unwrap();
    let mut wait = control_plane.kubectl();
    wait.args(["wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"]);
    assert!(wait.output().await.unwrap().status.success());
}

/// Waits until something holds; says what it waited for and what it saw last when it never does.
pub async fn eventually<F: Future<Output = Result<T, String>>, T>(what: &str, probe: impl FnMut() -> F) -> T {
    until(what, probe).await.unwrap_or_else(|vain| panic!("{vain}"))
}

/// The same, for whoever has more to say.
pub async fn until<F: Future<Output = Result<T, String>>, T>(
    what: &str,
    mut probe: impl FnMut() -> F,
) -> Result<T, String> {
    let mut last = String::new();
    for _ in 0..600 {
        match probe().await {
            Ok(value) => return Ok(value),
            Err(seen) => last = seen,
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(format!("waited in vain for: {what}\nseen last: {last}\n"))
}

/// Waits until a count is the same twice with this time between; gives it.
#[allow(dead_code, reason = "shared with tests that count nothing")]
pub async fn comes_to_rest(what: &str, pause: Duration, count: impl Fn() -> usize) -> usize {
    let last = Cell::new(usize::MAX);
    eventually(&format!("{what} comes to rest"), async || {
        tokio::time::sleep(pause).await;
        let now = count();
        let still = last.replace(now) == now;
        if still { Ok(now) } else { Err(now.to_string()) }
    })
    .await
}
