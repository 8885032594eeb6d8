//! The trace context of a request: `traceparent` and `tracestate` in its `_meta` (SEP-414;
//! specification 2026-07-28, *OpenTelemetry trace context*), else the headers of W3C Trace Context.
//!
//! `_meta` has priority, since it belongs to this request, while a proxy may have set a header. If
//! the values are invalid, the call begins a new trace.

use std::collections::HashMap;

use axum::http::request::Parts;
use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use rmcp::RoleServer;
use rmcp::service::RequestContext;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

const PARENT: &str = "traceparent";
const STATE: &str = "tracestate";
/// Limit on the characters of a `tracestate`: what W3C Trace Context requires. A longer one is
/// dropped, and the parent stays valid without it.
const STATE_CHARACTERS_MAX: usize = 512;

/// Makes a call's span, before it is entered, part of the request's trace.
pub(super) fn follow(span: &Span, context: &RequestContext<RoleServer>) {
    if span.is_disabled() {
        return;
    }
    let of_meta = carrier(|key| match key {
        PARENT => context.meta.get_traceparent(),
        _ => context.meta.get_tracestate(),
    });
    let parts = context.extensions.get::<Parts>();
    let of_headers = || carrier(|key| parts?.headers.get(key)?.to_str().ok());
    if let Some(parent) = of_meta.and_then(|of| parent(&of)).or_else(|| parent(&of_headers()?)) {
        // Without an exporter the span has no parent to set.
        drop(span.set_parent(parent));
    }
}

/// Returns the trace context of a request, if it names a parent.
fn carrier<'a>(value: impl Fn(&str) -> Option<&'a str>) -> Option<HashMap<String, String>> {
    let parent = value(PARENT)?;
    let mut carrier = HashMap::from([(PARENT.to_owned(), parent.to_owned())]);
    if let Some(state) = value(STATE).filter(|state| state.len() <= STATE_CHARACTERS_MAX) {
        carrier.insert(STATE.to_owned(), state.to_owned());
    }
    Some(carrier)
}

fn parent(carrier: &HashMap<String, String>) -> Option<Context> {
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), carrier);
    context.span().span_context().is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &[(&str, &str)]) -> Option<String> {
        let value = |key: &str| fields.iter().find(|(name, _)| *name == key).map(|(_, v)| *v);
        let context = parent(&carrier(value)?)?;
        let parent = context.span().span_context().clone();
        Some(format!(
            "{} {} {}",
            parent.trace_id(),
            parent.span_id(),
            parent.trace_state().header()
        ))
    }

    #[test]
    fn a_parent_is_read_with_its_state_and_what_has_another_form_is_none() {
        const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01";
        let ids = "0af7651916cd43dd8448eb211c80319c 00f067aa0ba902b7";
        assert_eq!(read(&[(PARENT, GOOD)]).unwrap(), format!("{ids} "));
        let long = format!("a={}", "x".repeat(STATE_CHARACTERS_MAX));
        for (state, kept) in [("vendor=1,other=2", "vendor=1,other=2"), (&long, ""), ("?", "")] {
            let read = read(&[(PARENT, GOOD), (STATE, state)]).unwrap();
            assert_eq!(read, format!("{ids} {kept}"));
        }
        for bad in [
            "",
            "garbage",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-00f067aa0ba902b7-01",
        ] {
            assert_eq!(read(&[(PARENT, bad)]), None, "{bad}");
        }
        assert_eq!(read(&[(STATE, "vendor=1")]), None, "a state without a parent");
    }
}
