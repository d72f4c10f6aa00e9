//! Reads and writes the Lease, by compare-and-swap only.

use std::{sync::Arc, time::Duration};

use futures::{Stream, StreamExt as _, future};
use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
};
use kube::{
    Api, Client, ResourceExt as _,
    api::PostParams,
    runtime::{WatchStreamExt as _, watcher::watch_object},
};

use super::decision::Record;
use crate::{api::names, context::Clock};

/// The Lease's name, in the operator's own namespace.
pub const LEASE: &str = "gl-k8s-integrator";

/// What became of a write.
#[derive(Clone, Debug)]
pub enum Written {
    /// It took effect: the Lease as it is now.
    Done(Box<Lease>),
    /// Somebody else was faster.
    Conflict,
}

/// The Lease in the API server, and who writes it.
#[derive(Clone)]
pub struct LeaseStore {
    api: Api<Lease>,
    holder: String,
    duration: Duration,
    calendar: Arc<dyn Clock>,
}

impl LeaseStore {
    /// The Lease in the operator's own namespace, for a holder of this identity whose lease holds this long. The client must
    /// not ask for the claim that depends on it.
    pub fn new(client: Client, namespace: &str, holder: &str, duration: Duration, calendar: Arc<dyn Clock>) -> Self {
        Self { api: Api::namespaced(client, namespace), holder: holder.to_owned(), duration, calendar }
    }

    /// The Lease as it is now, if there is one.
    ///
    /// # Errors
    /// When the API server did not answer with it.
    pub async fn read(&self) -> kube::Result<Option<Lease>> {
        self.api.get_opt(LEASE).await
    }

    /// Something each time that the Lease may have changed. A hint: what it is now is read.
    pub fn hints(&self) -> impl Stream<Item = ()> + Send + use<> {
        watch_object(self.api.clone(), LEASE).default_backoff().filter_map(|seen| future::ready(seen.ok().map(drop)))
    }

    /// Makes the Lease, held by this process.
    ///
    /// # Errors
    /// When it is not known whether it took effect, or the API server refused it.
    pub async fn create(&self) -> kube::Result<Written> {
        let labels = [("app.kubernetes.io/name".to_owned(), names::MANAGED_BY.to_owned())];
        let metadata =
            ObjectMeta { name: Some(LEASE.to_owned()), labels: Some(labels.into()), ..ObjectMeta::default() };
        let lease = self.held(Lease { metadata, spec: None });
        written(self.api.create(&PostParams::default(), &lease).await)
    }

    /// Writes this process into the Lease that was read, as its holder.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub async fn hold(&self, read: &Lease) -> kube::Result<Written> {
        self.replace(self.held(read.clone())).await
    }

    /// Gives the Lease back that this process holds.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub async fn release(&self, read: &Lease) -> kube::Result<Written> {
        let mut lease = read.clone();
        let spec = lease.spec.get_or_insert_default();
        spec.holder_identity = Some(String::new());
        spec.renew_time = Some(MicroTime(self.now()));
        self.replace(lease).await
    }

    /// With the resource version that was read, which the API server compares.
    async fn replace(&self, lease: Lease) -> kube::Result<Written> {
        written(self.api.replace(LEASE, &PostParams::default(), &lease).await)
    }

    fn held(&self, mut lease: Lease) -> Lease {
        let now = MicroTime(self.now());
        let before = lease.spec.take();
        let renewed = before.as_ref().is_some_and(|spec| spec.holder_identity.as_ref() == Some(&self.holder));
        let first = before.is_none();
        let mut spec = before.unwrap_or_default();
        if !renewed {
            spec.acquire_time = Some(now.clone());
            let transitions = spec.lease_transitions.unwrap_or_default();
            spec.lease_transitions = Some(if first { transitions } else { transitions.saturating_add(1) });
        }
        let seconds = i32::try_from(self.duration.as_secs()).unwrap_or(i32::MAX);
        lease.spec = Some(LeaseSpec {
            holder_identity: Some(self.holder.clone()),
            lease_duration_seconds: Some(seconds),
            renew_time: Some(now),
            ..spec
        });
        lease
    }

    /// As precise as the API server keeps it.
    fn now(&self) -> Timestamp {
        let now = self.calendar.now();
        now.round(jiff::Unit::Microsecond).unwrap_or(now)
    }
}

/// A 404 means that the Lease was deleted after it was read.
fn written(result: kube::Result<Lease>) -> kube::Result<Written> {
    match result {
        Ok(lease) => Ok(Written::Done(Box::new(lease))),
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(Written::Conflict),
        Err(error) => Err(error),
    }
}

impl From<&Lease> for Record {
    fn from(lease: &Lease) -> Self {
        let spec = lease.spec.clone().unwrap_or_default();
        let seconds = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        Self {
            version: format!("{}/{}", lease.uid().unwrap_or_default(), lease.resource_version().unwrap_or_default()),
            holder: spec.holder_identity.filter(|holder| !holder.is_empty()),
            duration: seconds.filter(|seconds| *seconds > 0).map(Duration::from_secs),
        }
    }
}
