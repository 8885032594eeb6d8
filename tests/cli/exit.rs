//! How subcommands end: what scripts read, and why something was not done.

use serde_json::json;

use super::{begun, damage, said};
use crate::common::refiner;

#[test]
fn json_is_what_the_tool_of_that_name_answers() {
    let project = begun();
    for (arguments, fields) in [
        (&["init", "notes"][..], &["outcome", "version", "workspace", "briefing"][..]),
        (&["list"], &["artifacts", "warnings"]),
        (&["list", "--limit", "1"], &["artifacts", "next_cursor"]),
        (
            &["show", "logo", "--prompt"],
            &["version", "updated_at", "document", "prompt", "briefing"],
        ),
        (&["show", "notes", "--select", "/data"], &["version", "selected", "briefing"]),
        (&["history", "notes", "--limit", "1"], &["entries", "next_after", "briefing"]),
        (&["diff", "notes", "1", "2"], &["diff", "briefing"]),
        (&["save", "notes", "--patch", "{}"], &["changed", "version", "briefing"]),
        (&["checkpoint", "notes"], &["checkpoint_id", "version", "phase", "iteration", "briefing"]),
        (&["restore", "notes", "1"], &["version", "restored_from", "briefing"]),
        (
            &["transition", "logo", "complete", "--phase", "specify", "--result", "{}"],
            &["from", "to", "version", "briefing"],
        ),
        (&["finalize", "notes"], &["archived_to", "cycle", "version", "outputs", "briefing"]),
        (&["doctor"], &["artifacts", "healthy", "findings"]),
    ] {
        let finished = refiner(project.path(), [arguments, &["--json"]].concat());
        assert_eq!(finished.code, Some(0), "{arguments:?}: {finished:?}");
        let answer = finished.json();
        for field in fields {
            assert!(!answer[*field].is_null(), "{arguments:?}: no {field} in {answer}");
        }
        for field in
            ["name", "workflow", "version", "cycle", "phase", "status", "iteration", "next"]
        {
            let briefing = &answer["briefing"];
            assert!(briefing.is_null() || !briefing[field].is_null(), "{arguments:?}: {briefing}");
        }
    }
    let page = refiner(project.path(), ["history", "notes", "--json"]).json();
    for field in ["version", "at", "actor", "operation", "phase", "changed", "digest"] {
        assert!(!page["entries"][1][field].is_null(), "{field}: {page}");
    }
}

