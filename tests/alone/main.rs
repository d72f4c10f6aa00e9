//! What needs a cluster to itself, test by test: deletions, which are counted over all mappings of a cluster; kinds as an
//! earlier release installed them; and many mappings.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../support/bed.rs"]
mod bed;
#[allow(dead_code, reason = "shared with tests/operator, which uses all of it")]
#[path = "../operator/campus.rs"]
mod campus;
mod crashes;
mod ground;
mod holding;
#[path = "../support/installed.rs"]
mod installed;
mod many;
mod older;
#[allow(dead_code, reason = "shared with other tests; one or the other uses it")]
#[path = "../support/operator.rs"]
mod operator;
mod plan;
#[path = "../support/planned.rs"]
mod planned;
#[allow(dead_code, reason = "shared with other tests; one or the other uses it")]
#[path = "../support/seams.rs"]
mod seams;
