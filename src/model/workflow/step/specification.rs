//! Adopting a specification: goals, constraints, types and the wish for approval.

use serde_json::{Map, Value};

use super::floor;
use super::stepping::Stepping;
use crate::model::Refusal;
use crate::model::document::constraint::{self, Constraint, SetBy, Setter};
use crate::model::document::{Document, component, inference, protection, taxonomy};
use crate::model::refusal::Violation;
use crate::model::workflow::readable_logs;

const TYPES_ARE_SET: &str =
    "the types of an artifact are set once, so those of the specification were ignored";

impl Stepping<'_> {
    /// Adopts the result of specify. What a person set, and what an earlier cycle ended with, only a
    /// person loosens; what the model set in this phase may change until the phase ends.
    pub(super) fn adopt_specification(&mut self) -> Result<(), Refusal> {
        let event = self.event;
        let Some(result) = &event.result else { return Ok(()) };
        let before = self.document.constraints.clone();
        if let Some(goals) = result.get("goals") {
            self.document.goals = super::parse_goals(goals, "/result/goals")?;
        }
        if let Some(Value::Array(list)) = result.get("constraints") {
            let parsed = constraint::parse_definitions(list, "/result/constraints")?;
            self.adopt_constraints(parsed)?;
        }
        let place = self.document.output_place();
        let constraints = &mut self.document.constraints;
        protection::pin(&before, constraints, &self.context.protected)?;
        protection::check_schemas(&[], constraints, &place)?;
        if result.get("requires_approval") == Some(&Value::Bool(true)) {
            self.document.requires_approval = true;
        }
        self.adopt_types(result)?;
        check_required_measures(&self.document)?;
        self.warn_of_floor();
        Ok(())
    }

    fn adopt_constraints(&mut self, parsed: Vec<Constraint>) -> Result<(), Refusal> {
        let before = &self.document.constraints;
        let setter = SetBy { by: self.context.setter, cycle: self.document.cycle };
        let merged = merged(before, constraint::taken_over(before, parsed, setter));
        let cycle = self.document.cycle;
        let (protected, own): (Vec<&Constraint>, Vec<&Constraint>) =
            before.iter().partition(|one| one.is_protected(cycle));
        let ways = constraint::loosening(protected, &merged, cycle);
        if !ways.is_empty() && !self.context.human {
            let name = &self.document.artifact_name;
            return Err(Refusal::ApprovalRequired {
                what: ways.join("; "),
                command: format!(
                    "refiner transition {name} complete --phase {} --result …",
                    self.document.phase
                ),
            });
        }
        let said = ways.iter().cloned().chain(constraint::loosening(own, &merged, cycle));
        let regressions: Vec<String> =
            said.map(|way| format!("the specification is {way}")).collect();
        self.document.constraints = merged;
        self.regressed(&regressions);
        self.log_loosening(&ways);
        Ok(())
    }

    /// Makes goals and constraints the person's who approved them.
    pub(super) fn sign_specification(&mut self) {
        for one in &mut self.document.constraints {
            one.set_by = Some(Setter::Person);
        }
    }

    fn log_loosening(&mut self, ways: &[String]) {
        if !ways.is_empty() {
            let said = (self.event.words.as_deref(), self.event.reason.as_deref());
            let now = self.context.now;
            self.sections.push(readable_logs::of_loosening(&self.document, ways, said, now));
        }
    }

    /// Sets the types that are still open: as the specification says, else as its goals mean.
    fn adopt_types(&mut self, result: &Map<String, Value>) -> Result<(), Refusal> {
        let given = |field: &str| result.get(field).and_then(Value::as_str);
        let [artifact_type, content_type] = ["artifact_type", "content_type"].map(given);
        artifact_type.map_or(Ok(()), taxonomy::check_artifact_type)?;
        content_type.map_or(Ok(()), taxonomy::check_content_type)?;
        let document = &mut self.document;
        if document.artifact_type.is_some() || document.content_type.is_some() {
            let differs = |kept: &Option<String>, given: Option<&str>| {
                given.is_some_and(|given| kept.as_deref() != Some(given))
            };
            let ignored = differs(&document.artifact_type, artifact_type)
                || differs(&document.content_type, content_type);
            self.warnings.extend(ignored.then(|| TYPES_ARE_SET.to_owned()));
            return Ok(());
        }
        document.artifact_type = artifact_type.map(str::to_owned);
        document.content_type = content_type.map(str::to_owned);
        let warnings = inference::complete(document);
        self.warnings.extend(warnings);
        component::check(self.document.content_type.as_deref(), &self.document.components)
    }

    /// Says what the loop cannot converge without. It can be added in every phase.
    fn warn_of_floor(&mut self) {
        let lacks = floor::lacks_of_specification(&self.document);
        if !lacks.is_empty() && self.workflow.can_converge() {
            let (lacks, example) = (lacks.join("; "), floor::EXAMPLE);
            let warning = format!("the loop cannot converge yet: {lacks}, such as {example}");
            self.warnings.push(warning);
        }
    }
}

/// Refuses a constraint without a method, if the cycle was opened to have none of its severity.
pub fn check_required_measures(document: &Document) -> Result<(), Refusal> {
    let required = document.require_measured;
    let asserted = document.constraints.iter().enumerate();
    let asserted =
        asserted.filter(|(_, one)| required.asks_for(one.severity) && !one.is_measured());
    let violations: Vec<Violation> = asserted
        .map(|(index, one)| Violation {
            pointer: format!("/constraints/{index}"),
            message: format!("{} needs a validation, as require_measured asks", one.id),
        })
        .collect();
    Refusal::unless_valid("constraints", violations)
}

/// Returns the constraints with new definitions in place of those of the same id, then new ones.
fn merged(old: &[Constraint], new: Vec<Constraint>) -> Vec<Constraint> {
    let mut merged: Vec<Constraint> = old.to_vec();
    for one in new {
        match merged.iter_mut().find(|known| known.id == one.id) {
            Some(known) => *known = one,
            None => merged.push(one),
        }
    }
    merged
}
