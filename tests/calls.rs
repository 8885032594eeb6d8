//! What a save asks of the system, call by call. Counted, so that it is the same on every machine.

use serde_json::json;

use crate::common::{Call, Project, Server, traced};

/// The calls of a lone save after the flush of the one before, on what, and why.
const CALLS: [(&str, &str, &str); 24] = [
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
    ("flock", "artifacts/a/journal/000000000001.jsonl", "others append while this one is flushed"),
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

#[tokio::test]
async fn a_lone_save_makes_the_system_calls_that_it_needs() {
    let project = Project::new();
    let outside = tempfile::tempdir().unwrap();
    let (mut command, trace) = traced(project.path(), "%file,%desc", &outside.path().join("trace"));
    command.arg("serve");
    let server = Server::start_command(command).await;
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
