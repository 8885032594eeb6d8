//! Workflows: phases, events, guards and effects, as data.

pub mod approval_binding;
pub mod briefing;
pub mod facts;
pub mod guard;
pub mod guide;
pub mod prompt;
pub mod question;
pub mod readable_logs;
pub mod replay;
pub mod step;
pub mod template;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::model::document::{ConvergenceStatus, Document};
use crate::model::refusal::Violation;
use crate::model::workflow::facts::Facts;
use crate::model::workflow::guard::{Guard, WrittenPart};
use crate::model::{Digest, Name, schema};

/// A workflow as it is stored with a cycle: its definition and its prompts, whole, so that a
/// running loop is not changed under its feet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bundle {
    /// `workflow.json`.
    pub workflow: Value,
    /// The texts of the prompts by name.
    pub prompts: BTreeMap<String, String>,
}

impl Bundle {
    /// Returns the bundle as it is stored.
    pub fn to_bytes(&self) -> Vec<u8> {
        json!(self).to_string().into_bytes()
    }

    /// Returns the digest by which a document names it.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.to_bytes())
    }
}

/// A workflow that was checked: every target exists, every guard compiles, every phase can be
/// reached and left.
#[derive(Debug)]
pub struct Workflow {
    /// Its definition.
    pub definition: Definition,
    /// Its prompts by name.
    pub prompts: BTreeMap<String, String>,
    /// The digest of both.
    pub digest: Digest,
    guards: BTreeMap<String, Guard>,
}

/// What `workflow.json` says; its form is `schemas/workflow.schema.json`.
#[derive(Clone, Debug, Deserialize)]
pub struct Definition {
    /// The workflow's name.
    pub id: Name,
    /// Raised with every change.
    pub version: u32,
    /// A short title.
    pub title: String,
    /// Its purpose.
    #[serde(default)]
    pub description: String,
    /// The phase that a cycle begins in.
    pub initial: String,
    /// When a cycle may be finalized.
    #[serde(default)]
    pub finalize: Finalize,
    /// The prompt that explains the workflow as a whole.
    #[serde(default)]
    pub prompt: Option<String>,
    /// What there is to say about each prompt.
    #[serde(default)]
    pub prompts: BTreeMap<String, PromptTitle>,
    /// Constants that guards may use.
    #[serde(default)]
    pub context: Map<String, Value>,
    /// Conditions by name, each a list of parts.
    #[serde(default)]
    pub guards: BTreeMap<String, Vec<WrittenPart>>,
    /// Events that every phase knows that is not final.
    #[serde(default)]
    pub on: Events,
    /// The phases.
    pub states: BTreeMap<String, Phase>,
}

/// What a host shows of a prompt before it is rendered.
#[derive(Clone, Debug, Deserialize)]
pub struct PromptTitle {
    /// A short title.
    pub title: String,
    /// Its purpose.
    pub description: String,
}

/// Where each event leads: the first candidate whose guard holds.
pub type Events = BTreeMap<String, Vec<Candidate>>;

/// When a cycle may be finalized.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Finalize {
    /// In a final phase.
    #[default]
    Final,
    /// In any phase.
    Any,
}

/// A phase of a workflow.
#[derive(Clone, Debug, Deserialize)]
pub struct Phase {
    /// `final`, or absent.
    #[serde(rename = "type", default)]
    kind: Option<String>,
    /// The events that it knows.
    #[serde(default)]
    pub on: Events,
    /// What there is to say about it.
    #[serde(default)]
    pub meta: Meta,
}

/// What there is to say about a phase.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Meta {
    /// The prompt that explains it.
    #[serde(default)]
    pub prompt: Option<String>,
    /// What to do in it.
    #[serde(default)]
    pub instruction: String,
    /// Where its result is kept.
    #[serde(default)]
    pub result_at: Option<String>,
    /// The schema that its result has to be as.
    #[serde(default)]
    pub result_schema: Option<String>,
    /// The status that a final phase stands for.
    #[serde(default)]
    pub status: Option<ConvergenceStatus>,
    /// Why a loop ends in it.
    #[serde(default)]
    pub reason: String,
}

/// One place where an event may lead.
#[derive(Clone, Debug, Deserialize)]
pub struct Candidate {
    /// The phase.
    pub target: String,
    /// The condition, by name.
    #[serde(default)]
    pub guard: Option<String>,
    /// What happens on the way.
    #[serde(default)]
    pub actions: Vec<Action>,
    /// Whether only a person may send the event.
    #[serde(default)]
    pub needs_human: bool,
}

