//! A person cleans up, moves or copies the workspace while servers run. What is acknowledged
//! afterwards is there, and no version is given twice. The simulated disk tries this at every moment;
//! here are real files, real tools and what a client is told.

use std::collections::BTreeMap;
use std::process::Command;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::common::{Caller, Project, Server, refiner};

/// What a person does in the project's folder, and whether the artifact is still there afterwards.
const EXCHANGES: [(&str, bool); 8] = [
    ("rm -rf .refiner/locks", true),
    ("rm -f .refiner/locks/*", true),
    ("mv .refiner x; cp -a x .refiner", true),
    ("mv .refiner/artifacts/a/journal x; cp -a x .refiner/artifacts/a/journal", true),
    ("git clean -fdxq -e .refiner/artifacts", true),
    ("mv .refiner x; mkdir .refiner; cp -a x/artifacts .refiner", true),
    ("rm -rf .refiner", false),
    ("rm -rf .refiner/artifacts/a", false),
];

fn shell(project: &Project, script: &str) {
    let status = Command::new("sh").args(["-c", script]).current_dir(project.path()).status();
    assert!(status.unwrap().success(), "{script}");
}

async fn open(caller: &Caller) -> Value {
    caller.call("init_state", json!({ "name": "a", "workflow": "document" })).await.unwrap()
}

/// Saves under a mark of its own. Returns the version if it was acknowledged.
async fn save(caller: &Caller, mark: &str) -> Result<u64, Value> {
    let patch = json!({ "data": { "last": mark } });
    let arguments = json!({ "name": "a", "patch": patch, "note": mark });
    Ok(caller.call("save_state", arguments).await?["version"].as_u64().unwrap())
}

/// Saves with several servers at once, and returns the versions that were acknowledged.
async fn save_with_all(servers: &[Server; 2], round: &str) -> BTreeMap<u64, String> {
    let lanes = (0..4).map(|lane| {
        let caller = servers[lane % 2].caller();
        async move {
            let mut saved = Vec::new();
            for i in 0..10 {
                let mark = format!("{round}-{lane}-{i}");
                // A save that was under way is refused; the next one goes to what is there now.
                if let Ok(version) = save(&caller, &mark).await {
                    saved.push((version, mark));
                }
            }
            saved
        }
    });
    let mut acknowledged = BTreeMap::new();
    for (version, mark) in join_all(lanes).await.into_iter().flatten() {
        assert_eq!(acknowledged.insert(version, mark), None, "version {version} was given twice");
    }
    acknowledged
}

/// Returns the note of every version.
fn notes(project: &Project) -> BTreeMap<u64, String> {
    let history = refiner(project.path(), ["history", "a", "--limit", "100", "--json"]).json();
    let note = |entry: &Value| {
        let note = entry["note"].as_str().unwrap_or_default();
        (entry["version"].as_u64().unwrap(), note.to_owned())
    };
    history["entries"].as_array().unwrap().iter().map(note).collect()
}

#[tokio::test]
async fn what_is_acknowledged_after_an_exchange_is_there() {
    for (exchange, stays) in EXCHANGES {
        let project = Project::new();
        shell(&project, "git init -q");
        let servers = [Server::start(project.path()).await, Server::start(project.path()).await];
        open(&servers[0].caller()).await;
        save_with_all(&servers, "before").await;
        shell(&project, exchange);
        if !stays {
            let refused = save(&servers[0].caller(), "lost").await.unwrap_err();
            assert_eq!(refused["code"], "not_found", "{exchange}");
            assert_eq!(open(&servers[1].caller()).await["outcome"], "created", "{exchange}");
        }
        let acknowledged = save_with_all(&servers, "after").await;
        assert_eq!(acknowledged.len(), 40, "{exchange}: {acknowledged:?}");
        let notes = notes(&project);
        for (version, mark) in acknowledged {
            assert_eq!(notes.get(&version), Some(&mark), "{exchange}");
        }
        assert_eq!(refiner(project.path(), ["doctor", "--json"]).json()["healthy"], true);
    }
}

#[tokio::test]
async fn locks_that_are_removed_again_and_again_cost_nothing() {
    let project = Project::new();
    let servers = [Server::start(project.path()).await, Server::start(project.path()).await];
    open(&servers[0].caller()).await;
    let remover = async {
        for _ in 0..200 {
            drop(std::fs::remove_dir_all(project.file("locks")));
            tokio::task::yield_now().await;
        }
    };
    let (acknowledged, ()) = tokio::join!(save_with_all(&servers, "at-once"), remover);
    assert_eq!(acknowledged.len(), 40);
    let notes = notes(&project);
    assert!(acknowledged.iter().all(|(version, mark)| notes.get(version) == Some(mark)));
}

#[tokio::test]
async fn a_workspace_that_is_removed_is_made_again_with_a_warning() {
    let project = Project::new();
    let server = Server::start(project.path()).await;
    open(&server.caller()).await;
    save(&server.caller(), "one").await.unwrap();
    shell(&project, "rm -rf .refiner");
    let loaded = server.call("load_state", json!({ "name": "a" })).await.unwrap_err();
    assert_eq!(loaded["code"], "not_found");
    let opened = open(&server.caller()).await;
    assert_eq!((&opened["outcome"], &opened["version"]), (&json!("created"), &json!(1)));
    let warnings = opened["briefing"]["warnings"].to_string();
    assert!(warnings.contains("version 2") && warnings.contains("was removed"), "{warnings}");
    let saved = server.call("load_state", json!({ "name": "a" })).await.unwrap();
    assert_eq!(saved["briefing"]["warnings"], json!([]), "it is said once");
}

#[tokio::test]
async fn what_git_clean_leaves_is_found_by_doctor() {
    let project = Project::new();
    shell(&project, "git init -q");
    let server = Server::start(project.path()).await;
    open(&server.caller()).await;
    server.end().await;
    shell(&project, "git add -A .refiner && git clean -fdxq");
    let doctor = refiner(project.path(), ["doctor", "--json"]);
    assert_eq!(doctor.json()["healthy"], false, "{doctor:?}");
    let findings = doctor.json()["findings"].to_string();
    assert!(findings.contains("it is missing") && findings.contains("journal"), "{findings}");
}
