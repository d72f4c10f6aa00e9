//! A real Kubernetes control plane on loopback, for tests and the demo: etcd, kube-apiserver and
//! kube-controller-manager, with RBAC and the controllers that the operator's objects meet in a cluster.
//!
//! ```no_run
//! # async fn example() {
//! let control_plane = control_plane::ControlPlane::shared().await;
//! let version = control_plane.admin_client().apiserver_version().await;
//! # }
//! ```
//!
//! There is no kubelet and no scheduler: pods are created and stay pending.
//!
//! What is where: [`Binaries`] finds the servers' binaries, `certificates` makes keys and certificates, `servers` writes
//! the command lines, `group` owns the processes and the watchdog that outlives the owner, `start` puts it together;
//! [`ControlPlane`] is what tests hold, [`AuditedWrite`] what they ask about writes.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod access;
mod audit;
mod binaries;
mod certificates;
mod control_plane;
mod error;
mod folder;
mod group;
mod kubectl;
mod ports;
mod servers;
mod start;
mod watchdog;

pub use audit::{AuditedWrite, DatedWrite};
pub use binaries::{Binaries, MissingBinaries};
pub use control_plane::{ControlPlane, Options};
pub use error::StartError;
pub use kubectl::KubectlError;
