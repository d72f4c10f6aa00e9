//! What the objects say about themselves: conditions, and one table of reasons from which documents and tests come.

mod conditions;
mod reasons;

pub use conditions::{READY, Verdict, is_ready, merge, ready};
pub use reasons::{REASONS, Reason};

/// Something that keeps an object from being what it should be: a reason for machines and a message for a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    /// The category, as it stands in conditions, events and metrics.
    pub reason: Reason,
    /// What was attempted, on what, and what to do.
    pub message: String,
    /// When to try again.
    pub retry: Retry,
}

/// When something is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// After a delay that grows with each failure.
    Backoff,
    /// Not before this time is over: the server said so.
    NotBefore(std::time::Duration),
    /// At a slow pace: only a change of an object that is watched can mend it.
    OnChange,
}

impl Problem {
    /// A problem that is tried again with growing delay.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), retry: Retry::Backoff }
    }

    /// A problem that only a change of a watched object can mend.
    pub fn until_changed(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), retry: Retry::OnChange }
    }

    /// The same with a remedy at the end of the message.
    #[must_use]
    pub fn advise(mut self, remedy: &str) -> Self {
        self.message = format!("{}; {remedy}", self.message);
        self
    }
}
