//! The step: what an event makes of a document, or why it may not happen.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::checkpoint::{Checkpoint, checkpoint_id};
use super::constraint::{self, Constraint, Severity, Status};
use super::document::{ConvergenceStatus, Document, LastTransition};
use super::entry::Section;
use super::iteration::{Choice, Counts, Iteration};
use super::refusal::{Unmet, Violation};
use super::workflow::{Action, Candidate, Phase, Workflow};
use super::{Digest, Refusal, Time, Version, limits, sections};

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
    /// What the phase cost.
    pub cost: f64,
    /// How long it took.
    pub time_seconds: f64,
}

/// What is true from outside when an event is sent.
#[derive(Clone, Copy, Debug)]
pub struct Occasion {
    /// The time.
    pub now: Time,
    /// The version that the step will make.
    pub version: Version,
    /// Whether a person sends the event.
    pub human: bool,
    /// Whether the storage can keep checkpoints.
    pub keeps_checkpoints: bool,
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
    /// Whether the loop goes on, where that was decided.
    pub decision: Option<Decision>,
    /// What it adds to the readable logs.
    pub sections: Vec<Section>,
}

/// Whether a loop goes on, as decided by the workflow's guards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Decision {
    /// Whether it goes on.
    pub decision: Choice,
    /// Why.
    pub reason: String,
    /// What did not hold of the conditions that come before the one chosen.
    pub unmet: Vec<Unmet>,
}

/// A place where an event would lead now.
#[derive(Debug)]
pub struct Prospect<'a> {
    /// The candidate whose guard holds, or the first one when none does.
    pub candidate: &'a Candidate,
    /// Whether its guard holds.
    pub allowed: bool,
    /// What does not hold of it and of those before it.
    pub unmet: Vec<Unmet>,
}

/// Takes a step.
pub fn step(
    workflow: &Workflow,
    document: &Document,
    event: &Event,
    occasion: Occasion,
) -> Result<Step, Refusal> {
    let phase = present_phase(workflow, document)?;
    let candidates = candidates(workflow, document, phase, &event.name)?;
    check_result(phase, event)?;
    let prospect = prospect(workflow, document, candidates, event);
    if !prospect.allowed {
        return Err(Refusal::GuardFailed {
            from: document.phase.clone(),
            event: event.name.clone(),
            unmet: prospect.unmet,
        });
    }
    if prospect.candidate.needs_human && !occasion.human {
        return Err(needs_human(document, &event.name));
    }
    let target = &prospect.candidate.target;
    let mut stepping = Stepping {
        workflow,
        event,
        occasion,
        target,
        unmet: prospect.unmet,
        document: document.clone(),
        decision: None,
        sections: Vec::new(),
    };
    stepping.leave(phase);
    for action in &prospect.candidate.actions {
        stepping.act(*action)?;
    }
    stepping.enter();
    Ok(Step {
        from: document.phase.clone(),
        to: target.clone(),
        document: stepping.document,
        decision: stepping.decision,
        sections: stepping.sections,
    })
}

/// Returns where an event would lead now.
pub fn prospect<'a>(
    workflow: &'a Workflow,
    document: &Document,
    candidates: &'a [Candidate],
    event: &Event,
) -> Prospect<'a> {
    let facts = |name: &str| fact(workflow, document, event, name);
    let mut unmet = Vec::new();
    for candidate in candidates {
        let missing = workflow.guard(candidate).map_or_else(Vec::new, |guard| guard.unmet(&facts));
        if missing.is_empty() {
            return Prospect { candidate, allowed: true, unmet };
        }
        unmet.extend(missing);
    }
    Prospect { candidate: &candidates[0], allowed: false, unmet }
}

