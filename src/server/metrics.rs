//! `/metrics`: what the program counts, in the OpenMetrics text format.

use std::{collections::BTreeMap, fmt, sync::Arc};

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use parking_lot::Mutex;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric},
    metrics::{
        MetricType,
        counter::Counter,
        family::Family,
        gauge::{ConstGauge, Gauge},
        histogram::{Histogram, exponential_buckets},
        info::Info,
    },
    registry::{Registry, Unit},
};

use crate::gitlab::Observer;

/// The label that names a `GitLabInstance`. Not `instance`: Prometheus gives that name to the address that it scraped, and would
/// rename ours. `endpoint` is taken in the same way.
const INSTANCE: &str = "gitlab_instance";

/// What one operator counts. Each operator makes its own; there is nothing global.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    reconciles: Family<Reconcile, Counter>,
    reconcile_durations: Family<Kind, Histogram>,
    errors: Family<Reason, Counter>,
    requests: Family<Request, Counter>,
    request_durations: Family<Called, Histogram>,
    leader: Gauge,
    lease_transitions: Gauge,
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
    gitlab_instance: String,
    call: &'static str,
    status: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Called {
    gitlab_instance: String,
    call: &'static str,
}

/// What the metrics say of one mapping; replaces what they said before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingSeries {
    /// The instance that it names.
    pub instance: String,
    /// `Ready`, or the reason why not.
    pub state: String,
    /// Why GitLab does not hold the current credentials, if it was found not to.
    pub undelivered: Option<String>,
    /// The token of each environment that has one with an end.
    pub tokens: Vec<TokenSeries>,
}

/// The times of the token of an environment, in Unix seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSeries {
    /// The environment's name.
    pub environment: String,
    /// When it was issued, if that is known.
    pub issued: Option<i64>,
    /// When it ends.
    pub ends: i64,
}

/// What the metrics say of one instance; replaces what they said before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceSeries {
    /// `Ready`, or the reason why not.
    pub state: String,
    /// When its GitLab token ends (Unix seconds), if it does and that is known.
    pub token_ends: Option<i64>,
}

/// The gauges that follow objects. They are written out from here at each scrape, so that none outlives its object.
#[derive(Debug, Default)]
struct Series {
    mappings: BTreeMap<String, MappingSeries>,
    instances: BTreeMap<String, InstanceSeries>,
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
            "Requests to GitLab by call and status (none: no answer)",
            requests.clone(),
        );
        let request_durations = Family::new_with_constructor(durations as fn() -> Histogram);
        registry.register_with_unit(
            "gitlab_request_duration",
            "Duration of requests to GitLab",
            Unit::Seconds,
            request_durations.clone(),
        );
        let leader = Gauge::default();
        registry.register("leader", "Whether this operator is the one that works", leader.clone());
        let lease_transitions = Gauge::default();
        let help = "How often the lease went from one operator to another";
        registry.register("lease_transitions", help, lease_transitions.clone());
        let series = Arc::<Mutex<Series>>::default();
        registry.register_collector(Box::new(SeriesCollector(Arc::clone(&series))));
        Self {
            registry,
            reconciles,
            reconcile_durations,
            errors,
            requests,
            request_durations,
            leader,
            lease_transitions,
            series,
        }
    }

    /// Says whether this operator is the one that works.
    pub fn set_leader(&self, leads: bool) {
        self.leader.set(leads.into());
    }

    /// Says how often the lease went from one operator to another, as the Lease counts it.
    pub fn set_lease_transitions(&self, transitions: i64) {
        self.lease_transitions.set(transitions);
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
        self.series.lock().mappings.insert(mapping.to_owned(), series);
    }

    /// Forgets a mapping that is gone.
    pub fn forget_mapping(&self, mapping: &str) {
        self.series.lock().mappings.remove(mapping);
    }

    /// Says how an instance is, in place of what was said of it before.
    pub fn set_instance(&self, instance: &str, series: InstanceSeries) {
        self.series.lock().instances.insert(instance.to_owned(), series);
    }

    /// Forgets an instance that is gone.
    pub fn forget_instance(&self, instance: &str) {
        self.series.lock().instances.remove(instance);
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
}

