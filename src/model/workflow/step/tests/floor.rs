//! What no definition of a workflow and no old loop can do without.

use super::persist::{path, seen, with};
use super::*;
use crate::model::document::examination::Examination;

/// A loop that converges with `persist {}`.
fn sound() -> Document {
    at_persist("satisfied", "satisfied", 1)
}

fn persisted(document: &Document, seen: Examination, result: Value) -> Step {
    step(&pmpo(), document, &complete(result), &with(seen)).unwrap()
}

/// Checks that a loop goes on, and says why.
fn check_lacks(step: &Step, lacks: &str) {
    assert_eq!(step.to, "plan", "{lacks}");
    assert_eq!(step.document.convergence_status, ConvergenceStatus::Running, "{lacks}");
    let reason = &step.decision.as_ref().unwrap().reason;
    assert!(reason.contains(lacks), "{reason}");
}

#[test]
fn without_one_part_of_the_floor_no_loop_converges() {
    assert_eq!(persisted(&sound(), seen(false, true), json!({})).to, "converged");
    let without = |change: fn(&mut Document)| {
        let mut document = sound();
        change(&mut document);
        document
    };
    for (document, lacks) in [
        (without(|document| document.goals.clear()), "there is no goal"),
        (without(|document| document.goals = vec![" ".into()]), "there is no goal"),
        (without(|document| document.constraints.clear()), "no blocking constraint"),
        (
            without(|document| document.constraints[0].severity = constraint::Severity::High),
            "no blocking constraint",
        ),
        (
            without(|document| document.constraints[2].status = Status::Unchecked),
            "the reflection left out: l",
        ),
    ] {
        check_lacks(&persisted(&document, seen(false, true), json!({})), lacks);
    }
    // Without a digest of the files no assertion is stale.
    let unbound = Document { reflected_files: None, ..sound() };
    let nothing = Examination { files: [].into(), ..seen(false, true) };
    check_lacks(&persisted(&unbound, nothing, json!({})), "no file of the manifest");
    let unseen = StepContext { examination: None, ..context(9) };
    let unseen = step(&pmpo(), &unbound, &complete(json!({})), &unseen).unwrap();
    check_lacks(&unseen, "no file of the manifest");
}

#[test]
fn what_the_loop_says_of_its_files_is_so() {
    let gone = json!({"path": "old.md", "deleted": true});
    for (executed, persisted_files, converges) in [
        (json!(["report.md", gone]), json!(["dist/report.md"]), true),
        (json!(["other.md"]), json!([]), false),
        (json!([]), json!(["other.md"]), false),
        (json!([{"path": "report.md", "deleted": true}]), json!([]), false),
        // A later phase knows better.
        (json!(["old.md"]), json!([gone]), true),
    ] {
        let mut document = sound();
        let result = json!({"files_modified": executed});
        document.results.set("execution_results", Some(result));
        let result = json!({"files_modified": persisted_files});
        let step = persisted(&document, seen(false, true), result);
        assert_eq!(step.to == "converged", converges, "{executed} {persisted_files}");
    }
    assert!(seen(false, true).present.contains(&path("report.md")));
}

/// Goal: the floor is the server's. Method: a definition that asks for nothing.
#[test]
fn a_definition_that_asks_for_nothing_has_the_same_floor() {
    let definition = json!({
        "id": "easy", "version": 1, "title": "Easy", "initial": "work",
        "states": {
            "work": {"on": {"done": [{"target": "good"}], "close": [{"target": "over"}]}},
            "good": {"type": "final", "meta": {"status": "converged"}},
            "over": {"type": "final", "meta": {"status": "closed"}},
        },
    });
    let easy = Bundle { workflow: definition, prompts: BTreeMap::new() };
    let easy = Workflow::compile(&easy).unwrap();
    let send = |document: &Document, event: &str| {
        let event = Event { name: event.into(), ..Event::default() };
        step(&easy, document, &event, &with(seen(false, true)))
    };
    let work = |document: Document| Document { phase: "work".into(), ..document };
    assert!(easy.examines("work", "done") && !easy.examines("work", "close"));
    assert_eq!(send(&work(sound()), "done").unwrap().to, "good");
    let refusal = send(&work(at_persist("violated", "satisfied", 1)), "done").unwrap_err();
    assert_eq!(refusal.code(), "guard_failed");
    assert!(refusal.to_string().contains("blocking constraints do not hold: b"), "{refusal}");
    let closed = send(&work(empty("report")), "close").unwrap().document;
    assert_eq!(closed.convergence_status, ConvergenceStatus::Closed);
}
