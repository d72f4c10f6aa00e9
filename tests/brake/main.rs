//! Many deletions at once stop and ask. These tests have a control plane of their own, because the record of deletions
//! counts over all mappings of a cluster; they follow each other, and each begins with an empty record.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod bed {
    pub use crate::installed::{OWN, bed, eventually};

    /// Nothing works by itself here, so that there is nothing to be let alone.
    pub fn retire(_: String) {}
}
#[allow(dead_code, reason = "shared with tests/operator, which uses all of it")]
#[path = "../operator/campus.rs"]
mod campus;
mod crashes;
mod ground;
mod holding;
#[path = "../support/installed.rs"]
mod installed;
#[allow(dead_code, reason = "shared with other tests; one or the other uses it")]
#[path = "../support/operator.rs"]
mod operator;
#[allow(dead_code, reason = "shared with other tests; one or the other uses it")]
#[path = "../support/seams.rs"]
mod seams;
