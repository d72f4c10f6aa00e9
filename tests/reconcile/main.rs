//! What the operator does, pass by pass: `reconcile` is called by the tests themselves, in a calendar that they move, with
//! every call counted and any of them made to fail.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../support/installed.rs"]
mod bed;
#[allow(dead_code, reason = "shared with tests/operator, which uses all of it")]
#[path = "../operator/campus.rs"]
mod campus;
mod crashes;
mod delays;
mod drift;
mod ends;
mod healing;
mod holding;
mod operator;
mod picture;
mod quiet;
mod renewal;
mod seams;
