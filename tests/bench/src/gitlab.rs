//! The simulated GitLab as a process of its own, so that its CPU time can be told apart.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use control_plane::ControlPlane;
use http::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Child;

use crate::bed;
use crate::objects::{GROUP, project_path};

const START_LIMIT: Duration = Duration::from_secs(60);
const CALL_LIMIT: Duration = Duration::from_secs(60);
/// The numbers that a fresh GitLab gives to what is made first: user 1 is the administrator, whose group is 1.
const USER: u64 = 2;
const NAMESPACE: u64 = 2;

/// A running GitLab.
pub struct GitLab {
    process: Child,
    http: reqwest::Client,
    url: String,
    root: SecretString,
    token: SecretString,
}

/// One request that GitLab received.
#[derive(Debug, Deserialize)]
pub struct Request {
    /// Method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The status of the answer.
    pub status: Option<u16>,
}

impl GitLab {
    /// Starts it with a group, this many projects without environments, and a Maintainer with a token.
    pub async fn start(simulator: &Path, control_plane: &ControlPlane, projects: usize) -> anyhow::Result<Self> {
        let root = format!("glpat-{}", std::iter::repeat_with(fastrand::alphanumeric).take(20).collect::<String>());
        let seed = control_plane.folder().join("gitlab.jsonl");
        std::fs::write(&seed, seed_of(projects)).with_context(|| format!("cannot write {}", seed.display()))?;
        let mut command = Command::new(simulator);
        command.args(["--listen", "127.0.0.1:0", "--seed"]).arg(&seed).env("GITLAB_SIMULATOR_ADMIN_TOKEN", &root);
        let mut process = bed::spawn(control_plane, "gitlab-simulator", command, Stdio::piped()).await?;
        let output = process.stdout.take().context("the simulator has no standard output")?;
        let mut url = String::new();
        tokio::time::timeout(START_LIMIT, BufReader::new(output).read_line(&mut url))
            .await
            .with_context(|| format!("the simulator was not ready within {} s", START_LIMIT.as_secs()))??;
        if url.is_empty() {
            bail!("{}", std::fs::read_to_string(control_plane.logs().join("gitlab-simulator.log"))?.trim());
        }
        let http = reqwest::Client::builder().no_proxy().timeout(CALL_LIMIT).build()?;
        let url = url.trim().to_owned();
        let mut gitlab = Self { process, http, url, root: root.into(), token: String::new().into() };
        let asked = json!({"name": "operator", "scopes": ["api"]});
        let made = gitlab.call(Method::POST, &format!("/users/{USER}/personal_access_tokens"), asked).await?;
        gitlab.token = made["token"].as_str().context("GitLab's answer holds no token")?.to_owned().into();
        Ok(gitlab)
    }

    /// Base URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The operator's token.
    pub fn token(&self) -> &str {
        self.token.expose_secret()
    }

    /// Its process.
    pub fn process(&self) -> Option<u32> {
        self.process.id()
    }

    /// A call to GitLab's API as its administrator.
    pub async fn call(&self, method: Method, path: &str, body: Value) -> anyhow::Result<Value> {
        self.send(method, &format!("/api/v4{path}"), body).await
    }

    /// Runs a CI job and gives what it saw.
    pub async fn run_job(&self, job: Value) -> anyhow::Result<Value> {
        self.send(Method::POST, "/-/simulator/jobs", job).await
    }

    /// All requests since the record was cleared.
    pub async fn requests(&self) -> anyhow::Result<Vec<Request>> {
        let seen = self.send(Method::GET, "/-/simulator/requests", Value::Null).await?;
        Ok(serde_json::from_value(seen)?)
    }

    /// Forgets all requests.
    pub async fn forget_requests(&self) -> anyhow::Result<()> {
        self.send(Method::DELETE, "/-/simulator/requests", Value::Null).await.map(drop)
    }

    async fn send(&self, method: Method, path: &str, body: Value) -> anyhow::Result<Value> {
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
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&bytes).with_context(|| format!("{method} {path}: GitLab's answer is no JSON"))
    }
}

fn seed_of(projects: usize) -> String {
    let line =
        |method: &str, path: &str, body: Value| json!({"method": method, "path": path, "body": body}).to_string();
    let user = json!({"username": "integrator", "name": "Integrator", "email": "integrator@university.example",
        "password": "correct-horse-battery", "skip_confirmation": true});
    let mut lines = vec![
        line("POST", "/groups", json!({"name": GROUP, "path": GROUP})),
        line("POST", "/users", user),
        line("POST", &format!("/groups/{GROUP}/members"), json!({"user_id": USER, "access_level": 40})),
    ];
    lines.extend((0..projects).map(|number| {
        let path = project_path(number);
        line("POST", "/projects", json!({"name": path, "path": path, "namespace_id": NAMESPACE}))
    }));
    lines.join("\n")
}
