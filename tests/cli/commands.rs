//! Which commands checks may run: only what the user's own configuration says.

use serde_json::{Value, json};

use crate::common::{Finished, Project, refiner};

/// Succeeds in the project's folder only.
const COMMAND: [&str; 3] = ["sh", "-c", "test -f marker"];

/// A project with an artifact whose one constraint is measured by [`COMMAND`].
fn begun() -> Project {
    let project = Project::new();
    std::fs::write(project.path().join("marker"), "").unwrap();
    let validation = json!({ "method": "command", "params": { "command": COMMAND } });
    let constraint = json!({
        "id": "tests", "description": "the tests pass", "severity": "blocking",
        "validation": validation,
    });
    let init = ["init", "tool", "--goal", "a tool", "--constraint", &constraint.to_string()];
    assert_eq!(refiner(project.path(), init).code, Some(0));
    project
}

/// Writes what would be the user's configuration.
fn configure(project: &Project, content: &str) {
    let folder = project.path().join(".config/refiner");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("config.json"), content).unwrap();
}

/// Measures, and returns what was found about the constraint.
fn verified(project: &Project) -> (Finished, Value) {
    let finished = refiner(project.path(), ["verify", "tool", "--json"]);
    let found = finished.json()["constraints"][0].clone();
    let code = if found["status"] == "satisfied" { 0 } else { 1 };
    assert_eq!(finished.code, Some(code), "a blocking constraint: {finished:?}");
    (finished, found)
}

#[test]
fn a_command_that_the_user_allows_runs_in_the_project_and_is_evidence() {
    let project = begun();
    configure(&project, &json!({ "commands": [["true"], COMMAND] }).to_string());
    let found = verified(&project).1;
    let expected = json!({
        "id": "tests", "status": "satisfied", "asserted": false, "evidence": "exited with 0",
    });
    assert_eq!(found, expected);
    let evidence = &project.state("tool")["evidence"]["tests"];
    assert_eq!(
        (&evidence["method"], &evidence["status"]),
        (&json!("command"), &json!("satisfied"))
    );
    std::fs::remove_file(project.path().join("marker")).unwrap();
    assert_eq!(verified(&project).1["status"], "violated");
}

#[test]
fn a_command_that_the_user_does_not_allow_stays_unchecked_and_says_where_it_would_be() {
    let project = begun();
    let place = project.path().canonicalize().unwrap();
    let others = json!({ "commands": [["sh"], ["sh", "-c"]] });
    let others = json!({ "projects": { place.to_str().unwrap(): others } });
    for allowed in [None, Some(json!({})), Some(others)] {
        if let Some(allowed) = allowed {
            configure(&project, &allowed.to_string());
        }
        let (finished, found) = verified(&project);
        assert_eq!(found["status"], "unchecked", "{found}");
        assert!(found["evidence"].as_str().unwrap().contains("refiner/config.json"), "{found}");
        assert_eq!(finished.stderr, "");
    }
}

#[test]
fn a_broken_configuration_is_a_warning_and_allows_nothing() {
    let project = begun();
    let allowed = json!({ "commands": [COMMAND] }).to_string();
    for broken in [&allowed[1..], &allowed.replace("commands", "comands"), "\u{0}"] {
        configure(&project, broken);
        let (finished, found) = verified(&project);
        assert_eq!(found["status"], "unchecked", "{broken}");
        assert!(finished.stderr.contains("no command may run"), "{finished:?}");
    }
}

#[test]
fn nothing_in_the_workspace_allows_a_command() {
    let project = begun();
    let allowed = json!({ "commands": [COMMAND] }).to_string();
    for place in [".refiner/config.json", "refiner/config.json", "config.json"] {
        let path = project.path().join(place);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, &allowed).unwrap();
    }
    let write = ["output", "write", "tool", "config.json", "config.json"];
    let mut command = crate::common::command(project.path());
    command.current_dir(project.path()).args(write);
    assert_eq!(crate::common::finish(&mut command, "").code, Some(0));
    let patch = json!({ "data": { "commands": [COMMAND] }, "inputs": { "commands": [COMMAND] } });
    let saved = refiner(project.path(), ["save", "tool", "--patch", &patch.to_string()]);
    assert_eq!(saved.code, Some(0), "{saved:?}");
    assert_eq!(verified(&project).1["status"], "unchecked");
}
