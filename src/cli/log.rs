//! What the program says about itself: lines on standard error, and traces to a collector.

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

#[cfg(feature = "otel")]
use super::otel::Exporter;
use super::screen;

/// What is worth a line where `RUST_LOG` does not say. For rmcp it is an error that a client left, or
/// the server ended, before a session's greeting was complete.
const FILTER: &str = "warn,rmcp=error,rmcp::transport::streamable_http_server::tower=off";

/// The log, on until it is finished.
#[must_use]
#[derive(Debug)]
pub struct Log {
    #[cfg(feature = "otel")]
    exporter: Option<Exporter>,
}

type Layers = Vec<Box<dyn Layer<Registry> + Send + Sync>>;

impl Log {
    /// Sends the log to standard error, at the level of `RUST_LOG`. At `info` each call is a line,
    /// when it has ended.
    ///
    /// With the feature `otel`, and where the standard variables name a collector, calls are exported
    /// to it too, whatever `RUST_LOG` says.
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

    /// Hands on what a collector has not got yet. Waits for it a moment only.
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

    /// What rmcp says when a server ends that a client has half greeted.
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
