//! A real control plane with exactly the files in `crds/` and `manifests/`, without an operator: what the documents show
//! is taken or refused by admission alone, and stays as it was applied.

use control_plane::ControlPlane;
use k8s_openapi::api::rbac::v1::ClusterRole;
use kube::Api;

use crate::bed::{bed, eventually};

pub async fn cluster() -> &'static ControlPlane {
    let control_plane = bed().await;
    let roles: Api<ClusterRole> = Api::all(control_plane.admin_client());
    eventually("gitlab-group-master has rules", async || {
        let role = roles.get("gitlab-group-master").await.map_err(|error| error.to_string())?;
        if role.rules.unwrap_or_default().is_empty() { Err("it has none".to_owned()) } else { Ok(()) }
    })
    .await;
    control_plane
}

/// kubectl as an administrator; what it printed.
pub async fn kubectl(control_plane: &ControlPlane, arguments: &[&str]) -> String {
    let output = control_plane.kubectl().args(arguments).output().await.unwrap();
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "kubectl {arguments:?}: {error}");
    out.into_owned()
}
