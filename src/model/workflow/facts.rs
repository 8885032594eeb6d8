//! The facts that a guard may ask for, beside the constants of its workflow.

use serde_json::{Map, Value, json};

use crate::model::document::Document;
use crate::model::document::constraint::{Severity, violated};
use crate::model::document::examination::Examination;
use crate::model::document::iteration;

/// What the facts of an event are computed from.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The document before the event.
    pub document: &'a Document,
    /// The event's name.
    pub event: &'a str,
    /// What the phase produced.
    pub result: Option<&'a Map<String, Value>>,
    /// The examination of the files. An outlook has none, and assumes that all files exist.
    pub seen: Option<&'a Examination>,
}

/// A fact: its name, and how its value is computed.
pub type Fact = (&'static str, fn(&Facts<'_>) -> Value);

/// Every fact. Workflows are checked against the names.
pub const TABLE: [Fact; 29] = [
    ("approval", |facts| json!(facts.document.approval)),
    ("approve_specification", |facts| json!(facts.document.approve_specification)),
    ("artifact_type", |facts| json!(facts.document.artifact_type)),
    ("blocking_violated", |facts| json!(facts.violated(Severity::Blocking))),
    ("budget_reached", |facts| json!(facts.document.budget.is_reached(&facts.document.metrics))),
    ("constraints", |facts| json!(facts.document.constraints)),
    ("content_type", |facts| json!(facts.document.content_type)),
    ("current_iteration", |facts| json!(facts.document.current_iteration)),
    ("cycle", |facts| json!(facts.document.cycle)),
    ("data", |facts| json!(facts.document.data)),
    ("event", |facts| json!(facts.event)),
    ("failures", |facts| json!(failures(facts.result))),
    ("files_changed", |facts| {
        json!(facts.seen.is_some_and(|seen| facts.document.files_changed(seen)))
    }),
    ("goals", |facts| json!(facts.document.goals)),
    ("high_violated", |facts| json!(facts.violated(Severity::High))),
    ("inputs", |facts| json!(facts.document.inputs)),
    ("last_iteration", |facts| json!(facts.is_last_iteration())),
    ("lease", |facts| json!(facts.document.lease)),
    ("manifest_valid", |facts| json!(facts.seen.is_none_or(Examination::manifest_valid))),
    ("max_iterations", |facts| json!(facts.document.max_iterations)),
    ("metrics", |facts| json!(facts.document.metrics)),
    ("missing_files", |facts| json!(facts.seen.map_or(&[][..], |seen| &seen.missing))),
    ("phase", |facts| json!(facts.document.phase)),
    ("phases_completed", |facts| json!(facts.document.phases_completed)),
    ("recoveries", |facts| json!(facts.document.recoveries)),
    ("requires_approval", |facts| json!(facts.document.requires_approval)),
    ("result", |facts| json!(facts.result)),
    ("results", |facts| json!(facts.document.results)),
    ("stalled_for_person", |facts| json!(facts.is_stalled_for_person())),
];

/// Earlier iterations with the same outcome, from which a person is asked: this one is the third.
const REPEATS_FOR_PERSON: usize = 2;

impl Facts<'_> {
    /// Returns the value of a fact.
    pub fn value(&self, name: &str) -> Option<Value> {
        let (_, value) = TABLE.iter().find(|(known, _)| *known == name)?;
        Some(value(self))
    }

    fn is_last_iteration(&self) -> bool {
        self.document.current_iteration >= self.document.max_iterations
    }

    /// Returns whether the loop gets nowhere and a person wants to be asked then.
    fn is_stalled_for_person(&self) -> bool {
        let document = self.document;
        let wants = document.requires_approval || document.pause_on_stall;
        let files = self.seen.map(Examination::files_digest);
        let repeats = |files| {
            let outcome = iteration::outcome(&document.constraints, files);
            iteration::repeats(&document.iteration_history, outcome)
        };
        wants && files.is_some_and(|files| repeats(files) >= REPEATS_FOR_PERSON)
    }

    fn violated(&self, severity: Severity) -> Vec<&str> {
        violated(&self.document.constraints, severity).map(|one| one.id.as_str()).collect()
    }
}

/// Returns the failures that a result reports, a line each.
pub fn failures(result: Option<&Map<String, Value>>) -> Vec<String> {
    let failures = result.and_then(|result| result.get("failures"));
    let list = failures.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let line =
        |failure: &Value| failure.as_str().map_or_else(|| failure.to_string(), str::to_owned);
    list.iter().map(line).collect()
}
