//! One of several operators: a process with a token of its own and wires of its own.

use std::{process::ExitStatus, time::Duration};

use crate::{
    bed::{Bench, eventually},
    process::{Program, Start, ended, signal},
    wires::{GitLabWire, KubernetesWire},
};

/// Short, so that tests need not wait long; long enough for a busy machine.
pub const LEASE: Duration = Duration::from_secs(8);
pub const RENEW_DEADLINE: Duration = Duration::from_secs(5);
pub const RETRY_PERIOD: Duration = Duration::from_secs(1);
const PERIODS: [&str; 6] =
    ["--leader-elect-lease-duration", "8s", "--leader-elect-renew-deadline", "5s", "--leader-elect-retry-period", "1s"];

/// A process in the election.
pub struct Operator {
    pub name: &'static str,
    pub program: Program,
    pub gitlab: GitLabWire,
    pub kubernetes: KubernetesWire,
}

impl Operator {
    /// Starts one and waits until it is ready, which it is as a follower too.
    pub async fn start(bench: &Bench, name: &'static str) -> Self {
        let operator = Self::launch(bench, name, &PERIODS).await;
        operator.program.ready().await;
        operator
    }

    /// Starts one and does not wait for it.
    pub async fn launch(bench: &Bench, name: &'static str, arguments: &[&str]) -> Self {
        let control_plane = bench.campus.control_plane;
        let gitlab = GitLabWire::to(&bench.campus.simulator).await;
        let kubernetes = KubernetesWire::to(control_plane.server_url()).await;
        let environment = [("HTTP_PROXY", gitlab.url.as_str()), ("POD_NAME", name)];
        let start = Start { arguments, environment: &environment, server: Some(&kubernetes.url) };
        let program = Program::launch(control_plane, start).await;
        Self { name, program, gitlab, kubernetes }
    }

    /// With the periods of this test, too.
    pub async fn launch_in_election(bench: &Bench, name: &'static str) -> Self {
        Self::launch(bench, name, &PERIODS).await
    }

    /// Sends it a signal, by its name without `SIG`.
    pub async fn signal(&self, name: &str) {
        signal(&self.program.child, name).await;
    }

    /// Waits until it has ended, by itself or by a signal.
    pub async fn ended(&mut self) -> ExitStatus {
        ended(&mut self.program.child).await
    }

    /// What its metrics say of leading.
    pub async fn leads(&self) -> Result<bool, String> {
        let (_, metrics) = self.program.get("/metrics").await.ok_or_else(|| self.program.log())?;
        let line = metrics.lines().find_map(|line| line.strip_prefix("gl_k8s_leader "));
        line.map(|value| value == "1").ok_or(metrics)
    }

    /// Waits until it leads.
    pub async fn until_it_leads(&self) {
        eventually(&format!("{} leads", self.name), async || match self.leads().await? {
            true => Ok(()),
            false => Err(self.program.log()),
        })
        .await;
    }
}
