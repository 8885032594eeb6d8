//! A workspace that a stranger prepared: every file and folder of it × every hostile thing in its place ×
//! every tool and command. Nothing outside is read or written, and no call hangs.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::common::{Project, Raw, command, copy_folder, refiner};

/// What is outside of the workspace, and may neither be shown nor changed.
const SECRET: &str = "the-secret-of-the-user";
/// Seconds after which a command hangs.
const SECONDS: &str = "20";

/// Calls of every tool, those that only read first: one server answers them all.
fn calls() -> Vec<(&'static str, Value)> {
    let a = || json!({ "name": "a" });
    vec![
        ("list_artifacts", json!({})),
        ("load_state", json!({ "name": "a", "detail": "full", "with_prompt": true })),
        ("history", json!({ "name": "a", "diff": [1, 2] })),
        ("verify", a()),
        ("read_output", a()),
        ("read_output", json!({ "name": "a", "path": "env" })),
        ("write_output", json!({ "name": "a", "path": "env", "content": "new" })),
        ("save_state", json!({ "name": "a", "patch": { "data": { "x": "new" } } })),
        ("checkpoint", a()),
        ("restore", json!({ "name": "a", "to": "1" })),
        ("transition", json!({ "name": "a", "event": "complete" })),
        ("init_state", json!({ "name": "fresh", "workflow": "document" })),
        ("finalize", a()),
        ("reset_artifact", json!({ "name": "a", "confirm": "a" })),
        ("delete_artifact", json!({ "name": "a", "confirm": "a" })),
    ]
}

