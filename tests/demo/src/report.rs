//! What the spectator reads: headings, and a line for every step with what came of it.

use std::io::Write as _;
use std::time::{Duration, Instant};

/// The column in which results stand.
const WIDTH: usize = 84;

/// Everything that was shown so far. All output of the demo goes through it.
pub struct Report {
    began: Instant,
    acts: usize,
    steps: usize,
    failed: Vec<String>,
    /// Whether the last line was empty: what follows stands apart already.
    apart: bool,
}

impl Report {
    /// A report that begins now, with its title.
    pub fn new(title: &str) -> Self {
        println!("{title}");
        Self { began: Instant::now(), acts: 0, steps: 0, failed: Vec::new(), apart: false }
    }

    /// The next act.
    pub fn heading(&mut self, text: &str) {
        self.acts += 1;
        self.gap();
        println!("{}. {text}", self.acts);
        self.apart = false;
        self.gap();
    }

    /// Does a step and says what came of it. `None` when it failed, so that whatever needs its result can be left out.
    pub async fn step<T>(&mut self, what: &str, doing: impl Future<Output = anyhow::Result<T>>) -> Option<T> {
        self.apart = false;
        print!("   {what} ");
        // Whoever waits wants to see for what; a terminal that is gone is no reason to stop.
        std::io::stdout().flush().ok();
        let began = Instant::now();
        let done = doing.await;
        self.steps += 1;
        let dots = ".".repeat(WIDTH.saturating_sub(what.chars().count()).max(3));
        match done {
            Ok(value) => {
                println!("{dots} ok{}", noticeable(began.elapsed()));
                Some(value)
            }
            Err(error) => {
                println!("{dots} FAILED: {}", format!("{error:#}").trim().replace('\n', "\n      "));
                self.failed.push(what.to_owned());
                None
            }
        }
    }

    /// A table or the output of a program, below a step and apart from it.
    pub fn show(&mut self, text: &str) {
        self.gap();
        for line in text.trim_end().lines() {
            println!("{}", format!("      {line}").trim_end());
        }
        self.apart = false;
        self.gap();
    }

    /// Words for a person, directly below a step.
    pub fn explain(&mut self, text: &str) {
        for line in wrapped(text) {
            println!("      {line}");
        }
        self.apart = false;
    }

    fn gap(&mut self) {
        if !self.apart {
            println!();
        }
        self.apart = true;
    }

    /// Whether every step showed what it should, said in words too, with the time that it took.
    pub fn verdict(&mut self) -> bool {
        self.gap();
        let seconds = self.began.elapsed().as_secs_f64();
        if self.failed.is_empty() {
            println!("All {} steps showed what they should, in {seconds:.1} s.", self.steps);
        } else {
            println!("{} of {} steps FAILED, in {seconds:.1} s:", self.failed.len(), self.steps);
            for step in &self.failed {
                println!("   {step}");
            }
        }
        self.failed.is_empty()
    }
}

/// How long a step took, if a person has noticed it.
fn noticeable(time: Duration) -> String {
    if time < Duration::from_secs(1) { String::new() } else { format!(" ({:.1} s)", time.as_secs_f64()) }
}

/// Lines of a readable length.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_step_that_failed_is_in_the_verdict() {
        let mut report = Report::new("a test");
        assert_eq!(report.step("works", async { Ok(1) }).await, Some(1));
        assert!(report.verdict());
        assert_eq!(report.step("fails", async { anyhow::bail!("reason") }).await, None::<u8>);
        assert_eq!(report.step("works again", async { Ok(2) }).await, Some(2));
        assert!(!report.verdict());
    }

    #[test]
    fn words_are_wrapped_and_none_is_lost() {
        let text = "a message that says what to do, ".repeat(10);
        let lines = wrapped(&text);
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH));
        assert_eq!(lines.join(" "), text.trim());
    }
}
