//! The operator as a program: with a kubeconfig that is its ServiceAccount, so with the rights of `manifests/` and no
//! others.

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use serde_json::json;
use tokio::process::Child;

use crate::cluster::{Cluster, succeeded};

/// Its namespace, and the name of its ServiceAccount.
pub const NAME: &str = "gl-k8s-integrator";

const READY_LIMIT: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// Longer than anybody watches a demo: nobody renews this token here, as a kubelet does in a cluster.
const TOKEN_LIFETIME: &str = "720h";

/// The running operator.
pub struct Operator {
    process: Child,
    address: String,
}

impl Operator {
    /// Starts it and returns when it says that it is ready.
    pub async fn start(program: &Path, cluster: &Cluster) -> anyhow::Result<Self> {
        let duration = format!("--duration={TOKEN_LIFETIME}");
        let token = cluster.kubectl(&["create", "token", NAME, "--namespace", NAME, &duration]).await?;
        let kubeconfig = cluster.new_folder("operator")?.join("kubeconfig");
        write_private(&kubeconfig, &kubeconfig_with(cluster, token.trim()))?;
        let address = free_address()?;
        let mut command = Command::new(program);
        command.args(["run", "--listen", &address]).env("KUBECONFIG", &kubeconfig);
        for proxy in ["http_proxy", "https_proxy", "all_proxy"] {
            // Everything is on the loopback interface.
            command.env_remove(proxy).env_remove(proxy.to_uppercase());
        }
        let process = cluster.spawn("operator", command, Stdio::null()).await?;
        let mut operator = Self { process, address };
        operator.ready(cluster).await?;
        Ok(operator)
    }

    /// Where it serves its health and metrics.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Its resident memory in megabytes.
    pub fn memory(&self) -> anyhow::Result<f64> {
        let id = self.process.id().context("the operator has ended")?;
        let status =
            std::fs::read_to_string(format!("/proc/{id}/status")).context("cannot read the operator's status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS in its status")?;
        let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse().context("VmRSS is no number")?;
        Ok(kibibytes * 1024.0 / 1e6)
    }

    async fn ready(&mut self, cluster: &Cluster) -> anyhow::Result<()> {
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build()?;
        let url = format!("http://{}/readyz", self.address);
        let asking = async {
            loop {
                if let Some(status) = self.process.try_wait()? {
                    bail!("the operator ended with {status}:\n{}", last_words(cluster));
                }
                if http.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
                    return Ok(());
                }
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        };
        match tokio::time::timeout(READY_LIMIT, asking).await {
            Ok(result) => result,
            Err(_) => bail!("the operator was not ready within {} s:\n{}", READY_LIMIT.as_secs(), last_words(cluster)),
        }
    }
}

/// The end of the operator's log.
pub fn last_words(cluster: &Cluster) -> String {
    let text = std::fs::read_to_string(cluster.logs().join("operator.log")).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

/// `gl-k8s-integrator name`: how the namespace of an environment is called.
pub async fn namespace_name(program: &Path, project: &str, id: i64, environment: &str) -> anyhow::Result<String> {
    let mut command = tokio::process::Command::new(program);
    let printed =
        succeeded("gl-k8s-integrator name", command.args(["name", project, &id.to_string(), environment])).await?;
    let (_, namespace) = printed.trim_end().split_once('\t').context("`gl-k8s-integrator name` printed no tab")?;
    Ok(namespace.to_owned())
}

/// A kubeconfig as JSON, which every reader of YAML reads.
fn kubeconfig_with(cluster: &Cluster, token: &str) -> String {
    let ca = base64::prelude::BASE64_STANDARD.encode(cluster.ca_pem());
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": NAME,
        "clusters": [{"name": NAME, "cluster": {"server": cluster.api_server(), "certificate-authority-data": ca}}],
        "users": [{"name": NAME, "user": {"token": token}}],
        "contexts": [{"name": NAME, "context": {"cluster": NAME, "user": NAME, "namespace": NAME}}],
    })
    .to_string()
}

/// Writes a file that only this user can read.
pub fn write_private(path: &Path, content: &str) -> anyhow::Result<()> {
    std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(content.as_bytes()))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// A port that was free a moment ago: somebody has to know it before the operator does.
fn free_address() -> anyhow::Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?;
    Ok(listener.local_addr()?.to_string())
}
