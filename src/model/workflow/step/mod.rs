//! The step: applies an event to a document, or refuses it.

mod assessment;
mod floor;
mod kind;
mod lack;
mod record;
mod recording;
mod result;
mod specification;
mod stepping;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub use self::assessment::take_evidence;
pub use self::record::record;
pub use self::result::shaped;
pub use self::specification::check_required_measures;
use self::stepping::Stepping;
use crate::model::document::Document;
use crate::model::document::checkpoint::{Checkpoint, checkpoint_id};
use crate::model::document::constraint::Setter;
use crate::model::document::examination::Examination;
use crate::model::document::iteration::Choice;
use crate::model::document::pins::Protected;
use crate::model::journal::entry::Section;
use crate::model::journal::lifecycle::LifecycleEvent;
use crate::model::refusal::{Unmet, Violation};
use crate::model::workflow::facts::Facts;
use crate::model::workflow::{Candidate, Phase, Workflow};
use crate::model::{Digest, Refusal, Time, Version, limits, schema};

/// The event that ends a phase and carries its result.
pub const COMPLETE: &str = "complete";

/// What is sent to a loop.
#[derive(Clone, Debug, Default)]
pub struct Event {
    /// Its name.
    pub name: String,
    /// What the phase produced.
    pub result: Option<Map<String, Value>>,
    /// Why, in the sender's words.
    pub reason: Option<String>,
    /// What the person said who confirmed it.
    pub words: Option<String>,
    /// Who confirmed it, and how.
    pub decided_by: Option<String>,
    /// What the phase cost.
    pub cost: f64,
    /// How long it took.
    pub time_seconds: f64,
}

impl Event {
    fn facts<'a>(&'a self, document: &'a Document, seen: Option<&'a Examination>) -> Facts<'a> {
        Facts { document, event: &self.name, result: self.result.as_ref(), seen }
    }
}

/// What is true from outside when an event is sent.
#[derive(Clone, Debug)]
pub struct StepContext {
    /// The time.
    pub now: Time,
    /// The version that the step will make.
    pub version: Version,
    /// Whether a person sends the event: one who agreed to what they were shown.
    pub human: bool,
    /// Whose constraints the event sets.
    pub setter: Setter,
    /// The files that the constraints protect, as they are now, where the event sets constraints.
    pub protected: Arc<Protected>,
    /// Whether the storage can keep checkpoints.
    pub keeps_checkpoints: bool,
    /// The examination of the artifact's files, if there was one.
    pub examination: Option<Arc<Examination>>,
}

/// What an event makes of a document.
#[derive(Clone, Debug)]
pub struct Step {
    /// The document after it.
    pub document: Document,
    /// The phase that it leaves.
    pub from: String,
    /// The phase that it enters.
    pub to: String,
    /// The decision whether the loop continues, if there was one.
    pub decision: Option<Decision>,
    /// What it adds to the readable logs.
    pub sections: Vec<Section>,
    /// The lifecycle events for hooks.
    pub events: Vec<LifecycleEvent>,
    /// What the caller should know beside.
    pub warnings: Vec<String>,
}

/// The decision of the workflow's guards whether a loop continues.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Decision {
    /// The decision.
    pub decision: Choice,
    /// Why.
    pub reason: String,
    /// What did not hold of the conditions that come before the one chosen.
    pub unmet: Vec<Unmet>,
}

/// A place where an event would lead now.
#[derive(Debug)]
pub struct Evaluation<'a> {
    /// The candidate whose guard holds, or the first one if no guard holds.
    pub candidate: &'a Candidate,
    /// Whether its guard holds.
    pub allowed: bool,
    /// The unmet parts of all guards, if none holds. Of a step that is taken: those that keep the
    /// loop from its end.
    pub unmet: Vec<Unmet>,
}

/// Takes a step.
pub fn step(
    workflow: &Workflow,
    document: &Document,
    event: &Event,
    context: &StepContext,
) -> Result<Step, Refusal> {
    let phase = present_phase(workflow, document)?;
    let candidates = candidates(workflow, document, phase, &event.name)?;
    check_result(phase, event)?;
    let mut seen = document.clone();
    if let Some(examination) = &context.examination {
        take_evidence(&mut seen, examination, context.now);
    }
    let nothing = Examination::default();
    let depends = workflow.examines(&document.phase, &event.name);
    let files = context.examination.as_deref().or_else(|| depends.then_some(&nothing));
    let facts = event.facts(&seen, files);
    let evaluation = evaluation(workflow, &facts, candidates);
    if !evaluation.allowed {
        return Err(Refusal::GuardFailed {
            from: document.phase.clone(),
            event: event.name.clone(),
            unmet: evaluation.unmet,
        });
    }
    if evaluation.candidate.needs_human && !context.human {
        return Err(needs_human(document, &event.name));
    }
    let unmet = kept_from_ending(workflow, &facts, candidates, evaluation.candidate);
    let evaluation = Evaluation { unmet, ..evaluation };
    Stepping::new(workflow, seen, event, context, &evaluation).take(phase, evaluation.candidate)
}

/// Returns where an event would lead as things stand.
pub fn ahead<'a>(
    workflow: &'a Workflow,
    document: &Document,
    candidates: &'a [Candidate],
    event: &str,
) -> Evaluation<'a> {
    let event = Event { name: event.to_owned(), ..Event::default() };
    evaluation(workflow, &event.facts(document, None), candidates)
}

