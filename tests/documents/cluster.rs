//! A real control plane with exactly the files in `crds/` and `manifests/`, without an operator: what the documents show
//! is taken or refused by admission alone, and stays as it was applied.

use std::time::Duration;

use control_plane::ControlPlane;
use k8s_openapi::api::rbac::v1::ClusterRole;
use kube::Api;
use tokio::sync::OnceCell;

use crate::pages::root;

static INSTALLED: OnceCell<()> = OnceCell::const_new();

pub async fn cluster() -> &'static ControlPlane {
    let control_plane = ControlPlane::shared().await;
    INSTALLED.get_or_init(async || install(control_plane).await).await;
    control_plane
}

async fn install(control_plane: &ControlPlane) {
    control_plane.kubectl_apply(&root().join("crds")).await.unwrap();
    kubectl(control_plane, &["wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"]).await;
    control_plane.kubectl_apply(&root().join("manifests")).await.unwrap();
    let roles: Api<ClusterRole> = Api::all(control_plane.admin_client());
    let filled = async {
        while roles.get("gitlab-group-master").await.unwrap().rules.unwrap_or_default().is_empty() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), filled).await.expect("gitlab-group-master stays without rules");
}

/// kubectl as an administrator; what it printed.
pub async fn kubectl(control_plane: &ControlPlane, arguments: &[&str]) -> String {
    let output = control_plane.kubectl().args(arguments).output().await.unwrap();
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "kubectl {arguments:?}: {error}");
    out.into_owned()
}
