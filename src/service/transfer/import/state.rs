//! Turning an older state into a document.

use serde_json::{Map, Value, json};

use super::document_parts;
use super::fields::Fields;
use super::folder::Old;
use super::notes::Notes;
use crate::model::document::component;
use crate::model::document::iteration::Iteration;
use crate::model::document::taxonomy;
use crate::model::document::{Beginning, ConvergenceStatus, Metrics};
use crate::model::workflow::step;
use crate::model::{Document, Name, Refusal, Time, Workflow, limits};

/// Fields of a document that have no meaning in another workspace.
const OURS: [&str; 14] = [
    "approval",
    "artifact_name",
    "cycle",
    "definition",
    "digest",
    "evidence",
    "journal",
    "last_transition",
    "lease",
    "reflected_files",
    "repair",
    "seal",
    "version",
    "workflow",
];
/// Characters of an id.
const ID_CHARACTERS_MAX: usize = 128;
/// The phases of a pass of the loop, in order.
const PHASES: [&str; 5] = ["specify", "plan", "execute", "reflect", "persist"];

/// The parts of a document that come from this workspace.
#[derive(Debug)]
pub(super) struct Here<'a> {
    pub(super) name: Name,
    pub(super) workflow: &'a Workflow,
    pub(super) now: Time,
    /// A new id, used when the state has no valid one.
    pub(super) id: String,
}

/// Makes a document from the found files. Parts without a place are kept under `data.imported`.
pub(super) fn document(old: Old, here: Here<'_>, notes: &mut Notes) -> Result<Document, Refusal> {
    let mut given = Fields::new("state.json", old.state);
    if given.has("seal") {
        given.forget(&["updated_at"]);
    }
    given.forget(&OURS);
    let mut document = blank(here);
    let now = document.started_at;
    identity(&mut document, &mut given, notes);
    types(&mut document, &mut given, notes);
    document.goals = goals(&mut given, notes);
    document.constraints =
        document_parts::constraints(given.take("constraints"), old.constraints, notes)?;
    document.iteration_history =
        document_parts::iterations(given.take("iteration_history"), now, notes);
    let in_state = given.take("manifest");
    document.manifest = document_parts::manifest(old.manifest.or(in_state), notes);
    place(&mut document, &mut given, notes);
    document.inputs = given.take_as("inputs").unwrap_or_default();
    document.results = given.take_as("results").unwrap_or_default();
    document.data = given.take_as("data").unwrap_or_default();
    let parts = [("checkpoint_states", old.checkpoints), ("cycles", old.cycles)];
    for (field, states) in parts.into_iter().filter(|(_, states)| !states.is_empty()) {
        notes.keep(field, field, Value::Object(states));
    }
    place_of_work(&mut given, notes);
    beside(&mut given, notes);
    given.keep_rest("state", notes);
    keep(&mut document, notes);
    Ok(document)
}

/// The files that came with the artifact are in its `dist/`, wherever they were before.
fn place_of_work(given: &mut Fields, notes: &mut Notes) {
    if given.take("output_dir").is_some() {
        given.forget(&["files"]);
        notes.say("state.json/output_dir", "left out: the files of the work are in dist/ here");
    }
}

fn blank(here: Here<'_>) -> Document {
    let definition = &here.workflow.definition;
    Document::begin(Beginning {
        refinement_id: here.id,
        artifact_name: here.name,
        workflow: definition.id.clone(),
        definition: here.workflow.digest,
        phase: definition.initial.clone(),
        started_at: here.now,
    })
}

fn identity(document: &mut Document, given: &mut Fields, notes: &mut Notes) {
    let id = |value: &Value| {
        let id = value.as_str().filter(|id| (1..=ID_CHARACTERS_MAX).contains(&id.chars().count()));
        id.map(str::to_owned)
    };
    match given.take_if("refinement_id", id) {
        Some(id) => document.refinement_id = id,
        None => {
            notes.say("state.json/refinement_id", "there is no valid id: a new one was created");
        }
    }
    let prior = ["prior_cycle_id", "prior_refinement_id"];
    document.prior_cycle_id = prior.into_iter().find_map(|field| given.take_if(field, id));
    if let Some(started) = given.take_as("started_at") {
        document.started_at = started;
    }
    document.requires_approval = given.take_as("requires_approval").unwrap_or_default();
    let metrics = given.take_if("metrics", |metrics| {
        let metrics: Metrics = serde_json::from_value(metrics.clone()).ok()?;
        let fits = |number: f64| number.is_finite() && number >= 0.0;
        (fits(metrics.cumulative_cost) && fits(metrics.cumulative_time_seconds)).then_some(metrics)
    });
    document.metrics = metrics.unwrap_or_default();
}

/// Imports known types. Unknown types are kept.
fn types(document: &mut Document, given: &mut Fields, notes: &mut Notes) {
    let known = |check: fn(&str) -> Result<(), Refusal>| {
        move |value: &Value| {
            let text = value.as_str().filter(|text| check(text).is_ok());
            text.map(str::to_owned)
        }
    };
    document.artifact_type = given.take_if("artifact_type", known(taxonomy::check_artifact_type));
    document.content_type = given.take_if("content_type", known(taxonomy::check_content_type));
    document.test_generation = given.take_as("test_generation").unwrap_or_default();
    let components = given.take_if("components", |list| {
        let mut list: Vec<Map<String, Value>> = serde_json::from_value(list.clone()).ok()?;
        for one in &mut list {
            one.retain(|field, _| !component::OWNED_BY_SERVER.contains(&field.as_str()));
        }
        component::parse(&list, "/components").ok()
    });
    document.components = components.unwrap_or_default();
    if component::check(document.content_type.as_deref(), &document.components).is_err() {
        let lost = json!({
            "content_type": document.content_type.take(),
            "components": std::mem::take(&mut document.components),
        });
        notes.keep_raw(
            "state.json",
            "composite",
            lost,
            "a composite needs components, and components need a composite",
        );
    }
}

