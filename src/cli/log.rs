//! Logging: lines on standard error, and traces to a collector.

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

#[cfg(feature = "otel")]
use super::otel::Exporter;
use super::screen;

/// The filter without `RUST_LOG`. rmcp logs an error when a client leaves, or the server ends,
/// before a session is initialized; the filter drops it.
const FILTER: &str = "warn,rmcp=error,rmcp::transport::streamable_http_server::tower=off";

/// The log. [`finish`](Self::finish) ends it.
#[must_use]
#[derive(Debug)]
pub struct Log {
    #[cfg(feature = "otel")]
    exporter: Option<Exporter>,
}

type Layers = Vec<Box<dyn Layer<Registry> + Send + Sync>>;

impl Log {
    /// Starts the log on standard error, at the level of `RUST_LOG`. At `info` each finished call
    /// is one line.
    ///
    /// With the feature `otel`, calls are also exported to the collector that the standard
    /// variables name, independent of `RUST_LOG`.
    pub fn begin() -> Self {
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(FILTER));
        let lines = fmt::layer()
            .with_writer(screen::plain_errors)
            .with_span_events(fmt::format::FmtSpan::CLOSE)
            .with_filter(filter);
        Self::with(vec![lines.boxed()])
    }

    #[cfg(not(feature = "otel"))]
    fn with(layers: Layers) -> Self {
        tracing_subscriber::registry().with(layers).init();
        Self {}
    }

    #[cfg(feature = "otel")]
    fn with(mut layers: Layers) -> Self {
        let (exporter, wrong) = match super::otel::begin() {
            Ok(None) => (None, None),
            Ok(Some((exporter, layer))) => {
                layers.push(layer);
                (Some(exporter), None)
            }
            Err(wrong) => (None, Some(wrong)),
        };
        tracing_subscriber::registry().with(layers).init();
        if let Some(wrong) = wrong {
            tracing::warn!("no traces are exported: {wrong}");
        }
        Self { exporter }
    }

    /// Sends the remaining traces to the collector, and waits for it only briefly.
    pub fn finish(self) {
        #[cfg(feature = "otel")]
        if let Some(exporter) = self.exporter {
            exporter.finish();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The log line of rmcp when a server ends before a client has initialized its session.
    #[test]
    fn what_clients_leave_undone_is_no_error_of_the_server() {
        let lines = Lines::default();
        let writer = lines.clone();
        let layer = fmt::layer().with_writer(move || writer.clone());
        let filtered = layer.with_filter(EnvFilter::new(FILTER));
        let subscriber = tracing_subscriber::registry().with(filtered);
        tracing::subscriber::with_default(subscriber, || {
            tracing::error!(
                target: "rmcp::transport::streamable_http_server::tower",
                "Failed to serve session: Cancelled"
            );
            tracing::error!(target: "rmcp::service", "an error");
            tracing::warn!(target: "rmcp::service", "a warning");
            tracing::warn!("a warning of ours");
        });
        let said = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let said: Vec<&str> = said.lines().map(|line| line.rsplit(": ").next().unwrap()).collect();
        assert_eq!(said, ["an error", "a warning of ours"]);
    }
}
