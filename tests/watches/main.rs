//! The watches at work: a whole operator, whose connections to the API server are cut, silenced, doubled and refused while
//! everything that it watches is changed. It recovers by itself and misses nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../support/bed.rs"]
mod bed;
#[allow(dead_code, reason = "shared with tests/operator, which uses all of it")]
#[path = "../operator/campus.rs"]
mod campus;
mod declared;
#[path = "../support/installed.rs"]
mod installed;
mod kept;
#[allow(dead_code, reason = "shared with tests/operator, which uses all of it")]
#[path = "../support/kept_objects.rs"]
mod kept_objects;
mod operator;
mod scene;
mod stale;
mod troubles;
mod wire;
