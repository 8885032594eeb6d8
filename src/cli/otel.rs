//! Export of traces over OTLP, if the standard variables name a collector.
//!
//! A separate thread sends spans in batches, so no call waits for the collector. Spans that the
//! collector does not accept are dropped. One warning is logged until the collector accepts again.

use std::io::Read as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry::trace::{SpanKind, Status, TracerProvider as _};
use opentelemetry::{Context, Key, KeyValue};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{RetryPolicy, SpanExporter, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchSpanProcessor, SdkTracerProvider, Span, SpanData, SpanProcessor,
};
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::{Layer, Registry};
use ureq::Agent;

/// The variables that name a collector. One of them is enough.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
/// The variables that set the collector's timeout, in milliseconds.
const TIMEOUTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"];
/// The default timeout of the exporter's specification.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Time limit for the last batch when the process ends.
const LAST_BATCH: Duration = Duration::from_secs(2);
/// Bytes of a collector's answer that are read. The answer is empty or names rejected spans.
const ANSWER_BYTES_MAX: u64 = 64 << 10;

/// The export. [`finish`](Self::finish) ends it.
#[derive(Debug)]
pub(super) struct Exporter(SdkTracerProvider);

type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Starts the export if a collector is named.
pub(super) fn begin() -> Result<Option<(Exporter, BoxedLayer)>, String> {
    let is_off = variable(&["OTEL_SDK_DISABLED"]).is_some_and(|is| is.eq_ignore_ascii_case("true"))
        || variable(&["OTEL_TRACES_EXPORTER"]).is_some_and(|exporter| exporter == "none");
    if is_off || variable(&ENDPOINTS).is_none() {
        return Ok(None);
    }
    let sender = SpanExporter::builder()
        .with_http()
        .with_http_client(Client::new())
        .with_retry_policy(RetryPolicy::disabled())
        .build()
        .map_err(|error| error.to_string())?;
    let provider = SdkTracerProvider::builder()
        .with_resource(resource())
        .with_span_processor(Conventions(BatchSpanProcessor::builder(sender).build()))
        .build();
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("refiner"))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_filter(Targets::new().with_target("refiner", Level::INFO));
    Ok(Some((Exporter(provider), layer.boxed())))
}

impl Exporter {
    /// Sends the remaining spans, and waits only briefly.
    pub(super) fn finish(self) {
        if let Err(error) = self.0.shutdown_with_timeout(LAST_BATCH) {
            tracing::debug!(%error, "the last traces may be lost");
        }
    }
}

/// Returns the first of these variables that is set and not empty.
fn variable(names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
}

/// Returns the source of the spans: this program, unless the standard variables name another one.
fn resource() -> Resource {
    let is_named = variable(&["OTEL_SERVICE_NAME"]).is_some()
        || variable(&["OTEL_RESOURCE_ATTRIBUTES"])
            .is_some_and(|attributes| attributes.contains("service.name="));
    let resource = Resource::builder()
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    if is_named { resource.build() } else { resource.with_service_name("refiner").build() }
}

/// Renames spans and attributes to OpenTelemetry's conventions for MCP during the export.
#[derive(Debug)]
struct Conventions<P>(P);

impl<P: SpanProcessor> SpanProcessor for Conventions<P> {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.0.on_start(span, context);
    }

    fn on_end(&self, mut span: SpanData) {
        conform(&mut span);
        self.0.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.0.set_resource(resource);
    }
}

/// A call over MCP becomes the server span `<method> <tool>`. A subcommand stays an internal span.
fn conform(span: &mut SpanData) {
    let text = |attribute: &str| {
        let found = span.attributes.iter().find(|one| one.key.as_str() == attribute);
        found.map(|one| one.value.to_string())
    };
    let (Some(method), Some(tool)) = (text("method"), text("tool")) else { return };
    let code = text("code");
    let over_mcp = method.contains('/');
    span.name = format!("{method} {tool}").into();
    span.span_kind = if over_mcp { SpanKind::Server } else { SpanKind::Internal };
    if let Some(code) = code {
        span.status = Status::error(code);
    }
    for attribute in &mut span.attributes {
        let name = match attribute.key.as_str() {
            "method" if over_mcp => "mcp.method.name".to_owned(),
            "tool" if over_mcp => "gen_ai.tool.name".to_owned(),
            "code" => "error.type".to_owned(),
            other => format!("refiner.{other}"),
        };
        attribute.key = Key::from(name);
    }
}

/// Sends batches. Runs on the exporter's own thread, so it may block.
#[derive(Debug)]
struct Client {
    agent: Agent,
    /// Whether the last batch was rejected.
    failing: AtomicBool,
}

impl Client {
    fn new() -> Self {
        let given = variable(&TIMEOUTS).and_then(|millis| millis.parse().ok());
        let agent = Agent::config_builder()
            .timeout_global(Some(given.map_or(TIMEOUT, Duration::from_millis)))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .user_agent(concat!("refiner/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        Self { agent, failing: AtomicBool::new(false) }
    }

    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, ureq::Error> {
        let response = self.agent.run(request.map(|body| body.to_vec()))?;
        let (parts, body) = response.into_parts();
        let mut answer = Vec::new();
        body.into_reader().take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
        Ok(Response::from_parts(parts, answer.into()))
    }

    /// Logs the first rejected batch.
    fn warn(&self, sent: &Result<Response<Bytes>, ureq::Error>) {
        let why = match sent {
            Ok(response) if response.status().is_success() => None,
            Ok(response) => Some(response.status().to_string()),
            Err(error) => Some(error.to_string()),
        };
        let failed_before = self.failing.swap(why.is_some(), Ordering::Relaxed);
        if let Some(why) = why.filter(|_| !failed_before) {
            tracing::warn!("the collector did not accept the traces; they are dropped: {why}");
        }
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let sent = self.send(request);
        self.warn(&sent);
        Ok(sent?)
    }
}
