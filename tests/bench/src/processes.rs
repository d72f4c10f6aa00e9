//! CPU time and memory of processes, from `/proc`.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;

/// Clock ticks of `/proc/PID/stat` per second: fixed on Linux for everything that user space sees.
const TICKS: f64 = 100.0;

/// What a process has used so far.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Usage {
    /// CPU time in seconds, in the kernel too.
    pub cpu: f64,
    /// Resident memory now, in megabytes.
    pub memory: f64,
    /// The most that it was, in megabytes.
    pub peak: f64,
}

impl Usage {
    /// Of a process.
    pub fn of(id: u32) -> anyhow::Result<Self> {
        let place = Path::new("/proc").join(id.to_string());
        let stat = fs::read_to_string(place.join("stat")).with_context(|| format!("process {id} is gone"))?;
        let status = fs::read_to_string(place.join("status"))?;
        let fields: Vec<_> = after_name(&stat).split_whitespace().collect();
        let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or_default();
        let megabytes = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
            line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or_default() * 1024.0 / 1e6
        };
        // Fields 14 and 15 of proc_pid_stat(5); the list begins with the third.
        Ok(Self { cpu: (ticks(11) + ticks(12)) / TICKS, memory: megabytes("VmRSS:"), peak: megabytes("VmHWM:") })
    }

    /// The same with the CPU time since `before` only.
    pub fn since(mut self, before: &Self) -> Self {
        self.cpu -= before.cpu;
        self
    }
}

/// This program's children by the beginning of their names, which the kernel cuts to 15 characters.
pub fn child(name: &str) -> anyhow::Result<u32> {
    let own = std::process::id().to_string();
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // A process may be gone meanwhile.
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        let is_child = after_name(&stat).split_whitespace().nth(1) == Some(own.as_str());
        let called = stat.split_once('(').is_some_and(|(_, rest)| rest.starts_with(name));
        if is_child && called {
            return Ok(id);
        }
    }
    anyhow::bail!("no process {name} was started here")
}

/// What follows the name, which may hold blanks and brackets.
fn after_name(stat: &str) -> &str {
    stat.rsplit_once(") ").map_or("", |(_, rest)| rest)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_found_by_its_name_and_has_memory() {
        let mut sleeping = std::process::Command::new("sleep").arg("30").spawn().unwrap();
        let found = child("sleep").unwrap();
        let usage = Usage::of(found).unwrap();
        sleeping.kill().unwrap();
        sleeping.wait().unwrap();
        assert_eq!(found, sleeping.id());
        assert!(usage.peak >= usage.memory && usage.cpu < 5.0);
    }
}
