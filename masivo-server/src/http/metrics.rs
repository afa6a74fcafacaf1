//! What Prometheus scrapes.

use masivo_store::Handle;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use std::time::Duration;

/// The content type of what Prometheus scrapes.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    path: &'static str,
    status: u32,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PathLabels {
    method: &'static str,
    path: &'static str,
}

type Durations = Family<PathLabels, Histogram, fn() -> Histogram>;

/// Everything that is counted.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    seconds: Durations,
    queued: Gauge,
    commands: Gauge,
    groups: Gauge,
    /// Open connections.
    pub(crate) connections: Gauge,
}

impl Metrics {
    /// Everything at zero.
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("masivo");
        let requests = Family::default();
        let seconds =
            Durations::new_with_constructor(|| Histogram::new(exponential_buckets(0.000_5, 2.0, 16)));
        let [queued, commands, groups, connections] = [(); 4].map(|()| Gauge::default());
        registry.register("http_requests", "Requests by route and status", Family::clone(&requests));
        registry.register("http_request_seconds", "How long requests took", Durations::clone(&seconds));
        registry.register("queue_commands", "Commands that wait for the writer", queued.clone());
        registry.register("commands_carried_out", "Commands carried out since the start", commands.clone());
        registry.register("groups_written", "Groups made durable since the start", groups.clone());
        registry.register("http_connections", "Open connections", connections.clone());
        Self { registry, requests, seconds, queued, commands, groups, connections }
    }

    /// Counts one answer.
    pub(crate) fn count(&self, method: &'static str, path: &'static str, status: u16, took: Duration) {
        self.requests.get_or_create(&RequestLabels { method, path, status: u32::from(status) }).inc();
        self.seconds.get_or_create(&PathLabels { method, path }).observe(took.as_secs_f64());
    }

    /// The text that Prometheus reads.
    pub(crate) fn text(&self, handle: &Handle) -> Result<String, std::fmt::Error> {
        let (commands, groups) = handle.carried_out();
        self.queued.set(i64::try_from(handle.queued()).unwrap_or(i64::MAX));
        self.commands.set(i64::try_from(commands).unwrap_or(i64::MAX));
        self.groups.set(i64::try_from(groups).unwrap_or(i64::MAX));
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
