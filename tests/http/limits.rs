//! How much a server takes on, and what the one too many is told.

use std::time::Duration;

use refiner::http;
use serde_json::json;

use super::eras::begin;
use super::fixture::{Fixture, call, greeting, stateless, stateless_call};
use super::wire::{Connection, MESSAGE};
use crate::common::soon;

/// Short enough to be waited for, and waited for by what happens at its end.
const SHORT: Duration = Duration::from_millis(50);

/// Begins a call that waits, and returns the connection that its answer comes over.
async fn waiting(server: &mut Fixture, client: &str) -> Connection {
    let mut connection = server.connect().await;
    let headers = [&MESSAGE[..], &stateless("tools/call", Some("wait")), &[("x-client", client)]];
    let body = stateless_call("wait").to_string();
    connection.request("POST", "/mcp", &headers.concat(), body.as_bytes()).await;
    server.entered().await;
    connection
}

/// Asks who one is, and returns the status and the code of a refusal.
async fn who(server: &Fixture, client: &str) -> (u16, String) {
    let headers = [&stateless("tools/call", Some("who"))[..], &[("x-client", client)]].concat();
    let answer = server.connect().await.post(&headers, &stateless_call("who")).await;
    let is_refused = answer.status != 200;
    assert_eq!(answer.header("retry-after"), is_refused.then_some("1"), "{answer:?}");
    (answer.status, if is_refused { answer.refusal() } else { String::new() })
}

#[tokio::test]
async fn the_call_too_many_is_told_to_come_back_and_may() {
    let mut server = Fixture::start(|limits| limits.calls = 1);
    let mut first = waiting(&mut server, "").await;
    assert_eq!(who(&server, "").await, (503, "busy".into()));
    server.release();
    assert_eq!(first.answer().await.status, 200);
    assert_eq!(who(&server, "").await.0, 200);
}

#[tokio::test]
async fn one_client_cannot_take_the_places_of_others() {
    let mut server = Fixture::start_guarded(|limits| limits.calls_of_a_client = 1);
    let mut first = waiting(&mut server, "one").await;
    assert_eq!(who(&server, "one").await, (429, "client_busy".into()));
    assert_eq!(who(&server, "other").await.0, 200);
    server.release();
    assert_eq!(first.answer().await.status, 200);
    assert_eq!(who(&server, "one").await.0, 200);
}

/// A call with a text of this length, and its headers.
fn long(
    tool: &'static str,
    client: &'static str,
    bytes: usize,
) -> (Vec<(&'static str, &'static str)>, Vec<u8>) {
    let mut call = stateless_call(tool);
    call["params"]["arguments"] = json!({ "text": "x".repeat(bytes) });
    let headers = [&MESSAGE[..], &stateless("tools/call", Some(tool)), &[("x-client", client)]];
    (headers.concat(), call.to_string().into_bytes())
}

#[tokio::test]
async fn bodies_take_room_until_their_calls_are_answered() {
    let limits = |limits: &mut http::Limits| {
        (limits.body_bytes_at_once, limits.body_bytes_of_a_client) = (100_000, 60_000);
    };
    let mut server = Fixture::start_guarded(limits);
    let mut waiting = server.connect().await;
    let (headers, body) = long("wait", "one", 50_000);
    waiting.request("POST", "/mcp", &headers, &body).await;
    server.entered().await;
    for (client, bytes, expected) in [
        ("one", 50_000, (429, "client_busy")),
        ("other", 55_000, (503, "busy")),
        ("other", 40_000, (200, "")),
        ("one", 100, (200, "")),
    ] {
        let (headers, body) = long("who", client, bytes);
        let answer = server.connect().await.ask("POST", "/mcp", &headers, &body).await;
        let refused = if answer.status == 200 { String::new() } else { answer.refusal() };
        assert_eq!((answer.status, refused.as_str()), expected, "{client} {bytes}");
    }
    server.release();
    assert_eq!(waiting.answer().await.status, 200);
    let (headers, body) = long("who", "one", 50_000);
    assert_eq!(server.connect().await.ask("POST", "/mcp", &headers, &body).await.status, 200);
}

