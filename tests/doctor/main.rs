//! `doctor` as a process, in a cluster where all is well and in the same cluster with one thing broken at a time.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod bed;
#[allow(dead_code, reason = "shared with tests/operator, which uses all of it")]
#[path = "../operator/campus.rs"]
mod campus;
mod credentials;
mod gitlab;
mod installation;
#[allow(dead_code, reason = "shared with tests/program, which uses all of it")]
#[path = "../program/process.rs"]
mod process;
mod report;
mod terminal;
mod trust;
