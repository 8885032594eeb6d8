//! Replay: a decision of a journal is derived again, and compared with what its entry says.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::Workflow;
use super::step::{self, Event, Step, StepContext, result_digest};
use crate::model::Document;
use crate::model::document::ConvergenceStatus;
use crate::model::document::examination::{Examination, RecordedFiles, manifest_in_effect};
use crate::model::document::manifest::Manifest;
use crate::model::document::pins::Protected;
use crate::model::document::protection::from_differing;
use crate::model::journal::context::RecordedContext;
use crate::model::journal::difference::diff;
use crate::model::journal::entry::{Entry, Payload};
use crate::model::journal::patch::changed_places;
use crate::model::text::shortened;

/// Characters of a value in a difference.
const VALUE_CHARACTERS_MAX: usize = 200;

/// The fields of the document that each operation may change, beside those that begin or end a cycle or
/// a life.
const FIELDS: [(&str, &[&str]); 6] = [
    ("checkpoint", &["checkpoints"]),
    ("finalize", &["convergence_status", "finalized_at"]),
    ("restore", &["data", "goals", "manifest"]),
    ("save_state", &["constraints", "data", "goals", "inputs"]),
    ("verify", &["components", "constraints", "evidence"]),
    ("write_output", &[]),
];

/// The operations that may change every field.
const OF_EVERY_FIELD: [&str; 4] = ["delete_artifact", "import", "init_state", "reset_artifact"];

/// The operation whose entries have a decision of the step.
pub const DECIDING_OPERATION: &str = "transition";

/// A place where an entry says something else than the rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The place: a field of the entry, or a JSON Pointer into the document after it.
    pub place: String,
    /// What the journal says there.
    pub recorded: String,
    /// What the rules give.
    pub derived: String,
}

impl Difference {
    /// Makes a difference of two values.
    pub fn new(place: impl Into<String>, recorded: &Value, derived: &Value) -> Self {
        let shown = |value: &Value| shortened(&value.to_string(), VALUE_CHARACTERS_MAX);
        Self { place: place.into(), recorded: shown(recorded), derived: shown(derived) }
    }
}

/// Returns where an operation without a step changed what it may not change.
pub fn beyond_its_fields(entry: &Entry) -> Option<Difference> {
    let operation = entry.operation.as_str();
    if OF_EVERY_FIELD.contains(&operation) {
        return None;
    }
    let changed = |place: &str, may: &str| Difference {
        place: place.to_owned(),
        recorded: format!("{operation} changed it"),
        derived: may.to_owned(),
    };
    let Some((_, fields)) = FIELDS.iter().find(|(name, _)| *name == operation) else {
        return Some(changed("operation", "no operation has this name"));
    };
    let Payload::Inline(patch) = &entry.patch else { return None };
    let places = changed_places(patch).into_iter();
    let is_foreign = |place: &String| {
        let field = place.split('/').nth(1).unwrap_or_default();
        !fields.contains(&field)
    };
    let foreign = { places }.find(is_foreign)?;
    let own = if fields.is_empty() { "no field".to_owned() } else { fields.join(", ") };
    Some(changed(&foreign, &format!("{operation} changes {own}")))
}

/// Returns where the end of a cycle has another status than the loop reached.
pub fn wrong_ending(before: &Document, after: &Document) -> Option<Difference> {
    let (reached, ended) = (before.convergence_status, after.convergence_status);
    let may_close = [ConvergenceStatus::Closed, ConvergenceStatus::UserTerminated].contains(&ended);
    let is_right = reached == ended || (reached == ConvergenceStatus::Running && may_close);
    (!is_right).then(|| Difference::new("/convergence_status", &json!(ended), &json!(reached)))
}

/// Derives a decision again from the document before it and the recorded context. Returns the first place
/// where the entry or the document after it say something else.
pub fn first_difference(
    workflow: &Workflow,
    before: &Document,
    (entry, context): (&Entry, &RecordedContext),
    after: &Document,
    keeps_checkpoints: bool,
) -> Option<Difference> {
    let event = event(workflow, before, (entry, context), after);
    let protected = Arc::new(from_differing(&before.constraints, &context.protected));
    let known = StepContext {
        now: entry.at,
        version: entry.version,
        human: context.human,
        setter: context.setter(),
        keeps_checkpoints,
        examination: context.files.as_ref().map(|files| {
            let seen = examination(before, after, event.result.as_ref(), files);
            Arc::new(Examination { protected: Protected::clone(&protected), ..seen })
        }),
        protected,
    };
    match step::step(workflow, before, &event, &known) {
        Ok(step) => compared(&step, entry, after),
        Err(refusal) => Some(Difference {
            place: "event".to_owned(),
            recorded: format!("{} was accepted", event.name),
            derived: shortened(&refusal.to_string(), VALUE_CHARACTERS_MAX),
        }),
    }
}

