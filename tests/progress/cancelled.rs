//! Calls that were cancelled.

use std::collections::BTreeSet;

use rmcp::model::{CallToolRequest, CallToolRequestParams, ClientRequest};
use rmcp::service::PeerRequestOptions;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::ChildStderr;

use super::Slow;
use crate::common::{Project, Random, Raw, Server, command, refiner, soon};

/// Waits for a line of the log that says all of this.
async fn logged(errors: &mut BufReader<ChildStderr>, words: &[&str]) {
    let mut line = String::new();
    while !words.iter().all(|word| line.contains(word)) {
        line.clear();
        let read = soon("a line of the log", errors.read_line(&mut line)).await.unwrap();
        assert_ne!(read, 0, "the log ended without {words:?}");
    }
}

#[tokio::test]
async fn a_cancelled_measurement_begins_no_further_check_and_writes_nothing() {
    let slow = Slow::new();
    let mut serve = command(slow.project.path());
    serve.arg("serve").env("RUST_LOG", "refiner=info").stderr(std::process::Stdio::piped());
    let mut server = Raw::start_command(serve);
    let mut errors = BufReader::new(server.take_errors());
    server.greet("2025-11-25").await;
    let before = slow.project.state("a");
    let params = json!({ "name": "verify", "arguments": { "name": "a" } });
    let call = json!({ "jsonrpc": "2.0", "id": 77, "method": "tools/call", "params": params });
    server.send(&call).await;
    slow.begun().await;
    let params = json!({ "requestId": 77, "reason": "enough" });
    let cancel = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params });
    server.send(&cancel).await;
    // What comes after it is answered after it was read.
    server.ask("ping", json!({})).await;
    slow.go().await;
    logged(&mut errors, &["verify", "refused", "cancelled"]).await;
    assert!(!slow.second_began());
    assert_eq!(slow.project.state("a"), before);
    // A call that was cancelled has no answer, and others have.
    let loaded = server.call("load_state", json!({ "name": "a" })).await.unwrap();
    assert_eq!(loaded["version"], 1);
    let (status, after) = server.end().await;
    assert!(status.success() && after.is_empty(), "{after:?}");
}

/// A save of its own field and an output of its own name, which can be told from all others.
fn writing(number: u64) -> (&'static str, Value) {
    let mark = format!("k{number}");
    match number % 3 {
        0 => ("write_output", json!({ "name": "a", "path": mark, "content": mark })),
        _ => {
            let patch = json!({ "data": { &mark: true } });
            ("save_state", json!({ "name": "a", "patch": patch, "note": mark }))
        }
    }
}

#[tokio::test]
async fn calls_that_are_cancelled_at_random_moments_are_done_wholly_or_not_at_all() {
    let (project, mut random) = (Project::new(), Random::seeded(11));
    for start in
        [Server::start(project.path()).await, Server::start_stateless(project.path()).await]
    {
        start.call("init_state", json!({ "name": "a", "workflow": "document" })).await.unwrap();
        let mut acknowledged = 0;
        for _ in 0..150 {
            let (tool, arguments) = writing(random.below(1 << 40));
            let params = CallToolRequestParams::new(tool)
                .with_arguments(arguments.as_object().cloned().unwrap());
            let request = ClientRequest::CallToolRequest(CallToolRequest::new(params));
            let options = PeerRequestOptions::no_options();
            let sent = start.client().send_cancellable_request(request, options);
            let call = soon("sending", sent).await.unwrap();
            for _ in 0..random.below(40) {
                tokio::task::yield_now().await;
            }
            match random.below(4) {
                0 => {
                    soon("an answer", call.await_response()).await.unwrap();
                    acknowledged += 1;
                }
                _ => soon("cancelling", call.cancel(None)).await.unwrap(),
            }
        }
        assert!(acknowledged > 0);
        // The server is up, and what it says is what is stored.
        let loaded = start.call("load_state", json!({ "name": "a" })).await.unwrap();
        assert!(start.end().await.success());
        check(&project, loaded["version"].as_u64().unwrap());
    }
}

/// Returns everything that was done, as the journal has it.
fn entries(project: &Project) -> Vec<Value> {
    let (mut entries, mut after) = (Vec::new(), json!(0));
    while !after.is_null() {
        let arguments = ["history", "a", "--after", &after.to_string(), "--json"];
        let page = refiner(project.path(), arguments).json();
        entries.extend(page["entries"].as_array().unwrap().iter().cloned());
        after = page["next_after"].clone();
    }
    entries
}

/// Fails unless the journal has no gaps, and what an entry names is there.
fn check(project: &Project, versions_min: u64) {
    assert_eq!(refiner(project.path(), ["doctor", "--json"]).json()["healthy"], true);
    let entries = entries(project);
    let versions: Vec<u64> =
        entries.iter().map(|entry| entry["version"].as_u64().unwrap()).collect();
    assert_eq!(versions, (1..=versions.len() as u64).collect::<Vec<_>>());
    assert!(versions.len() as u64 >= versions_min);
    let saved: BTreeSet<&str> = entries.iter().filter_map(|entry| entry["note"].as_str()).collect();
    let data = project.state("a")["data"].as_object().cloned().unwrap();
    assert_eq!(data.keys().map(String::as_str).collect::<BTreeSet<_>>(), saved);
    let written = entries.iter().filter(|entry| entry["operation"] == "write_output").count();
    let names = project.names("artifacts/a/dist");
    assert_eq!(names.len(), written, "{names:?}");
    for name in names {
        let content = std::fs::read_to_string(project.of("a", &format!("dist/{name}"))).unwrap();
        assert_eq!(content, name);
    }
}
