//! `/healthz`, `/readyz` and `/metrics`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use super::denial::json_answer;
use super::door::Door;
use super::metrics::Present;
use super::options::Probe;
use super::sessions::Sessions;

/// The state that the health paths report.
#[derive(Clone)]
pub(super) struct Health {
    pub(super) door: Arc<Door>,
    pub(super) sessions: Arc<Sessions>,
    pub(super) is_ready: Option<Probe>,
}

/// Reports that the process runs.
pub(super) async fn alive() -> Response {
    json_answer(StatusCode::OK, &json!({ "status": "ok" }))
}

/// Reports whether the server accepts requests: it is not shutting down, and the storage answers.
pub(super) async fn ready(State(health): State<Health>) -> Response {
    let status = match &health.is_ready {
        _ if health.door.is_draining() => "shutting_down",
        Some(is_ready) if !is_ready().await => "unavailable",
        _ => "ok",
    };
    let code = if status == "ok" { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json_answer(code, &json!({ "status": status }))
}

/// Returns the metrics.
pub(super) async fn metrics(State(health): State<Health>) -> Response {
    health.door.metrics.answer(Present {
        calls: health.door.calls.count(),
        streams: health.door.streams.count(),
        sessions: health.sessions.count(),
        connections: health.door.connections.count(),
    })
}
