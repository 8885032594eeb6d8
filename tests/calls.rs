//! What a save asks of the system, call by call. Counted, so that it is the same on every machine.

use std::path::Path;

use futures_util::future::join_all;
use serde_json::json;

use crate::common::{Call, Project, Server, Trace, traced};

/// The calls of a lone save after the flush of the one before, on what, and why.
const CALLS: [(&str, &str, &str); 25] = [
    ("pwrite64", "artifacts/a/journal/flushed", "the next process learns that the line is flushed"),
    ("flock", "artifacts/a/journal/000000000001.jsonl", "others append"),
    ("flock", "locks/a@projections", "one process projects at a time"),
    ("newfstatat", "locks/a@projections", "people remove locks"),
    ("newfstatat", "artifacts/a/state.json", "another process may have projected"),
    ("newfstatat", "artifacts/a/refinement_log.md", "a person may have edited it"),
    ("newfstatat", "artifacts/a/decisions.md", "a person may have edited it"),
    ("newfstatat", "artifacts/a/constraints.json", "a person may have edited it"),
    ("openat", "artifacts/a/state.json.tmp", "the new copy, made exclusively"),
    ("pwrite64", "artifacts/a/state.json.tmp", "its content"),
    ("renameat2", "artifacts/a/state.json.tmp", "at no time there is none"),
    ("unlinkat", "artifacts/a/state.json.tmp", "the old copy"),
    ("fstat", "artifacts/a/state.json", "how it looks, so that an edit is noticed"),
    ("close", "artifacts/a/state.json", "it is not needed any more"),
    ("flock", "locks/a@projections", "the lock is given back"),
    ("newfstatat", "artifacts/a/journal/NEXT", "a copy may have brought a segment that follows"),
    (
        "newfstatat",
        "artifacts/a/journal/000000000001.jsonl",
        "nothing is answered of a journal that is gone",
    ),
    (
        "newfstatat",
        "artifacts/a/journal/NEXT",
        "the next call looks whether another segment follows",
    ),
    (
        "newfstatat",
        "artifacts/a/journal/000000000001.jsonl",
        "whether others appended, or it was exchanged",
    ),
    ("newfstatat", "artifacts/a/state.json", "whether its copy was changed"),
    ("flock", "artifacts/a/journal/000000000001.jsonl", "one process appends at a time"),
    ("newfstatat", "artifacts/a/journal/NEXT", "another process may have begun the next segment"),
    (
        "newfstatat",
        "artifacts/a/journal/000000000001.jsonl",
        "it is the file that is locked, and its length",
    ),
    ("pwrite64", "artifacts/a/journal/000000000001.jsonl", "the entry"),
    (
        "fdatasync",
        "artifacts/a/journal/000000000001.jsonl",
        "it is on the disk before it is acknowledged",
    ),
];

/// Returns a call with its file below the workspace; the name of a segment that is not there as `NEXT`.
fn shown(project: &Project, call: &Call) -> (String, String) {
    let workspace = format!("{}/", project.file("").to_str().unwrap().trim_end_matches('/'));
    let file = call.path.strip_prefix(&workspace).unwrap_or(&call.path);
    let is_next = file.ends_with(".jsonl") && call.returned == Some(-1);
    let file = if is_next { "artifacts/a/journal/NEXT" } else { file };
    (call.name.clone(), file.to_owned())
}

/// Starts a server under `strace`, which writes to a file of that number.
async fn traced_server(project: &Project, outside: &Path, number: usize) -> (Server, Trace) {
    let file = outside.join(format!("trace-{number}"));
    let (mut command, trace) = traced(project.path(), "%file,%desc", &file);
    command.arg("serve");
    (Server::start_command(command).await, trace)
}

/// Saves a text under a key of its own.
async fn save(server: &Server, key: usize) {
    let text = "x".repeat(100);
    let save = json!({ "name": "a", "patch": { "data": { format!("k{key:04}"): text } } });
    server.call("save_state", save).await.unwrap();
}

/// The writes and the flushes of segments, and the bytes written.
fn of_segments(traces: &[Trace]) -> (usize, usize, u64) {
    let calls = traces.iter().flat_map(Trace::calls);
    let calls: Vec<Call> = calls.filter(|call| call.path.contains(".jsonl")).collect();
    let count = |name: &str| calls.iter().filter(|call| call.name == name).count();
    let written = calls.iter().filter(|call| call.name == "pwrite64");
    let bytes = written.filter_map(|call| u64::try_from(call.returned?).ok()).sum();
    (count("pwrite64"), count("fdatasync"), bytes)
}