/// Returns the value of a name that a guard uses.
fn fact(workflow: &Workflow, document: &Document, event: &Event, name: &str) -> Option<Value> {
    let violated = |severity: Severity| -> Vec<&str> {
        let violated =
            document.constraints.iter().filter(|one| one.severity == severity && !one.holds());
        violated.map(|one| one.id.as_str()).collect()
    };
    Some(match name {
        "approval" => json!(document.approval),
        "artifact_type" => json!(document.artifact_type),
        "blocking_violated" => json!(violated(Severity::Blocking)),
        "constraints" => json!(document.constraints),
        "content_type" => json!(document.content_type),
        "current_iteration" => json!(document.current_iteration),
        "cycle" => json!(document.cycle),
        "data" => json!(document.data),
        "event" => json!(event.name),
        "goals" => json!(document.goals),
        "high_violated" => json!(violated(Severity::High)),
        "inputs" => json!(document.inputs),
        "last_iteration" => json!(document.current_iteration >= document.max_iterations),
        "lease" => json!(document.lease),
        "max_iterations" => json!(document.max_iterations),
        "metrics" => json!(document.metrics),
        "phase" => json!(document.phase),
        "phases_completed" => json!(document.phases_completed),
        "requires_approval" => json!(document.requires_approval),
        "result" => json!(event.result),
        "results" => json!(document.results),
        constant => return workflow.definition.context.get(constant).cloned(),
    })
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
        message: match phase.is_final() {
            true => format!("the loop has ended in {}", document.phase),
            false => format!("the phase {} knows no event {event:?}", document.phase),
        },
    })
}

fn check_result(phase: &Phase, event: &Event) -> Result<(), Refusal> {
    let missing =
        event.name == COMPLETE && phase.meta.result_at.is_some() && event.result.is_none();
    match missing {
        true => Err(Refusal::argument(
            "complete needs the result of the phase",
            "pass result: what the phase produced, as an object; the phase's prompt says which fields",
        )),
        false => Ok(()),
    }
}

fn needs_human(document: &Document, event: &str) -> Refusal {
    Refusal::ApprovalRequired {
        what: format!("the event {event}"),
        command: format!("refiner transition {} {event}", document.artifact_name),
    }
}

/// A step being taken.
struct Stepping<'a> {
    workflow: &'a Workflow,
    event: &'a Event,
    occasion: Occasion,
    target: &'a str,
    unmet: Vec<Unmet>,
    document: Document,
    decision: Option<Decision>,
    sections: Vec<Section>,
}

impl Stepping<'_> {
    /// What every transition does before its actions.
    fn leave(&mut self, phase: &Phase) {
        let document = &mut self.document;
        if let (Some(place), Some(result)) = (&phase.meta.result_at, &self.event.result) {
            document.results.insert(place.clone(), Value::Object(result.clone()));
        }
        if self.event.name == COMPLETE && !document.phases_completed.contains(&document.phase) {
            document.phases_completed.push(document.phase.clone());
        }
        document.metrics.cumulative_cost += self.event.cost;
        document.metrics.cumulative_time_seconds += self.event.time_seconds;
        document.last_transition = Some(LastTransition {
            from: document.phase.clone(),
            event: self.event.name.clone(),
            result: result_digest(self.event),
            version: self.occasion.version,
        });
    }

    /// What every transition does after its actions.
    fn enter(&mut self) {
        self.document.phase = self.target.to_owned();
        if let Some(status) = self.target_status() {
            self.document.convergence_status = status;
        }
    }

    fn act(&mut self, action: Action) -> Result<(), Refusal> {
        match action {
            Action::AdoptSpecification => self.adopt_specification()?,
            Action::AssessConstraints => self.assess_constraints()?,
            Action::Checkpoint if self.occasion.keeps_checkpoints => self.checkpoint(),
            Action::Checkpoint => {}
            Action::NextIteration => {
                self.document.current_iteration += 1;
                self.document.phases_completed.clear();
            }
            Action::RecordDecision => {
                let reason = self.event.reason.as_deref();
                let section = sections::of_human_decision(
                    &self.document,
                    &self.event.name,
                    reason,
                    self.occasion.now,
                );
                self.sections.push(section);
            }
            Action::RecordIteration => self.record_iteration(),
        }
        Ok(())
    }

    fn target_status(&self) -> Option<ConvergenceStatus> {
        self.workflow.phase(self.target).and_then(|phase| phase.meta.status)
    }

    fn checkpoint(&mut self) {
        let label = self.document.phase.clone();
        add_checkpoint(&mut self.document, label, self.occasion.version, self.occasion.now);
    }

    fn record_iteration(&mut self) {
        let status = self.target_status();
        let reason = match (status, self.workflow.phase(self.target)) {
            (Some(status), Some(target)) if target.meta.reason.is_empty() => status.to_string(),
            (Some(_), Some(target)) => target.meta.reason.clone(),
            _ => format!("not converged: {}", needs(&self.unmet)),
        };
        let choice = if status.is_some() { Choice::Terminate } else { Choice::Continue };
        let iteration = Iteration {
            iteration: self.document.current_iteration,
            at: self.occasion.now,
            constraints: Counts::of(&self.document.constraints),
            decision: choice,
            reason: reason.clone(),
        };
        self.sections.extend(sections::of_iteration(&self.document, &iteration, status));
        push_listed(&mut self.document.iteration_history, iteration);
        self.decision =
            Some(Decision { decision: choice, reason, unmet: std::mem::take(&mut self.unmet) });
    }

    /// Takes what the specification decides: goals, constraints, whether a person approves.
    fn adopt_specification(&mut self) -> Result<(), Refusal> {
        let Some(result) = &self.event.result else {
            return Ok(());
        };
        if let Some(goals) = result.get("goals") {
            self.document.goals = parse_goals(goals, "/result/goals")?;
        }
        if let Some(Value::Array(list)) = result.get("constraints") {
            let parsed = constraint::parse_definitions(list, "/result/constraints")?;
            self.document.constraints = merged(&self.document.constraints, parsed);
        }
        if result.get("requires_approval") == Some(&Value::Bool(true)) {
            self.document.requires_approval = true;
        }
        Ok(())
    }

    /// Takes the status of each constraint over from the reflection. A constraint that the
    /// reflection does not mention was not checked.
    fn assess_constraints(&mut self) -> Result<(), Refusal> {
        let findings = findings(self.event.result.as_ref(), &self.document.constraints)?;
        for constraint in &mut self.document.constraints {
            match findings.iter().find(|finding| finding.id == constraint.id) {
                Some(finding) => {
                    constraint.assess(finding.status, finding.details.clone(), self.occasion.now);
                }
                None => constraint.assess(Status::Unchecked, None, self.occasion.now),
            }
        }
        Ok(())
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
    match goals.len() > limits::GOALS_MAX {
        true => Err(Refusal::TooLarge {
            what: "the list of goals".into(),
            actual: goals.len(),
            limit: limits::GOALS_MAX,
            unit: "goals",
        }),
        false => Ok(goals),
    }
}

