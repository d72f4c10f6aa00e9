//! Conditions: computed first, and only then compared with what stands in the object.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::{Problem, Reason};

/// What a condition is going to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The condition's type: `Ready`, `ProjectFound`, …
    pub kind: &'static str,
    /// `True`, `False` or, where something was not looked at, `Unknown`.
    pub status: Option<bool>,
    /// The machine's reason.
    pub reason: Reason,
    /// The person's message.
    pub message: String,
}

impl Verdict {
    /// The condition holds.
    pub fn yes(kind: &'static str, reason: Reason, message: impl Into<String>) -> Self {
        Self { kind, status: Some(true), reason, message: message.into() }
    }

    /// The condition does not hold.
    pub fn no(kind: &'static str, problem: &Problem) -> Self {
        Self { kind, status: Some(false), reason: problem.reason, message: problem.message.clone() }
    }

    /// Nothing can be said.
    pub fn unknown(kind: &'static str, problem: &Problem) -> Self {
        Self { status: None, ..Self::no(kind, problem) }
    }

    fn status(&self) -> &'static str {
        match self.status {
            Some(true) => "True",
            Some(false) => "False",
            None => "Unknown",
        }
    }
}

/// The type of the condition that sums an object up.
pub const READY: &str = "Ready";

/// The condition `Ready`, if there is one yet.
pub fn ready(conditions: &[Condition]) -> Option<&Condition> {
    conditions.iter().find(|condition| condition.type_ == READY)
}

/// Whether the condition `Ready` holds.
pub fn is_ready(conditions: &[Condition]) -> bool {
    ready(conditions).is_some_and(|condition| condition.status == "True")
}

/// The Kubernetes limit of a condition's message.
const LONGEST_MESSAGE: usize = 32_768;

/// Merges verdicts with the conditions that stand in the object: the time of a transition moves only when the status
/// flips, so that an equal verdict gives an equal condition. Conditions of other types are kept.
pub fn merge(old: &[Condition], verdicts: &[Verdict], generation: Option<i64>, now: Timestamp) -> Vec<Condition> {
    let kept = old.iter().filter(|condition| !verdicts.iter().any(|verdict| verdict.kind == condition.type_));
    let judged = verdicts.iter().map(|verdict| {
        let before = old.iter().find(|condition| condition.type_ == verdict.kind);
        let since = before
            .filter(|condition| condition.status == verdict.status())
            .map_or(Time(now_in_seconds(now)), |condition| condition.last_transition_time.clone());
        Condition {
            type_: verdict.kind.to_owned(),
            status: verdict.status().to_owned(),
            reason: verdict.reason.as_str().to_owned(),
            message: shortened(&verdict.message),
            observed_generation: generation,
            last_transition_time: since,
        }
    });
    let mut merged: Vec<_> = kept.cloned().chain(judged).collect();
    merged.sort_by(|a, b| a.type_.cmp(&b.type_));
    merged
}

/// The API server keeps whole seconds: a finer time would differ from what it gives back.
fn now_in_seconds(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

fn shortened(message: &str) -> String {
    let end = (0..=message.len().min(LONGEST_MESSAGE)).rev().find(|at| message.is_char_boundary(*at)).unwrap_or(0);
    message[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_time_of_transition_moves_only_when_the_status_flips() {
        let problem = Problem::new(Reason::ProjectNotFound, "not there");
        let first = merge(&[], &[Verdict::no("Ready", &problem)], Some(1), at(10));
        let again = merge(&first, &[Verdict::no("Ready", &problem)], Some(1), at(20));
        assert_eq!(first, again, "an equal verdict writes nothing");
        let flipped = merge(&again, &[Verdict::yes("Ready", Reason::Ready, "")], Some(1), at(30));
        assert_eq!(flipped[0].last_transition_time, Time(at(30)));
        assert_eq!(flipped[0].reason, "Ready");
    }

    #[test]
    fn conditions_of_others_are_kept() {
        let foreign = Condition {
            type_: "Other".into(),
            status: "True".into(),
            reason: "X".into(),
            message: String::new(),
            observed_generation: None,
            last_transition_time: Time(at(1)),
        };
        let merged = merge(std::slice::from_ref(&foreign), &[Verdict::yes("Ready", Reason::Ready, "")], None, at(2));
        assert!(merged.contains(&foreign));
        assert_eq!(merged.len(), 2);
    }

    #[test]
    fn a_message_is_cut_at_a_character() {
        assert_eq!(shortened("short"), "short");
        let long = "ü".repeat(20_000);
        assert_eq!(shortened(&long).len(), LONGEST_MESSAGE);
    }
}
