//! `refiner replay`: decisions are derived again, and what was changed is named.

use serde_json::{Value, json};

use super::{certified, converged, done, iterate, run};
use crate::common::{Journal, Project, copy_folder, framed, on_terminal};

fn replayed(project: &Project, name: &str) -> (Option<i32>, Value) {
    let finished = run(project, ["replay", name, "--json"]);
    (finished.code, finished.json())
}

#[test]
fn every_decision_of_a_loop_is_derived_again() {
    let made = certified();
    let (code, said) = replayed(&made.project, "trams");
    assert_eq!(code, Some(0), "{said}");
    assert_eq!((&said["decisions"], &said["agrees"]), (&json!(9), &json!(true)));
    assert_eq!(said["not_replayable"], json!([]));
    assert_eq!(said["entries"], made.project.state("trams")["version"]);
}

#[test]
fn a_persons_decisions_are_derived_again_too() {
    let project = Project::new();
    done(&project, &["init", "trams", "--goal", "Be brief", "--requires-approval"]);
    let blocking = json!([{ "id": "kind", "description": "it is kind", "severity": "blocking" }]);
    super::complete(&project, "specify", &json!({ "constraints": blocking }));
    super::complete(&project, "plan", &json!({ "steps": ["write it"] }));
    std::fs::create_dir_all(project.of("trams", "dist")).unwrap();
    std::fs::write(project.of("trams", "dist/report.md"), super::REPORT).unwrap();
    super::complete(&project, "execute", &json!({ "actions": ["wrote it"] }));
    let found = json!([{ "id": "kind", "status": "satisfied" }]);
    super::complete(&project, "reflect", &json!({ "constraints": found }));
    let mut approve = crate::common::command(project.path());
    approve.args(["approve", "trams", "--reason", "it reads well"]);
    let (code, screen) = on_terminal(approve, "yes\n");
    assert_eq!(code, Some(0), "{screen}");
    super::complete(&project, "persist", &json!({ "actions": [] }));
    let (code, said) = replayed(&project, "trams");
    assert_eq!((code, &said["decisions"]), (Some(0), &json!(6)), "{said}");
    done(&project, &["finalize", "trams"]);
    let certificate = done(&project, &["certificate", "trams"]);
    assert!(certificate.contains("payload"), "{certificate}");
}

/// Changes an entry by text and chains the rest again, as an author who knows the format would.
fn rewrite(project: &Project, version: usize, from: &str, to: &str) {
    let mut journal = Journal::read(project, "trams");
    let text = String::from_utf8(journal.lines[version].clone()).unwrap();
    assert!(text.contains(from), "{text}");
    journal.lines[version] = framed(text.replacen(from, to, 1).as_bytes());
    for index in version + 1..journal.lines.len() {
        let entry: Value = serde_json::from_slice(&journal.lines[index]).unwrap();
        let previous = blake3::hash(&journal.lines[index - 1]).to_hex().to_string();
        let text = String::from_utf8(journal.lines[index].clone()).unwrap();
        let old = entry["previous"].as_str().unwrap();
        journal.lines[index] = framed(text.replacen(old, &previous, 1).as_bytes());
    }
    journal.write();
    // The readable copies know the old line.
    std::fs::remove_file(project.of("trams", "state.json")).unwrap();
    drop(std::fs::remove_file(project.of("trams", "journal/flushed")));
}

#[test]
fn the_first_changed_decision_is_named() {
    let project = converged();
    let journal = Journal::read(&project, "trams");
    let decisions: Vec<(usize, String)> = journal
        .entries()
        .iter()
        .filter(|entry| entry["operation"] == "transition")
        .map(|entry| {
            let version = usize::try_from(entry["version"].as_u64().unwrap()).unwrap();
            (version, entry["summary"]["to"].as_str().unwrap().to_owned())
        })
        .collect();
    assert_eq!(decisions.len(), 9);
    for (version, to) in decisions {
        let copy = Project::new();
        copy_folder(&project.file(""), &copy.file(""));
        rewrite(&copy, version, &format!("\"to\":\"{to}\""), "\"to\":\"nowhere\"");
        let (code, said) = replayed(&copy, "trams");
        assert_eq!(code, Some(1), "{version}: {said}");
        assert_eq!(said["difference"]["version"], version, "{said}");
        assert_eq!(said["difference"]["place"], "summary/to", "{said}");
    }
}

#[test]
fn an_operation_that_changes_foreign_fields_is_named() {
    let project = converged();
    done(&project, &["checkpoint", "trams", "--label", "here"]);
    let version = project.state("trams")["version"].as_u64().unwrap();
    let version = usize::try_from(version).unwrap();
    rewrite(&project, version, "\"operation\":\"checkpoint\"", "\"operation\":\"write_output\"");
    let (code, said) = replayed(&project, "trams");
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(said["difference"]["version"], version);
    assert!(said["difference"]["place"].as_str().unwrap().starts_with("/checkpoints"), "{said}");
}

#[test]
fn what_other_rules_decided_is_not_replayable() {
    let project = converged();
    rewrite(&project, 2, "\"rules\":1", "\"rules\":9");
    let (code, said) = replayed(&project, "trams");
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(said["not_replayable"][0]["from"], 2, "{said}");
    assert!(said["not_replayable"][0]["reason"].as_str().unwrap().contains("rules 9"));
    assert_eq!(said["decisions"], 8);
}

#[test]
fn journals_of_earlier_programs_are_not_replayable() {
    let data = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    for case in ["v1/loop", "v3/loop"] {
        let project = Project::new();
        copy_folder(&data.join(case).join("workspace"), &project.file(""));
        let listed: Value = serde_json::from_str(&done(&project, &["list", "--json"])).unwrap();
        let name = listed["artifacts"][0]["name"].as_str().unwrap();
        let (code, said) = replayed(&project, name);
        assert_eq!((code, &said["decisions"]), (Some(0), &json!(0)), "{said}");
        assert!(said["not_replayable"][0]["reason"].as_str().unwrap().contains("earlier program"));
    }
}

#[test]
fn a_replay_changes_nothing() {
    let project = converged();
    iterate_again(&project);
    let before = project.digest();
    assert_eq!(replayed(&project, "trams").0, Some(0));
    assert_eq!(project.digest(), before);
}

/// Begins the next cycle, in which a person loosens nothing, and plays an iteration.
fn iterate_again(project: &Project) {
    done(project, &["finalize", "trams"]);
    done(project, &["init", "trams"]);
    super::complete(project, "specify", &json!({}));
    iterate(project, super::REPORT, "satisfied");
    done(project, &["verify", "trams"]);
    done(project, &["save", "trams", "--patch", r#"{"data":{"a":1}}"#]);
}

/// Goal: a change of the rules is not overlooked. `tests/data/rules-1/README.md` says what to do.
#[test]
fn decisions_of_a_frozen_journal_are_derived_alike() {
    let data = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/rules-1");
    let project = Project::new();
    copy_folder(&data.join("artifacts"), &project.file("artifacts"));
    let (code, said) = replayed(&project, "trams");
    assert_eq!((code, &said["decisions"]), (Some(0), &json!(13)), "{said}");
    assert_eq!(said["not_replayable"], json!([]));
}
