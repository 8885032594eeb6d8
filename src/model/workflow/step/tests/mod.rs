mod floor;
mod persist;
mod results;
mod sentences;

use std::collections::BTreeMap;

use super::*;
use crate::model::document::ConvergenceStatus;
use crate::model::document::constraint::{self, SetBy, Setter, Status};
use crate::model::document::tests::empty;
use crate::model::journal::entry::LogFile;
use crate::model::workflow::Bundle;

const TEXT: &str = include_str!("../../../../../prompts/pmpo/workflow.json");

fn pmpo() -> Workflow {
    let workflow: Value = serde_json::from_str(TEXT).unwrap();
    let prompts = ["pmpo", "specify", "plan", "execute", "reflect", "persist"];
    let prompts = prompts.map(|name| (name.to_owned(), String::new()));
    Workflow::compile(&Bundle { workflow, prompts: BTreeMap::from(prompts) }).unwrap()
}

fn opened() -> Document {
    let mut document = empty("report");
    document.phase = "specify".into();
    document.goals = vec!["a report".into()];
    let definitions = constraint::parse_definitions(
        &[
            json!({"id": "b", "description": "must", "severity": "blocking"}),
            json!({"id": "h", "description": "should", "severity": "high"}),
            json!({"id": "l", "description": "could", "severity": "low"}),
        ],
        "",
    )
    .unwrap();
    let model = SetBy { by: Setter::Model, cycle: 1 };
    document.constraints = constraint::taken_over(&[], definitions, model);
    document
}

fn complete(result: Value) -> Event {
    let Value::Object(result) = result else { panic!("a result is an object") };
    Event { name: COMPLETE.into(), result: Some(result), ..Event::default() }
}

fn context(version: Version) -> StepContext {
    StepContext {
        now: Time::from_millis(1000),
        version,
        human: false,
        setter: constraint::Setter::Model,
        keeps_checkpoints: true,
        protected: Arc::default(),
        examination: Some(Arc::new(persist::seen(false, true))),
    }
}

/// What each phase produces. The reflection says that the blocking constraint does not hold.
fn result_of(phase: &str) -> Value {
    match phase {
        "plan" => json!({"steps": ["write"]}),
        "reflect" => json!({"constraints": [{"id": "b", "status": "violated"}]}),
        _ => json!({}),
    }
}

fn human() -> StepContext {
    StepContext { human: true, ..context(1) }
}

fn taken(document: &Document, event: &Event) -> Step {
    step(&pmpo(), document, event, &context(9)).unwrap()
}

/// A document in `persist`, with the constraints as an assessment left them.
fn at_persist(blocking: &str, high: &str, iteration: u32) -> Document {
    let mut document = opened();
    document.phase = "reflect".into();
    document.current_iteration = iteration;
    let findings = json!([
        {"id": "b", "status": blocking},
        {"id": "h", "status": high},
        {"id": "l", "status": "violated"},
    ]);
    taken(&document, &complete(json!({ "constraints": findings }))).document
}

#[test]
fn a_loop_goes_through_its_phases_in_order_and_back_to_plan() {
    let mut document = opened();
    let mut phases = vec![document.phase.clone()];
    for _ in 0..9 {
        document = taken(&document, &complete(result_of(&document.phase))).document;
        phases.push(document.phase.clone());
    }
    let expected = [
        "specify", "plan", "execute", "reflect", "persist", "plan", "execute", "reflect",
        "persist", "plan",
    ];
    assert_eq!(phases, expected);
    assert_eq!(document.current_iteration, 3);
    assert_eq!(document.iteration_history.len(), 2);
    assert_eq!(document.checkpoints.len(), 9);
    assert_eq!(document.phases_completed, Vec::<String>::new());
}

