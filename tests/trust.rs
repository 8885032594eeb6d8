//! What a project brings does nothing until its user trusts it, kind by kind, at a terminal.

use std::path::Path;

use serde_json::{Value, json};

use crate::common::{
    Finished, Project, Server, command, conversation, copy_folder, finish, refiner, traced,
};

/// What each question of `refiner trust` ends with.
const ASKED: &str = "Type yes to continue: ";

/// Leaves a file behind when it is run by `make`.
const MAKEFILE: &str = "check:\n\t@touch ran\n";

/// Writes a file, folders included.
fn write(path: &Path, content: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

/// Writes the user's own `config.json`.
fn configure(project: &Project, content: &Value) {
    write(&project.path().join(".config/refiner/config.json"), &content.to_string());
}

/// What the user's own folder remembers of the project.
fn remembered(project: &Project) -> Value {
    let path = project.path().join(".config/refiner/projects.json");
    let known: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    known["projects"][project.path().canonicalize().unwrap().to_str().unwrap()].clone()
}

/// A project with an artifact whose one constraint `make check` measures.
fn with_makefile() -> Project {
    let project = Project::new();
    write(&project.path().join("Makefile"), MAKEFILE);
    let constraint = json!({
        "id": "tests", "description": "the tests pass", "severity": "blocking",
        "validation": { "method": "command", "params": { "command": ["make", "check"] } },
    });
    let init = ["init", "tool", "--goal", "a tool", "--constraint", &constraint.to_string()];
    assert_eq!(refiner(project.path(), init).code, Some(0));
    project
}

/// Measures, and returns what was found about the one constraint.
fn verified(project: &Project) -> (Finished, Value) {
    let finished = refiner(project.path(), ["verify", "tool", "--json"]);
    let found = finished.json()["constraints"][0].clone();
    let code = if found["status"] == "satisfied" { 0 } else { 1 };
    assert_eq!(finished.code, Some(code), "a blocking constraint: {finished:?}");
    (finished, found)
}

/// Returns whether the command ran since the last look.
fn ran(project: &Project) -> bool {
    std::fs::remove_file(project.path().join("ran")).is_ok()
}

/// A workflow with one prompt in the project's folder.
fn bring_workflow(project: &Project) {
    let workflow = json!({
        "id": "review", "version": 1, "title": "Review \u{1b}[2J", "initial": "read",
        "prompts": { "read": { "title": "Read", "description": "Read it" } },
        "states": {
            "read": { "meta": { "prompt": "read" }, "on": { "done": [{ "target": "over" }] } },
            "over": { "type": "final", "meta": { "status": "closed" } },
        },
    });
    write(&project.file("workflows/review/workflow.json"), &workflow.to_string());
    write(&project.file("workflows/review/read.md"), "Read {{ state.artifact_name }}.");
}

/// Another project: a clone of this one's workspace and Makefile.
fn clone(project: &Project) -> Project {
    let clone = Project::new();
    copy_folder(&project.file(""), &clone.file(""));
    write(&clone.path().join("Makefile"), MAKEFILE);
    clone
}

/// Runs `refiner trust` at a terminal and types an answer to each question.
fn trust(project: &Project, arguments: &[&str], answers: &[&str]) -> (Option<i32>, String) {
    let mut program = command(project.path());
    program.arg("trust").args(arguments);
    let lines: Vec<(&str, &str)> = answers.iter().map(|answer| (ASKED, *answer)).collect();
    conversation(&program, &lines)
}

#[test]
fn verify_in_a_clone_runs_nothing_until_it_is_trusted() {
    let project = clone(&with_makefile());
    let (finished, found) = verified(&project);
    assert_eq!((&found["status"], ran(&project)), (&json!("unchecked"), false));
    let evidence = found["evidence"].as_str().unwrap();
    assert!(evidence.contains("refiner trust"), "{evidence}");
    assert!(evidence.contains("projects in their own refiner/config.json"), "{evidence}");
    assert_eq!(finished.stderr, "");

    let (code, screen) = trust(&project, &[], &["yes"]);
    assert_eq!(code, Some(0), "{screen}");
    for shown in [r#"["make", "check"]"#, r#"for "tool/tests""#, r#"with the project's "Makefile""#]
    {
        assert!(screen.contains(shown), "{shown}: {screen}");
    }
    assert!(screen.contains("may change"), "{screen}");
    assert_eq!(verified(&project).1["status"], "satisfied");
    assert!(ran(&project));

    let other = clone(&project);
    copy_folder(&project.path().join(".config"), &other.path().join(".config"));
    assert_eq!((&verified(&other).1["status"], ran(&other)), (&json!("unchecked"), false));
    assert_eq!(refiner(project.path(), ["trust", "--revoke"]).code, Some(0));
    verified(&project);
    assert!(!ran(&project), "it was taken back");
}

#[test]
fn a_broken_workflow_is_named_before_anything_is_trusted() {
    let project = with_makefile();
    let broken = json!({ "id": "letter", "version": 1, "states": {} });
    write(&project.file("workflows/letter/workflow.json"), &broken.to_string());
    let refused = refiner(project.path(), ["trust", "--json"]);
    let answer = refused.json();
    assert_eq!((refused.code, &answer["code"]), (Some(1), &json!("invalid_argument")));
    assert_eq!(answer["hint"], "correct the file first");
    let message = answer["message"].as_str().unwrap();
    assert!(message.starts_with(".refiner/workflows/letter/workflow.json: "), "{message}");
    assert!(message.contains("does not match its schema"), "{message}");
    assert!(!refused.stderr.contains("Makefile"), "nothing was asked: {refused:?}");

    let found = refiner(project.path(), ["doctor"]);
    assert!(!found.stdout.contains("healthy"), "{found:?}");
    assert!(
        found.stdout.contains("warning .refiner/workflows/letter/workflow.json: "),
        "{found:?}"
    );
}

#[test]
fn commands_are_not_trusted_without_a_terminal_or_a_yes() {
    let project = with_makefile();
    let refused = refiner(project.path(), ["trust", "--json"]);
    assert_eq!((refused.code, &refused.json()["code"]), (Some(1), &json!("approval_required")));
    assert!(refused.json()["message"].as_str().unwrap().contains("the commands of its checks"));
    assert!(refused.stderr.contains("Makefile"), "{refused:?}");
    assert_eq!(trust(&project, &[], &["no"]).0, Some(1));
    assert!(!project.path().join(".config").exists());
    verified(&project);
    assert!(!ran(&project));
}

#[test]
fn a_configuration_allows_commands_in_one_project_without_a_terminal() {
    let project = with_makefile();
    let place = project.path().canonicalize().unwrap();
    let commands = json!({ "commands": [["make", "check"]] });
    configure(&project, &json!({ "projects": { "/elsewhere": commands } }));
    assert_eq!((&verified(&project).1["status"], ran(&project)), (&json!("unchecked"), false));
    configure(&project, &json!({ "projects": { place.to_str().unwrap(): commands } }));
    let (finished, found) = verified(&project);
    assert_eq!((&found["status"], ran(&project)), (&json!("satisfied"), true));
    assert_eq!(finished.stderr, "");
    let trusted = refiner(project.path(), ["trust"]);
    assert_eq!(trusted.code, Some(1), "there is nothing left to trust: {trusted:?}");
}

#[test]
fn commands_for_every_project_still_run_with_a_warning() {
    let project = with_makefile();
    configure(&project, &json!({ "commands": [["make", "check"]] }));
    let (finished, found) = verified(&project);
    assert_eq!((&found["status"], ran(&project)), (&json!("satisfied"), true));
    let place = project.path().canonicalize().unwrap();
    for named in
        ["its commands in every project", "refiner trust", "projects", place.to_str().unwrap()]
    {
        assert!(finished.stderr.contains(named), "{named}: {finished:?}");
    }
    assert_eq!(finished.stderr.matches("in every project").count(), 1, "{finished:?}");
}

#[test]
fn each_kind_is_shown_and_asked_about_by_itself() {
    let project = with_makefile();
    bring_workflow(&project);
    let hook = json!({ "name": "hook", "on": "on_phase_start", "command": ["true"] });
    write(&project.file("triggers.json"), &json!({ "triggers": [hook] }).to_string());

    let (code, screen) = trust(&project, &[], &["yes", "no", "yes"]);
    assert_eq!(code, Some(0), "{screen}");
    let parts =
        ["hook: on_phase_start", r#"phases "over", "read""#, r#""read" (31 bytes)"#, "make"];
    let places: Vec<usize> = parts.iter().filter_map(|part| screen.find(part)).collect();
    assert!(places.len() == parts.len() && places.is_sorted(), "{screen}");
    assert!(!screen.contains("\u{1b}[2J"), "{screen}");
    assert!(screen.contains(".refiner/workflows/review/"), "{screen}");
    let known = remembered(&project);
    assert!(known["triggers"].is_string() && known["workflows"].is_null(), "{known}");
    assert_eq!(known["commands"], json!([["make", "check"]]));

    // What was not agreed to waits, and is all that is asked about the next time.
    let refused = refiner(project.path(), ["trust", "--json"]);
    assert!(refused.stderr.contains("review") && !refused.stderr.contains("Makefile"));
    assert_eq!(trust(&project, &[], &["yes"]).0, Some(0));
    let answer = refiner(project.path(), ["trust", "--json"]).json();
    let workflows = answer["trusted"]["workflows"].as_object().unwrap();
    assert_eq!(workflows.values().collect::<Vec<_>>(), [&json!("review")]);
    assert_eq!(answer["hooks"]["trusted"], true);
    assert_eq!(answer["waiting"], json!({ "workflows": [], "commands": [], "warnings": [] }));

    let revoked = refiner(project.path(), ["trust", "--revoke", "--json"]).json();
    assert_eq!(revoked["revoked"]["commands"], json!([["make", "check"]]));
    let known = remembered(&project);
    let left = ["triggers", "workflows", "commands"].map(|kind| known[kind].is_null());
    assert_eq!(left, [true; 3], "{known}");
}

/// The definition that the journal keeps is what counts: the folder is gone by then.
#[test]
fn a_condition_with_a_sentence_is_told_in_that_sentence() {
    let project = Project::new();
    let says = "{% set n = goals | length %}{{ n }} goal{{ ' is' if n == 1 else 's are' }} too few";
    let workflow = json!({
        "id": "letter", "version": 1, "title": "Letter", "initial": "draft",
        "guards": { "enough": ["size(inputs) == 0", { "if": "size(goals) > 2", "says": says }] },
        "states": {
            "draft": { "on": { "done": [{ "target": "over", "guard": "enough" }] } },
            "over": { "type": "final", "meta": { "status": "converged" } },
        },
    });
    write(&project.file("workflows/letter/workflow.json"), &workflow.to_string());
    assert_eq!(trust(&project, &[], &["yes"]).0, Some(0));
    let init = ["init", "a", "--workflow", "letter", "--goal", "short"];
    let opened = refiner(project.path(), init).stdout;
    assert!(opened.ends_with("done → over\n         but 1 goal is too few\n"), "{opened}");
    std::fs::remove_dir_all(project.file("workflows")).unwrap();
    let refused = refiner(project.path(), ["transition", "a", "done", "--json"]).json();
    let message = "done is not possible in phase draft yet: 1 goal is too few";
    assert_eq!((&refused["code"], &refused["message"]), (&json!("guard_failed"), &json!(message)));
    let unmet = json!([{ "guard": "enough", "says": "1 goal is too few", "needs": "size(goals) > 2", "saw": { "goals": ["short"] } }]);
    assert_eq!(refused["unmet"], unmet);
}

#[tokio::test]
async fn a_server_that_runs_heeds_what_is_trusted_and_taken_back() {
    let project = Project::new();
    bring_workflow(&project);
    let server = Server::start(project.path()).await;
    let opened = json!({ "name": "a", "workflow": "review" });
    let refused = server.call("init_state", opened.clone()).await.unwrap_err();
    assert_eq!(refused["code"], "forbidden", "{refused}");
    assert!(refused["hint"].as_str().unwrap().contains("refiner trust"), "{refused}");
    assert!(!project.file("artifacts").exists());

    assert_eq!(trust(&project, &[], &["yes"]).0, Some(0));
    server.call("init_state", opened).await.unwrap();
    assert_eq!(refiner(project.path(), ["trust", "--revoke"]).code, Some(0));
    let done = json!({ "name": "a", "event": "done" });
    let refused = server.call("transition", done.clone()).await.unwrap_err();
    assert_eq!(refused["code"], "forbidden", "{refused}");
    assert_eq!(trust(&project, &[], &["yes"]).0, Some(0));
    assert_eq!(server.call("transition", done).await.unwrap()["to"], "over");
    server.end().await;
}

#[test]
fn the_workflow_of_a_cloned_journal_waits_until_it_is_trusted() {
    let origin = Project::new();
    bring_workflow(&origin);
    assert_eq!(trust(&origin, &[], &["yes"]).0, Some(0));
    assert_eq!(refiner(origin.path(), ["init", "a", "--workflow", "review"]).code, Some(0));
    let project = clone(&origin);
    std::fs::remove_dir_all(project.file("workflows")).unwrap();

    let refused = refiner(project.path(), ["transition", "a", "done", "--json"]);
    assert_eq!((refused.code, &refused.json()["code"]), (Some(1), &json!("forbidden")));
    let message = refused.json()["message"].as_str().unwrap().to_owned();
    let digest = origin.state("a")["definition"].as_str().unwrap()[..12].to_owned();
    assert!(
        message.contains("contains its own workflow") && message.contains(&digest),
        "{message}"
    );
    for reading in [&["show", "a"][..], &["history", "a"], &["list"], &["doctor"]] {
        let read = refiner(project.path(), reading);
        assert_eq!(read.code, Some(0), "{read:?}");
    }
    assert_eq!(refiner(project.path(), ["show", "a", "--prompt"]).code, Some(1));

    let (code, screen) = trust(&project, &[], &["yes"]);
    assert_eq!(code, Some(0), "{screen}");
    assert!(screen.contains(&format!("artifacts/a/blobs/{digest}")), "{screen}");
    let prompt = refiner(project.path(), ["show", "a", "--prompt"]);
    assert_eq!(prompt.stdout, "Read a.\n");
    assert_eq!(refiner(project.path(), ["transition", "a", "done"]).code, Some(0));
}

#[test]
fn an_owner_is_trusted_at_a_terminal_and_named() {
    let project = with_makefile();
    let owner = std::os::unix::fs::MetadataExt::uid(&project.file("").metadata().unwrap());
    let refused = refiner(project.path(), ["trust", "--owner", "--json"]);
    assert_eq!((refused.code, &refused.json()["code"]), (Some(1), &json!("approval_required")));
    assert!(refused.json()["hint"].as_str().unwrap().contains("REFINER_TRUST_OWNER"));
    assert_eq!(trust(&project, &["--owner"], &["no"]).0, Some(1));
    assert!(!project.path().join(".config").exists());

    let (code, screen) = trust(&project, &["--owner"], &["yes"]);
    assert_eq!(code, Some(0), "{screen}");
    assert!(screen.contains(&format!("user id {owner}")), "{screen}");
    assert!(screen.contains(".refiner\" belongs to"), "{screen}");
    assert_eq!(remembered(&project)["owner"], owner);
    let answer = refiner(project.path(), ["trust", "--owner", "--json"]);
    assert_eq!((answer.code, &answer.json()["owner"]), (Some(0), &json!(owner)));

    // It says nothing about what the project brings, and can be taken back alone.
    assert_eq!(trust(&project, &[], &["yes"]).0, Some(0));
    assert_eq!(refiner(project.path(), ["trust", "--owner", "--revoke"]).code, Some(0));
    let known = remembered(&project);
    assert!(known["owner"].is_null() && known["commands"].is_array(), "{known}");
}

#[test]
fn an_owner_of_no_workspace_cannot_be_trusted() {
    let project = Project::new();
    let refused = refiner(project.path(), ["trust", "--owner", "--json"]);
    assert_eq!((refused.code, &refused.json()["code"]), (Some(1), &json!("not_found")));
}

/// Goal: nothing of a stranger's workspace is opened before its owner is trusted. Method: the files
/// that are opened are traced.
#[cfg(target_os = "linux")]
#[test]
fn an_owner_is_asked_about_before_the_workspace_is_opened() {
    let project = with_makefile();
    let file = project.path().join("trace");
    for arguments in [&["--owner"][..], &["--owner", "--revoke"], &["--revoke"]] {
        let (mut program, _) = traced(project.path(), "open,openat,openat2", &file);
        finish(program.arg("trust").args(arguments), "");
        let calls = std::fs::read_to_string(&file).unwrap();
        assert!(calls.contains("open"), "{calls}");
        let opened: Vec<&str> = calls.lines().filter(|line| line.contains(".refiner")).collect();
        assert!(opened.is_empty(), "{arguments:?}: {opened:#?}");
    }
}
