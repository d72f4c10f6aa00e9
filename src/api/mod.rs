//! The kinds that administrators write (group `gl-k8s.dev`, version `v1alpha1`, cluster-scoped), their defaults and
//! what admission refuses; and the names and marks that the rest of the program shares with the cluster.
//!
//! One file per kind, `status` for what several kinds say about themselves, [`crds`] for the generated YAML. Types here
//! are raw input: they mirror the YAML. What the operator works with after validation is typed elsewhere.

// Two printer columns have the same type; clippy takes them for one attribute written twice.
#![allow(clippy::duplicated_attributes)]

mod class;
pub mod crds;
mod instance;
mod key;
mod kubernetes;
mod lenient;
mod mapping;
pub mod names;
mod period;
mod rules;
mod status;

pub use class::*;
pub use instance::*;
pub use key::Key;
pub use mapping::*;
pub use period::{Period, PeriodError};
pub use status::*;

/// API group of all kinds.
pub const GROUP: &str = "gl-k8s.dev";

/// The version served and stored.
pub const VERSION: &str = "v1alpha1";
