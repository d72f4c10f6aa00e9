//! CI/CD variables, environments, certificate-based clusters, feature flags and jobs, through HTTP.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod support;

mod cluster_jobs;
mod clusters;
mod environments;
mod features;
mod jobs;
mod preconditions;
mod stopping;
mod variables;