/// What may happen on the way from one phase to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Takes goals, constraints and the wish for approval over from the specification.
    AdoptSpecification,
    /// Takes the status of each constraint over from the reflection.
    AssessConstraints,
    /// Makes a checkpoint.
    Checkpoint,
    /// Begins the next iteration.
    NextIteration,
    /// Asks for a person's decision on what the loop made.
    OpenApproval,
    /// Writes what a person decided to `decisions.md`.
    RecordDecision,
    /// Adds the iteration to the history and to the readable logs, with the decision taken.
    RecordIteration,
    /// Records the files of the result, when a person ends the loop.
    KeepFiles,
    /// Grants a person's additional budget.
    RaiseBudget,
    /// Goes on with a loop that had ended.
    Reopen,
    /// Makes the specification the person's who approved it.
    SignSpecification,
    /// Notes what has to be mended before the loop can go on, and that it was noted once.
    RecordRecovery,
}

impl Action {
    /// Returns whether the files of the artifact have to be looked at for it.
    fn examines(self) -> bool {
        matches!(self, Self::AssessConstraints | Self::KeepFiles | Self::RecordIteration)
    }
}

impl Phase {
    /// Returns whether the loop ends here.
    pub fn is_final(&self) -> bool {
        self.kind.is_some()
    }
}

impl Workflow {
    /// Checks a bundle and compiles its guards, or lists everything that is wrong with it.
    pub fn compile(bundle: &Bundle) -> Result<Self, Vec<Violation>> {
        let violations = schema::WORKFLOW.violations(&bundle.workflow);
        if !violations.is_empty() {
            return Err(violations);
        }
        let definition: Definition = serde_json::from_value(bundle.workflow.clone())
            .map_err(|error| vec![violation("", error.to_string())])?;
        let (guards, mut violations) = compile_guards(&definition);
        violations.extend(check_targets(&definition));
        violations.extend(check_prompts(&definition, &bundle.prompts));
        violations.extend(check_result_schemas(&definition));
        if violations.is_empty() {
            violations.extend(check_reach(&definition));
        }
        if violations.is_empty() {
            Ok(Self {
                definition,
                prompts: bundle.prompts.clone(),
                digest: bundle.digest(),
                guards,
            })
        } else {
            Err(violations)
        }
    }

    /// Returns a phase. A document's phase always exists: documents and workflows go together.
    pub fn phase(&self, name: &str) -> Option<&Phase> {
        self.definition.states.get(name)
    }

    /// Returns the events that a phase knows, its own first, then those of every phase.
    pub fn events<'a>(
        &'a self,
        phase: &'a Phase,
    ) -> impl Iterator<Item = (&'a str, &'a [Candidate])> {
        let common = self
            .definition
            .on
            .iter()
            .filter(|(event, _)| !phase.is_final() && !phase.on.contains_key(*event));
        phase
            .on
            .iter()
            .chain(common)
            .map(|(event, candidates)| (event.as_str(), candidates.as_slice()))
    }

    /// Returns whether the files of the artifact have to be looked at before an event is taken.
    pub fn examines(&self, phase: &str, event: &str) -> bool {
        let needs_files = |candidate: &Candidate| {
            let mut actions = candidate.actions.iter();
            actions.any(|action| action.examines()) || self.converges_in(&candidate.target)
        };
        self.candidates(phase, event).any(needs_files)
    }

    /// Returns whether an event takes goals and constraints over from its result.
    pub fn adopts(&self, phase: &str, event: &str) -> bool {
        let mut actions = self.candidates(phase, event).flat_map(|one| &one.actions);
        actions.any(|action| *action == Action::AdoptSpecification)
    }

    /// Returns the places where an event of a phase may lead.
    fn candidates(&self, phase: &str, event: &str) -> impl Iterator<Item = &Candidate> {
        let events = self.phase(phase).into_iter().flat_map(|phase| self.events(phase));
        events.filter(move |(name, _)| *name == event).flat_map(|(_, candidates)| candidates)
    }

    /// Returns whether an artifact has left the first phase, in which goals and constraints are made.
    pub fn has_specified(&self, document: &Document) -> bool {
        self.definition.initial != document.phase
    }

    /// Returns whether a loop that enters a phase ends with the status `converged`.
    pub fn converges_in(&self, phase: &str) -> bool {
        let status = self.phase(phase).and_then(|phase| phase.meta.status);
        status == Some(ConvergenceStatus::Converged)
    }

    /// Returns whether its loops can end with the status `converged`.
    pub fn can_converge(&self) -> bool {
        self.definition.states.keys().any(|phase| self.converges_in(phase))
    }

    /// Returns the value of a name that guards use: a fact, or a constant of the workflow.
    pub fn value(&self, name: &str, facts: &Facts<'_>) -> Option<Value> {
        facts.value(name).or_else(|| self.definition.context.get(name).cloned())
    }

    /// Returns the compiled guard of a candidate.
    pub fn guard(&self, candidate: &Candidate) -> Option<&Guard> {
        candidate.guard.as_ref().and_then(|name| self.guards.get(name))
    }
}

