//! Gives GitLab projects their own Kubernetes namespaces, and their CI jobs the credentials to deploy into them.

pub mod api;
pub mod gitlab;
pub mod naming;
