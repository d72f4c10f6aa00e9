//! Which mappings are ready, as a watch shows it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::StreamExt as _;
use kube::Api;
use kube::api::DynamicObject;
use kube::runtime::watcher::{self, Event, watcher};
use serde_json::Value;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// Follows the mappings; ends when dropped.
pub struct Mappings {
    seen: Arc<Seen>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    /// For each mapping the generation that was ready last, and when that was seen first.
    ready: Mutex<HashMap<String, (i64, Instant)>>,
    told: Mutex<HashMap<String, String>>,
    changed: Notify,
}

impl Mappings {
    /// Begins.
    pub fn follow(api: Api<DynamicObject>) -> Self {
        let seen = Arc::new(Seen::default());
        let noted = seen.clone();
        let task = tokio::spawn(async move {
            let mut events = watcher(api, watcher::Config::default()).boxed();
            while let Some(event) = events.next().await {
                if let Ok(Event::Apply(object) | Event::InitApply(object)) = event {
                    noted.note(&object);
                }
            }
        });
        Self { seen, task }
    }

    /// Waits until this many mappings are ready; gives when each was seen so first.
    pub async fn until_ready(&self, count: usize, limit: Duration) -> anyhow::Result<HashMap<String, Instant>> {
        let all = self.until(limit, |ready| ready.len() >= count).await;
        all.with_context(|| format!("not all of {count} mappings became ready; {}", self.troubles()))?;
        Ok(self.seen.ready().iter().map(|(name, (_, at))| (name.clone(), *at)).collect())
    }

    /// Waits until this generation of a mapping is ready; gives when that was seen first.
    pub async fn until_generation(&self, name: &str, generation: i64, limit: Duration) -> anyhow::Result<Instant> {
        let is_ready =
            |ready: &HashMap<String, (i64, Instant)>| ready.get(name).is_some_and(|(of, _)| *of == generation);
        let waited = self.until(limit, is_ready).await;
        waited.with_context(|| format!("{name} did not become ready again; {}", self.troubles()))?;
        self.seen.ready().get(name).map(|(_, at)| *at).context("the mapping is gone")
    }

    async fn until(
        &self,
        limit: Duration,
        met: impl Fn(&HashMap<String, (i64, Instant)>) -> bool,
    ) -> Result<(), tokio::time::error::Elapsed> {
        tokio::time::timeout(limit, async {
            loop {
                let changed = self.seen.changed.notified();
                if met(&self.seen.ready()) {
                    return;
                }
                changed.await;
            }
        })
        .await
    }

    /// What some of those say that are not ready.
    fn troubles(&self) -> String {
        let told = self.seen.told.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: Vec<_> = told.iter().take(5).map(|(name, message)| format!("{name}: {message}")).collect();
        format!("{} say why not, for example {}", told.len(), lines.join("; "))
    }
}

impl Drop for Mappings {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Seen {
    fn ready(&self) -> std::sync::MutexGuard<'_, HashMap<String, (i64, Instant)>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, object: &DynamicObject) {
        let (Some(name), Some(generation)) = (object.metadata.name.clone(), object.metadata.generation) else { return };
        let Some(condition) = ready_condition(object) else { return };
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if condition["status"] == "True" && condition["observedGeneration"].as_i64() == Some(generation) {
            told.remove(&name);
            let mut ready = self.ready();
            if ready.get(&name).is_none_or(|(of, _)| *of != generation) {
                ready.insert(name, (generation, Instant::now()));
                drop(ready);
                self.changed.notify_waiters();
            }
        } else if condition["status"] == "False" {
            told.insert(name, condition["message"].as_str().unwrap_or_default().to_owned());
        }
    }
}

fn ready_condition(object: &DynamicObject) -> Option<&Value> {
    let conditions = object.data.pointer("/status/conditions")?.as_array()?;
    conditions.iter().find(|condition| condition["type"] == "Ready")
}
