//! The bed of tests in which nothing works by itself: each of them runs, starts or stops its own operator.

pub use crate::installed::{OWN, bed, eventually};

/// So there is nothing to be let alone once a test is over.
pub fn retire(_: String) {}
