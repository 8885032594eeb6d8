//! What those who run a server can ask.

use std::sync::Arc;

use serde_json::json;

use super::fixture::{Fixture, greeting, options, stateless, stateless_call};
use super::program::Program;
use crate::common::Project;

#[tokio::test]
async fn a_server_says_that_it_lives_and_whether_it_is_ready() {
    let project = Project::new();
    let server = Program::start(project.path(), &[]).await;
    for path in ["/healthz", "/readyz"] {
        let answer = server.connect().await.ask("GET", path, &[], b"").await;
        assert_eq!((answer.status, answer.json()), (200, json!({ "status": "ok" })), "{path}");
    }
    let mut options = options();
    options.is_ready = Some(Arc::new(|| Box::pin(async { false })));
    let server = Fixture::start_with(options);
    let answer = server.ask("GET", "/readyz", &[]).await;
    assert_eq!((answer.status, answer.json()), (503, json!({ "status": "unavailable" })));
    assert_eq!(server.ask("GET", "/healthz", &[]).await.status, 200);
}

#[tokio::test]
async fn what_was_asked_is_counted_under_names_that_nobody_can_make_up() {
    let server = Fixture::start(|_| {});
    let mut client = server.connect().await;
    let headers = stateless("tools/call", Some("who"));
    assert_eq!(client.post(&headers, &stateless_call("who")).await.status, 200);
    let mut made_up = stateless_call("who");
    made_up["method"] = "made/up".into();
    client.post(&stateless("made/up", None), &made_up).await;
    client.ask("GET", "/made-up", &[], b"").await;
    client.ask("POST", "/mcp", &[("content-type", "application/json")], b"{").await;
    assert_eq!(server.connect().await.post(&[], &greeting()).await.status, 200);
    let answer = client.ask("GET", "/metrics", &[], b"").await;
    let form = answer.header("content-type").unwrap();
    assert!(form.starts_with("application/openmetrics-text"), "{form}");
    let counted = answer.text();
    for line in [
        "refiner_http_requests_total{route=\"/mcp\",method=\"tools/call\",status=\"200\"} 1",
        "refiner_http_requests_total{route=\"/mcp\",method=\"other\",status=\"404\"} 1",
        "refiner_http_requests_total{route=\"other\",method=\"\",status=\"404\"} 1",
        "refiner_http_requests_total{route=\"/mcp\",method=\"\",status=\"400\"} 1",
        "refiner_http_call_duration_seconds_count{method=\"tools/call\"} 1",
        "refiner_http_refused_total{reason=\"malformed\"} 1",
        "refiner_http_refused_total{reason=\"not_found\"} 1",
        "refiner_http_calls_in_flight 0",
        "refiner_http_sessions 1",
        "# EOF",
    ] {
        assert!(counted.lines().any(|counted| counted == line), "{line}: {counted}");
    }
    assert!(!counted.contains("made"), "{counted}");
}
