//! The operator as a process, with the rights of `manifests/` and no others.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use base64::Engine as _;
use serde_json::json;
use tokio::process::Child;

use crate::Arguments;
use crate::bed::{Bed, OPERATOR};

const READY_LIMIT: Duration = Duration::from_secs(60);
const END_LIMIT: Duration = Duration::from_secs(40);
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// The running operator.
pub struct Operator {
    process: Child,
    /// The moment in which its process was started.
    pub started: Instant,
}

impl Operator {
    /// Starts it against the API server at this address, and returns when it says that it is ready.
    pub async fn start(program: &Path, arguments: &Arguments, bed: &Bed, api_server: &str) -> anyhow::Result<Self> {
        let kubeconfig = bed.control_plane.folder().join("operator.kubeconfig");
        std::fs::write(&kubeconfig, kubeconfig_for(bed, api_server))
            .context("cannot write the operator's kubeconfig")?;
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?.local_addr()?.to_string();
        let mut command = Command::new(program);
        command.args(["run", "--listen", &address]).args(arguments.operator_arguments.split_whitespace());
        command.env("KUBECONFIG", &kubeconfig).env("POD_NAME", "bench").env("GL_K8S_LOG", "warn");
        // As in manifests/deployment.yaml.
        command.env("MALLOC_ARENA_MAX", "1");
        let started = Instant::now();
        let process = bed.spawn("operator", command, Stdio::null()).await?;
        let mut operator = Self { process, started };
        operator.ready(&address, bed).await?;
        Ok(operator)
    }

    /// Its process.
    pub fn id(&self) -> anyhow::Result<u32> {
        self.process.id().context("the operator has ended")
    }

    /// Ends it as a rolling update does, and waits until it is gone.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        let id = self.id()?.to_string();
        let asked = tokio::process::Command::new("kill").args(["-TERM", &id]).status().await?;
        anyhow::ensure!(asked.success(), "the operator could not be asked to end");
        let ended = tokio::time::timeout(END_LIMIT, self.process.wait()).await;
        ended.context("the operator did not end")??;
        Ok(())
    }

    async fn ready(&mut self, address: &str, bed: &Bed) -> anyhow::Result<()> {
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build()?;
        let url = format!("http://{address}/readyz");
        while self.started.elapsed() < READY_LIMIT {
            if let Some(status) = self.process.try_wait()? {
                let log = bed.control_plane.logs().join("operator.log");
                bail!("the operator ended with {status}: {}", std::fs::read_to_string(log).unwrap_or_default());
            }
            if http.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        bail!("the operator was not ready within {} s", READY_LIMIT.as_secs())
    }
}

/// A kubeconfig as JSON, which every reader of YAML reads.
fn kubeconfig_for(bed: &Bed, api_server: &str) -> String {
    let mut cluster = json!({"server": api_server});
    if api_server.starts_with("https:") {
        let ca = base64::prelude::BASE64_STANDARD.encode(bed.control_plane.ca_pem());
        cluster["certificate-authority-data"] = ca.into();
    }
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": OPERATOR,
        "clusters": [{"name": OPERATOR, "cluster": cluster}],
        "users": [{"name": OPERATOR, "user": {"token": bed.token}}],
        "contexts": [{"name": OPERATOR, "context": {"cluster": OPERATOR, "user": OPERATOR, "namespace": OPERATOR}}],
    })
    .to_string()
}