impl Observer for Metrics {
    fn request(&self, instance: &str, call: &'static str, status: Option<u16>, seconds: f64) {
        let gitlab_instance = instance.to_owned();
        let status = status.map_or_else(|| "none".to_owned(), |status| status.to_string());
        self.request_durations
            .get_or_create(&Called { gitlab_instance: gitlab_instance.clone(), call })
            .observe(seconds);
        self.requests.get_or_create(&Request { gitlab_instance, call, status }).inc();
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
        let series = self.0.lock();
        encode_mappings(&series.mappings, &mut encoder)?;
        encode_tokens(&series.mappings, &mut encoder)?;
        encode_instances(&series.instances, &mut encoder)
    }
}

/// How many mappings there are of each sort.
fn encode_mappings(
    mappings: &BTreeMap<String, MappingSeries>,
    encoder: &mut DescriptorEncoder<'_>,
) -> Result<(), fmt::Error> {
    let mut states: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    let mut undelivered: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    for mapping in mappings.values() {
        *states.entry((&mapping.instance, &mapping.state)).or_default() += 1;
        if let Some(reason) = &mapping.undelivered {
            *undelivered.entry((&mapping.instance, reason)).or_default() += 1;
        }
    }
    let mut family = encoder.encode_descriptor("mappings", "Mappings by state", None, MetricType::Gauge)?;
    for ((instance, state), count) in states {
        let labels = [(INSTANCE, instance), ("state", state)];
        ConstGauge::new(count).encode(family.encode_family(&labels)?)?;
    }
    let help = "Mappings of which GitLab does not hold the current credentials, by reason";
    let mut family = encoder.encode_descriptor("undelivered_mappings", help, None, MetricType::Gauge)?;
    for ((instance, reason), count) in undelivered {
        let labels = [(INSTANCE, instance), ("reason", reason)];
        ConstGauge::new(count).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

/// When the tokens of the environments were issued, and when they end.
fn encode_tokens(
    mappings: &BTreeMap<String, MappingSeries>,
    encoder: &mut DescriptorEncoder<'_>,
) -> Result<(), fmt::Error> {
    let tokens = || mappings.iter().flat_map(|(name, mapping)| mapping.tokens.iter().map(move |token| (name, token)));
    let help = "When the token of an environment was issued, in Unix time";
    let name = "token_issued_timestamp";
    let mut family = encoder.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Gauge)?;
    for (name, token) in tokens() {
        let labels = [("mapping", name.as_str()), ("environment", &token.environment)];
        if let Some(issued) = token.issued {
            ConstGauge::new(issued).encode(family.encode_family(&labels)?)?;
        }
    }
    let help = "When the token of an environment ends, in Unix time";
    let name = "token_expiry_timestamp";
    let mut family = encoder.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Gauge)?;
    for (name, token) in tokens() {
        let labels = [("mapping", name.as_str()), ("environment", &token.environment)];
        ConstGauge::new(token.ends).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

/// How each instance is, and when its token ends.
fn encode_instances(
    instances: &BTreeMap<String, InstanceSeries>,
    encoder: &mut DescriptorEncoder<'_>,
) -> Result<(), fmt::Error> {
    let mut family = encoder.encode_descriptor("instances", "Instances by state", None, MetricType::Gauge)?;
    for (name, instance) in instances {
        let labels = [(INSTANCE, name.as_str()), ("state", &instance.state)];
        ConstGauge::new(1_i64).encode(family.encode_family(&labels)?)?;
    }
    let help = "When the token for an instance ends, in Unix time";
    let name = "gitlab_token_expiry_timestamp";
    let mut family = encoder.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Gauge)?;
    for (name, instance) in instances {
        if let Some(ends) = instance.token_ends {
            ConstGauge::new(ends).encode(family.encode_family(&[(INSTANCE, name.as_str())])?)?;
        }
    }
    Ok(())
}

/// The answer to a scrape.
pub(super) fn answer(metrics: &Metrics) -> Response {
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    match metrics.to_text() {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "the metrics could not be written\n").into_response(),
    }
}