/// Commands that do more than call one tool, or that find the workspace as no server has opened it.
const COMMANDS: [&[&str]; 10] = [
    &["list"],
    &["doctor"],
    &["diff", "a", "1", "2"],
    &["export", "a"],
    &["replay", "a"],
    &["trust", "--revoke"],
    &["save", "a", "--patch", r#"{"data":{"x":"new"}}"#],
    &["output", "write", "a", "env", "env"],
    &["reset", "a", "--confirm", "a"],
    &["init", "fresh", "--workflow", "document"],
];

/// Commands of the program that the table leaves out: those of a tool in [`calls`], those that open no
/// workspace, and those of certificates, which read the journal as `replay` does.
const LEFT_OUT: [&str; 20] = [
    "certificate",
    "verify-certificate",
    "completions",
    "man",
    "show",
    "history",
    "checkpoint",
    "restore",
    "transition",
    "verify",
    "finalize",
    "delete",
    "demo",
    "serve",
    "approve",
    "reject",
    "import",
    "install",
    "token",
    "help",
];

/// What may stand in place of a file or folder.
#[derive(Clone, Copy, Debug)]
enum Thing {
    LinkToFile,
    LinkToFolder,
    LinkToSelf,
    LinkWithin,
    Pipe,
    Folder,
    Sparse,
    Empty,
}

impl Thing {
    /// Puts it in place of what is at a path of a project.
    fn put(self, project: &Path, path: &Path) {
        let path = project.join(path);
        if path.is_dir() && !path.is_symlink() {
            fs::remove_dir_all(&path).unwrap();
        } else {
            drop(fs::remove_file(&path));
        }
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match self {
            Self::LinkToFile => symlink(project.join(".git/config"), &path).unwrap(),
            Self::LinkToFolder => symlink(project.join(".git"), &path).unwrap(),
            Self::LinkToSelf => symlink(&path, &path).unwrap(),
            Self::LinkWithin => symlink(project.join(".refiner"), &path).unwrap(),
            Self::Pipe => {
                assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
            }
            Self::Folder => fs::create_dir(&path).unwrap(),
            Self::Sparse => fs::File::create(&path).unwrap().set_len(4 << 40).unwrap(),
            Self::Empty => drop(fs::File::create(&path).unwrap()),
        }
    }
}

/// A project with some of everything that the program keeps.
fn prepared() -> Project {
    let project = Project::new();
    let run = |arguments: &[&str]| {
        let finished = refiner(project.path(), arguments);
        assert_eq!(finished.code, Some(0), "{arguments:?}: {finished:?}");
    };
    run(&["init", "a", "--workflow", "document"]);
    fs::write(project.path().join("env"), "an output").unwrap();
    run(&["output", "write", "a", "env", project.path().join("env").to_str().unwrap()]);
    run(&["finalize", "a"]);
    run(&["init", "a", "--workflow", "document"]);
    run(&["save", "a", "--patch", r#"{"data":{"x":1}}"#]);
    fs::create_dir_all(project.file("workflows/own")).unwrap();
    for file in ["workflows/own/workflow.json", "triggers.json", "workflow.log"] {
        fs::write(project.file(file), "{}").unwrap();
    }
    fs::create_dir_all(project.of("a", "kept")).unwrap();
    fs::create_dir_all(project.file("undelivered")).unwrap();
    fs::create_dir_all(project.path().join(".git")).unwrap();
    fs::write(project.path().join(".git/config"), SECRET).unwrap();
    fs::write(project.path().join(".git/env"), SECRET).unwrap();
    project
}

/// Every file and folder of the workspace, and what would be a temporary one beside each file.
fn places(project: &Project) -> BTreeSet<String> {
    let mut places = BTreeSet::from([
        ".refiner".to_owned(),
        ".refiner/trash".to_owned(),
        ".refiner/locks/fresh".to_owned(),
        ".refiner/artifacts/fresh".to_owned(),
        ".refiner/artifacts/a/refinement_log.md".to_owned(),
        ".refiner/artifacts/a/artifact_manifest.json".to_owned(),
    ]);
    for (path, _) in project.digest() {
        if path.starts_with(".refiner/") {
            places.insert(format!("{path}.tmp"));
            places.insert(path);
        }
    }
    places
}

/// Runs a command, which has to end by itself.
fn run(project: &Project, arguments: &[&str], what: &str) {
    let program = command(project.path());
    let mut limited = Command::new("timeout");
    limited.current_dir(project.path());
    limited.arg(SECONDS).arg(program.get_program()).args(program.get_args()).args(arguments);
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    let output = limited.output().unwrap();
    let code = output.status.code();
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed);
    let what = format!("{what}: {arguments:?}");
    assert!(matches!(code, Some(0..=4)), "{what} ended with {code:?}: {printed}");
    check(project, &printed, &what);
}

/// Lets one server answer every call.
async fn serve(project: &Project, what: &str) {
    let mut quiet = command(project.path());
    quiet.arg("serve").env("RUST_LOG", "off");
    let mut server = Raw::start_command(quiet);
    server.greet("2025-11-25").await;
    for (tool, arguments) in calls() {
        let answer = server.call(tool, arguments).await;
        check(project, &format!("{answer:?}"), &format!("{what}: {tool}"));
    }
    let (status, _) = server.end().await;
    assert!(status.success(), "{what}: the server ended with {status}");
}

/// Fails if a text shows what is outside of the workspace, or if that has changed.
fn check(project: &Project, shown: &str, what: &str) {
    assert!(!shown.contains(SECRET), "{what} shows what is outside: {shown}");
    let git: Vec<_> = fs::read_dir(project.path().join(".git")).unwrap().collect();
    assert_eq!(git.len(), 2, "{what} wrote outside: {git:?}");
    for file in ["config", "env"] {
        let content = fs::read_to_string(project.path().join(".git").join(file)).unwrap();
        assert_eq!(content, SECRET, "{what} changed {file}");
    }
}

/// Puts a thing in each place, and runs every call and command on a copy of its own.
async fn run_all(things: [Thing; 4]) {
    let template = prepared();
    let places = places(&template);
    assert!(places.len() > 40, "{places:?}");
    for place in places {
        for thing in things {
            let what = format!("{thing:?} in place of {place}");
            let copy = || {
                let project = Project::new();
                copy_folder(template.path(), project.path());
                thing.put(project.path(), Path::new(&place));
                project
            };
            serve(&copy(), &what).await;
            let project = copy();
            for arguments in COMMANDS {
                run(&project, arguments, &what);
            }
        }
    }
}

#[tokio::test]
async fn links_in_a_workspace_lead_nowhere() {
    use Thing::{LinkToFile, LinkToFolder, LinkToSelf, LinkWithin};
    run_all([LinkToFile, LinkToFolder, LinkToSelf, LinkWithin]).await;
}

#[tokio::test]
async fn what_is_no_regular_file_in_a_workspace_hangs_no_call() {
    run_all([Thing::Pipe, Thing::Folder, Thing::Sparse, Thing::Empty]).await;
}

#[tokio::test]
async fn every_tool_and_command_is_tried_in_a_hostile_workspace() {
    let project = Project::new();
    let mut server = Raw::greeted(project.path()).await;
    let listed = server.ask("tools/list", json!({})).await;
    let listed = listed["result"]["tools"].as_array().unwrap().iter();
    let tools: BTreeSet<String> =
        listed.map(|tool| tool["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(tools, calls().iter().map(|(tool, _)| (*tool).to_owned()).collect());

    let help = refiner(project.path(), ["--help"]).stdout;
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands: BTreeSet<&str> = lines.map_while(|line| line.split_whitespace().next()).collect();
    let tried = COMMANDS.iter().map(|arguments| arguments[0]);
    assert_eq!(commands, tried.chain(LEFT_OUT).collect());
}
