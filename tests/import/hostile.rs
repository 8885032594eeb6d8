//! What others wrote may be meant to harm.

use std::os::unix::fs::symlink;

use serde_json::json;

use super::{import, remark, state, write};
use crate::common::{Finished, Project, refiner};

/// Tries to import, which has to be refused with nothing written.
fn refused(older: &Project) -> Finished {
    let project = Project::new();
    let finished = refiner(project.path(), ["import", older.path().to_str().unwrap()]);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(project.names("artifacts").is_empty(), "{finished:?}");
    finished
}

/// A folder with an artifact of that state.
fn of(state: &str) -> Project {
    let older = Project::new();
    write(&older, "artifacts/logo/state.json", state);
    older
}

#[test]
fn a_state_that_is_none_is_refused() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let nested = format!(r#"{{"data":{}{{}}{}}}"#, r#"{"a":"#.repeat(70), "}".repeat(70));
    let large = format!(r#"{{"goals":["{}"]}}"#, "x".repeat(5 << 20));
    for (state, said) in [
        ("", "not JSON"),
        ("[]", "not a JSON object"),
        ("{\"goals\": [", "not JSON"),
        (&deep, "too deep"),
        (&nested, "nesting"),
        (&large, "more than"),
    ] {
        let finished = refused(&of(state));
        assert!(finished.stderr.contains(said), "{said}: {finished:?}");
    }
    let many: Vec<_> = (0..300)
        .map(|i| json!({ "id": format!("c{i}"), "description": "d", "severity": "low" }))
        .collect();
    refused(&of(&json!({ "constraints": many }).to_string()));
}

#[test]
fn links_and_what_is_no_file_are_not_followed() {
    let (older, outside) = (Project::new(), Project::new());
    std::fs::write(outside.path().join("secret"), state().to_string()).unwrap();
    std::fs::create_dir_all(older.of("logo", "")).unwrap();
    symlink(outside.path().join("secret"), older.of("logo", "state.json")).unwrap();
    let finished = refused(&older);
    assert!(finished.stderr.contains("does not follow"), "{finished:?}");

    let (project, older) = (Project::new(), of(&state().to_string()));
    write(&older, "artifacts/logo/dist/real", "r");
    for (link, target) in [
        ("dist/out", outside.path().join("secret")),
        ("dist/folder", outside.path().to_owned()),
        ("dist/within", older.of("logo", "dist/real")),
        ("refinement_log.md", outside.path().join("secret")),
        ("checkpoints", outside.path().to_owned()),
    ] {
        symlink(target, older.of("logo", link)).unwrap();
    }
    let socket = std::os::unix::net::UnixListener::bind(older.of("logo", "dist/socket")).unwrap();
    let answer = import(&project, &older, &[]);
    drop(socket);
    for place in ["dist/out", "dist/folder", "dist/within", "dist/socket", "refinement_log.md"] {
        assert!(remark(&answer["artifacts"][0], place).contains("does not follow"), "{place}");
    }
    assert_eq!(project.names("artifacts/logo/dist"), ["real"]);
    assert_eq!(project.state("logo")["data"]["imported"].get("checkpoint_states"), None);
    assert!(
        std::fs::read_to_string(project.of("logo", "refinement_log.md"))
            .unwrap_or_default()
            .is_empty()
    );
}

#[test]
fn an_artifacts_folder_that_is_a_link_holds_nothing() {
    let (older, outside) = (Project::new(), of(&state().to_string()));
    std::fs::create_dir_all(older.file("artifacts")).unwrap();
    symlink(outside.of("logo", ""), older.of("logo", "")).unwrap_or_else(|_| {
        symlink(outside.file("artifacts/logo"), older.file("artifacts/logo")).unwrap();
    });
    refused(&older);
    let folder = Project::new();
    symlink(outside.file(""), folder.path().join(".refiner")).unwrap_or(());
    refused(&folder);
}

#[test]
fn files_that_are_too_large_or_have_no_name_here_are_left_out_by_name() {
    let (project, older) = (Project::new(), of(&state().to_string()));
    write(&older, "artifacts/logo/dist/fine.txt", "fine");
    write(&older, "artifacts/logo/dist/CON", "a device");
    write(&older, "artifacts/logo/dist/a\u{1b}[31m", "colours");
    write(&older, "artifacts/logo/refinement_log.md", [0xff, 0xfe]);
    let huge = std::fs::File::create(older.of("logo", "dist/huge.bin")).unwrap();
    huge.set_len(1 << 40).unwrap();
    let answer = import(&project, &older, &[]);
    let artifact = &answer["artifacts"][0];
    assert_eq!(artifact["files"], 1);
    for (place, said) in [("huge.bin", "limit"), ("CON", "device"), ("[31m", "character")] {
        assert!(remark(artifact, place).contains(said), "{place}");
    }
    assert!(remark(artifact, "refinement_log.md").contains("not read"));
    assert_eq!(project.names("artifacts/logo/dist"), ["fine.txt"]);
    let shown = refiner(Project::new().path(), ["import", older.path().to_str().unwrap()]);
    assert!(!shown.stdout.contains('\u{1b}'), "{shown:?}");
}

#[test]
fn a_state_cannot_bring_rights_along() {
    let mut state = state();
    state["approval"] = json!({ "id": "9", "shown": "x", "status": "approve", "at": "now" });
    state["lease"] = json!({ "token": "x" });
    state["phases_completed"] = json!(["specify", "plan", "execute", "reflect"]);
    state["evidence"] = json!({ "c": { "status": "satisfied" } });
    let (project, older) = (Project::new(), of(&state.to_string()));
    import(&project, &older, &[]);
    let state = project.state("logo");
    assert_eq!(state["phase"], "reflect", "what was seen elsewhere decides nothing here");
    for field in ["approval", "lease", "evidence"] {
        assert!(state.get(field).is_none_or(serde_json::Value::is_null), "{field}");
    }
}
