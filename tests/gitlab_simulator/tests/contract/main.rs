//! The traps of GitLab's ground rules, each promised by a test that goes through HTTP.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod client;
mod deletion;
mod errors;
mod faults;
mod limits;
mod members;
mod moved_paths;
mod paging;
mod program;
mod roles;
mod tokens;
mod users;
