//! An older program and this one on the same workspace.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::common::{Project, Server, finish, older_program, refiner};

/// The older program on a project.
fn older(project: &Project) -> Command {
    let mut older = Command::new(older_program());
    older.arg("--dir").arg(project.path()).env("XDG_CONFIG_HOME", project.path().join(".config"));
    older
}

fn save(value: u32) -> Value {
    json!({ "name": "a", "patch": { "data": { "x": value } } })
}

/// Goal: from the first write of this program on an older one refuses, also one that had the journal
/// open, and loses nothing. Method: both save in turn until this one has written.
#[tokio::test]
async fn an_older_program_refuses_once_this_one_has_written() {
    let project = Project::new();
    let mut serve = older(&project);
    serve.arg("serve");
    let older = Server::start_command(serve).await;
    let init = json!({ "name": "a", "workflow": "document" });
    older.call("init_state", init.clone()).await.unwrap();
    older.call("save_state", save(1)).await.unwrap();
    let newer = Server::start(project.path()).await;
    // Reading changes nothing for the older one.
    assert_eq!(newer.call("load_state", json!({ "name": "a" })).await.unwrap()["version"], 2);
    assert_eq!(older.call("save_state", save(2)).await.unwrap()["version"], 3);
    assert_eq!(newer.call("save_state", save(3)).await.unwrap()["version"], 4);
    let before = project.digest();
    for (tool, arguments) in
        [("save_state", save(4)), ("load_state", json!({ "name": "a" })), ("init_state", init)]
    {
        let refused = older.call(tool, arguments).await.unwrap_err();
        assert_eq!(refused["code"], "unsupported", "{tool}: {refused}");
        assert!(refused["message"].as_str().unwrap().contains("format 3"), "{refused}");
    }
    assert_eq!(project.digest(), before);
    assert_eq!(newer.call("save_state", save(5)).await.unwrap()["version"], 5);
    assert_eq!(refiner(project.path(), ["doctor", "--json"]).json()["healthy"], true);
}

/// Programs of both kinds save at once: what each was told of is there, and no version is given twice.
#[tokio::test]
async fn both_programs_at_once_lose_nothing() {
    let project = Project::new();
    let mut serve = older(&project);
    serve.arg("serve");
    let older = Server::start_command(serve).await;
    let newer = Server::start(project.path()).await;
    older.call("init_state", json!({ "name": "a", "workflow": "document" })).await.unwrap();
    let lanes = [older.caller(), newer.caller()].into_iter().enumerate().map(|(lane, caller)| {
        let start = u32::try_from(lane).unwrap() * 100;
        async move {
            let mut saved = Vec::new();
            for value in start..start + 20 {
                if let Ok(answer) = caller.call("save_state", save(value)).await {
                    saved.push((answer["version"].as_u64().unwrap(), value));
                }
            }
            saved
        }
    });
    let told = futures_util::future::join_all(lanes).await.concat();
    assert!(told.len() >= 20, "{told:?}");
    for (version, value) in told {
        let at = ["show", "a", "--at", &version.to_string(), "--select", "/data/x", "--json"]
            .map(str::to_owned);
        let shown = refiner(project.path(), at).json();
        assert_eq!(shown["selected"]["/data/x"], value, "version {version}");
    }
}

#[test]
fn the_older_program_runs_and_writes_what_this_one_reads() {
    let project = Project::new();
    let begun = finish(older(&project).args(["init", "a", "--workflow", "document"]), "");
    assert_eq!(begun.code, Some(0), "{begun:?}");
    let shown = refiner(project.path(), ["show", "a", "--json"]);
    assert_eq!(shown.json()["briefing"]["version"], 1, "{shown:?}");
}

#[test]
fn a_clone_without_the_commit_is_told_how_to_get_it() {
    let clone = tempfile::tempdir().unwrap();
    for file in ["scripts/build-older-program", "tests/older/commit"] {
        let to = clone.path().join(file);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join(file), to).unwrap();
    }
    let begun = finish(Command::new("git").args(["init", "--quiet"]).arg(clone.path()), "");
    assert_eq!(begun.code, Some(0), "{begun:?}");
    let mut build = Command::new(clone.path().join("scripts/build-older-program"));
    let refused = finish(build.env("CARGO_TARGET_DIR", clone.path().join("target")), "");
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("git fetch --unshallow"), "{refused:?}");
}
