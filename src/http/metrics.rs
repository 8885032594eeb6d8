//! Metrics in the text format of Prometheus. A client cannot choose the value of a label, and no
//! label names an artifact.

use std::time::Instant;

use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::Response;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Upper bounds of the histogram's buckets in seconds: from a read in memory to a person's answer.
const BUCKETS_SECONDS: [f64; 12] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 10.0, 60.0];

/// The paths with a label of their own.
const ROUTES: [&str; 6] = ["/healthz", "/mcp", "/messages", "/metrics", "/readyz", "/sse"];

/// The methods with a label of their own.
const METHODS: [&str; 22] = [
    "completion/complete",
    "initialize",
    "logging/setLevel",
    "notifications/cancelled",
    "notifications/initialized",
    "notifications/progress",
    "notifications/roots/list_changed",
    "ping",
    "prompts/get",
    "prompts/list",
    "resources/list",
    "resources/read",
    "resources/subscribe",
    "resources/templates/list",
    "resources/unsubscribe",
    "server/discover",
    "subscriptions/listen",
    "tasks/cancel",
    "tasks/get",
    "tasks/update",
    "tools/call",
    "tools/list",
];

const OTHER: &str = "other";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    route: &'static str,
    method: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Called {
    method: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refused {
    reason: &'static str,
}

/// The metrics.
#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    requests: Family<Asked, Counter>,
    durations: Family<Called, Histogram, fn() -> Histogram>,
    refused: Family<Refused, Counter>,
    received: Counter,
    sent: Counter,
    calls: Gauge,
    streams: Gauge,
    sessions: Gauge,
    connections: Gauge,
}

/// The current values of gauges.
#[derive(Clone, Copy, Debug)]
pub(super) struct Present {
    pub(super) calls: usize,
    pub(super) streams: usize,
    pub(super) sessions: usize,
    pub(super) connections: usize,
}

impl Metrics {
    pub(super) fn new() -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(BUCKETS_SECONDS);
        let mut metrics = Self {
            registry: Registry::with_prefix("refiner_http"),
            requests: Family::default(),
            durations: Family::new_with_constructor(histogram),
            refused: Family::default(),
            received: Counter::default(),
            sent: Counter::default(),
            calls: Gauge::default(),
            streams: Gauge::default(),
            sessions: Gauge::default(),
            connections: Gauge::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("requests", "Requests by status", self.requests.clone());
        let durations = self.durations.clone();
        registry.register("call_duration_seconds", "Time from a call to its answer", durations);
        registry.register("refused", "Rejected requests", self.refused.clone());
        registry.register("received_bytes", "Bytes of request bodies", self.received.clone());
        registry.register("sent_bytes", "Bytes of answer bodies", self.sent.clone());
        registry.register("calls_in_flight", "Calls in flight", self.calls.clone());
        registry.register("streams", "Open streams", self.streams.clone());
        registry.register("sessions", "Open sessions", self.sessions.clone());
        registry.register("connections", "Open connections", self.connections.clone());
    }

    /// Counts an answer.
    pub(super) fn answered(&self, path: &str, method: &'static str, status: u16) {
        let route = ROUTES.iter().find(|route| **route == path).copied().unwrap_or(OTHER);
        self.requests.get_or_create(&Asked { route, method, status }).inc();
    }

    /// Counts a rejected request.
    pub(super) fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&Refused { reason }).inc();
    }

    /// Records the duration of a call that ends now.
    pub(super) fn called(&self, method: &'static str, since: Instant) {
        let seconds = since.elapsed().as_secs_f64();
        self.durations.get_or_create(&Called { method }).observe(seconds);
    }

    pub(super) fn received(&self, bytes: usize) {
        self.received.inc_by(bytes as u64);
    }

    pub(super) fn sent(&self, bytes: u64) {
        self.sent.inc_by(bytes);
    }

    /// Returns all metrics.
    pub(super) fn answer(&self, present: Present) -> Response {
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        self.calls.set(count(present.calls));
        self.streams.set(count(present.streams));
        self.sessions.set(count(present.sessions));
        self.connections.set(count(present.connections));
        let mut counted = String::new();
        text::encode(&mut counted, &self.registry).expect("a string takes any text");
        let mut response = Response::new(Body::from(counted));
        let form = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(form));
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

/// Returns the label of a method.
pub(super) fn counted_as(method: Option<&str>) -> &'static str {
    let known = method.map(|method| METHODS.iter().find(|known| **known == method));
    known.map_or("", |known| known.copied().unwrap_or(OTHER))
}
