//! `refiner demo`: nothing is lost, whoever runs it and how often.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::common::{Project, finish, program, refiner};

/// Fails unless a demo's account says that all went well, and what it names is there.
fn check(folder: &Path, account: &Value) {
    assert_eq!(account["status"], "converged", "{account}");
    for what in ["lost", "written_twice", "missing"] {
        assert_eq!(account["saves"][what], json!([]), "{what}: {account}");
    }
    let number = |value: &Value| value.as_u64().unwrap();
    let saves = &account["saves"];
    assert_eq!(saves["found"], saves["acknowledged"], "{account}");
    assert!(number(&saves["acknowledged"]) > 0, "{account}");
    assert_eq!(account["journal"]["saves"], saves["sent"], "{account}");
    assert_eq!(account["journal"]["gaps"], 0, "{account}");
    let killed = &account["killed"];
    assert!(killed["ended"].as_str().unwrap().contains("SIGKILL"), "{killed}");
    assert_eq!(
        (&killed["phase"], &killed["iteration"]),
        (&killed["resumed_phase"], &killed["resumed_iteration"])
    );
    check_evidence(account);
    for file in ["report", "decisions", "refinement_log", "archive"] {
        let path = folder.join(account["files"][file].as_str().unwrap());
        assert!(path.exists(), "{}", path.display());
    }
}

/// Fails unless the server has measured all of it, from the draft to the end.
fn check_evidence(account: &Value) {
    let draft = account["start"].as_array().unwrap();
    assert!(draft.len() > 3 && draft.iter().all(|one| one["status"] == "violated"), "{account}");
    let verified = &account["verified"];
    let findings = verified["constraints"].as_array().unwrap();
    assert_eq!(findings.len(), draft.len(), "{account}");
    for one in findings {
        assert_eq!((&one["status"], &one["asserted"]), (&json!("satisfied"), &json!(false)));
        assert_ne!(one["evidence"], "", "{one}");
    }
    assert_eq!(verified["missing_files"], json!([]), "{account}");
    let manifest: Vec<&String> = account["manifest"].as_object().unwrap().keys().collect();
    assert_eq!(manifest, ["actions.md", "report.md", "runbooks/failover.md"]);
}

/// The operations of a history, each once.
fn operations(history: &Value) -> BTreeSet<&str> {
    let entries = history["entries"].as_array().unwrap().iter();
    entries.map(|entry| entry["operation"].as_str().unwrap()).collect()
}

#[test]
fn the_demo_loses_nothing_and_keeps_the_folder_that_it_is_given() {
    let project = Project::new();
    let finished = refiner(project.path(), ["demo", "--json"]);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    check(project.path(), &finished.json());
    let last = ["history", "incident-report", "--after", "200", "--limit", "100", "--json"];
    let history = refiner(project.path(), last).json();
    assert!(operations(&history).is_superset(&BTreeSet::from(["write_output", "finalize"])));

    let before = project.digest();
    let shown = refiner(project.path(), ["show", "incident-report", "--json"]).json();
    assert_eq!(shown["briefing"]["status"], "converged");
    let verified = refiner(project.path(), ["verify", "incident-report"]);
    assert!(verified.stdout.contains("every constraint holds"), "{verified:?}");
    assert_eq!(refiner(project.path(), ["doctor"]).code, Some(0));
    let again = refiner(project.path(), ["demo"]);
    assert_eq!((again.code, again.stdout.as_str()), (Some(2), ""), "{again:?}");
    assert!(again.stderr.contains("name another folder"), "{}", again.stderr);
    assert_eq!(project.digest(), before, "what was there is as it was");
}

#[test]
fn two_demos_at_once_make_folders_of_their_own() {
    let root = Project::new();
    let start = || {
        let mut command = program();
        command.current_dir(root.path()).args(["demo", "--json"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let folders = [start(), start()].map(|demo| {
        let output = demo.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let account: Value = serde_json::from_slice(&output.stdout).unwrap();
        check(root.path(), &account);
        account["folder"].as_str().unwrap().to_owned()
    });
    let mut folders = folders.to_vec();
    folders.sort();
    assert_eq!(folders, ["demo-1", "demo-2"]);
}

#[test]
fn the_demo_tells_people_what_happened_and_where_to_look() {
    let root = Project::new();
    let mut command = program();
    let finished = finish(command.current_dir(root.path()).arg("demo"), "");
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let told = finished.stdout;
    assert!(told.contains("Data lost when the server was killed: nothing"), "{told}");
    assert!(told.contains("Measured by the server at the end"), "{told}");
    let commands: Vec<&str> =
        told.lines().filter_map(|line| line.strip_prefix("  refiner ")).collect();
    assert_eq!(commands.len(), 3, "{told}");
    for line in commands {
        let mut command = program();
        let shown = finish(command.current_dir(root.path()).args(line.split(' ')), "");
        assert!(shown.code == Some(0) && !shown.stdout.is_empty(), "{line}: {shown:?}");
    }
}