/// Goal: loop or terminate is decided for every combination of what it depends on.
#[test]
fn the_decision_follows_the_blocking_and_high_constraints_and_the_last_iteration() {
    let statuses = ["satisfied", "violated", "partially_satisfied", "unchecked"];
    for blocking in statuses {
        for high in statuses {
            for iteration in [1, 5] {
                let document = at_persist(blocking, high, iteration);
                let step = taken(&document, &complete(json!({})));
                let (blocking_holds, high_holds, last) =
                    (blocking == "satisfied", high == "satisfied", iteration == 5);
                let expected = match (blocking_holds, high_holds, last) {
                    (true, true, _) => "converged",
                    (true, false, true) if high != "unchecked" => "converged",
                    (_, _, true) => "exhausted",
                    _ => "plan",
                };
                assert_eq!(
                    step.to, expected,
                    "blocking {blocking}, high {high}, iteration {iteration}"
                );
                let decision = step.decision.unwrap();
                assert_eq!(decision.decision == Choice::Terminate, expected != "plan");
                assert_eq!(
                    step.document.convergence_status == ConvergenceStatus::Running,
                    expected == "plan"
                );
                assert_eq!(
                    step.document.current_iteration,
                    if expected == "plan" { iteration + 1 } else { iteration }
                );
            }
        }
    }
}

#[test]
fn a_loop_that_goes_on_says_which_part_did_not_hold() {
    let step = taken(&at_persist("violated", "satisfied", 1), &complete(json!({})));
    let decision = step.decision.unwrap();
    assert!(
        decision.unmet.iter().any(|part| part.needs == "size(blocking_violated) == 0"),
        "{decision:?}"
    );
    assert_eq!(decision.reason, "not converged: 1 blocking constraint does not hold: b");
    assert_eq!(step.sections.iter().map(|section| section.log).collect::<Vec<_>>(), LogFile::ALL);
}

#[test]
fn running_out_of_iterations_is_said_in_the_log() {
    let step = taken(&at_persist("violated", "satisfied", 5), &complete(json!({})));
    assert_eq!(step.document.convergence_status, ConvergenceStatus::MaxIterationsExceeded);
    assert!(step.sections[0].text.contains("Maximum iterations reached — forcing termination"));
}

#[test]
fn a_constraint_that_the_reflection_leaves_out_counts_as_violated() {
    let mut document = at_persist("satisfied", "satisfied", 1);
    document.phase = "reflect".into();
    let step =
        taken(&document, &complete(json!({"constraints": [{"id": "h", "status": "satisfied"}]})));
    assert_eq!(step.document.constraints[0].status, Status::Unchecked);
    assert_eq!(taken(&step.document, &complete(json!({}))).to, "plan");
}

#[test]
fn a_reflection_that_cannot_be_understood_names_every_place() {
    let mut document = opened();
    document.phase = "reflect".into();
    let reflect = |result| step(&pmpo(), &document, &complete(result), &context(1)).unwrap_err();
    assert_eq!(reflect(json!({})).code(), "schema_violation");
    let places = |findings: Value| -> Vec<String> {
        let Refusal::SchemaViolation { violations, .. } =
            reflect(json!({ "constraints": findings }))
        else {
            panic!("another refusal");
        };
        violations.into_iter().map(|violation| violation.pointer).collect()
    };
    let good = json!({"id": "b", "status": "satisfied"});
    assert_eq!(
        places(json!([good, {"id": "h", "status": "fine"}, 1])),
        ["/result/constraints/1/status", "/result/constraints/2"]
    );
    let unknown = json!({"id": "x", "status": "satisfied"});
    assert_eq!(
        places(json!([unknown, good, unknown])),
        ["/result/constraints/0", "/result/constraints/2"]
    );
}