fn goals(given: &mut Fields, notes: &mut Notes) -> Vec<String> {
    let goals = given.take_if("goals", |goals| step::parse_goals(goals, "/goals").ok());
    goals.unwrap_or_else(|| {
        if let Some(other) = given.take("goals") {
            notes.keep_raw("state.json/goals", "goals", other, "not a list of at most 100 texts");
        }
        Vec::new()
    })
}

/// Decides the phase and the iteration of the artifact.
fn place(document: &mut Document, given: &mut Fields, notes: &mut Notes) {
    let iteration = |value: &Value| {
        let number = u32::try_from(value.as_u64()?).ok()?;
        (number <= limits::ITERATIONS_MAX).then_some(number)
    };
    let current = given.take_if("current_iteration", iteration).unwrap_or_default();
    let max = given.take_if("max_iterations", iteration).filter(|max| *max > 0);
    document.max_iterations = max.unwrap_or(limits::ITERATIONS_DEFAULT).max(current);
    document.current_iteration = current;
    document.convergence_status =
        given.take_as("convergence_status").unwrap_or(ConvergenceStatus::Running);
    let completed: Vec<String> = given.take_as("phases_completed").unwrap_or_default();
    let present = given.take_as::<String>("phase");
    let finalized = given.take_as::<Time>("finalized_at");
    given.forget(&["recoveries"]);
    if finalized.is_some() && document.convergence_status == ConvergenceStatus::Running {
        notes.say("state.json/finalized_at", "left out: the loop is still running");
    }
    if document.workflow.as_str() != PMPO {
        document.convergence_status = ConvergenceStatus::Running;
        return;
    }
    let end = match document.convergence_status {
        ConvergenceStatus::Running => {
            return resume(document, &completed, present.as_deref(), notes);
        }
        ConvergenceStatus::Converged => "converged",
        ConvergenceStatus::MaxIterationsExceeded => "exhausted",
        ConvergenceStatus::UserTerminated | ConvergenceStatus::Closed => "stopped",
    };
    end.clone_into(&mut document.phase);
    document.finalized_at = finalized;
    document.phases_completed = known(&completed);
}

/// The workflow that replaces the skill's loop.
pub(super) const PMPO: &str = "pmpo";

fn known(completed: &[String]) -> Vec<String> {
    let known = PHASES.into_iter().filter(|phase| completed.iter().any(|one| one == phase));
    known.map(str::to_owned).collect()
}

/// Continues the loop in its phase, but never after its reflection: the server must decide about
/// the end from the files that it sees, not from an imported text.
fn resume(document: &mut Document, completed: &[String], present: Option<&str>, notes: &mut Notes) {
    let number = |phase: &str| PHASES.iter().position(|one| *one == phase);
    let present = present.map(|phase| if phase == "approval" { "persist" } else { phase });
    let last = completed.iter().filter_map(|phase| number(phase)).next_back();
    let recorded = document.iteration_history.last().map(|last: &Iteration| last.iteration);
    let is_recorded = recorded.is_some_and(|recorded| recorded >= document.current_iteration);
    let next = match (present.and_then(number), last) {
        (Some(present), _) => present,
        (None, Some(4)) => 1,
        (None, Some(last)) => last + 1,
        (None, None) if recorded.is_some() || document.current_iteration > 1 => 1,
        (None, None) => 0,
    };
    let next = next.min(3);
    if next == 0 {
        document.current_iteration = 0;
        return;
    }
    if present.is_none() && next == 1 && is_recorded {
        document.current_iteration += 1;
    }
    document.current_iteration = document.current_iteration.max(1);
    let over = document.current_iteration > document.max_iterations;
    if over {
        document.current_iteration = document.max_iterations;
    }
    let next = if over { 3 } else { next };
    PHASES[next].clone_into(&mut document.phase);
    document.phases_completed = PHASES[..next].iter().map(|phase| (*phase).to_owned()).collect();
    notes.say("state.json", format!("the loop continues in phase {}", document.phase));
}

/// Keeps known fields that have no place in a document.
fn beside(given: &mut Fields, notes: &mut Notes) {
    for (field, why) in [
        ("checkpoints", "they refer to versions that were not imported"),
        ("workflow_triggers", "inactive: move them to triggers.json (see README.md, Hooks)"),
        ("state_provider", "inactive"),
    ] {
        let says_something = |value: &Value| match value {
            Value::Array(list) => !list.is_empty(),
            _ => true,
        };
        if let Some(value) = given.take(field).filter(says_something) {
            notes.keep_raw(&given.place(field), field, value, why);
        }
    }
    if let Some(updated) = given.take_as::<Time>("updated_at") {
        notes.keep("state.json/updated_at", "updated_at", json!(updated));
    }
}

/// Adds the kept fields to the document's data.
fn keep(document: &mut Document, notes: &mut Notes) {
    if let Some(before) = document.data.at(&["imported"]) {
        notes.keep_raw("state.json/data/imported", "imported", before, "the name is taken");
        document.data.set("imported", None);
    }
    let kept = notes.take_kept();
    if !kept.is_empty() {
        document.data.set("imported", Some(Value::Object(kept)));
    }
}
