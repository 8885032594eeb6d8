//! How a server ends.

use std::collections::BTreeSet;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::eras::begin;
use super::fixture::{Fixture, call, meta, stateless, stateless_call};
use super::program::Program;
use super::wire::MESSAGE;
use crate::common::{Project, Raw, soon, told};

#[tokio::test]
async fn what_was_accepted_is_answered_what_comes_later_is_refused_and_streams_end() {
    let mut server = Fixture::start(|_| {});
    let mut client = server.connect().await;
    let headers = [&MESSAGE[..], &stateless("tools/call", Some("wait"))].concat();
    let body = stateless_call("wait").to_string();
    client.request("POST", "/mcp", &headers, body.as_bytes()).await;
    server.entered().await;
    let mut legacy = super::sse::begin(&server, "").await;
    assert_eq!(legacy.post(call("wait").to_string().as_bytes()).await.status, 202);
    server.entered().await;
    let mut listening = server.connect().await;
    let listen = json!({ "jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen",
        "params": { "notifications": {}, "_meta": meta() } });
    let opened = listening.post(&stateless("subscriptions/listen", None), &listen).await;
    assert_eq!(opened.header("content-type"), Some("text/event-stream"), "{opened:?}");
    let session = begin(&server, "").await;
    server.stop();
    soon("the server's readiness to end", async {
        while server.ask("GET", "/readyz", &[]).await.status != 503 {}
    })
    .await;
    assert_eq!(server.ask("GET", "/healthz", &[]).await.status, 200);
    let later = server.connect().await.post(&[("mcp-session-id", &session)], &call("who")).await;
    assert_eq!((later.status, later.refusal().as_str()), (503, "shutting_down"));
    let later = legacy.post(call("who").to_string().as_bytes()).await;
    assert_eq!((later.status, later.refusal().as_str()), (503, "shutting_down"));
    let later = server.ask("GET", "/sse", &[]).await;
    assert_eq!((later.status, later.refusal().as_str()), (503, "shutting_down"));
    server.release();
    server.release();
    assert_eq!(client.answer().await.status, 200);
    assert_eq!(legacy.stream.event().await.unwrap()["id"], 7);
    assert_eq!(legacy.stream.event().await, None);
    while listening.event().await.is_some() {}
    server.ended().await;
}

#[tokio::test]
async fn a_call_that_does_not_end_is_broken_off_with_an_answer() {
    let mut server = Fixture::start(|limits| limits.drain = Duration::from_millis(50));
    let mut client = server.connect().await;
    let headers = [&MESSAGE[..], &stateless("tools/call", Some("wait"))].concat();
    let body = stateless_call("wait").to_string();
    client.request("POST", "/mcp", &headers, body.as_bytes()).await;
    server.entered().await;
    server.stop();
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.refusal().as_str()), (503, "shutting_down"));
    assert_eq!(answer.json()["id"], 7);
    server.ended().await;
}

#[tokio::test]
async fn a_signal_ends_a_server_that_is_written_to_and_what_it_answered_is_stored() {
    const WRITERS: usize = 4;
    let project = Project::new();
    let server = Program::start(project.path(), &["--sse"]).await;
    let mut client = server.connect().await;
    let open = save(0, "init_state", &json!({ "name": "a", "workflow": "document" }));
    let opened = client.post(&stateless("tools/call", Some("init_state")), &open).await;
    assert_eq!(opened.status, 200, "{opened:?}");
    let mut stream = server.connect().await;
    assert_eq!(stream.ask("GET", "/sse", &[], b"").await.status, 200);
    let (acknowledge, mut acknowledged) = tokio::sync::mpsc::unbounded_channel();
    for writer in 0..WRITERS {
        let (address, acknowledge) = (server.address(), acknowledge.clone());
        tokio::spawn(async move {
            let mut client = super::wire::Connection::open(address).await;
            for turn in 0.. {
                let field = format!("w{writer}-{turn}");
                let arguments = json!({ "name": "a", "patch": { "data": { &field: 1 } } });
                let body = save(turn, "save_state", &arguments).to_string();
                let headers = [&MESSAGE[..], &stateless("tools/call", Some("save_state"))].concat();
                client.request("POST", "/mcp", &headers, body.as_bytes()).await;
                let Some(answer) = client.answer_unless_ended().await else { return };
                if answer.status != 200 {
                    assert_eq!(answer.refusal(), "shutting_down");
                    return;
                }
                assert_eq!(told(&answer.json()).unwrap()["changed"], true);
                acknowledge.send(field).unwrap();
            }
        });
    }
    drop(acknowledge);
    let mut answered = BTreeSet::new();
    while answered.len() < 20 {
        answered.insert(soon("a save", acknowledged.recv()).await.unwrap());
    }
    server.signal(Signal::TERM);
    while let Some(field) = soon("the writers' end", acknowledged.recv()).await {
        answered.insert(field);
    }
    server.ended().await;
    let mut raw = Raw::greeted(project.path()).await;
    let loaded = raw.call("load_state", json!({ "name": "a", "select": ["/data"] })).await.unwrap();
    let stored = loaded["selected"]["/data"].as_object().expect("the data").clone();
    let lost: Vec<_> = answered.iter().filter(|field| !stored.contains_key(*field)).collect();
    assert!(lost.is_empty(), "{lost:?}");
}

fn save(id: u64, tool: &str, arguments: &Value) -> Value {
    let params = json!({ "name": tool, "arguments": arguments, "_meta": meta() });
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params })
}
