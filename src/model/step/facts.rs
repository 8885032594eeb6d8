//! What guards may ask for.

use serde_json::{Value, json};

use super::{Event, files_changed};
use crate::model::Workflow;
use crate::model::constraint::Severity;
use crate::model::document::Document;
use crate::model::examination::Examination;

/// Everything that guards may ask for when an event is sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts<'a> {
    pub(super) workflow: &'a Workflow,
    pub(super) document: &'a Document,
    pub(super) event: &'a Event,
    /// The examination of the files. An outlook has none, and assumes that all files exist.
    pub(super) seen: Option<&'a Examination>,
}

impl Facts<'_> {
    /// Returns the value of a name that a guard uses.
    pub(super) fn value(&self, name: &str) -> Option<Value> {
        self.of_the_document(name)
            .or_else(|| self.derived(name))
            .or_else(|| self.workflow.definition.context.get(name).cloned())
    }

    fn of_the_document(&self, name: &str) -> Option<Value> {
        let document = self.document;
        Some(match name {
            "approval" => json!(document.approval),
            "artifact_type" => json!(document.artifact_type),
            "content_type" => json!(document.content_type),
            "current_iteration" => json!(document.current_iteration),
            "cycle" => json!(document.cycle),
            "data" => json!(document.data),
            "goals" => json!(document.goals),
            "inputs" => json!(document.inputs),
            "lease" => json!(document.lease),
            "max_iterations" => json!(document.max_iterations),
            "metrics" => json!(document.metrics),
            "phase" => json!(document.phase),
            "phases_completed" => json!(document.phases_completed),
            "requires_approval" => json!(document.requires_approval),
            "results" => json!(document.results),
            _ => return None,
        })
    }

    fn derived(&self, name: &str) -> Option<Value> {
        let document = self.document;
        Some(match name {
            "blocking_violated" => json!(self.violated(Severity::Blocking)),
            "constraints" => json!(document.constraints),
            "event" => json!(self.event.name),
            "failures" => json!(failures(self.event)),
            "files_changed" => {
                json!(self.seen.is_some_and(|seen| files_changed(document, seen)))
            }
            "high_violated" => json!(self.violated(Severity::High)),
            "last_iteration" => json!(document.current_iteration >= document.max_iterations),
            "manifest_valid" => json!(self.seen.is_none_or(Examination::manifest_valid)),
            "missing_files" => json!(self.seen.map_or(&[][..], |seen| &seen.missing)),
            "recoveries" => json!(document.recoveries),
            "result" => json!(self.event.result),
            _ => return None,
        })
    }

    fn violated(&self, severity: Severity) -> Vec<&str> {
        let constraints = self.document.constraints.iter();
        let violated = constraints.filter(|one| one.severity == severity && !one.holds());
        violated.map(|one| one.id.as_str()).collect()
    }
}

/// Returns the failures that the caller reports, a line each.
pub(super) fn failures(event: &Event) -> Vec<String> {
    let failures = event.result.as_ref().and_then(|result| result.get("failures"));
    let list = failures.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let line =
        |failure: &Value| failure.as_str().map_or_else(|| failure.to_string(), str::to_owned);
    list.iter().map(line).collect()
}
