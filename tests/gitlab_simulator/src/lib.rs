//! An in-memory GitLab for tests and the demo: the part of GitLab's REST API that an operator meets, to the letter.
//!
//! - [`simulator`]: what tests hold in their hands;
//! - [`server`]: the same over a socket, with or without TLS;
//! - [`seed`]: replaying a file of requests;
//! - [`control`]: `/-/simulator/…`, faults and the record over HTTP;
//! - [`http`]: GitLab's ground rules: parameters, answers, authentication, paging, limits, faults, record;
//! - [`access`]: roles, visibility, abilities;
//! - [`state`]: the model;
//! - [`rules`]: GitLab's rules as pure functions;
//! - [`entities`]: JSON objects that several resources show;
//! - [`jobs`]: pipelines and what their jobs see;
//! - [`resources`]: one module per GitLab resource.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod access;
pub mod control;
pub mod entities;
pub mod http;
pub mod jobs;
pub mod resources;
pub mod rules;
pub mod seed;
pub mod server;
pub mod simulator;
pub mod state;

pub use server::RunningSimulator;
pub use simulator::{Clock, ConnectionCut, Options, Simulator};
