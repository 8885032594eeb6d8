//! What the files and the measurements mean for the loop.

use super::*;
use crate::model::document::examination::{Evidence, Examination};
use crate::model::document::manifest::{Manifest, Recorded};
use crate::model::document::output::OutputPath;
use crate::model::journal::lifecycle::LifecycleKind;
use crate::model::refusal::Violation;

pub(super) fn path(path: &str) -> OutputPath {
    OutputPath::parse(path).unwrap()
}

/// What is seen when the manifest names `report.md`.
pub(super) fn seen(missing: bool, valid: bool) -> Examination {
    let manifest = Manifest::of_files(None, [path("report.md")].into_iter());
    let violation = Violation { pointer: "/variants".into(), message: "is missing".into() };
    let file = Recorded { bytes: 3, digest: Digest::of(b"one") };
    Examination {
        manifest,
        violations: if valid { Vec::new() } else { vec![violation] },
        missing: if missing { vec![path("report.md")] } else { Vec::new() },
        files: if missing { [].into() } else { [(path("report.md"), file)].into() },
        present: if missing { [].into() } else { [path("report.md")].into() },
        ..Examination::default()
    }
}

pub(super) fn with(examination: Examination) -> StepContext {
    StepContext { examination: Some(Arc::new(examination)), ..context(9) }
}

fn kinds(step: &Step) -> Vec<LifecycleKind> {
    step.events.iter().map(|event| event.event).collect()
}

/// The seed's rule, written a second time: what the loop does after persist.
fn expected(
    [blocking, high, missing, valid, last, tried]: [bool; 6],
) -> (&'static str, Option<Choice>) {
    let incomplete = missing || !valid;
    if incomplete && !tried {
        return ("execute", None);
    }
    if !blocking && !incomplete && (!high || last) {
        return ("converged", Some(Choice::Terminate));
    }
    if last {
        return ("exhausted", Some(Choice::Terminate));
    }
    ("plan", Some(Choice::Continue))
}

#[test]
fn the_decision_is_right_for_every_combination_of_what_it_depends_on() {
    for bits in 0..64_u32 {
        let combination = [0, 1, 2, 3, 4, 5].map(|bit| bits & (1 << bit) != 0);
        let [blocking, high, missing, valid, last, tried] = combination;
        let word = |violated| if violated { "violated" } else { "satisfied" };
        let mut document = at_persist(word(blocking), word(high), if last { 5 } else { 1 });
        if tried {
            document.recoveries.push("persist".into());
        }
        let before = document.current_iteration;
        let taken = step(&pmpo(), &document, &complete(json!({})), &with(seen(missing, valid)));
        let taken = taken.unwrap();
        let decided = taken.decision.as_ref().map(|decision| decision.decision);
        let (to, choice) = expected(combination);
        assert_eq!((taken.to.as_str(), decided), (to, choice), "{combination:?}");
        let after = taken.document.current_iteration;
        assert_eq!(after, before + u32::from(to == "plan"), "{combination:?}");
        let recorded = taken.document.iteration_history.len();
        assert_eq!(recorded, usize::from(to != "execute"), "{combination:?}");
        assert_eq!(taken.document.repair.is_some(), to == "execute", "{combination:?}");
        let recovered = kinds(&taken).contains(&LifecycleKind::OnRecovery);
        assert_eq!(recovered, to == "execute", "{combination:?}");
    }
}

#[test]
fn a_missing_file_is_an_error_in_the_log_and_sends_back_once_in_an_iteration() {
    let document = at_persist("satisfied", "satisfied", 1);
    let gone = || with(seen(true, true));
    let first = step(&pmpo(), &document, &complete(json!({})), &gone()).unwrap();
    assert_eq!(first.to, "execute");
    assert!(first.sections[0].text.contains("error: dist/report.md is missing or empty"));
    assert_eq!(first.document.repair.as_ref().unwrap().missing_files, [path("report.md")]);
    let mut document = first.document;
    for _ in ["execute", "reflect"] {
        let findings = json!([{"id": "b", "status": "satisfied"}]);
        let event = complete(json!({ "constraints": findings }));
        document = step(&pmpo(), &document, &event, &gone()).unwrap().document;
    }
    let second = step(&pmpo(), &document, &complete(json!({})), &gone()).unwrap();
    assert_eq!(second.to, "plan", "it counts as an iteration now");
    assert!(second.sections[0].text.contains("error: dist/report.md is missing or empty"));
    assert_eq!(second.document.recoveries, Vec::<String>::new(), "the next one may try again");
    let unmet = second.decision.unwrap().unmet;
    assert!(unmet.iter().any(|part| part.needs == "size(missing_files) == 0"), "{unmet:?}");
}

#[test]
fn a_tool_that_failed_is_tried_once_more_and_then_skipped_and_logged() {
    let mut document = at_persist("satisfied", "satisfied", 1);
    document.phase = "execute".into();
    document.phases_completed = vec!["plan".into()];
    let failed = complete(json!({ "actions": ["drew"], "failures": ["render: out of memory"] }));
    let first = taken(&document, &failed);
    assert_eq!(first.to, "execute");
    let [phase, recovery] = &first.sections[..] else { panic!("{:?}", first.sections) };
    assert!(phase.text.contains("### Failures\n\n- render: out of memory"));
    assert!(recovery.text.contains("failed: render: out of memory"));
    let second = taken(&first.document, &failed);
    assert_eq!(second.to, "reflect");
    let findings = json!([{"id": "b", "status": "satisfied"}]);
    let reflected = taken(&second.document, &complete(json!({ "constraints": findings })));
    let persisted = taken(&reflected.document, &complete(json!({})));
    assert!(persisted.sections[0].text.contains("skipped: render: out of memory"));
}

