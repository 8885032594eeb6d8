//! What subcommands that write print.

use serde_json::json;

use super::{begun, said, said_with_input};
use crate::common::{Project, refiner};

/// Ends the phases of `logo` up to the last of an iteration in which everything holds.
fn run_to_convergence(project: &Project) {
    let found = r#"{"constraints":[{"id":"links","status":"satisfied","details":"7 of 7"}]}"#;
    let plan = r#"{"steps":["draw"]}"#;
    let draft = project.path().join("draft.svg");
    std::fs::write(&draft, "<svg/>").unwrap();
    let write = ["output", "write", "logo", "logo.svg", draft.to_str().unwrap()];
    assert_eq!(refiner(project.path(), write).code, Some(0));
    for (phase, result) in [
        ("specify", r#"{"goals":["a logo"]}"#),
        ("plan", plan),
        ("execute", "{}"),
        ("reflect", found),
        ("persist", "{}"),
    ] {
        let complete = ["transition", "logo", "complete", "--phase", phase, "--result", result];
        let finished = refiner(project.path(), complete);
        assert_eq!(finished.code, Some(0), "{finished:?}");
    }
}

#[test]
fn save_takes_json_a_file_or_standard_input_and_says_when_nothing_changed() {
    let project = begun();
    let patch = ["save", "notes", "--patch", r#"{"data":{"a":"ä"}}"#];
    insta::assert_snapshot!(said(&project, &patch), @r"
    exit 0
    saved as version 4
    notes  document, cycle 1, version 4
    phase  open, running
    next   Save with refiner save whenever something is worth keeping, under data. finalize closes the cycle.
    ");
    insta::assert_snapshot!(said(&project, &patch), @r"
    exit 0
    notes  document, cycle 1, version 4
    phase  open, running
    next   Save with refiner save whenever something is worth keeping, under data. finalize closes the cycle.
    --- stderr
    Nothing changed.
    ");
    std::fs::write(project.path().join("b.json"), r#"{"data":{"b":2}}"#).unwrap();
    let file = format!("@{}", project.path().join("b.json").display());
    assert_eq!(refiner(project.path(), ["save", "notes", "--patch", &file]).code, Some(0));
    let input = r#"{"data":{"only":true}}"#;
    insta::assert_snapshot!(said_with_input(&project, &["save", "notes", "--state", "-"], input), @r"
    exit 0
    saved as version 6
    notes  document, cycle 1, version 6
    phase  open, running
    next   Save with refiner save whenever something is worth keeping, under data. finalize closes the cycle.
    ");
    assert_eq!(project.state("notes")["data"], json!({ "only": true }));
}

#[test]
fn checkpoint_and_restore_name_versions() {
    let project = begun();
    insta::assert_snapshot!(said(&project, &["checkpoint", "notes", "--label", "before"]), @r"
    exit 0
    cp-4 names version 4, in open
    ");
    insta::assert_snapshot!(said(&project, &["restore", "notes", "2"]), @r"
    exit 0
    version 5 has the content of version 2
    notes  document, cycle 1, version 5
    phase  open, running
    next   Save with refiner save whenever something is worth keeping, under data. finalize closes the cycle.
    ");
    assert_eq!(project.state("notes")["data"], json!({ "x": 1 }));
    assert_eq!(refiner(project.path(), ["restore", "notes", "cp-4"]).code, Some(0));
    assert_eq!(project.state("notes")["data"], json!({ "y": [1, 2] }));
}

#[test]
fn transition_says_where_it_led_and_what_was_decided() {
    let project = begun();
    let of =
        |phase, result| ["transition", "logo", "complete", "--phase", phase, "--result", result];
    let complete = of("specify", r#"{"goals":["a logo"]}"#);
    insta::assert_snapshot!(said(&project, &[&complete[..], &["--dry-run"]].concat()), @"
    exit 0
    dry run: specify → plan
    logo  pmpo, cycle 1, version 1
    phase  specify, running
    next   Turn the goals into a specification with constraints that can be checked. End with refiner transition NAME complete --result {summary, goals, constraints}.
           complete → plan
           stop → stopped (a person decides)
    ");
    insta::assert_snapshot!(said(&project, &complete), @"
    exit 0
    specify → plan
    logo  pmpo, cycle 1, version 2
    phase  plan, iteration 1 of 5, running
    next   Choose the steps that move the violated constraints, worst first. End with refiner transition NAME complete --result {steps}.
           complete → execute
           stop → stopped (a person decides)
    --- stderr
    warning: 0 of 1 constraints will be measured, 1 asserted
    ");
    let found = r#"{"constraints":[{"id":"links","status":"violated"}]}"#;
    for (phase, result) in
        [("plan", r#"{"steps":["draw"]}"#), ("execute", "{}"), ("reflect", found)]
    {
        assert_eq!(refiner(project.path(), of(phase, result)).code, Some(0));
    }
    insta::assert_snapshot!(said(&project, &of("persist", "{}")), @"
    exit 0
    persist → plan
    continue: not converged: 1 blocking constraint does not hold: links
    logo  pmpo, cycle 1, version 6
    phase  plan, iteration 2 of 5, running
    next   Choose the steps that move the violated constraints, worst first. End with refiner transition NAME complete --result {steps}.
           complete → execute
           stop → stopped (a person decides)
    ");
}

#[test]
fn finalize_says_where_the_cycle_is_archived() {
    let project = begun();
    insta::assert_snapshot!(said(&project, &["finalize", "logo"]), @r"
    exit 1
    --- stderr
    error: the loop has not ended: the present phase is specify
    hint: run refiner show to see the present phase; allowed events: complete, stop
    ");
    run_to_convergence(&project);
    insta::assert_snapshot!(said(&project, &["finalize", "logo", "--status", "converged"]), @r"
    exit 0
    cycle 1 is closed (converged) and archived in .refiner/history/logo/1
    ");
    assert!(project.file("history/logo/1/state.json").exists());
    insta::assert_snapshot!(said(&project, &["init", "logo"]), @"
    exit 0
    new cycle in filesystem (<project>/.refiner)
    logo  pmpo, cycle 2, version 9
    phase  specify, running
    next   Turn the goals into a specification with constraints that can be checked. End with refiner transition NAME complete --result {summary, goals, constraints}.
           complete → plan
           stop → stopped (a person decides)
    ");
}
