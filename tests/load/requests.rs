//! A thousand requests a second for a minute.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::json;

use super::client::Client;
use super::percentile;
use crate::common::{Listening, Project, entries, memory_kib};

/// Clients that call at once, each over a connection of its own; every other one has a session.
const CLIENTS: u32 = 8;
/// Requests a second that all of them offer.
const RATE: u32 = 1000;
/// How long they do.
const DURATION: Duration = Duration::from_secs(60);
/// When the server has what it needs in memory.
const WARM: Duration = Duration::from_secs(10);
/// Artifacts that are written to, each by all clients.
const ARTIFACTS: u32 = 16;
/// Memory that it may take on after that, for instance for keys of the last thousand operations.
const GROWTH_KIB_MAX: u64 = 24 << 10;

/// What a client saw.
#[derive(Debug, Default)]
struct Seen {
    /// The writes that were acknowledged: artifact, version, and what was written.
    writes: Vec<(u32, u64, u64)>,
    times: Vec<Duration>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a minute for itself: see the module"]
async fn a_thousand_requests_a_second_for_a_minute_lose_no_write_and_take_no_more_memory() {
    let project = Project::new();
    let server = Listening::start(project.path(), &[]).await;
    let mut opener = Client::stateless(server.url());
    for artifact in 0..ARTIFACTS {
        opener.call("init_state", &json!({ "name": name(artifact), "workflow": "document" }));
    }
    let (all, warm, began) = (Mutex::new(Seen::default()), Mutex::new(0), Instant::now());
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (all, url) = (&all, server.url());
            scope.spawn(move || {
                let seen = offer(client, url, began);
                let mut all = all.lock().unwrap();
                all.writes.extend(seen.writes);
                all.times.extend(seen.times);
            });
        }
        std::thread::sleep(WARM);
        *warm.lock().unwrap() = memory_kib(server.id());
    });
    let (took, warm) = (began.elapsed(), warm.into_inner().unwrap());
    let Seen { writes, mut times } = all.into_inner().unwrap();
    let memory = memory_kib(server.id());
    times.sort();
    println!(
        "{} requests in {took:.1?}: {:.0} a second, p50 {:.2?}, p99 {:.2?}; {} writes; memory {warm} KiB after {WARM:?}, {memory} KiB at the end",
        times.len(),
        times.len() as f64 / took.as_secs_f64(),
        percentile(&times, 50),
        percentile(&times, 99),
        writes.len(),
    );
    assert_eq!(times.len(), (RATE * 60) as usize, "each request was answered");
    assert!(memory < warm + GROWTH_KIB_MAX, "{warm} KiB, then {memory} KiB");
    check_journals(&project, &writes);
}

/// Offers this client's part of the rate. Who falls behind catches up: no request is left out.
fn offer(client: u32, url: &str, began: Instant) -> Seen {
    let mut seen = Seen::default();
    let mut connection =
        if client.is_multiple_of(2) { Client::stateless(url) } else { Client::in_session(url) };
    let (count, pause) = (RATE / CLIENTS * 60, DURATION / (RATE / CLIENTS * 60));
    for request in 0..count {
        let due = began + pause * request;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let (sent, artifact) = (Instant::now(), (client * 7 + request) % ARTIFACTS);
        match request % 4 {
            0 | 1 => {
                let value = u64::from(client * count + request);
                let patch = json!({ "data": { format!("of_{client}"): value } });
                let saved = connection
                    .call("save_state", &json!({ "name": name(artifact), "patch": patch }));
                assert_eq!(saved["changed"], true, "{saved}");
                seen.writes.push((artifact, saved["version"].as_u64().unwrap(), value));
            }
            2 => drop(connection.call("load_state", &json!({ "name": name(artifact) }))),
            _ => drop(connection.call("list_artifacts", &json!({ "limit": 5 }))),
        }
        seen.times.push(sent.elapsed());
    }
    seen
}

/// Fails unless each acknowledged write is one entry of its journal, which has nothing else.
fn check_journals(project: &Project, writes: &[(u32, u64, u64)]) {
    for artifact in 0..ARTIFACTS {
        let of_artifact = writes.iter().filter(|(of, ..)| *of == artifact);
        let acknowledged: BTreeSet<u64> =
            of_artifact.clone().map(|(_, version, _)| *version).collect();
        assert_eq!(acknowledged.len(), of_artifact.count(), "no version is told of twice");
        let entries = entries(&project.of(&name(artifact), "journal"));
        let mut written = entries.iter().map(|entry| entry["version"].as_u64().unwrap());
        assert_eq!(written.next(), Some(1), "it was opened first");
        assert!(written.eq(acknowledged), "the journal of {}", name(artifact));
    }
}

fn name(artifact: u32) -> String {
    format!("artifact-{artifact}")
}
