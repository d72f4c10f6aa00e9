//! Gives GitLab projects their own Kubernetes namespaces, and their CI jobs the credentials to deploy into them.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod api;
pub mod apply;
pub mod commands;
pub mod context;
pub mod controllers;
pub mod declared;
pub mod facts;
pub mod gitlab;
pub mod leadership;
pub mod memory;
pub mod naming;
pub mod plan;
pub mod reconcile;
pub mod server;
pub mod status;
pub mod telemetry;