/// Returns the event that the entry is about. Its result is what the document after it has at the phase's
/// place, if the digest of the transition says that there was one.
fn event(
    workflow: &Workflow,
    before: &Document,
    (entry, context): (&Entry, &RecordedContext),
    after: &Document,
) -> Event {
    let text = |field: &str| entry.summary.get(field).and_then(Value::as_str).map(str::to_owned);
    let without = Event {
        name: text("event").unwrap_or_default(),
        result: context.result.clone(),
        reason: text("note"),
        words: context.words.clone(),
        decided_by: context.decided_by.clone(),
        cost: context.cost,
        time_seconds: context.time_seconds,
    };
    let digest = after.last_transition.as_ref().map(|last| last.result);
    if context.result.is_some() || digest == Some(result_digest(&without)) {
        return without;
    }
    let place = workflow.phase(&before.phase).and_then(|phase| phase.meta.result_at.as_deref());
    let kept = place.and_then(|place| after.results.at(&[place]));
    let result = kept.and_then(|kept| match kept {
        Value::Object(fields) => Some(fields),
        _ => None,
    });
    Event { result, ..without }
}

/// Returns the examination of the files as far as the step depends on it. What a step takes over into the
/// document is taken from there.
fn examination(
    before: &Document,
    after: &Document,
    result: Option<&Map<String, Value>>,
    files: &RecordedFiles,
) -> Examination {
    let recorded = after.manifest.clone().unwrap_or_default();
    let passed = result.and_then(|result| result.get("manifest"));
    let of_files = || Manifest {
        files: std::collections::BTreeMap::new(),
        inventory: None,
        generation_timestamp: None,
        ..recorded.clone()
    };
    let (manifest, violations) = manifest_in_effect(before, passed, of_files);
    let last = after.iteration_history.last();
    Examination {
        evidence: after.evidence.clone(),
        manifest,
        violations,
        files: recorded.files,
        present: files.present.iter().cloned().collect(),
        missing: files.missing.clone(),
        empty: files.empty.clone(),
        inventory: recorded.inventory,
        lacks: files.lacks.clone(),
        revision: last.and_then(|last| last.revision.clone()),
        recorded: Some(files.clone()),
        ..Examination::default()
    }
}

fn compared(step: &Step, entry: &Entry, after: &Document) -> Option<Difference> {
    let summary = |field: &str| entry.summary.get(field).cloned().unwrap_or_default();
    let fields = [
        ("summary/from", summary("from"), json!(step.from)),
        ("summary/to", summary("to"), json!(step.to)),
        ("phase", json!(entry.phase), json!(step.to)),
        ("summary/decision", summary("decision"), json!(step.decision)),
    ];
    let differs = { fields }.into_iter().find(|(_, recorded, derived)| recorded != derived);
    let of_field =
        differs.map(|(place, recorded, derived)| Difference::new(place, &recorded, &derived));
    of_field.or_else(|| of_documents(&step.document, after)).or_else(|| {
        let logs = [
            ("sections", json!(entry.sections), json!(step.sections)),
            ("events", json!(entry.events), json!(step.events)),
        ];
        let differs = { logs }.into_iter().find(|(_, recorded, derived)| recorded != derived);
        differs.map(|(place, recorded, derived)| Difference::new(place, &recorded, &derived))
    })
}

fn of_documents(derived: &Document, recorded: &Document) -> Option<Difference> {
    let (derived, recorded) = (derived.to_tree(), recorded.to_tree());
    let patch = diff(&recorded, &derived);
    let place = patch.first_place()?;
    let at = |document: &Value| document.pointer(&place).cloned().unwrap_or_default();
    let (recorded, derived) = (at(&recorded.to_value()), at(&derived.to_value()));
    Some(Difference::new(place, &recorded, &derived))
}
