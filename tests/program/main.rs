//! The program as it is installed: its command line, its life as a process, and that it keeps secrets to itself.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod bed;
#[allow(dead_code, reason = "shared with tests/operator, which uses all of it")]
#[path = "../operator/campus.rs"]
mod campus;
mod debug;
mod front;
mod memory;
mod names;
mod plan;
mod process;
mod running;
mod secrets;
mod unread;
mod usage;
