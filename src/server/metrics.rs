//! `/metrics`: what the program counts, in the OpenMetrics text format.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric},
    metrics::{
        MetricType,
        counter::Counter,
        family::Family,
        gauge::ConstGauge,
        histogram::{Histogram, exponential_buckets},
        info::Info,
    },
    registry::{Registry, Unit},
};

use crate::gitlab::Observer;

/// What one operator counts. Each operator makes its own; there is nothing global.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    reconciles: Family<Reconcile, Counter>,
    reconcile_durations: Family<Kind, Histogram>,
    errors: Family<Reason, Counter>,
    requests: Family<Request, Counter>,
    request_durations: Family<Endpoint, Histogram>,
    series: Arc<Mutex<Series>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reconcile {
    kind: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    kind: &'static str,
    reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    instance: String,
    endpoint: &'static str,
    status: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Endpoint {
    instance: String,
    endpoint: &'static str,
}

/// What the metrics say of one mapping; replaces what they said before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingSeries {
    /// The instance that it names.
    pub instance: String,
    /// `Ready`, or the reason why not.
    pub state: String,
    /// When each environment's token ends: the environment's name (empty for a shared one) and Unix seconds.
    pub token_expiries: Vec<(String, i64)>,
}

/// The gauges that follow objects. They are written out from here at each scrape, so that none outlives its object.
#[derive(Debug, Default)]
struct Series {
    mappings: BTreeMap<String, MappingSeries>,
    gitlab_token_expiries: BTreeMap<String, i64>,
}

impl Metrics {
    /// Nothing counted yet. `version` is this program's.
    pub fn new(version: &str) -> Self {
        let mut registry = Registry::with_prefix("gl_k8s");
        registry.register("build", "This program", Info::new([("version", version.to_owned())]));
        let reconciles = Family::default();
        registry.register("reconciles", "Reconciles by kind of object and result", reconciles.clone());
        let reconcile_durations = Family::new_with_constructor(durations as fn() -> Histogram);
        registry.register_with_unit(
            "reconcile_duration",
            "Duration of reconciles",
            Unit::Seconds,
            reconcile_durations.clone(),
        );
        let errors = Family::default();
        registry.register("errors", "Reconciles that failed or found something wrong, by reason", errors.clone());
        let requests = Family::default();
        registry.register(
            "gitlab_requests",
            "Requests to GitLab by endpoint and status (none: no answer)",
            requests.clone(),
        );
        let request_durations = Family::new_with_constructor(durations as fn() -> Histogram);
        registry.register_with_unit(
            "gitlab_request_duration",
            "Duration of requests to GitLab",
            Unit::Seconds,
            request_durations.clone(),
        );
        let series = Arc::<Mutex<Series>>::default();
        registry.register_collector(Box::new(SeriesCollector(Arc::clone(&series))));
        Self { registry, reconciles, reconcile_durations, errors, requests, request_durations, series }
    }

    /// Counts a reconcile of an object of a kind. `result` is one of a few words.
    pub fn reconciled(&self, kind: &'static str, result: &'static str, seconds: f64) {
        self.reconciles.get_or_create(&Reconcile { kind, result }).inc();
        self.reconcile_durations.get_or_create(&Kind { kind }).observe(seconds);
    }

    /// Counts that something was wrong with an object of a kind. `reason` is a condition's machine-readable reason, never a
    /// message.
    pub fn failed(&self, kind: &'static str, reason: &str) {
        self.errors.get_or_create(&Reason { kind, reason: reason.to_owned() }).inc();
    }

    /// Says how a mapping is, in place of what was said of it before.
    pub fn set_mapping(&self, mapping: &str, series: MappingSeries) {
        self.lock().mappings.insert(mapping.to_owned(), series);
    }

    /// Forgets a mapping that is gone.
    pub fn forget_mapping(&self, mapping: &str) {
        self.lock().mappings.remove(mapping);
    }

    /// Says when an instance's GitLab token ends (Unix seconds), if it does.
    pub fn set_gitlab_token_expiry(&self, instance: &str, ends: Option<i64>) {
        let expiries = &mut self.lock().gitlab_token_expiries;
        match ends {
            Some(ends) => expiries.insert(instance.to_owned(), ends),
            None => expiries.remove(instance),
        };
    }

    /// Forgets an instance that is gone.
    pub fn forget_instance(&self, instance: &str) {
        self.lock().gitlab_token_expiries.remove(instance);
    }

    /// Everything, as OpenMetrics text.
    ///
    /// # Errors
    /// When a value cannot be written as text.
    pub fn to_text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }

    fn lock(&self) -> MutexGuard<'_, Series> {
        self.series.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Metrics {
    fn request(&self, instance: &str, endpoint: &'static str, status: Option<u16>, seconds: f64) {
        let instance = instance.to_owned();
        let status = status.map_or_else(|| "none".to_owned(), |status| status.to_string());
        self.request_durations.get_or_create(&Endpoint { instance: instance.clone(), endpoint }).observe(seconds);
        self.requests.get_or_create(&Request { instance, endpoint, status }).inc();
    }
}

/// From 5 ms to 40 s.
fn durations() -> Histogram {
    Histogram::new(exponential_buckets(0.005, 2.0, 14))
}

#[derive(Debug)]
struct SeriesCollector(Arc<Mutex<Series>>);

impl Collector for SeriesCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let series = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut states: BTreeMap<(&str, &str), i64> = BTreeMap::new();
        for mapping in series.mappings.values() {
            *states.entry((&mapping.instance, &mapping.state)).or_default() += 1;
        }
        let mut mappings = encoder.encode_descriptor("mappings", "Mappings by state", None, MetricType::Gauge)?;
        for ((instance, state), count) in states {
            let labels = [("instance", instance), ("state", state)];
            ConstGauge::new(count).encode(mappings.encode_family(&labels)?)?;
        }
        let help = "When the token of an environment ends, in Unix time";
        let mut tokens =
            encoder.encode_descriptor("token_expiry_timestamp", help, Some(&Unit::Seconds), MetricType::Gauge)?;
        for (name, mapping) in &series.mappings {
            for (environment, ends) in &mapping.token_expiries {
                let labels = [("mapping", name.as_str()), ("environment", environment)];
                ConstGauge::new(*ends).encode(tokens.encode_family(&labels)?)?;
            }
        }
        let help = "When the token for an instance ends, in Unix time";
        let name = "gitlab_token_expiry_timestamp";
        let mut tokens = encoder.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Gauge)?;
        for (instance, ends) in &series.gitlab_token_expiries {
            ConstGauge::new(*ends).encode(tokens.encode_family(&[("instance", instance.as_str())])?)?;
        }
        Ok(())
    }
}

/// The answer to a scrape.
pub(super) fn answer(metrics: &Metrics) -> Response {
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    match metrics.to_text() {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "the metrics could not be written\n").into_response(),
    }
}
