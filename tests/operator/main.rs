//! The operator at work: against the real control plane, with exactly the files in `crds/` and `manifests/`, and against the
//! GitLab simulator. One operator serves all tests; each test has a GitLab, an instance and a class of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod bed;
mod campus;
mod ends;
#[allow(dead_code, reason = "shared with tests/reconcile, which uses all of it")]
#[path = "../support/installed.rs"]
mod installed;
#[allow(dead_code, reason = "shared with tests/watches, which uses all of it")]
#[path = "../support/kept_objects.rs"]
mod kept_objects;
mod lifecycle;
mod mapping;
mod neighbour;
mod refusals;
mod repair;
mod second_cluster;
mod way;
