//! What people and machines read.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;

use crate::Arguments;
use crate::steps::{Accelerated, Change, Cold, Floor, Idle, Repair, Restart};

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// Where.
    pub machine: Machine,
    /// Mappings; each has two namespaces.
    pub mappings: usize,
    /// Whether GitLab's application limits were on.
    pub limits: bool,
    /// The floor, round by round.
    pub floors: Vec<Floor>,
    /// The operator from nothing, round by round.
    pub colds: Vec<Cold>,
    /// A restart.
    pub restart: Option<Restart>,
    /// Doing nothing.
    pub idle: Option<Idle>,
    /// Ten minutes in which nothing happens.
    pub accelerated: Option<Accelerated>,
    /// Mappings changed.
    pub change: Option<Change>,
    /// Objects deleted.
    pub repair: Option<Repair>,
}

/// What it was measured on.
#[derive(Debug, Serialize)]
pub struct Machine {
    /// Processors.
    pub processors: usize,
    /// Their name.
    pub model: String,
    /// Processes that wanted to run during the last minute before, on average: on a quiet machine near nothing.
    pub load: f64,
}

impl Machine {
    /// This one.
    pub fn this() -> Self {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        let info = read("/proc/cpuinfo");
        let model = info.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown");
        Self {
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            model: model.trim_start_matches([' ', '\t', ':']).to_owned(),
            load: read("/proc/loadavg").split(' ').next().and_then(|load| load.parse().ok()).unwrap_or_default(),
        }
    }
}

impl Outcome {
    /// Nothing yet.
    pub fn new(arguments: &Arguments, machine: Machine) -> Self {
        Self {
            machine,
            mappings: arguments.mappings,
            limits: !arguments.without_limits,
            floors: Vec::new(),
            colds: Vec::new(),
            restart: None,
            idle: None,
            accelerated: None,
            change: None,
            repair: None,
        }
    }

    /// Adds a line to a file of JSON lines.
    pub fn append(&self, path: &Path) -> anyhow::Result<()> {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        let file = file.as_mut().map_err(|error| anyhow::anyhow!("cannot open {}: {error}", path.display()))?;
        writeln!(file, "{}", serde_json::to_string(self)?).with_context(|| format!("cannot write {}", path.display()))
    }

    /// A table in Markdown.
    pub fn table(&self) -> String {
        let limits = if self.limits { "on" } else { "off" };
        let mut table = Table(format!(
            "\n{} mappings with {} namespaces; GitLab's application limits are {limits}; {} processors ({}), load before {:.1}\n\n| What | Measured | |\n| --- | --- | --- |\n",
            self.mappings,
            2 * self.mappings,
            self.machine.processors,
            self.machine.model,
            self.machine.load,
        ));
        let floor = self.floors.iter().min_by(|one, other| one.seconds.total_cmp(&other.seconds));
        let cold = self.colds.iter().min_by(|one, other| one.seconds.total_cmp(&other.seconds));
        if let (Some(floor), Some(cold)) = (floor, cold) {
            self.cold(&mut table, floor, cold);
        }
        self.others(&mut table);
        table.0
    }

    fn namespaces(&self) -> f64 {
        2.0 * self.mappings as f64
    }

    fn cold(&self, table: &mut Table, floor: &Floor, cold: &Cold) {
        let all = |list: Vec<f64>| list.iter().map(|seconds| format!("{seconds:.2}")).collect::<Vec<_>>().join(", ");
        let floors = all(self.floors.iter().map(|floor| floor.seconds).collect());
        let colds = all(self.colds.iter().map(|cold| cold.seconds).collect());
        let rate = |seconds: f64| format!("{:.0} namespaces/s", self.namespaces() / seconds);
        table.row("from nothing to ready: ratio to the floor", format!("{:.2}", cold.seconds / floor.seconds), "");
        table.row(
            "the floor",
            format!("{floors} s"),
            format!("{}, {} mappings at a time", rate(floor.seconds), floor.concurrency),
        );
        table.row("the operator", format!("{colds} s"), rate(cold.seconds));
        let spent = |floor: f64, servers: &[f64]| floor + servers.iter().sum::<f64>();
        let floor_cpu = spent(floor.client_cpu, &[floor.api_server_cpu, floor.etcd_cpu, floor.gitlab_cpu]);
        let others = &cold.others;
        let cold_cpu = spent(cold.operator.cpu, &[others.api_server.cpu, others.etcd.cpu, others.gitlab.cpu]);
        table.row(
            "CPU of operator, API server, etcd and GitLab: ratio to the floor",
            format!("{:.2}", cold_cpu / floor_cpu),
            "the same on a busy machine",
        );
        table.row("from creation to ready", cold.each.to_string(), "");
        let per_mapping = |counts: &BTreeMap<String, usize>| per(counts, self.mappings);
        table.row("requests per mapping to the API server: floor", listed(&floor.kubernetes, 1), "");
        table.row("requests per mapping to the API server: operator", per_mapping(&cold.kubernetes), "");
        table.row("requests per mapping to GitLab: floor", listed(&floor.gitlab, 1), "");
        table.row("requests per mapping to GitLab: operator", per_mapping(&cold.gitlab), "");
        self.cold_processes(table, floor, cold);
    }