fn violation(pointer: impl Into<String>, message: impl Into<String>) -> Violation {
    Violation { pointer: pointer.into(), message: message.into() }
}

fn compile_guards(definition: &Definition) -> (BTreeMap<String, Guard>, Vec<Violation>) {
    let known = |name: &str| {
        facts::TABLE.iter().any(|(known, _)| *known == name)
            || definition.context.contains_key(name)
    };
    let (mut guards, mut violations) = (BTreeMap::new(), Vec::new());
    for (name, parts) in &definition.guards {
        match Guard::compile(name, parts, &known) {
            Ok(guard) => drop(guards.insert(name.clone(), guard)),
            Err((part, reason)) => {
                violations.push(violation(format!("/guards/{name}/{part}"), reason));
            }
        }
    }
    (guards, violations)
}

/// Every list of candidates with its pointer.
fn candidate_lists(definition: &Definition) -> impl Iterator<Item = (String, &Vec<Candidate>)> {
    let common = definition.on.iter().map(|(event, list)| (format!("/on/{event}"), list));
    let own = definition.states.iter().flat_map(|(phase, state)| {
        state.on.iter().map(move |(event, list)| (format!("/states/{phase}/on/{event}"), list))
    });
    common.chain(own)
}

fn check_targets(definition: &Definition) -> Vec<Violation> {
    let mut violations = Vec::new();
    if !definition.states.contains_key(&definition.initial) {
        violations.push(violation("/initial", format!("there is no phase {}", definition.initial)));
    }
    for (pointer, list) in candidate_lists(definition) {
        for (index, candidate) in list.iter().enumerate() {
            let place = format!("{pointer}/{index}");
            if !definition.states.contains_key(&candidate.target) {
                violations.push(violation(
                    format!("{place}/target"),
                    format!("there is no phase {}", candidate.target),
                ));
            }
            if let Some(guard) =
                candidate.guard.as_ref().filter(|guard| !definition.guards.contains_key(*guard))
            {
                violations.push(violation(
                    format!("{place}/guard"),
                    format!("there is no guard {guard}"),
                ));
            }
            if list[..index]
                .iter()
                .any(|earlier| earlier.guard.is_none() || earlier.guard == candidate.guard)
            {
                violations.push(violation(place, "an earlier candidate always matches first"));
            }
        }
    }
    violations
}

fn check_result_schemas(definition: &Definition) -> Vec<Violation> {
    let named = definition.states.iter().filter_map(|(phase, state)| {
        let name = state.meta.result_schema.as_ref()?;
        let place = format!("/states/{phase}/meta/result_schema");
        schema::find(name).is_none().then(|| violation(place, format!("there is no schema {name}")))
    });
    named.collect()
}

/// Finds prompts that are used but not described, and prompts that are described but have no text.
fn check_prompts(definition: &Definition, texts: &BTreeMap<String, String>) -> Vec<Violation> {
    let whole = definition.prompt.iter().map(|prompt| ("/prompt".to_owned(), prompt));
    let of_phases = definition.states.iter().filter_map(|(phase, state)| {
        let prompt = state.meta.prompt.as_ref()?;
        Some((format!("/states/{phase}/meta/prompt"), prompt))
    });
    let undescribed = whole
        .chain(of_phases)
        .filter(|(_, prompt)| !definition.prompts.contains_key(*prompt))
        .map(|(pointer, prompt)| {
            violation(pointer, format!("{prompt} is not described under /prompts"))
        });
    let textless =
        definition.prompts.keys().filter(|prompt| !texts.contains_key(*prompt)).map(|prompt| {
            violation(format!("/prompts/{prompt}"), format!("there is no file {prompt}.md"))
        });
    undescribed.chain(textless).collect()
}

/// Finds phases that cannot be reached, and phases from which no final one can be.
fn check_reach(definition: &Definition) -> Vec<Violation> {
    let reached = reach(definition, &definition.initial);
    let unreachable = definition
        .states
        .keys()
        .filter(|phase| !reached.contains(*phase))
        .map(|phase| violation(format!("/states/{phase}"), "the phase cannot be reached"));
    let ends = |phase: &String| definition.states.get(phase).is_some_and(Phase::is_final);
    let dead = definition.states.keys().filter(|phase| {
        definition.finalize == Finalize::Final && !reach(definition, phase).iter().any(ends)
    });
    let dead = dead.map(|phase| {
        violation(format!("/states/{phase}"), "no final phase can be reached from here")
    });
    unreachable.chain(dead).collect()
}

