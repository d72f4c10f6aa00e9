//! What a workload calls, in words that are the same for every mapping that goes through it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    sync::{Arc, Mutex},
};

use http::Method;

use crate::{
    cases::Case,
    seams::{Call, Fate, Seams, Server},
    subject::Subject,
};

/// A call of a workload: whom it goes to, what it is in neutral words, and which of several alike.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step {
    pub server: Server,
    pub text: String,
    pub occurrence: usize,
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.text)?;
        match self.occurrence {
            1 => Ok(()),
            number => write!(formatter, " (time {number})"),
        }
    }
}

/// A path is read this often in a row before further reads count as waiting for something.
const READS_IN_A_ROW: usize = 2;

/// Turns calls into steps.
struct Recorder {
    names: Vec<(String, String)>,
    steps: BTreeSet<Step>,
    counts: HashMap<String, usize>,
    /// Reads of a path in this pass since anything else was done to it.
    reads: BTreeMap<String, usize>,
    written: BTreeSet<String>,
}

impl Recorder {
    /// The step that a call is; none for one that waits by asking again.
    fn note(&mut self, call: &Call) -> Option<Step> {
        let text = self.neutral(call);
        let path = call.path.split('?').next().unwrap_or_default().to_owned();
        if call.method == Method::GET {
            let most = if self.written.contains(&path) { 1 } else { READS_IN_A_ROW };
            let reads = self.reads.entry(path).or_default();
            *reads += 1;
            if *reads > most {
                return None;
            }
        } else {
            self.reads.remove(&path);
            self.written.insert(path);
        }
        let count = self.counts.entry(text.clone()).or_default();
        *count += 1;
        let step = Step { server: call.server, text, occurrence: *count };
        self.steps.insert(step.clone());
        Some(step)
    }

    fn neutral(&self, call: &Call) -> String {
        // Whether one is new or a repetition depends on the clock.
        if call.is_event() {
            return "Kubernetes: an event".to_owned();
        }
        let mut text = format!("{:?} {} {}", call.server, call.method, call.path.replace("%2F", "/"));
        for (name, stands_for) in &self.names {
            text = text.replace(name, stands_for);
        }
        let part = |part: &str| match part.strip_suffix(|c: char| c.is_ascii_digit()) {
            Some(_) if part.bytes().all(|byte| byte.is_ascii_digit()) => "ID".to_owned(),
            _ => part.to_owned(),
        };
        let (path, query) = text.split_once('?').unwrap_or((&text, ""));
        let path = path.split('/').map(part).collect::<Vec<_>>().join("/");
        if query.is_empty() { path } else { format!("{path}?{query}") }
    }
}

/// The record of a workload's calls, and what happens at one of them.
#[derive(Clone)]
pub struct Recording(Arc<Mutex<Recorder>>, Arc<Mutex<bool>>);

impl Recording {
    /// Records what passes these seams from now on; at the call of the case, it happens.
    pub fn begin(seams: &Seams, subject: &Subject, case: Option<&Case>) -> Self {
        let recorder = Recorder {
            names: subject.names(),
            steps: BTreeSet::new(),
            counts: HashMap::new(),
            reads: BTreeMap::new(),
            written: BTreeSet::new(),
        };
        let recording = Self(Arc::new(Mutex::new(recorder)), Arc::default());
        let (recorder, met) = (Arc::clone(&recording.0), Arc::clone(&recording.1));
        let case = case.map(|case| (case.step.clone(), case.disturbance.fate()));
        seams.judge(move |call| {
            let step = recorder.lock().unwrap().note(call);
            match &case {
                Some((wanted, fate)) if step.as_ref() == Some(wanted) => {
                    *met.lock().unwrap() = true;
                    *fate
                }
                _ => Fate::Passes,
            }
        });
        recording
    }

    /// Another pass begins: what was read before is read anew.
    pub fn another_pass(&self) {
        let mut recorder = self.0.lock().unwrap();
        recorder.reads.clear();
        recorder.written.clear();
    }

    /// Whether the call of the case came.
    pub fn met(&self) -> bool {
        *self.1.lock().unwrap()
    }

    /// All calls so far, in an order that does not depend on which namespace was served first.
    pub fn steps(&self) -> BTreeSet<Step> {
        self.0.lock().unwrap().steps.clone()
    }
}