    fn cold_processes(&self, table: &mut Table, floor: &Floor, cold: &Cold) {
        table.row(
            "CPU of the operator",
            format!("{:.2} s", cold.operator.cpu),
            format!("{:.2} ms per namespace", cold.operator.cpu * 1e3 / self.namespaces()),
        );
        table.row("CPU of the floor's client", format!("{:.2} s", floor.client_cpu), "");
        table.row(
            "CPU of the API server: floor, operator",
            format!("{:.2} s, {:.2} s", floor.api_server_cpu, cold.others.api_server.cpu),
            "",
        );
        table.row(
            "CPU of etcd: floor, operator",
            format!("{:.2} s, {:.2} s", floor.etcd_cpu, cold.others.etcd.cpu),
            "",
        );
        table.row("CPU of the controllers, with the operator", format!("{:.2} s", cold.others.controllers.cpu), "");
        table.row(
            "CPU of GitLab: floor, operator",
            format!("{:.2} s, {:.2} s", floor.gitlab_cpu, cold.others.gitlab.cpu),
            "",
        );
        table.row("memory of the operator without mappings", megabytes(cold.memory_without_mappings), "");
        table.row(
            "memory of the operator, at rest and at most",
            format!("{}, {}", megabytes(cold.operator.memory), megabytes(cold.operator.peak)),
            "",
        );
        table.row(
            "memory of the API server, at rest and at most",
            format!("{}, {}", megabytes(cold.others.api_server.memory), megabytes(cold.others.api_server.peak)),
            "",
        );
    }

    fn others(&self, table: &mut Table) {
        if let Some(restart) = &self.restart {
            table.row(
                "restart until quiet: ratio to a bare list",
                format!("{:.2}", restart.seconds / restart.list_seconds),
                "",
            );
            table.row(
                "restart until quiet, ready, and the bare list",
                format!("{:.2} s, {:.2} s, {:.2} s", restart.seconds, restart.ready_seconds, restart.list_seconds),
                format!("{} objects", restart.listed),
            );
            table.row(
                "requests of a restart to the API server",
                listed(&restart.kubernetes, 1),
                format!("**{} writes**", restart.kubernetes_writes),
            );
            table.row(
                "requests of a restart to GitLab",
                restart.gitlab,
                format!("**{} writes**", restart.gitlab_writes),
            );
            table.row("CPU of the restarted operator", format!("{:.2} s", restart.operator.cpu), "");
            table.row(
                "memory of the restarted operator, at rest and at most",
                format!("{}, {}", megabytes(restart.operator.memory), megabytes(restart.operator.peak)),
                "",
            );
        }
        if let Some(idle) = &self.idle {
            table.row(
                &format!("{} idle seconds of the process", idle.seconds),
                format!(
                    "**{} writes** to the API server, **{}** to GitLab",
                    idle.kubernetes_writes, idle.gitlab_writes
                ),
                format!(
                    "{:.2} s CPU, {} reads, {} of GitLab",
                    idle.operator.cpu,
                    idle.kubernetes.values().sum::<usize>(),
                    idle.gitlab
                ),
            );
        }
        if let Some(time) = &self.accelerated {
            table.row(
                &format!("{} idle minutes in accelerated time, after a start", time.minutes),
                format!(
                    "**{} writes** to the API server, **{}** to GitLab",
                    time.kubernetes_writes, time.gitlab_writes
                ),
                format!("{} passes, {} reads, {} of GitLab", time.passes, time.kubernetes_reads, time.gitlab),
            );
        }
        if let Some(change) = &self.change {
            table.row("one mapping gets one more environment", &change.each, format!("of {}", change.each.count));
        }
        if let Some(repair) = &self.repair {
            table.row("a RoleBinding deleted by hand is back", &repair.each, format!("of {}", repair.each.count));
        }
    }
}

struct Table(String);

impl Table {
    fn row(&mut self, what: &str, measured: impl std::fmt::Display, remark: impl std::fmt::Display) {
        // Writing to a text does not fail.
        let _ = writeln!(self.0, "| {what} | {measured} | {remark} |");
    }
}

fn per(counts: &BTreeMap<String, usize>, mappings: usize) -> String {
    listed(counts, mappings)
}

/// Counts of something per so many, and their sum.
fn listed(counts: &BTreeMap<String, usize>, of: usize) -> String {
    let each = |count: usize| {
        let share = count as f64 / of.max(1) as f64;
        if of > 1 { format!("{share:.2}") } else { count.to_string() }
    };
    let parts: Vec<_> = counts.iter().map(|(name, count)| format!("{} {name}", each(*count))).collect();
    format!("{} ({})", each(counts.values().sum()), parts.join(", "))
}

fn megabytes(number: f64) -> String {
    format!("{number:.1} MB")
}
