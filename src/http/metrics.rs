//! What the server counts, in the text form of Prometheus. No label has a value that a client can
//! make up, and none names an artifact.

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

/// Upper ends of the histogram's buckets, in seconds: from a read in memory to a person's answer.
const BUCKETS_SECONDS: [f64; 12] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 10.0, 60.0];

/// The paths that are counted by their name.
const ROUTES: [&str; 6] = ["/healthz", "/mcp", "/messages", "/metrics", "/readyz", "/sse"];

/// The methods that are counted by their name.
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

/// Counts.
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

/// What there is at this moment.
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
        registry.register("requests", "Requests, by what was answered", self.requests.clone());
        let durations = self.durations.clone();
        registry.register("call_duration_seconds", "Time from a call to its answer", durations);
        registry.register("refused", "Requests that were not passed on", self.refused.clone());
        registry.register("received_bytes", "Bytes of requests' bodies", self.received.clone());
        registry.register("sent_bytes", "Bytes of answers' bodies", self.sent.clone());
        registry.register("calls_in_flight", "Calls that are worked on", self.calls.clone());
        registry.register("streams", "Streams that are open", self.streams.clone());
        registry.register("sessions", "Sessions that are kept", self.sessions.clone());
        registry.register("connections", "Connections that are open", self.connections.clone());
    }

    /// Counts an answer.
    pub(super) fn answered(&self, path: &str, method: &'static str, status: u16) {
        let route = ROUTES.iter().find(|route| **route == path).copied().unwrap_or(OTHER);
        self.requests.get_or_create(&Asked { route, method, status }).inc();
    }

    /// Counts a request that was not passed on.
    pub(super) fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&Refused { reason }).inc();
    }

    /// Counts a call that took until now.
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

    /// Returns everything that was counted.
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

/// Returns the name by which a method is counted.
pub(super) fn counted_as(method: Option<&str>) -> &'static str {
    let known = method.map(|method| METHODS.iter().find(|known| **known == method));
    known.map_or("", |known| known.copied().unwrap_or(OTHER))
}
