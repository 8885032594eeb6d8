//! What people read about a decision.

use super::persist::{path, seen, with};
use super::*;
use crate::model::document::examination::Examination;
use crate::model::document::manifest::Recorded;

/// A document in `persist` that was sent back once already, with these constraints.
fn judged(statuses: &[(&str, &str, &str)], iteration: u32) -> Document {
    let mut document = opened();
    let definitions: Vec<Value> = statuses
        .iter()
        .map(|(id, severity, _)| json!({"id": id, "description": "d", "severity": severity}))
        .collect();
    document.constraints = constraint::parse_definitions(&definitions, "").unwrap();
    document.phase = "reflect".into();
    document.current_iteration = iteration;
    let findings: Vec<Value> =
        statuses.iter().map(|(id, _, status)| json!({"id": id, "status": status})).collect();
    let reflected = complete(json!({ "constraints": findings }));
    let seen = with(seen(false, true));
    let mut document = step(&pmpo(), &document, &reflected, &seen).unwrap().document;
    document.recoveries.push("persist".into());
    document
}

/// The reason for the decision, and the next focus.
fn decided(document: &Document, examination: Examination) -> [String; 2] {
    let step = step(&pmpo(), document, &complete(json!({})), &with(examination)).unwrap();
    let decisions = &step.sections[1].text;
    let focus = decisions.lines().find_map(|line| line.strip_prefix("- **Next focus**: "));
    let focus = focus.unwrap_or_else(|| panic!("{decisions}")).to_owned();
    let reason = step.decision.unwrap().reason;
    assert!(decisions.contains(&format!("- **Rationale**: {reason}\n")), "{decisions}");
    [reason, focus]
}

#[test]
fn every_condition_of_the_loop_has_a_sentence() {
    let definition: Value = serde_json::from_str(TEXT).unwrap();
    for (name, parts) in definition["guards"].as_object().unwrap() {
        for part in parts.as_array().unwrap() {
            assert!(part["says"].is_string(), "{name}: {part}");
        }
    }
}

#[test]
fn a_loop_that_goes_on_says_what_it_lacks() {
    let one = judged(&[("b", "blocking", "violated"), ("h", "high", "violated")], 1);
    let expected =
        "not converged: 1 blocking constraint does not hold: b; 1 high constraint does not hold: h";
    assert_eq!(decided(&one, seen(false, true)), [expected, "b, h"]);
    let blocking = ("b", "blocking", "satisfied");
    let two = judged(&[blocking, ("a", "high", "violated"), ("z", "high", "unchecked")], 1);
    let expected = "not converged: 2 high constraints do not hold: a, z";
    assert_eq!(decided(&two, seen(false, true)), [expected, "a, z"]);
}

#[test]
fn the_next_focus_names_files_where_no_constraint_is_open() {
    let holds = judged(&[("b", "blocking", "satisfied")], 1);
    // A constraint that is asserted of other files is stale, so there is none.
    let asked = Document { requires_approval: true, constraints: Vec::new(), ..holds.clone() };
    let changed = Recorded { bytes: 3, digest: Digest::of(b"two") };
    let unlike = Examination { files: [(path("report.md"), changed)].into(), ..seen(false, true) };
    let approved = "the files have changed since the reflection that a person approved";
    let many = Examination { missing: vec![path("a.md"), path("b.md")], ..seen(false, true) };
    for (document, examination, lacks) in [
        (&asked, unlike, approved),
        (&holds, seen(false, false), "the manifest does not match its schema"),
    ] {
        let expected = [format!("not converged: {lacks}"), lacks.to_owned()];
        assert_eq!(decided(document, examination), expected);
    }
    let lacks = "2 files of the manifest are missing or empty: a.md, b.md";
    assert_eq!(decided(&holds, many), [format!("not converged: {lacks}"), lacks.to_owned()]);
}

#[test]
fn a_loop_that_ends_names_what_is_still_open() {
    let converged =
        "every blocking constraint holds, and every high one unless the iterations ran out";
    for (blocking, high, expected) in [
        ("satisfied", "satisfied", converged.to_owned()),
        ("satisfied", "violated", format!("{converged}; 1 high constraint does not hold: h")),
        (
            "violated",
            "violated",
            "max_iterations_exceeded; 1 blocking constraint does not hold: b; \
             1 high constraint does not hold: h"
                .to_owned(),
        ),
    ] {
        let document = judged(&[("b", "blocking", blocking), ("h", "high", high)], 5);
        let decided = decided(&document, seen(false, true));
        assert_eq!(decided, [expected.as_str(), "none, the loop has ended"]);
    }
    let stuck = decided(&judged(&[], 5), seen(true, true));
    assert_eq!(stuck[0], "max_iterations_exceeded", "a file is missing");
}

#[test]
fn a_workflow_without_sentences_shows_its_conditions() {
    let mut definition: Value = serde_json::from_str(TEXT).unwrap();
    definition["guards"]["converged"] = json!(["size(blocking_violated) == 0"]);
    let prompts = pmpo().prompts;
    let workflow = Workflow::compile(&Bundle { workflow: definition, prompts }).unwrap();
    let document = judged(&[("b", "blocking", "violated")], 1);
    let step = step(&workflow, &document, &complete(json!({})), &with(seen(false, true))).unwrap();
    let decision = step.decision.unwrap();
    assert_eq!(decision.unmet[0].says, None);
    let expected =
        r#"not converged: size(blocking_violated) == 0 (saw {"blocking_violated":["b"]})"#;
    assert_eq!(decision.reason, expected);
}

#[test]
fn a_refusal_says_the_sentence_beside_the_condition() {
    let mut definition: Value = serde_json::from_str(TEXT).unwrap();
    definition["guards"]["planned"] = json!([
        {"if": "size(result.steps) > 1", "says": "the plan has {{ result.steps | length }} steps"},
    ]);
    definition["states"]["plan"]["on"]["complete"][0]["guard"] = json!("planned");
    let prompts = pmpo().prompts;
    let workflow = Workflow::compile(&Bundle { workflow: definition, prompts }).unwrap();
    let document = Document { phase: "plan".into(), ..opened() };
    let planned = complete(json!({ "steps": ["a"] }));
    let refusal = step(&workflow, &document, &planned, &context(1)).unwrap_err().to_json();
    assert_eq!(
        refusal["message"],
        "complete is not possible in phase plan yet: the plan has 1 steps"
    );
    assert_eq!(
        refusal["unmet"],
        json!([{
            "guard": "planned",
            "says": "the plan has 1 steps",
            "needs": "size(result.steps) > 1",
            "saw": {"result": {"steps": ["a"]}},
        }])
    );
}
