//! The documents are true: what they show is applied and run, and what they list is compared with the program.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cluster;
mod conditions;
mod events;
mod flags;
mod jobs;
mod kinds;
mod links;
mod metrics;
mod pages;
mod yaml;
