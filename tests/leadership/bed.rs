//! The control plane of this test binary. There is one Lease in it, so that one test runs at a time.

#[path = "../support/installed.rs"]
mod installed;

use gl_k8s_integrator::{api::ProjectMapping, leadership::LEASE};
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, api::DeleteParams};
use serde_json::json;
use tokio::sync::{Mutex, MutexGuard};

use crate::campus::Campus;

pub use installed::{OWN, bed, eventually};

static ALONE: Mutex<()> = Mutex::const_new(());

/// A test's own GitLab, and the right to be alone with the Lease.
pub struct Bench {
    pub campus: Campus,
    pub leases: Api<Lease>,
    _alone: MutexGuard<'static, ()>,
}

impl Bench {
    /// No operator runs, and there is no Lease.
    pub async fn new(name: &str) -> Self {
        let alone = ALONE.lock().await;
        let campus = Campus::new(name).await;
        let leases: Api<Lease> = Api::namespaced(campus.admin.clone(), OWN);
        leases.delete(LEASE, &DeleteParams::default()).await.ok();
        Self { campus, leases, _alone: alone }
    }

    /// A mapping of a project of its own, named after the test.
    pub async fn map(&self, path: &str) -> String {
        let mapping = format!("{}-{path}", self.campus.name);
        self.campus.project(path).await;
        self.campus.map(&mapping, path, json!({})).await;
        mapping
    }

    /// Asks for a renewal, so that there is something to do: a token, fourteen variables, a status.
    pub async fn renew(&self, mapping: &str, value: &str) {
        let annotation = json!({"metadata": {"annotations": {"gl-k8s.dev/renew": value}}});
        self.campus.patch_mapping(mapping, annotation).await;
    }

    /// Waits until a renewal is done.
    pub async fn renewed(&self, mapping: &str, value: &str) -> ProjectMapping {
        eventually(&format!("the renewal {value} of {mapping} is done"), async || {
            let object = self.campus.mappings().get(mapping).await.map_err(|error| error.to_string())?;
            let status = object.status.clone().unwrap_or_default();
            let handled = status.handled_requests.unwrap_or_default().renew;
            if handled.as_deref() == Some(value) { Ok(object) } else { Err(format!("{:#?}", status.conditions)) }
        })
        .await
    }

    /// Leaves nothing that an operator of another test would have to do.
    pub async fn finish(self) {
        for mapping in self.campus.mappings().list(&Default::default()).await.unwrap().items {
            self.campus.patch_mapping(&mapping.metadata.name.unwrap(), json!({"spec": {"paused": true}})).await;
        }
    }
}

/// Each test leaves its mappings paused by itself.
pub fn retire(_: String) {}
