//! The briefing: where an artifact stands and what may come next. It ends every answer, so that a
//! model that lost its memory needs one call.

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::document::ConvergenceStatus;
use crate::model::document::approval::ApprovalStatus;
use crate::model::document::ending::ending;
use crate::model::journal::Snapshot;
use crate::model::refusal::Unmet;
use crate::model::text::{plain, shortened};
use crate::model::workflow::step::ahead;
use crate::model::workflow::{Finalize, Workflow};
use crate::model::{Document, Version};

/// Characters of one text of a person or a caller.
const TEXT_CHARACTERS_MAX: usize = 600;

/// Where an artifact stands and what may come next.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Briefing {
    /// The artifact.
    pub name: String,
    /// Its workflow.
    pub workflow: String,
    /// The newest version; pass it as `expected_version` to notice what others wrote.
    pub version: Version,
    /// The number of the cycle.
    pub cycle: u64,
    /// The present phase.
    pub phase: String,
    /// How the cycle stands or ended.
    pub status: ConvergenceStatus,
    /// The present pass of the loop.
    pub iteration: IterationNumber,
    /// What to do.
    pub next: Next,
    /// What the caller should know beside.
    pub warnings: Vec<String>,
}

/// The present pass of the loop and the last one.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct IterationNumber {
    /// The present pass, 0 before the first.
    pub current: u32,
    /// The pass after which the loop ends in any case.
    pub max: u32,
}

/// What to do next.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Next {
    /// The prompt that explains the phase; `load_state` with `with_prompt` renders it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// What to do, in a sentence or two.
    pub instruction: String,
    /// The events that `transition` takes here.
    pub events: Vec<EventAhead>,
}

/// An event that the present phase knows.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct EventAhead {
    /// Its name.
    pub event: String,
    /// Where it leads as things stand.
    pub to: String,
    /// Whether its guard holds as things stand.
    pub allowed: bool,
    /// What does not hold.
    pub unmet: Vec<Unmet>,
    /// Whether only a person may send it.
    pub needs_human: bool,
}

/// Returns the briefing of a state.
pub fn briefing(workflow: &Workflow, snapshot: &Snapshot, warnings: Vec<String>) -> Briefing {
    with_next(next(workflow, &snapshot.document), snapshot, warnings)
}

/// Returns the briefing of a state whose workflow is not to be used: in place of what it says comes
/// why not. A closed cycle needs none.
pub fn withheld(snapshot: &Snapshot, why: String, warnings: Vec<String>) -> Briefing {
    let document = &snapshot.document;
    let instruction = if document.is_finalized() { closed(document) } else { why };
    let next = Next { prompt: None, instruction, events: Vec::new() };
    with_next(next, snapshot, warnings)
}

fn with_next(next: Next, snapshot: &Snapshot, warnings: Vec<String>) -> Briefing {
    let document = &snapshot.document;
    Briefing {
        name: document.artifact_name.to_string(),
        workflow: document.workflow.to_string(),
        version: snapshot.version,
        cycle: document.cycle,
        phase: document.phase.clone(),
        status: document.convergence_status,
        iteration: IterationNumber {
            current: document.current_iteration,
            max: document.max_iterations,
        },
        next,
        warnings,
    }
}

fn next(workflow: &Workflow, document: &Document) -> Next {
    let phase = workflow.phase(&document.phase);
    let events = match phase {
        // A host that takes the one event that is possible would reopen what has ended.
        Some(phase) if !document.is_finalized() && !phase.is_final() => workflow
            .events(phase)
            .map(|(event, candidates)| {
                let prospect = ahead(workflow, document, candidates, event);
                EventAhead {
                    event: event.to_owned(),
                    to: prospect.candidate.target.clone(),
                    allowed: prospect.allowed,
                    unmet: prospect.unmet,
                    needs_human: prospect.candidate.needs_human,
                }
            })
            .collect(),
        _ => Vec::new(),
    };
    Next {
        prompt: phase
            .and_then(|phase| phase.meta.prompt.clone())
            .filter(|_| !document.is_finalized()),
        instruction: instruction(workflow, document),
        events,
    }
}

fn instruction(workflow: &Workflow, document: &Document) -> String {
    if document.is_finalized() {
        return closed(document);
    }
    let Some(phase) = workflow.phase(&document.phase) else {
        return String::new();
    };
    match (phase.is_final(), workflow.definition.finalize) {
        (true, Finalize::Final) if phase.meta.instruction.is_empty() => {
            let reopens = phase.on.contains_key(REOPEN);
            let reopen = if reopens { REOPENING } else { "" };
            format!(
                "The loop has ended, {}. Call finalize to archive the cycle.{reopen}",
                ending(document)
            )
        }
        _ => format!(
            "{}{}{}{}",
            decided(document),
            repair(document),
            phase.meta.instruction,
            place(document)
        ),
    }
}

/// The event that goes on with a loop that has ended. Definitions of earlier programs do not know it.
const REOPEN: &str = "reopen";
const REOPENING: &str = " The event reopen would begin another iteration.";

/// Where the work is, in a sentence, unless it is in `dist/`.
fn place(document: &Document) -> String {
    document.output_place().note().map_or_else(String::new, |note| format!(" {note}"))
}

fn closed(document: &Document) -> String {
    format!(
        "This cycle is closed, {}. init_state with name {:?} begins the next one.",
        ending(document),
        document.artifact_name.as_str()
    )
}

/// What a person has just decided, in a sentence.
fn decided(document: &Document) -> String {
    let last = document.last_transition.as_ref().map(|last| &last.event);
    let Some(approval) = &document.approval else { return String::new() };
    match (&approval.status, &approval.reason) {
        (ApprovalStatus::Decided(event), reason) if last == Some(event) => match reason {
            Some(reason) => {
                format!("A person decided: {event} ({}). ", plain(reason, TEXT_CHARACTERS_MAX))
            }
            None => format!("A person decided: {event}. "),
        },
        _ => String::new(),
    }
}

/// What has to be mended first, in a sentence.
fn repair(document: &Document) -> String {
    const SHOWN_MAX: usize = 5;
    let Some(repair) = &document.repair else {
        return String::new();
    };
    let folder = document.output_place().shown();
    let missing =
        repair.missing_files.iter().map(|path| format!("{folder}{path} is missing or empty"));
    let violations = repair
        .manifest_violations
        .iter()
        .map(|one| format!("the manifest is wrong at {}: {}", one.pointer, one.message));
    let failures =
        repair.failures.iter().map(|failure| format!("{failure} (try once more, then skip it)"));
    let lines: Vec<String> = missing.chain(violations).chain(failures).take(SHOWN_MAX).collect();
    let lines = shortened(&lines.join("; "), TEXT_CHARACTERS_MAX);
    format!("Repair this first; the rest of the plan is done: {lines}. ")
}
