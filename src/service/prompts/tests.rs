use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::model::document::Repair;
use crate::model::document::constraint::{Status, parse_definitions};
use crate::model::document::iteration::{Choice, Counts, Iteration};
use crate::model::document::output::OutputPath;
use crate::model::document::taxonomy::{ARTIFACT_TYPES, COMPOSITE, ROUTES};
use crate::model::document::tests::empty;
use crate::model::workflow::briefing::briefing;
use crate::model::{Digest, Document, Time};

const PROMPTS: [&str; 6] = ["pmpo", "specify", "plan", "execute", "reflect", "persist"];

/// What a prompt may take on a fresh artifact, and on one in the middle of its work.
const FRESH_BYTES_MAX: usize = 6 << 10;
const WORKING_BYTES_MAX: usize = 6 << 10;
/// What a prompt may take however large the artifact is.
const HUGE_BYTES_MAX: usize = 20 << 10;

fn rendered(document: &Document, prompt: &str) -> String {
    let workflow = catalog::built_in(&Name::parse("pmpo").unwrap()).unwrap();
    let (at, tree) = (Time::from_millis(0), document.to_tree());
    let snapshot =
        Snapshot { version: 12, at, document: document.clone(), tree, digest: Digest::ZERO };
    let briefing = briefing(&workflow, &snapshot, Vec::new());
    prompt::render(&workflow, prompt, &snapshot, &briefing).unwrap()
}

fn fresh(artifact_type: &str, content_type: &str, phase: &str) -> Document {
    let mut document = empty("acme-launch-2026");
    document.workflow = Name::parse("pmpo").unwrap();
    document.phase = if phase == "pmpo" { "specify" } else { phase }.into();
    document.current_iteration = u32::from(document.phase != "specify");
    document.artifact_type = Some(artifact_type.into());
    document.content_type = Some(content_type.into());
    document.test_generation = content_type.starts_with("meta:");
    document.goals = vec!["Something that the people of ACME are glad to look at".into()];
    if content_type == COMPOSITE {
        let components = json!([
            {"name": "hero", "content_type": "meta:image-prompt", "weight": 2},
            {"name": "icon", "content_type": "direct:svg", "description": "for the tab"},
        ]);
        document.components = serde_json::from_value(components).unwrap();
    }
    document
}

fn add_constraints(document: &mut Document, count: usize, text: &str) {
    let severities = ["low", "medium", "high", "blocking"];
    let definitions: Vec<Value> = (0..count)
        .map(|i| {
            let path = format!("part-{i}.md");
            let mut one = json!({"id": format!("constraint-{i}"), "description": text,
                                 "severity": severities[i % 4]});
            if i % 2 == 0 {
                one["validation"] = json!({"method": "not_empty", "params": {"path": path}});
            }
            one
        })
        .collect();
    document.constraints = parse_definitions(&definitions, "").unwrap();
    for one in document.constraints.iter_mut().step_by(3) {
        one.assess(Status::Violated, Some(text.to_owned()), Time::from_millis(0));
    }
    for one in document.constraints.iter_mut().skip(1).step_by(3) {
        one.assess(Status::Satisfied, None, Time::from_millis(0));
    }
}

fn add_work(document: &mut Document, text: &str, items: usize) {
    let steps: Vec<Value> =
        (0..items).map(|i| json!({"file": format!("part-{i}.md"), "change": text})).collect();
    let results = json!({
        "plan": {"summary": text, "steps": steps},
        "reflection": {"summary": text, "regressions": vec![text; items.min(100)]},
    });
    document.results = results.into();
    document.iteration_history = vec![Iteration {
        iteration: 1,
        at: Time::from_millis(0),
        constraints: Counts::of(&document.constraints),
        decision: Choice::Continue,
        reason: text.to_owned(),
        regressions: vec![text.to_owned(); items],
        version: None,
        outcome: None,
        revision: None,
    }];
}

/// Renders every prompt for every artifact type and content type and returns the longest of each.
fn longest(change: &dyn Fn(&mut Document)) -> BTreeMap<&'static str, (usize, String)> {
    let mut longest = BTreeMap::new();
    for artifact_type in ARTIFACT_TYPES {
        for route in ROUTES {
            for prompt in PROMPTS {
                let mut document = fresh(artifact_type, route.content_type, prompt);
                change(&mut document);
                let bytes = rendered(&document, prompt).len();
                let of = format!("{artifact_type} {}", route.content_type);
                let known = longest.entry(prompt).or_insert((0, String::new()));
                if bytes > known.0 {
                    *known = (bytes, of);
                }
            }
        }
    }
    longest
}

