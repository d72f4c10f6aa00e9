//! Several operators at once, as programs: who works, who waits, and that never two work. What happened is read from the
//! records of the two servers, by their own times.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod bed;
#[allow(dead_code, reason = "shared with tests/operator, which uses all of it")]
#[path = "../operator/campus.rs"]
mod campus;
mod election;
mod handover;
mod lease;
mod loss;
mod operator;
#[allow(dead_code, reason = "shared with tests/program, which uses all of it")]
#[path = "../program/process.rs"]
mod process;
mod record;
mod wires;