#[test]
fn what_is_measured_counts_and_what_is_asserted_of_it_does_not() {
    let mut document = opened();
    document.phase = "reflect".into();
    document.constraints[0].validation = json!({"method": "word_count"}).as_object().cloned();
    let claim = json!([{"id": "b", "status": "satisfied"}, {"id": "h", "status": "satisfied"}]);
    let evidence = |status| Evidence {
        method: "word_count".into(),
        status,
        details: "93 words".into(),
        measured: Map::new(),
        files: [].into(),
        at: Time::from_millis(0),
    };
    for status in [Status::Violated, Status::Satisfied] {
        let mut examination = seen(false, true);
        examination.evidence.insert("b".into(), evidence(status));
        let event = complete(json!({ "constraints": claim }));
        let after = step(&pmpo(), &document, &event, &with(examination)).unwrap().document;
        let [blocking, high, _] = &after.constraints[..] else { panic!("three constraints") };
        assert_eq!((blocking.status, blocking.asserted), (status, false));
        assert_eq!(blocking.details.as_deref(), Some("93 words"));
        assert_eq!((high.status, high.asserted), (Status::Satisfied, true));
    }
    let event = complete(json!({ "constraints": claim }));
    let unmeasured = step(&pmpo(), &document, &event, &with(seen(false, true))).unwrap();
    assert_eq!(unmeasured.document.constraints[0].status, Status::Unchecked);
}

#[test]
fn what_was_asserted_of_other_files_is_stale_and_counts_as_violated() {
    let mut document = at_persist("satisfied", "satisfied", 1);
    document.phase = "reflect".into();
    let findings = json!([
        {"id": "b", "status": "satisfied"},
        {"id": "h", "status": "satisfied"},
        {"id": "l", "status": "violated"},
    ]);
    let event = complete(json!({ "constraints": findings }));
    let reflected = step(&pmpo(), &document, &event, &with(seen(false, true))).unwrap().document;
    let same = step(&pmpo(), &reflected, &complete(json!({})), &with(seen(false, true))).unwrap();
    assert_eq!(same.to, "converged");
    let mut changed = seen(false, true);
    changed.files.insert(path("report.md"), Recorded { bytes: 3, digest: Digest::of(b"two") });
    let stale = step(&pmpo(), &reflected, &complete(json!({})), &with(changed)).unwrap();
    assert_eq!((stale.to.as_str(), stale.document.constraints[0].status), ("plan", Status::Stale));
}

#[test]
fn every_kind_of_regression_is_recorded_and_told_and_the_loop_goes_on() {
    let persisted = |document: &Document, examination: Examination| {
        step(&pmpo(), document, &complete(json!({})), &with(examination)).unwrap()
    };
    let first = persisted(&at_persist("satisfied", "violated", 1), seen(false, true));
    assert!(!kinds(&first).contains(&LifecycleKind::OnRegression));
    let mut again = first.document;
    again.phase = "reflect".into();
    again.recoveries.push("persist".into());
    let findings = json!([{"id": "b", "status": "violated"}]);
    let event = complete(json!({ "constraints": findings }));
    let reflected = step(&pmpo(), &again, &event, &with(seen(false, true))).unwrap().document;

    let gone = seen(true, true);
    let empty = Examination { empty: vec![path("report.md")], ..seen(true, true) };
    let fewer = Examination { manifest: Manifest::default(), ..seen(false, true) };
    for (examination, told) in [
        (gone, "report.md is gone from dist/"),
        (empty, "report.md is empty now"),
        (fewer, "the manifest names 0 files, and named 1 before"),
        (seen(false, true), "b held before"),
    ] {
        let step = persisted(&reflected, examination);
        assert_eq!(step.to, "plan", "{told}");
        let recorded = &step.document.iteration_history.last().unwrap().regressions;
        assert!(recorded.iter().any(|one| one == told), "{told}: {recorded:?}");
        assert!(kinds(&step).contains(&LifecycleKind::OnRegression), "{told}");
        assert!(step.sections[0].text.contains(&format!("Regression: {told}")), "{told}");
    }
    let lowered = json!([{"id": "h", "description": "should", "severity": "low"}]);
    let specified = taken(&opened(), &complete(json!({ "constraints": lowered })));
    assert!(kinds(&specified).contains(&LifecycleKind::OnRegression));
}

#[test]
fn the_manifest_that_does_not_validate_is_logged_and_the_one_before_stays() {
    let first = step(
        &pmpo(),
        &at_persist("violated", "satisfied", 1),
        &complete(json!({})),
        &with(seen(false, true)),
    );
    let mut document = first.unwrap().document;
    let before = document.manifest.clone();
    assert_eq!(before.as_ref().unwrap().files.len(), 1);
    document.phase = "persist".into();
    document.recoveries.push("persist".into());
    let taken = step(&pmpo(), &document, &complete(json!({})), &with(seen(false, false))).unwrap();
    assert_eq!(taken.document.manifest, before);
    assert!(taken.sections[0].text.contains("the manifest is wrong at /variants: is missing"));
}

#[test]
fn the_events_of_an_iteration_come_in_their_order() {
    use LifecycleKind::{OnIterationComplete, OnPhaseComplete, OnPhaseStart};
    let step = taken(&at_persist("violated", "satisfied", 1), &complete(json!({})));
    assert_eq!(kinds(&step), [OnPhaseComplete, OnIterationComplete, OnPhaseStart]);
    let phases: Vec<_> = step.events.iter().map(|event| event.phase.as_str()).collect();
    assert_eq!(phases, ["persist", "persist", "plan"]);
}