fn check(what: &str, bytes_max: usize, change: &dyn Fn(&mut Document)) {
    let longest = longest(change);
    println!("{what}, the longest of each prompt: {longest:?}");
    for (prompt, (bytes, of)) in longest {
        assert!(bytes <= bytes_max, "{what}: {prompt} for {of} has {bytes} bytes");
    }
}

#[test]
fn every_prompt_is_within_6_kb_on_a_fresh_artifact_of_every_kind() {
    check("fresh", FRESH_BYTES_MAX, &|_| {});
}

#[test]
fn every_prompt_stays_short_in_the_middle_of_the_work() {
    check("at work", WORKING_BYTES_MAX, &|document| {
        add_constraints(document, 10, "The chart on the second page has a legend");
        add_work(document, "Give the chart a legend below it", 8);
    });
}

#[test]
fn every_prompt_is_bounded_on_a_huge_artifact() {
    let text = "word # heading\n".repeat(100);
    check("huge", HUGE_BYTES_MAX, &|document| {
        document.goals = vec![text.clone(); 100];
        add_constraints(document, 200, &text);
        add_work(document, &text, 300);
        let component =
            json!({"name": "c".repeat(64), "content_type": "direct:svg", "description": text});
        if !document.components.is_empty() {
            document.components =
                (0..20).map(|_| serde_json::from_value(component.clone()).unwrap()).collect();
        }
    });
}

#[test]
fn every_phase_ends_with_the_call_that_ends_it() {
    for prompt in PROMPTS.iter().filter(|prompt| **prompt != "pmpo") {
        let text = rendered(&fresh("logo", "direct:svg", prompt), prompt);
        let call = format!(
            r#"transition {{"name": "acme-launch-2026", "phase": "{prompt}", "event": "complete", "result": {{"#
        );
        let end = text.rfind("## End the phase").expect(&text);
        assert!(text[end..].contains(&call), "{text}");
        assert!(!text.contains("The loop is in phase"), "{text}");
        assert!(!text.contains("\n\n\n"), "{prompt} has a gap: {text}");
    }
    let text = rendered(&fresh("logo", "direct:svg", "plan"), "reflect");
    assert!(text.contains("The loop is in phase plan now"), "{text}");
}

#[test]
fn a_prompt_has_the_adapter_of_its_phase_and_no_other() {
    for artifact_type in ARTIFACT_TYPES {
        let domain = crate::model::document::domain::find(artifact_type).unwrap();
        let text = rendered(&fresh(artifact_type, "direct:html", "plan"), "plan");
        assert!(text.contains(domain.section("plan").unwrap()), "{text}");
        assert!(!text.contains(domain.section("execute").unwrap()), "{text}");
    }
}

#[test]
fn the_reflection_is_told_what_is_measured_what_is_judged_and_how_components_are_evaluated() {
    let mut document = fresh("meta-prompt", COMPOSITE, "reflect");
    add_constraints(&mut document, 4, "It holds");
    let text = rendered(&document, "reflect");
    for part in [
        "Evaluation `per_component`",
        "- hero (meta:image-prompt, weight 2.0), `test_execution`",
        "- icon (direct:svg), `output_inspection`",
        "The server measures `constraint-2`, `constraint-0`",
        "   - `constraint-3` (blocking): It holds",
        r#"{"id": "constraint-3", "status": "…", "details": "…"}"#,
        r#""components": [{"name": "hero""#,
        "- Held before: `constraint-1`",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn the_plan_names_regressions_the_last_decision_and_the_last_iteration() {
    let mut document = fresh("content", "direct:content", "plan");
    add_constraints(&mut document, 4, "It holds");
    add_work(&mut document, "the link to the \n# appendix broke", 1);
    let text = rendered(&document, "plan");
    assert!(text.contains("Last decision: continue: the link to the # appendix broke"), "{text}");
    assert!(text.contains("**Regressions, to be mended first**"), "{text}");
    assert!(!text.contains("This is the last iteration"), "{text}");
    document.current_iteration = document.max_iterations;
    assert!(rendered(&document, "plan").contains("**This is the last iteration**"));
    document.artifact_type = None;
    document.content_type = None;
    assert!(!rendered(&document, "plan").contains("## For"));
}

#[test]
fn the_executor_is_told_what_to_mend_when_it_was_sent_back() {
    let mut document = fresh("ui", "direct:react", "execute");
    let text = rendered(&document, "execute");
    assert!(text.contains("refiner://templates/ui-component.tsx"), "{text}");
    assert!(!text.contains("sent you back"), "{text}");
    document.repair = Some(Repair {
        missing_files: vec![OutputPath::parse("App.css").unwrap()],
        manifest_violations: Vec::new(),
        failures: Vec::new(),
    });
    let text = rendered(&document, "execute");
    assert!(text.contains("**The server sent you back.** Repair this first"), "{text}");
    assert!(text.contains("dist/App.css is missing or empty"), "{text}");
}
