//! What the operator does, pass by pass: `reconcile` is called by the tests themselves, in a calendar that they move, with
//! every call counted and any of them made to fail.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod arrivals;
#[path = "../support/bed.rs"]
mod bed;
#[allow(dead_code, reason = "shared with other tests; one or the other uses it")]
#[path = "../operator/campus.rs"]
mod campus;
mod clock;
mod delays;
mod doubt;
mod drift;
mod ends;
mod frozen;
mod holding;
#[path = "../support/installed.rs"]
mod installed;
#[allow(dead_code, reason = "shared with other tests; one or the other uses it")]
#[path = "../support/operator.rs"]
mod operator;
mod plan;
#[path = "../support/planned.rs"]
mod planned;
mod quiet;
mod renewal;
mod restored;
mod role;
#[allow(dead_code, reason = "shared with other tests; one or the other uses it")]
#[path = "../support/seams.rs"]
mod seams;
mod told;
