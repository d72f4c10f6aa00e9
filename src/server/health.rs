//! `/livez` and `/readyz`.

use std::{collections::BTreeMap, sync::Arc};

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use parking_lot::Mutex;

/// What must come about before the program is ready. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    components: BTreeMap<u64, &'static str>,
}

/// Says that a component is not ready yet; dropping it says that it is.
#[derive(Debug)]
#[must_use = "the component counts as ready as soon as the handle is dropped"]
pub struct ReadyHandle {
    readiness: Readiness,
    number: u64,
}

impl Readiness {
    /// Ready as soon as no handle is left.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the program wait for a component. Taken before the server starts, so that it is not ready for a moment in between.
    pub fn wait_for(&self, component: &'static str) -> ReadyHandle {
        let mut waiting = self.0.lock();
        let number = waiting.next;
        waiting.next += 1;
        waiting.components.insert(number, component);
        ReadyHandle { readiness: self.clone(), number }
    }

    /// The components that are not ready yet, in the order in which they were named.
    pub fn waiting_for(&self) -> Vec<&'static str> {
        self.0.lock().components.values().copied().collect()
    }
}

impl Drop for ReadyHandle {
    fn drop(&mut self) {
        self.readiness.0.lock().components.remove(&self.number);
    }
}

/// The process answers, so it lives.
pub(super) async fn livez() -> &'static str {
    "ok\n"
}

/// Whether every component is ready; if not, which ones are awaited.
pub(super) fn readyz(readiness: &Readiness) -> Response {
    let waiting = readiness.waiting_for();
    if waiting.is_empty() {
        return "ok\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, format!("waiting for {}\n", waiting.join(", "))).into_response()
}
