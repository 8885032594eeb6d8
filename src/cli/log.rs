//! What the program says about itself: lines on standard error, and traces to a collector.

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

#[cfg(feature = "otel")]
use super::otel::Exporter;

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
        let filter =
            EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,rmcp=error"));
        let lines = fmt::layer()
            .with_writer(std::io::stderr)
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