/// Finds the candidate that comes into question: the first one whose guard holds, and the floor if
/// it is an end with the status `converged`.
fn evaluation<'a>(
    workflow: &Workflow,
    facts: &Facts<'_>,
    candidates: &'a [Candidate],
) -> Evaluation<'a> {
    match candidates.iter().find(|one| floor::holds(workflow, facts, one)) {
        Some(candidate) => Evaluation { candidate, allowed: true, unmet: Vec::new() },
        None => Evaluation {
            candidate: &candidates[0],
            allowed: false,
            unmet: candidates.iter().flat_map(|one| floor::unmet(workflow, facts, one)).collect(),
        },
    }
}

/// Returns the unmet parts that keep a loop from its first possible end. The conditions of other
/// candidates do not explain why the loop continues.
fn kept_from_ending(
    workflow: &Workflow,
    facts: &Facts<'_>,
    candidates: &[Candidate],
    chosen: &Candidate,
) -> Vec<Unmet> {
    let ends = |one: &&Candidate| workflow.phase(&one.target).is_some_and(Phase::is_final);
    let end = candidates.iter().take_while(|one| !std::ptr::eq(*one, chosen)).find(ends);
    end.map_or_else(Vec::new, |end| floor::unmet(workflow, facts, end))
}

fn present_phase<'a>(workflow: &'a Workflow, document: &Document) -> Result<&'a Phase, Refusal> {
    if let Some(at) = document.finalized_at {
        return Err(Refusal::Finalized { name: document.artifact_name.to_string(), at });
    }
    workflow
        .phase(&document.phase)
        .ok_or_else(|| Refusal::Internal(format!("the workflow has no phase {}", document.phase)))
}

fn candidates<'a>(
    workflow: &'a Workflow,
    document: &Document,
    phase: &'a Phase,
    event: &str,
) -> Result<&'a [Candidate], Refusal> {
    let known = workflow.events(phase).find(|(name, _)| *name == event);
    known.map(|(_, candidates)| candidates).ok_or_else(|| Refusal::InvalidTransition {
        from: document.phase.clone(),
        event: event.to_owned(),
        allowed: workflow.events(phase).map(|(name, _)| name.to_owned()).collect(),
        message: if phase.is_final() {
            format!("the loop has ended in {}", document.phase)
        } else {
            format!("the phase {} has no event {event:?}", document.phase)
        },
    })
}

fn check_result(phase: &Phase, event: &Event) -> Result<(), Refusal> {
    if event.name != COMPLETE {
        return Ok(());
    }
    if phase.meta.result_at.is_some() && event.result.is_none() {
        return Err(Refusal::argument(
            "complete needs the result of the phase",
            "pass result: what the phase produced, as an object; the phase's prompt says which fields",
        ));
    }
    check_schema(phase, event)
}

/// Refuses a result that does not match the phase's schema.
fn check_schema(phase: &Phase, event: &Event) -> Result<(), Refusal> {
    match (&phase.meta.result_schema, &event.result) {
        (Some(schema), Some(result)) => {
            schema::validate_result(schema, &Value::Object(result.clone()))
        }
        _ => Ok(()),
    }
}

fn needs_human(document: &Document, event: &str) -> Refusal {
    Refusal::ApprovalRequired {
        what: format!("the event {event}"),
        command: match event {
            "approve" | "reject" => format!("refiner {event} {}", document.artifact_name),
            _ => format!("refiner transition {} {event}", document.artifact_name),
        },
    }
}

/// Returns the digest by which a repeated transition is recognized.
pub fn result_digest(event: &Event) -> Digest {
    Digest::of_json(&json!([event.result, event.reason]))
}

/// Makes a checkpoint of the version being made.
pub fn add_checkpoint(document: &mut Document, label: String, version: Version, now: Time) {
    let checkpoint = Checkpoint {
        id: checkpoint_id(version),
        label,
        version,
        phase: document.phase.clone(),
        iteration: document.current_iteration,
        at: now,
    };
    push_listed(&mut document.checkpoints, checkpoint);
}

/// Adds to a list that keeps the last ones only. Half of them go at once, since a list that loses
/// its first item with every new one would be rewritten whole by every patch.
fn push_listed<T>(list: &mut Vec<T>, item: T) {
    list.push(item);
    if list.len() > limits::LISTED_MAX {
        list.drain(..limits::LISTED_MAX / 2);
    }
}

/// Parses a list of goals.
pub fn parse_goals(value: &Value, pointer: &str) -> Result<Vec<String>, Refusal> {
    let goals: Vec<String> =
        serde_json::from_value(value.clone()).map_err(|error| Refusal::SchemaViolation {
            what: "goals".into(),
            violations: vec![Violation { pointer: pointer.into(), message: error.to_string() }],
        })?;
    if goals.len() > limits::GOALS_MAX {
        Err(Refusal::TooLarge {
            what: "the list of goals".into(),
            actual: goals.len(),
            limit: limits::GOALS_MAX,
            unit: "goals",
        })
    } else {
        Ok(goals)
    }
}

#[cfg(test)]
mod tests;