/// Returns the constraints with new definitions laid over those of the same id, then new ones.
fn merged(old: &[Constraint], new: Vec<Constraint>) -> Vec<Constraint> {
    let mut merged: Vec<Constraint> = old.to_vec();
    for one in new {
        match merged.iter_mut().find(|known| known.id == one.id) {
            Some(known) => *known = one.with_findings_of(Some(known)),
            None => merged.push(one),
        }
    }
    merged
}

#[derive(Deserialize)]
struct Finding {
    id: String,
    status: Status,
    #[serde(default)]
    details: Option<String>,
}

fn findings(
    result: Option<&Map<String, Value>>,
    constraints: &[Constraint],
) -> Result<Vec<Finding>, Refusal> {
    let Some(Value::Array(list)) = result.and_then(|result| result.get("constraints")) else {
        let violation = Violation {
            pointer: "/result/constraints".into(),
            message: "a list of {id, status, details} is needed, one for each constraint".into(),
        };
        return match constraints.is_empty() {
            true => Ok(Vec::new()),
            false => Err(Refusal::SchemaViolation {
                what: "the reflection".into(),
                violations: vec![violation],
            }),
        };
    };
    let (mut findings, mut violations) = (Vec::new(), Vec::new());
    for (index, value) in list.iter().enumerate() {
        let problem = match serde_json::from_value::<Finding>(value.clone()) {
            Ok(finding) if constraints.iter().any(|one| one.id == finding.id) => {
                findings.push(finding);
                continue;
            }
            Ok(finding) => format!("there is no constraint {:?}", finding.id),
            Err(error) => error.to_string(),
        };
        violations
            .push(Violation { pointer: format!("/result/constraints/{index}"), message: problem });
    }
    match violations.is_empty() {
        true => Ok(findings),
        false => Err(Refusal::SchemaViolation { what: "the reflection".into(), violations }),
    }
}

fn needs(unmet: &[Unmet]) -> String {
    unmet
        .iter()
        .map(|part| format!("{} (saw {})", part.needs, json!(part.saw)))
        .collect::<Vec<_>>()
        .join("; ")
}

#[cfg(test)]
mod tests;
