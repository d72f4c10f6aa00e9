//! What is said while it runs and at the end. Tests' output is kept back, but not what goes to the terminal itself.

use std::io::Write as _;

use crate::schedule::Summary;

/// Says a line.
pub fn say(text: &str) {
    writeln!(std::io::stderr(), "faults: {text}").ok();
}

/// The ticks of a processor in a second, as Linux counts them for everybody.
const TICKS: f64 = 100.0;

/// The processor time, in seconds, that this process and those that it started have used so far: the operators with the
/// simulator and the checks, and the control plane.
pub fn processor_time() -> (f64, f64) {
    let me = std::process::id().to_string();
    let mut own = 0.0;
    let mut children = 0.0;
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        // After the name, which may hold anything: state, parent, and from the twelfth field on user and system time.
        let fields: Vec<_> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
        let ticks = |at: usize| fields.get(at).and_then(|ticks| ticks.parse::<f64>().ok()).unwrap_or_default();
        let seconds = (ticks(11) + ticks(12)) / TICKS;
        if entry.file_name().to_str() == Some(&me) {
            own = seconds;
        } else if fields.get(1) == Some(&me.as_str()) {
            children += seconds;
        }
    }
    (own, children)
}

/// Says what came of it.
pub fn summarize(summary: &Summary, seconds: f64) {
    for failure in &summary.failures {
        say(&failure.to_string());
    }
    let (done, failed) = (summary.done, summary.failures.len());
    let (own, control_plane) = processor_time();
    say(&format!(
        "processor time: {own:.0} s for operators, GitLab and checks, {control_plane:.0} s for the control plane: {:.2} s for each case",
        (own + control_plane) / (done.max(1) as f64)
    ));
    say(&format!("{done} cases in {seconds:.0} s: {failed} failed"));
}
