//! The documents are true: what they show is applied and run, and what they list is compared with the program.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(dead_code, reason = "shared with tests/reconcile, which uses all of it")]
#[path = "../support/installed.rs"]
mod bed;
mod cluster;
mod conditions;
mod doctor;
mod events;
mod first_mapping;
mod flags;
mod followed;
mod jobs;
mod kinds;
mod links;
mod metrics;
mod monitoring;
mod names;
mod pages;
mod proofs;

mod troubleshooting;
mod upgrading;
mod yaml;
