//! The university's GitLab: the simulator as a program of its own, spoken to over HTTP.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Child;

use crate::cluster::Cluster;

/// Starting and replaying the seed is a matter of milliseconds.
const START_LIMIT: Duration = Duration::from_secs(30);
const CALL_LIMIT: Duration = Duration::from_secs(30);

/// A running GitLab.
pub struct GitLab {
    /// Ends when dropped.
    _process: Child,
    http: reqwest::Client,
    url: String,
    root: SecretString,
}

impl GitLab {
    /// Starts it with the groups, projects and people of the seed, a file of GitLab API calls.
    pub async fn start(simulator: &Path, seed: &Path, cluster: &Cluster) -> anyhow::Result<Self> {
        let root = format!("glpat-{}", std::iter::repeat_with(fastrand::alphanumeric).take(20).collect::<String>());
        let mut command = Command::new(simulator);
        command.args(["--listen", "127.0.0.1:0", "--seed"]).arg(seed).env("GITLAB_SIMULATOR_ADMIN_TOKEN", &root);
        let mut process = cluster.spawn("gitlab-simulator", command, Stdio::piped()).await?;
        let output = process.stdout.take().context("the simulator has no standard output")?;
        let mut url = String::new();
        tokio::time::timeout(START_LIMIT, BufReader::new(output).read_line(&mut url))
            .await
            .with_context(|| format!("the simulator was not ready within {} s", START_LIMIT.as_secs()))??;
        if url.is_empty() {
            bail!("{}", std::fs::read_to_string(cluster.logs().join("gitlab-simulator.log"))?.trim());
        }
        // Whatever proxy is set: this is the loopback interface.
        let http = reqwest::Client::builder().no_proxy().timeout(CALL_LIMIT).build()?;
        Ok(Self { _process: process, http, url: url.trim().to_owned(), root: root.into() })
    }

    /// Base URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A call to GitLab's API as its administrator.
    pub async fn call(&self, method: http::Method, path: &str, body: Value) -> anyhow::Result<Value> {
        self.send(method, &format!("/api/v4{path}"), body).await
    }

    /// Runs a CI job of one environment and gives what GitLab says about it.
    pub async fn run_job(
        &self,
        project: &str,
        environment: &str,
        branch: &str,
        is_protected: bool,
    ) -> anyhow::Result<Value> {
        let job = json!({"project": project, "environment": environment, "ref": branch, "ref_protected": is_protected});
        self.send(http::Method::POST, "/-/simulator/jobs", job).await
    }

    async fn send(&self, method: http::Method, path: &str, body: Value) -> anyhow::Result<Value> {
        let request = self
            .http
            .request(method.clone(), format!("{}{path}", self.url))
            .header("PRIVATE-TOKEN", self.root.expose_secret())
            .header("Content-Type", "application/json");
        let request = if body.is_null() { request } else { request.body(body.to_string()) };
        let answer = request.send().await.with_context(|| format!("{method} {path}"))?;
        let status = answer.status();
        let bytes = answer.bytes().await.with_context(|| format!("{method} {path}"))?;
        if !status.is_success() {
            bail!("{method} {path}: GitLab answered {status}: {}", String::from_utf8_lossy(&bytes));
        }
        serde_json::from_slice(&bytes).with_context(|| format!("{method} {path}: GitLab's answer is no JSON"))
    }
}