fn reach(definition: &Definition, from: &str) -> BTreeSet<String> {
    let mut reached = BTreeSet::from([from.to_owned()]);
    let mut open = VecDeque::from([from.to_owned()]);
    while let Some(phase) = open.pop_front().and_then(|name| definition.states.get(&name)) {
        let common = definition.on.values().filter(|_| !phase.is_final());
        for candidate in phase.on.values().chain(common).flatten() {
            if reached.insert(candidate.target.clone()) {
                open.push_back(candidate.target.clone());
            }
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle(workflow: Value) -> Bundle {
        Bundle { workflow, prompts: BTreeMap::from([("p".to_owned(), "text".to_owned())]) }
    }

    fn small() -> Value {
        json!({
            "id": "small", "version": 1, "title": "Small", "initial": "work",
            "guards": { "enough": [
                "current_iteration >= 2",
                { "if": "size(missing_files) == 0", "says": "{{ missing_files | length }} missing" },
            ] },
            "prompts": { "p": { "title": "P", "description": "d" } },
            "states": {
                "work": {
                    "meta": { "prompt": "p" },
                    "on": { "complete": [{ "target": "done", "guard": "enough" }, { "target": "work" }] }
                },
                "done": { "type": "final", "meta": { "status": "converged" } }
            }
        })
    }

    #[test]
    fn the_schema_names_every_value_that_a_guard_may_use() {
        for (name, _) in facts::TABLE {
            assert!(schema::WORKFLOW.text.contains(name), "{name}");
        }
    }

    fn places(workflow: &Value) -> Vec<String> {
        match Workflow::compile(&bundle(workflow.clone())) {
            Ok(_) => Vec::new(),
            Err(violations) => violations.into_iter().map(|v| v.pointer).collect(),
        }
    }

    #[test]
    fn a_sound_workflow_compiles() {
        assert_eq!(places(&small()), Vec::<String>::new());
    }

    #[test]
    fn every_kind_of_mistake_is_named_with_its_place() {
        let check = |pointer: &str, value: Value, expected: &str| {
            let mut workflow = small();
            *workflow.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value;
            let places = places(&workflow);
            assert!(places.iter().any(|place| place == expected), "{pointer}: {places:?}");
        };
        check("/initial", json!("nowhere"), "/initial");
        check(
            "/states/work/on/complete/1/target",
            json!("nowhere"),
            "/states/work/on/complete/1/target",
        );
        check(
            "/states/work/on/complete/0/guard",
            json!("missing"),
            "/states/work/on/complete/0/guard",
        );
        check(
            "/states/work/on/complete",
            json!([{"target": "work"}, {"target": "done"}]),
            "/states/work/on/complete/1",
        );
        check("/states/work/on/complete", json!([{"target": "work"}]), "/states/work");
        check("/states/work/on/complete", json!([{"target": "work"}]), "/states/done");
        check("/states/work/meta/prompt", json!("missing"), "/states/work/meta/prompt");
        check("/guards/enough", json!(["true", "current_iteraton > 1"]), "/guards/enough/1");
        check("/guards/enough", json!(["current_iteration >"]), "/guards/enough/0");
        let says = |text: &str| json!([{ "if": "last_iteration", "says": text }]);
        check("/guards/enough", says("{{ current_iteraton }}"), "/guards/enough/0");
        check("/guards/enough", says("{{ current_iteration"), "/guards/enough/0");
        check("/guards/enough", says(&"x".repeat(601)), "/guards/enough/0/says");
        check("/guards/enough", json!([{ "if": "last_iteration" }]), "/guards/enough/0");
        check("/guards/enough", json!([true]), "/guards/enough/0");
        check("/states/done/meta", json!({}), "/states/done/meta");
        check("/version", json!("one"), "/version");
    }

    #[test]
    fn a_phase_without_a_way_out_is_dead_unless_any_phase_may_be_finalized() {
        let mut workflow = small();
        workflow["finalize"] = json!("any");
        workflow["states"] = json!({ "work": {} });
        workflow["guards"] = json!({});
        assert_eq!(places(&workflow), Vec::<String>::new());
        workflow["finalize"] = json!("final");
        assert_eq!(places(&workflow), ["/states/work"]);
    }

    #[test]
    fn the_common_events_are_known_in_every_phase_that_is_not_final() {
        let mut workflow = small();
        workflow["on"] = json!({ "stop": [{ "target": "done", "needs_human": true }] });
        let workflow = Workflow::compile(&bundle(workflow)).unwrap();
        let events = |phase: &str| {
            let phase = workflow.phase(phase).unwrap();
            workflow.events(phase).map(|(event, _)| event.to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(events("work"), ["complete", "stop"]);
        assert_eq!(events("done"), Vec::<String>::new());
    }
}