#[test]
fn a_failure_ends_with_the_code_of_its_kind_and_says_what_to_do() {
    let project = begun();
    let second = r#"{"data":{"q":1}}"#;
    assert_eq!(
        refiner(project.path(), ["save", "notes", "--patch", second, "--idempotency-key", "k"])
            .code,
        Some(0)
    );
    for (arguments, exit, code) in [
        (&["show", "nobody"][..], 1, "not_found"),
        (&["doctor", "nobody"], 1, "not_found"),
        (&["restore", "notes", "99"], 1, "not_found"),
        (&["show", "../x"], 1, "invalid_name"),
        (&["show", "notes", "--at", "v1"], 1, "invalid_argument"),
        (&["save", "notes", "--patch", r#"{"phase":"x"}"#], 1, "invalid_argument"),
        (&["save", "notes", "--patch", "{}", "--idempotency-key", "k"], 1, "invalid_argument"),
        (&["save", "notes", "--patch", r#"{"goals":7}"#], 1, "schema_violation"),
        (&["save", "notes", "--patch", "{}", "--note", &"n".repeat(5000)], 1, "too_large"),
        (&["init", "notes", "--workflow", "pmpo"], 1, "already_exists"),
        (&["init", "new", "--workflow", "none"], 1, "unknown_workflow"),
        (&["init", "new", "--type", "poem"], 1, "unknown_artifact_type"),
        (&["transition", "logo", "explode"], 1, "invalid_transition"),
        (&["transition", "logo", "stop"], 1, "approval_required"),
        (&["finalize", "logo"], 1, "invalid_transition"),
        (&["checkpoint", "notes", "--expected-version", "1"], 3, "conflict"),
        (&["checkpoint", "new", "--provider", "memory"], 1, "unsupported"),
    ] {
        let before = project.digest();
        let told = refiner(project.path(), arguments);
        assert_eq!((told.code, told.stdout.as_str()), (Some(exit), ""), "{arguments:?}: {told:?}");
        let is_said = told.stderr.starts_with("error: ") && told.stderr.contains("\nhint: ");
        assert!(is_said, "{arguments:?}: {}", told.stderr);
        let as_json = refiner(project.path(), [arguments, &["--json"]].concat());
        assert_eq!((as_json.code, &as_json.json()["code"]), (Some(exit), &json!(code)));
        assert_eq!(project.digest(), before, "{arguments:?} wrote something");
    }
}

#[test]
fn what_makes_no_sense_is_a_usage_error_that_names_the_argument() {
    let project = begun();
    let nowhere = project.path().join("nowhere");
    for (arguments, named) in [
        (&[][..], "Usage"),
        (&["explode"], "explode"),
        (&["show"], "<NAME>"),
        (&["show", "notes", "--no-such-option"], "--no-such-option"),
        (&["diff", "notes", "1"], "<TO>"),
        (&["diff", "notes", "1", "two"], "two"),
        (&["history", "notes", "--limit", "-1"], "-1"),
        (&["finalize", "notes", "--status", "perfect"], "perfect"),
        (&["save", "notes"], "--patch"),
        (&["save", "notes", "--patch", "{}", "--state", "{}"], "--state"),
        (&["save", "notes", "--patch", "{"], "--patch"),
        (&["save", "notes", "--patch", "[1]"], "--patch"),
        (&["save", "notes", "--patch", "-"], "--patch"),
        (&["save", "notes", "--patch", "@no-such-file"], "no-such-file"),
        (&["init", "new", "--constraint", "links"], "--constraint"),
    ] {
        let finished = refiner(project.path(), arguments);
        assert_eq!(
            (finished.code, finished.stdout.as_str()),
            (Some(2), ""),
            "{arguments:?}: {finished:?}"
        );
        assert!(finished.stderr.contains(named), "{arguments:?}: {}", finished.stderr);
    }
    let finished = refiner(&nowhere, ["list"]);
    assert_eq!(finished.code, Some(2), "{finished:?}");
    assert!(finished.stderr.contains("nowhere") && !nowhere.exists(), "{}", finished.stderr);
}

#[test]
fn damage_is_bad_news_to_the_doctor_and_a_storage_error_to_who_writes() {
    let project = begun();
    damage(&project);
    let before = project.digest();
    let save = ["save", "notes", "--patch", r#"{"data":{"x":2}}"#];
    insta::assert_snapshot!(said(&project, &save), @r"
    exit 4
    --- stderr
    error: the journal of notes is damaged: version 2 is damaged (checksum mismatch), and a later entry says that version 2 was stored
    hint: every byte is kept and reading still works; a person can run: refiner doctor notes
    ");
    let diagnosis = refiner(project.path(), ["doctor", "--json"]);
    assert_eq!((diagnosis.code, &diagnosis.json()["healthy"]), (Some(1), &json!(false)));
    assert_eq!(project.digest(), before, "not a byte is touched");
    assert_eq!(refiner(project.path(), ["doctor", "logo"]).code, Some(0), "another is well");
    let one = refiner(project.path(), ["doctor", "notes"]);
    assert!(one.code == Some(1) && one.stdout.contains("error"), "{one:?}");
    std::fs::write(project.of("notes", "journal/000000000001.jsonl"), "nonsense\n").unwrap();
    let nothing_left = refiner(project.path(), ["doctor", "notes"]);
    assert_eq!(nothing_left.code, Some(1), "{nothing_left:?}");
    assert!(nothing_left.stdout.contains("the first line is damaged"), "{nothing_left:?}");
}
