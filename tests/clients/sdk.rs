//! A whole loop with a person at its gate, through each of the official SDKs. What was kept of it is
//! read from the workspace.

use std::process::Command;

use serde_json::{Value, json};

use super::{beside, installed, run};
use crate::common::{Journal, Listening, Project, program, refiner};

const STORY: &str = include_str!("story.json");

/// An SDK: who it says that it is, what runs it, and the program that plays a story through it.
#[derive(Debug)]
struct Sdk {
    actor: &'static str,
    runner: &'static str,
    program: &'static str,
}

const PYTHON_1: Sdk =
    Sdk { actor: "python-sdk-1 1", runner: "sdk-1/bin/python", program: "python/sdk_1.py" };
const PYTHON_2: Sdk =
    Sdk { actor: "python-sdk-2 2", runner: "sdk-2/bin/python", program: "python/sdk_2.py" };
const TYPESCRIPT_1: Sdk =
    Sdk { actor: "typescript-sdk-1 1", runner: "node/node", program: "node/sdk-1.mjs" };
const TYPESCRIPT_2: Sdk =
    Sdk { actor: "typescript-sdk-2 2", runner: "node/node", program: "node/sdk-2.mjs" };

/// Plays the story over standard input and output.
async fn plays_over_stdio(sdk: &Sdk, revision: &str) {
    let project = Project::new();
    let refiner = program();
    let target = json!({
        "transport": "stdio", "command": refiner.get_program().to_str().unwrap(),
        "args": ["--dir", project.path(), "serve"],
        "env": {
            "XDG_CONFIG_HOME": project.path().join(".config"),
            "XDG_STATE_HOME": project.path().join(".state"),
        },
    });
    plays(sdk, revision, &project, &target).await;
}

/// Plays the story over the network, with a server that ends well afterwards.
async fn plays_over(transport: &str, sdk: &Sdk, revision: &str) {
    let project = Project::new();
    let server = Listening::start(project.path(), &["--sse"]).await;
    let url = match transport {
        "sse" => server.url().replace("/mcp", "/sse"),
        _ => server.url().to_owned(),
    };
    plays(sdk, revision, &project, &json!({ "transport": transport, "url": url })).await;
    assert!(server.end().await.success(), "{sdk:?}");
}

/// Plays the story, and looks at what was seen and what was kept.
async fn plays(sdk: &Sdk, revision: &str, project: &Project, target: &Value) {
    let mut client = Command::new(installed(sdk.runner));
    client.arg(beside(sdk.program)).arg(target.to_string()).arg(STORY);
    client.arg(installed("node/package.json"));
    let finished = run(client, project.path()).await;
    assert_eq!(finished.code, Some(0), "{sdk:?}: {finished:?}");
    let seen = finished.json();
    assert_eq!(seen["protocol"], revision, "{sdk:?}");
    assert_eq!(seen["server"], "refiner", "{sdk:?}");
    assert!(seen["tools"].as_array().unwrap().contains(&json!("write_output")), "{seen}");
    assert_eq!(seen["ended"]["briefing"]["phase"], "converged", "{seen}");
    the_person_was_asked(&seen);
    the_loop_was_kept(project);
    every_entry_names_its_client(project, sdk.actor);
}

/// Asserts that each draft came before the person, who saw what the server had measured of it, and
/// that they were asked before something was deleted.
fn the_person_was_asked(seen: &Value) {
    let asked: Vec<&str> =
        seen["asked"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    let (violated, satisfied) = ("order (blocking): VIOLATED", "order (blocking): satisfied");
    let expected = [violated, satisfied, satisfied, "scratch needs your decision"];
    assert_eq!(asked.len(), expected.len(), "{asked:?}");
    for (question, expected) in asked.iter().zip(expected) {
        assert!(question.contains(expected), "{expected} is not in {question}");
    }
}

/// Asserts that the workspace has the loop as the story tells it.
fn the_loop_was_kept(project: &Project) {
    let story: Value = serde_json::from_str(STORY).unwrap();
    let state = project.state("trams");
    assert_eq!(state["convergence_status"], "converged");
    assert_eq!(state["current_iteration"], 3, "the second was rejected, and the third repairs it");
    assert_eq!(state["iteration_history"].as_array().unwrap().len(), 3);
    assert!(state["finalized_at"].is_string(), "{state}");
    let decisions = std::fs::read_to_string(project.of("trams", "decisions.md")).unwrap();
    assert_eq!(decisions.matches("approve by a person").count(), 2, "{decisions}");
    assert_eq!(decisions.matches("reject by a person").count(), 1, "{decisions}");
    assert!(decisions.contains("**Reason**: say how many"), "{decisions}");
    let report = std::fs::read_to_string(project.of("trams", "dist/report.md")).unwrap();
    assert_eq!(json!(report), story["drafts"][2]["report.md"]);
    assert!(project.file("history/trams/1/state.json").exists());
    assert_eq!(refiner(project.path(), ["show", "scratch"]).code, Some(1), "it was deleted");
}

/// Asserts that no version is missing, and that each says who made it.
fn every_entry_names_its_client(project: &Project, actor: &str) {
    let entries = Journal::read(project, "trams").entries();
    assert!(entries.len() > 20, "{} entries", entries.len());
    for (entry, version) in entries.iter().zip(1..) {
        assert_eq!(entry["version"], version);
        assert_eq!(entry["actor"], actor);
    }
}

#[tokio::test]
async fn the_python_sdk_1_plays_a_loop_over_stdio() {
    plays_over_stdio(&PYTHON_1, "2025-11-25").await;
}

#[tokio::test]
async fn the_python_sdk_2_plays_a_loop_over_stdio() {
    plays_over_stdio(&PYTHON_2, "2026-07-28").await;
}

#[tokio::test]
async fn the_typescript_sdk_1_plays_a_loop_over_stdio() {
    plays_over_stdio(&TYPESCRIPT_1, "2025-11-25").await;
}

#[tokio::test]
async fn the_typescript_sdk_2_plays_a_loop_over_stdio() {
    plays_over_stdio(&TYPESCRIPT_2, "2026-07-28").await;
}

#[tokio::test]
async fn the_python_sdk_1_plays_a_loop_over_http() {
    plays_over("http", &PYTHON_1, "2025-11-25").await;
}

#[tokio::test]
async fn the_python_sdk_2_plays_a_loop_over_http() {
    plays_over("http", &PYTHON_2, "2026-07-28").await;
}

#[tokio::test]
async fn the_typescript_sdk_1_plays_a_loop_over_http() {
    plays_over("http", &TYPESCRIPT_1, "2025-11-25").await;
}

#[tokio::test]
async fn the_typescript_sdk_2_plays_a_loop_over_http() {
    plays_over("http", &TYPESCRIPT_2, "2026-07-28").await;
}

#[tokio::test]
async fn the_python_sdk_1_plays_a_loop_over_sse() {
    plays_over("sse", &PYTHON_1, "2025-11-25").await;
}

#[tokio::test]
async fn the_python_sdk_2_plays_a_loop_over_sse() {
    plays_over("sse", &PYTHON_2, "2026-07-28").await;
}

#[tokio::test]
async fn the_typescript_sdk_1_plays_a_loop_over_sse() {
    plays_over("sse", &TYPESCRIPT_1, "2025-11-25").await;
}

#[tokio::test]
async fn the_typescript_sdk_2_plays_a_loop_over_sse() {
    plays_over("sse", &TYPESCRIPT_2, "2025-11-25").await;
}
