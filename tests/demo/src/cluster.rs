//! The university's cluster, and its administrator's kubectl.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use control_plane::{ControlPlane, Options};
use kube::api::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Client};

/// No kubectl takes longer.
const KUBECTL_LIMIT: Duration = Duration::from_secs(60);

/// The real control plane.
pub struct Cluster {
    control_plane: ControlPlane,
    client: Client,
}

impl Cluster {
    /// Starts it.
    pub async fn start() -> anyhow::Result<Self> {
        let control_plane = ControlPlane::start(&Options::default()).await?;
        let client = control_plane.admin_client();
        Ok(Self { control_plane, client })
    }

    /// Base URL of the API server.
    pub fn api_server(&self) -> &str {
        self.control_plane.server_url()
    }

    /// The certificate authority of the API server.
    pub fn ca_pem(&self) -> &str {
        self.control_plane.ca_pem()
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> &Path {
        self.control_plane.kubeconfig()
    }

    /// The folder in which kubectl is.
    pub fn kubectl_folder(&self) -> PathBuf {
        self.control_plane.kubectl_path().parent().map(Path::to_owned).unwrap_or_default()
    }

    /// The logs of all servers; the other programs of the demo log there too.
    pub fn logs(&self) -> &Path {
        self.control_plane.logs()
    }

    /// A new folder for files that go with the control plane.
    pub fn new_folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        let folder = self.control_plane.folder().join(name);
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(folder)
    }

    /// Starts a program that works with the cluster and ends with it, whatever happens to the demo. Standard error goes
    /// to a log of this name.
    pub async fn spawn(
        &self,
        name: &str,
        mut command: std::process::Command,
        stdout: Stdio,
    ) -> anyhow::Result<tokio::process::Child> {
        let path = self.logs().join(format!("{name}.log"));
        let log = std::fs::File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
        self.control_plane.watch(&mut command).await;
        command.stdin(Stdio::null()).stdout(stdout).stderr(log);
        let program = command.get_program().to_owned();
        tokio::process::Command::from(command)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot execute {}", program.display()))
    }

    /// Runs kubectl as the cluster's administrator; gives what it printed.
    pub async fn kubectl(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut kubectl = self.control_plane.kubectl();
        let said = format!("kubectl {}", arguments.join(" "));
        succeeded(&said, kubectl.arg("--request-timeout=30s").args(arguments)).await
    }

    /// `kubectl apply` of a file, a folder or a kustomization.
    pub async fn apply(&self, path: &Path) -> anyhow::Result<String> {
        Ok(self.control_plane.kubectl_apply(path).await?)
    }

    /// Objects of one of the operator's kinds.
    pub fn objects(&self, kind: &str) -> Api<DynamicObject> {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("gl-k8s.dev", "v1alpha1", kind));
        Api::all_with(self.client.clone(), &resource)
    }
}

/// Runs a command to its end, in bounded time.
pub async fn finished(said: &str, command: &mut tokio::process::Command) -> anyhow::Result<Output> {
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
    tokio::time::timeout(KUBECTL_LIMIT, output)
        .await
        .with_context(|| format!("`{said}` did not end within {} s", KUBECTL_LIMIT.as_secs()))?
        .with_context(|| format!("cannot execute `{said}`"))
}

/// Runs a command that has to succeed; gives what it printed.
pub async fn succeeded(said: &str, command: &mut tokio::process::Command) -> anyhow::Result<String> {
    let output = finished(said, command).await?;
    if !output.status.success() {
        bail!("`{said}` failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
