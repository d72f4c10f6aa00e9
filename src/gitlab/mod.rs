//! GitLab's HTTP API, typed, one file per resource.
//!
//! The way of a call: a resource file (`projects`, `environments`, `variables`, …) names the endpoint and what it takes →
//! `client` sends it, at the instance's `pace`, retries what may be repeated and reports to the [`Observer`] → `transport`
//! carries it → `error` says what an answer other than success means → the resource file gives a typed value. Nothing here
//! knows Kubernetes or decides what should exist.
//!
//! Every endpoint, parameter and error body is GitLab's as of 19.3; 17.0 and newer answer alike.

mod call;
mod client;
mod clusters;
mod environments;
mod error;
mod features;
mod json;
mod members;
mod metadata;
mod pace;
mod paging;
mod projects;
mod redaction;
mod tokens;
mod transport;
mod variables;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;

pub use client::{Client, Observer};
pub use clusters::{Cluster, ClusterSettings};
pub use environments::{Environment, EnvironmentState};
pub use error::{Error, Missing, Throttle, TokenProblem};
pub use features::{Feature, FeatureState};
pub use metadata::{Metadata, Version};
pub use pace::Pace;
pub use projects::{FeatureAccess, Permissions, Project, ProjectRef};
pub use tokens::{TokenInfo, TokenSelf};
pub use transport::{HttpOptions, Proxy, Transport, TransportError, TransportErrorKind, http_transport};
pub(crate) use transport::{in_words, is_about_tls};
pub use variables::{NewVariable, Variable, VariableType};