#[tokio::test]
async fn a_lone_save_makes_the_system_calls_that_it_needs() {
    let project = Project::new();
    let outside = tempfile::tempdir().unwrap();
    let (server, trace) = traced_server(&project, outside.path(), 0).await;
    server.call("init_state", json!({ "name": "a", "workflow": "document" })).await.unwrap();
    for i in 0..20 {
        let save = json!({ "name": "a", "patch": { "data": { "i": format!("{i:04}") } } });
        server.call("save_state", save).await.unwrap();
    }
    assert!(server.end().await.success());
    let calls: Vec<(String, String)> = trace
        .calls()
        .iter()
        .filter(|call| call.path.starts_with(project.file("").to_str().unwrap()))
        // A build with assertions looks at each handle before it closes it.
        .filter(|call| call.name != "fcntl")
        .map(|call| shown(&project, call))
        .collect();
    let is_flush = |call: &&(String, String)| call.0 == "fdatasync" && call.1.contains("journal");
    let saves: Vec<&[(String, String)]> =
        calls.split_inclusive(|call| is_flush(&call)).skip(3).collect();
    let expected: Vec<(String, String)> =
        CALLS.iter().map(|(name, file, _)| ((*name).to_owned(), (*file).to_owned())).collect();
    // The listing is made a moment after the first save, and falls among the others.
    let lone = saves.iter().filter(|save| save.len() == CALLS.len()).count();
    assert!(saves.iter().any(|save| *save == expected), "none of {lone}: {saves:#?}");
    assert!(CALLS.iter().all(|(_, _, reason)| !reason.is_empty()));
}

#[tokio::test]
async fn saves_at_once_share_one_write_and_one_flush() {
    const SAVES: usize = 64;
    let project = Project::new();
    let outside = tempfile::tempdir().unwrap();
    let (server, trace) = traced_server(&project, outside.path(), 0).await;
    server.call("init_state", json!({ "name": "a", "workflow": "document" })).await.unwrap();
    join_all((0..SAVES).map(|key| save(&server, key))).await;
    assert!(server.end().await.success());
    let (writes, flushes, _) = of_segments(&[trace]);
    assert!(flushes < SAVES, "{flushes} flushes");
    // The new segment's own, and that of the opening.
    assert!(writes <= flushes, "{writes} writes and {flushes} flushes");
}

/// Goal: that many processes share a journal costs neither a second write nor a second flush.
#[tokio::test]
async fn eight_processes_write_and_flush_each_line_once() {
    const SAVES: usize = 12;
    let project = Project::new();
    let outside = tempfile::tempdir().unwrap();
    let started = (0..8).map(|number| traced_server(&project, outside.path(), number));
    let (servers, traces): (Vec<Server>, Vec<Trace>) = join_all(started).await.into_iter().unzip();
    servers[0].call("init_state", json!({ "name": "a", "workflow": "document" })).await.unwrap();
    let saves = servers.iter().enumerate().map(|(process, server)| async move {
        for number in 0..SAVES {
            save(server, process * SAVES + number).await;
        }
    });
    join_all(saves).await;
    for server in servers {
        assert!(server.end().await.success());
    }
    let (writes, flushes, bytes) = of_segments(&traces);
    let stored = std::fs::metadata(project.file("artifacts/a/journal/000000000001.jsonl")).unwrap();
    assert_eq!(bytes, stored.len(), "bytes are written twice");
    // The segment's first line, the opening, and the saves.
    assert_eq!((writes, flushes), (2 + 8 * SAVES, 2 + 8 * SAVES));
}

/// Goal: what an entry has beside its patch stays small. The bound is that of the benchmark.
#[tokio::test]
async fn a_save_writes_at_most_400_bytes_beside_its_patch() {
    const SAVES: usize = 50;
    let project = Project::new();
    let server = Server::start(project.path()).await;
    server.call("init_state", json!({ "name": "a", "workflow": "document" })).await.unwrap();
    let journal = project.file("artifacts/a/journal/000000000001.jsonl");
    let before = std::fs::metadata(&journal).unwrap().len();
    for key in 0..SAVES {
        save(&server, key).await;
    }
    let each = (std::fs::metadata(&journal).unwrap().len() - before) / SAVES as u64;
    let patch = json!([{ "op": "add", "path": "/data/k0000", "value": "x".repeat(100) }]);
    let beside = each - patch.to_string().len() as u64;
    assert!(beside <= 400, "{beside} bytes");
    server.end().await;
}