#[tokio::test]
async fn the_stream_too_many_is_refused_until_another_one_ends() {
    let server = Fixture::start(|limits| limits.streams = 1);
    let id = begin(&server, "").await;
    let session = [("mcp-session-id", id.as_str()), ("accept", "text/event-stream")];
    let mut stream = server.connect().await;
    assert_eq!(stream.ask("GET", "/mcp", &session, b"").await.status, 200);
    let listen = json!({ "jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen",
        "params": { "notifications": {}, "_meta": super::fixture::meta() } });
    for _ in 0..2 {
        let refused = server.ask("GET", "/sse", &[]).await;
        assert_eq!((refused.status, refused.refusal().as_str()), (503, "busy"));
        let headers = stateless("subscriptions/listen", None);
        let refused = server.connect().await.post(&headers, &listen).await;
        assert_eq!((refused.status, refused.refusal().as_str()), (503, "busy"));
        assert_eq!(refused.json()["id"], 1);
    }
    drop(stream);
    server.has("streams", 0).await;
    assert_eq!(server.ask("GET", "/sse", &[]).await.status, 200);
}

#[tokio::test]
async fn a_full_table_of_sessions_loses_the_one_that_was_idle_for_longest_and_none_in_use() {
    let server = Fixture::start(|limits| limits.sessions = 2);
    let (used, idle) = (begin(&server, "").await, begin(&server, "").await);
    let mut streams = vec![hold(&server, &used).await];
    let newest = begin(&server, "").await;
    for (id, status) in [(&used, 200), (&idle, 404), (&newest, 200)] {
        let asked = server.connect().await.post(&[("mcp-session-id", id)], &call("who")).await;
        assert_eq!(asked.status, status, "{asked:?}");
    }
    streams.push(hold(&server, &newest).await);
    let refused = server.connect().await.post(&[], &greeting()).await;
    assert_eq!((refused.status, refused.refusal().as_str()), (503, "sessions_full"));
    server.has("sessions", 2).await;
}

/// Opens the stream of a session.
async fn hold(server: &Fixture, id: &str) -> Connection {
    let session = [("mcp-session-id", id), ("accept", "text/event-stream")];
    let mut stream = server.connect().await;
    assert_eq!(stream.ask("GET", "/mcp", &session, b"").await.status, 200);
    stream
}

#[tokio::test]
async fn the_connection_too_many_is_told_so_and_closed() {
    let server = Fixture::start(|limits| limits.connections = 1);
    let mut first = server.connect().await;
    assert_eq!(first.ask("GET", "/healthz", &[], b"").await.status, 200);
    let mut second = server.connect().await;
    let told = second.answer().await;
    assert_eq!((told.status, told.header("retry-after")), (503, Some("1")));
    assert_eq!(second.closed().await, b"");
    assert_eq!(first.ask("GET", "/healthz", &[], b"").await.status, 200);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let server = Fixture::start(|limits| limits.body = SHORT);
    for path in ["/mcp", "/messages"] {
        let id = super::sse::begin(&server, "").await;
        let path = if path == "/messages" { id.path.as_str() } else { path };
        let mut slow = server.connect().await;
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             content-length: 10\r\n\r\n{{"
        );
        slow.send(head.as_bytes()).await;
        let told = slow.answer().await;
        assert_eq!((told.status, told.refusal().as_str()), (408, "body_timeout"), "{path}");
    }
    server.has("calls_in_flight", 0).await;
}

#[tokio::test]
async fn a_connection_that_asks_for_nothing_is_closed() {
    let server = Fixture::start(|limits| limits.first_request = SHORT);
    let mut silent = server.connect().await;
    assert_eq!(silent.closed().await, b"");
    let mut slow = server.connect().await;
    slow.send(b"GET /healthz HTTP/1.1\r\nhost: loc").await;
    assert_eq!(slow.closed().await, b"");
    let server = Fixture::start(|limits| limits.idle = SHORT);
    let mut idle = server.connect().await;
    assert_eq!(idle.ask("GET", "/healthz", &[], b"").await.status, 200);
    drop(idle.closed().await);
}

#[tokio::test]
async fn who_closes_half_of_a_connection_is_gone_and_leaves_nothing_behind() {
    let mut server = Fixture::start(|_| {});
    let mut half = waiting(&mut server, "").await;
    half.close_half().await;
    assert_eq!(half.closed().await, b"");
    server.has("calls_in_flight", 0).await;
    assert_eq!(who(&server, "").await.0, 200);
}

#[tokio::test]
async fn a_body_that_is_cut_short_gives_its_room_back() {
    let whole = stateless_call("who").to_string().len();
    let server = Fixture::start(|limits| limits.body_bytes_at_once = whole);
    let mut cut = server.connect().await;
    cut.send(b"POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{")
        .await;
    soon("the taking of the room", async { while who(&server, "").await.0 != 503 {} }).await;
    drop(cut);
    soon("the end of it", async { while who(&server, "").await.0 != 200 {} }).await;
}
