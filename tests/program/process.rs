//! The program as a process.

use std::{
    path::{Path, PathBuf},
    process::{ExitStatus, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use control_plane::ControlPlane;
use gl_k8s_integrator::gitlab::{HttpOptions, Proxy, http_transport};
use http::Request;
use serde_json::json;
use tokio::{
    io::AsyncWriteExt as _,
    process::{Child, Command},
};
use tower::ServiceExt as _;

use crate::bed::{OWN, eventually};

/// The longest that anything which ends by itself may take.
const LIMIT: Duration = Duration::from_secs(60);

/// The program, with an environment that holds nothing but what is given.
pub fn command(arguments: &[&str], environment: &[(&str, &str)]) -> std::process::Command {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_gl-k8s-integrator"));
    command.args(arguments).env_clear().env("HOME", "/nonexistent").envs(environment.iter().copied());
    command
}

/// Runs the program to its end.
pub async fn finished(arguments: &[&str], environment: &[(&str, &str)], input: &str) -> Output {
    let mut command = Command::from(command(arguments, environment));
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.kill_on_drop(true).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let write = async move {
        // Whoever does not read its input has closed it by now.
        pipe.write_all(input.as_bytes()).await.ok();
    };
    let ended = async { tokio::join!(write, child.wait_with_output()).1.unwrap() };
    tokio::time::timeout(LIMIT, ended).await.unwrap_or_else(|_| panic!("{arguments:?} does not end"))
}

/// What it wrote to standard output and to standard error.
pub fn texts(output: &Output) -> (String, String) {
    (String::from_utf8(output.stdout.clone()).unwrap(), String::from_utf8(output.stderr.clone()).unwrap())
}

/// The operator at work, with the rights of its ServiceAccount.
pub struct Program {
    pub child: Child,
    address: String,
    output: [PathBuf; 2],
    /// The token in its kubeconfig.
    pub token: String,
}

/// How a program is started when it is not as usual.
pub struct Start<'a> {
    pub arguments: &'a [&'a str],
    pub environment: &'a [(&'a str, &'a str)],
    /// Where it finds the API server, if that is not where it is.
    pub server: Option<&'a str>,
}

static STARTED: AtomicU32 = AtomicU32::new(0);

impl Program {
    /// Starts `run` in the control plane and returns when it is ready.
    pub async fn start(control_plane: &ControlPlane, arguments: &[&str]) -> Self {
        let start = Start { arguments, environment: &[], server: None };
        let program = Self::launch(control_plane, start).await;
        program.ready().await;
        program
    }

    /// Starts `run` with a token of its own and does not wait for it.
    pub async fn launch(control_plane: &ControlPlane, start: Start<'_>) -> Self {
        let token = control_plane.token_for(OWN, OWN).await.unwrap();
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let file = |what: &str| control_plane.folder().join(format!("program-{number}-{what}"));
        let kubeconfig = file("kubeconfig");
        let content = match start.server {
            None => kubeconfig_with(control_plane, &token),
            Some(server) => kubeconfig_at(server, control_plane.ca_pem(), &token),
        };
        std::fs::write(&kubeconfig, content).unwrap();
        let address = free_address();
        let output = [file("stdout"), file("stderr")];
        let arguments = [&["run", "--listen", &address], start.arguments].concat();
        let mut command = command(&arguments, start.environment);
        command.env("KUBECONFIG", kubeconfig).stdin(Stdio::null());
        command.stdout(std::fs::File::create(&output[0]).unwrap());
        command.stderr(std::fs::File::create(&output[1]).unwrap());
        control_plane.watch(&mut command).await;
        let child = Command::from(command).kill_on_drop(true).spawn().unwrap();
        Self { child, address, output, token }
    }

    /// Waits until it says that it is ready.
    pub async fn ready(&self) {
        eventually("the program is ready", async || match self.get("/readyz").await {
            Some((200, _)) => Ok(()),
            other => Err(format!("{other:?}\n{}", self.emitted())),
        })
        .await;
    }

    /// An answer of its HTTP server: status and body.
    pub async fn get(&self, path: &str) -> Option<(u16, String)> {
        let transport = http_transport(&HttpOptions { proxy: Proxy::None, ..HttpOptions::default() }).unwrap();
        let request = Request::get(format!("http://{}{path}", self.address)).body(Bytes::new()).unwrap();
        let answer = transport.oneshot(request).await.ok()?;
        Some((answer.status().as_u16(), String::from_utf8(answer.into_body().to_vec()).unwrap()))
    }

    /// The most memory that it has had at any time so far, in bytes (`VmHWM`, proc_pid_status(5)).
    pub fn most_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id().unwrap())).unwrap();
        let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        most.unwrap().parse::<u64>().unwrap() * 1024
    }

    /// Everything that it has written so far.
    pub fn emitted(&self) -> String {
        self.output.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
    }

    /// What it has written to standard error.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.output[1]).unwrap()
    }

    /// Asks it to end, as Kubernetes does, and waits until it has.
    pub async fn terminate(&mut self) -> ExitStatus {
        terminate(&mut self.child).await
    }
}

/// Sends SIGTERM and waits for the end.
pub async fn terminate(child: &mut Child) -> ExitStatus {
    signal(child, "TERM").await;
    ended(child).await
}

/// Waits for the end, by itself or by a signal.
pub async fn ended(child: &mut Child) -> ExitStatus {
    tokio::time::timeout(LIMIT, child.wait()).await.expect("the program ends when it should").unwrap()
}

/// Sends a signal, by its name without `SIG`.
pub async fn signal(child: &Child, name: &str) {
    let id = child.id().unwrap().to_string();
    assert!(Command::new("sh").args(["-c", "kill -$1 $0", &id, name]).status().await.unwrap().success());
}

/// A kubeconfig of the operator's own account, in a file of its own.
pub async fn operators_kubeconfig(control_plane: &ControlPlane, name: &str) -> PathBuf {
    let token = control_plane.token_for(OWN, OWN).await.unwrap();
    let number = STARTED.fetch_add(1, Ordering::Relaxed);
    let file = control_plane.folder().join(format!("{name}-{number}-kubeconfig"));
    std::fs::write(&file, kubeconfig_with(control_plane, &token)).unwrap();
    file
}

/// A kubeconfig as JSON, which every reader of YAML reads.
pub fn kubeconfig_with(control_plane: &ControlPlane, token: &str) -> String {
    kubeconfig_at(control_plane.server_url(), control_plane.ca_pem(), token)
}

fn kubeconfig_at(server: &str, ca_pem: &str, token: &str) -> String {
    let ca = BASE64_STANDARD.encode(ca_pem);
    json!({"apiVersion": "v1", "kind": "Config", "current-context": "here",
        "clusters": [{"name": "here", "cluster": {"server": server, "certificate-authority-data": ca}}],
        "users": [{"name": "here", "user": {"token": token}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "here"}}]})
    .to_string()
}

/// A kubeconfig for any server, in a file of its own.
pub fn kubeconfig_for(folder: &Path, name: &str, server: &str) -> PathBuf {
    let file = folder.join(name);
    let content = json!({"apiVersion": "v1", "kind": "Config", "current-context": "here",
        "clusters": [{"name": "here", "cluster": {"server": server}}],
        "users": [{"name": "here", "user": {"token": "kubeconfig-token-of-nobody"}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "here"}}]});
    std::fs::write(&file, content.to_string()).unwrap();
    file
}

/// A port that was free a moment ago.
pub fn free_address() -> String {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}
