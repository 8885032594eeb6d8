//! `save_state`: the caller's own part of the document.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Effect, Operation};
use crate::model::document::constraint;
use crate::model::journal::Snapshot;
use crate::model::journal::entry::Section;
use crate::model::journal::patch;
use crate::model::refusal::Violation;
use crate::model::workflow::briefing::Briefing;
use crate::model::workflow::readable_logs;
use crate::model::workflow::step;
use crate::model::{Document, Draft, Name, Refusal, Time, Version, Workflow, document};
use crate::service::measures::check_measures;
use crate::service::write::{Attempt, Writing, check_text};
use crate::service::{Caller, Consent, Service};

/// The arguments of `save_state`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Save {
    pub name: Name,
    /// Merged in (null removes): data, goals, inputs, constraints
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patch: Option<Map<String, Value>>,
    /// Instead of patch: replaces fields
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<Map<String, Value>>,
    /// Why
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Refused if not the newest
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<Version>,
    /// Makes a retry safe
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
}

/// The answer of `save_state`. It does not repeat what was saved.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Saved {
    /// Whether anything was different; if not, nothing was written.
    pub changed: bool,
    /// The version that holds what was saved.
    pub version: Version,
    /// Where the artifact stands.
    pub briefing: Briefing,
}

/// The requested change.
#[derive(Clone, Debug)]
enum Change {
    Merge(Value),
    Replace(Map<String, Value>),
}

impl Operation for Save {
    const NAME: &'static str = "save_state";
    const TITLE: &'static str = "Save state";
    const DESCRIPTION: &'static str = "Save state durably; put your own state under data. The answer comes after the write to disk.";
    const EFFECT: Effect = Effect::WritesOnce;
    type Answer = Saved;

    /// Saves the caller's part of the document. Writes nothing if nothing changes.
    async fn run(self, service: &Service, caller: &Caller) -> Result<Saved, Refusal> {
        let writing = Writing::new(Self::NAME, &self.name, self.expected_version, caller)
            .once(self.idempotency_key.as_ref(), &self)?;
        let change = change(&self)?;
        check_text("note", self.note.as_ref())?;
        let newest = service.newest(&self.name).await?;
        let saving = Saving {
            change,
            note: self.note,
            workflow: service.workflow_of(&newest.snapshot.document).await?,
            consent: service.consent(caller)?,
        };
        let writing = writing.warned(newest.warnings);
        let written = service.write(writing, move |attempt| saving.decide(attempt)).await?;
        let snapshot = written.snapshot(&self.name)?;
        Ok(Saved {
            // A call that changed nothing made no version that could be repeated.
            changed: written.made.unwrap_or(true),
            version: written.version,
            briefing: service.brief(&snapshot, written.warnings).await?,
        })
    }
}

/// A checked call.
struct Saving {
    change: Change,
    note: Option<String>,
    workflow: Arc<Workflow>,
    consent: Option<Consent>,
}

impl Saving {
    /// Returns whether anything changed.
    fn decide(&self, attempt: &mut Attempt<'_, '_>) -> Result<bool, Refusal> {
        let before = attempt.open_state()?;
        let document = changed(before, &self.change)?;
        if document == before.document {
            return Ok(false);
        }
        check_measures(&before.document.constraints, &document.constraints)?;
        let ways = loosening(before, &document, &self.workflow);
        check_agreed(before, &ways, self.consent.as_ref())?;
        let (now, note) = (attempt.now(), self.note.as_deref());
        let sections = logged(&document, &ways, self.consent.as_ref(), note, now);
        let draft = attempt.writing.draft(now, document, json!({ "note": note }));
        attempt.transaction.append(Draft { sections, ..draft })?;
        Ok(true)
    }
}

fn change(arguments: &Save) -> Result<Change, Refusal> {
    match (&arguments.patch, &arguments.state) {
        (Some(patch), None) => {
            document::check_writable(patch, "patch")?;
            Ok(Change::Merge(Value::Object(patch.clone())))
        }
        (None, Some(state)) => {
            document::check_writable(state, "state")?;
            Ok(Change::Replace(state.clone()))
        }
        _ => Err(Refusal::argument(
            "save_state takes either patch or state",
            "pass patch, such as {\"data\":{\"notes\":\"…\"}}, to change parts; pass state to replace whole fields",
        )),
    }
}

/// Returns the changed document.
fn changed(before: &Snapshot, change: &Change) -> Result<Document, Refusal> {
    let mut part = before.document.writable_part();
    match change {
        Change::Merge(merge) => patch::merge(&mut part, merge),
        Change::Replace(fields) => {
            let known = part.as_object_mut().map(std::mem::take).unwrap_or_default();
            let replaced = known.into_iter().chain(fields.clone());
            part = Value::Object(replaced.collect());
        }
    }
    // Before any comparison: comparing a value that nests too deep is expensive.
    document::check_size(&part)?;
    let mut after = before.document.clone();
    after.data = object(&part, "data")?;
    after.inputs = object(&part, "inputs")?;
    after.goals = match part.get("goals") {
        None | Some(Value::Null) => Vec::new(),
        Some(goals) => step::parse_goals(goals, "/goals")?,
    };
    let list = match part.get("constraints") {
        None | Some(Value::Null) => &Vec::new(),
        Some(Value::Array(list)) => list,
        Some(_) => return Err(wrong_type("constraints", "a list")),
    };
    let definitions = constraint::parse_definitions(list, "/constraints")?;
    let known = |id: &str| before.document.constraints.iter().find(|one| one.id == id);
    after.constraints = definitions
        .into_iter()
        .map(|one| {
            let older = known(&one.id);
            one.with_findings_of(older)
        })
        .collect();
    Ok(after)
}

fn object(part: &Value, field: &str) -> Result<Map<String, Value>, Refusal> {
    match part.get(field) {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(fields)) => Ok(fields.clone()),
        Some(_) => Err(wrong_type(field, "an object")),
    }
}

fn wrong_type(field: &str, expected: &str) -> Refusal {
    Refusal::SchemaViolation {
        what: field.to_owned(),
        violations: vec![Violation {
            pointer: format!("/{field}"),
            message: format!("{expected} is needed"),
        }],
    }
}

/// Returns how a change loosens the constraints. In the first phase it may.
fn loosening(before: &Snapshot, after: &Document, workflow: &Workflow) -> Vec<String> {
    if workflow.definition.initial == before.document.phase {
        Vec::new()
    } else {
        constraint::loosening(&before.document.constraints, &after.constraints)
    }
}

/// After the specification, constraints only tighten: loosening needs a person.
fn check_agreed(
    before: &Snapshot,
    ways: &[String],
    consent: Option<&Consent>,
) -> Result<(), Refusal> {
    match consent {
        _ if ways.is_empty() => Ok(()),
        Some(consent) => consent.binding.check(&before.document, before.version),
        None => Err(Refusal::ApprovalRequired {
            what: ways.join("; "),
            command: format!("refiner save {} --patch …", before.document.artifact_name),
        }),
    }
}

/// Returns the sections of a person's loosening for the readable logs.
fn logged(
    document: &Document,
    ways: &[String],
    consent: Option<&Consent>,
    note: Option<&str>,
    now: Time,
) -> Vec<Section> {
    let words = consent.and_then(|consent| consent.words.as_deref());
    if ways.is_empty() {
        Vec::new()
    } else {
        vec![readable_logs::of_loosening(document, ways, (words, note), now)]
    }
}