#[test]
fn the_specification_sets_goals_and_constraints_and_asks_for_approval() {
    let step = taken(
        &opened(),
        &complete(json!({
            "goals": ["short"],
            "constraints": [
                {"id": "b", "description": "must, reworded", "severity": "blocking"},
                {"id": "n", "description": "new", "severity": "medium"},
            ],
            "requires_approval": true,
        })),
    );
    assert_eq!(step.document.goals, ["short"]);
    let ids: Vec<_> = step.document.constraints.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(ids, ["b", "h", "l", "n"]);
    assert_eq!(step.document.constraints[0].description, "must, reworded");
    let mut reflecting = step.document;
    reflecting.phase = "reflect".into();
    assert_eq!(taken(&reflecting, &complete(json!({"constraints": []}))).to, "approval");
}

#[test]
fn an_event_that_the_phase_does_not_know_is_refused_with_those_it_does() {
    let refusal = step(
        &pmpo(),
        &opened(),
        &Event { name: "approve".into(), ..Event::default() },
        &context(1),
    );
    let Err(Refusal::InvalidTransition { from, allowed, .. }) = refusal else {
        panic!("{refusal:?}")
    };
    assert_eq!(
        (from.as_str(), allowed),
        ("specify", vec!["complete".to_owned(), "stop".to_owned()])
    );
}

#[test]
fn only_a_person_may_stop_approve_or_reject() {
    for (phase, event, to) in [
        ("plan", "stop", "stopped"),
        ("approval", "approve", "persist"),
        ("approval", "reject", "plan"),
    ] {
        let mut document = opened();
        document.phase = phase.into();
        let event =
            Event { name: event.into(), reason: Some("because".into()), ..Event::default() };
        assert_eq!(
            step(&pmpo(), &document, &event, &context(1)).unwrap_err().code(),
            "approval_required"
        );
        let step = step(&pmpo(), &document, &event, &human()).unwrap();
        assert_eq!(step.to, to);
        assert!(step.sections[0].text.contains("by a person"), "{:?}", step.sections);
        assert!(step.sections[0].text.contains("because"));
    }
}

#[test]
fn a_phase_that_keeps_a_result_does_not_complete_without_one() {
    let event = Event { name: COMPLETE.into(), ..Event::default() };
    assert_eq!(
        step(&pmpo(), &opened(), &event, &context(1)).unwrap_err().code(),
        "invalid_argument"
    );
}

#[test]
fn cost_and_time_add_up_and_the_result_is_kept() {
    let mut event = complete(json!({"summary": "s"}));
    (event.cost, event.time_seconds) = (0.5, 2.0);
    let mut document = opened();
    document.metrics.cumulative_cost = 1.0;
    let document = taken(&document, &event).document;
    assert_eq!(
        (document.metrics.cumulative_cost, document.metrics.cumulative_time_seconds),
        (1.5, 2.0)
    );
    assert_eq!(document.results.at(&["specification", "summary"]), Some(json!("s")));
    assert_eq!(document.last_transition.unwrap().version, 9);
}

#[test]
fn a_loop_that_has_ended_takes_no_event() {
    let mut document = opened();
    document.phase = "converged".into();
    assert_eq!(
        step(&pmpo(), &document, &complete(json!({})), &context(1)).unwrap_err().code(),
        "invalid_transition"
    );
    document.finalized_at = Some(Time::from_millis(1));
    assert_eq!(
        step(&pmpo(), &document, &complete(json!({})), &context(1)).unwrap_err().code(),
        "finalized"
    );
}

#[test]
fn a_storage_without_checkpoints_takes_the_step_without_one() {
    let volatile = StepContext { keeps_checkpoints: false, ..context(1) };
    let step = step(&pmpo(), &opened(), &complete(json!({})), &volatile).unwrap();
    assert_eq!((step.to.as_str(), step.document.checkpoints.len()), ("plan", 0));
}

#[test]
fn listed_checkpoints_and_iterations_stay_bounded() {
    let mut document = opened();
    for version in 1..=1000 {
        add_checkpoint(&mut document, "label".into(), version, Time::from_millis(0));
        assert!(document.checkpoints.len() <= limits::LISTED_MAX);
        assert_eq!(document.checkpoints.last().unwrap().version, version);
    }
}
