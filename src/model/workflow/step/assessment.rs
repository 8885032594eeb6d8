//! Assessing constraints: by what was measured where there is a method, else by what the caller
//! asserts.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::stepping::Stepping;
use crate::model::document::Document;
use crate::model::document::constraint::{self, Constraint, Status};
use crate::model::document::examination::Examination;
use crate::model::refusal::Violation;
use crate::model::{Refusal, Time};

const STALE: &str = "the files have changed since it was asserted";

/// Records the evidence. Assertions about files that have changed since become stale.
pub fn take_evidence(document: &mut Document, examination: &Examination, now: Time) {
    for one in document.constraints.iter_mut().filter(|one| one.is_measured()) {
        match examination.evidence.get(&one.id) {
            Some(found) => one.assess(found.status, Some(found.details.clone()), now),
            None => one.assess(Status::Unchecked, None, now),
        }
        one.asserted = false;
    }
    if document.files_changed(examination) {
        let asserted = document.constraints.iter_mut().filter(|one| !one.is_measured());
        for one in asserted.filter(|one| one.holds()) {
            one.assess(Status::Stale, Some(STALE.to_owned()), now);
        }
    }
    document.evidence.clone_from(&examination.evidence);
}

impl Stepping<'_> {
    /// Adopts the goals, constraints and approval setting of the specification.
    pub(super) fn adopt_specification(&mut self) -> Result<(), Refusal> {
        let Some(result) = &self.event.result else {
            return Ok(());
        };
        if let Some(goals) = result.get("goals") {
            self.document.goals = super::parse_goals(goals, "/result/goals")?;
        }
        if let Some(Value::Array(list)) = result.get("constraints") {
            let parsed = constraint::parse_definitions(list, "/result/constraints")?;
            let merged = merged(&self.document.constraints, parsed);
            self.note_loosening(&merged);
            self.document.constraints = merged;
        }
        if result.get("requires_approval") == Some(&Value::Bool(true)) {
            self.document.requires_approval = true;
        }
        Ok(())
    }

    /// The specification may loosen the given constraints, but a warning says so.
    fn note_loosening(&mut self, merged: &[Constraint]) {
        let ways = constraint::loosening(&self.document.constraints, merged);
        let regressions: Vec<String> =
            ways.iter().map(|way| format!("the specification is {way}")).collect();
        self.regressed(&regressions);
    }

    /// Takes the status of each constraint that nothing measures over from the reflection. One that
    /// the reflection does not mention was not checked.
    pub(super) fn assess_constraints(&mut self) -> Result<(), Refusal> {
        let findings = findings(self.event.result.as_ref(), &self.document.constraints)?;
        let now = self.context.now;
        for one in self.document.constraints.iter_mut().filter(|one| !one.is_measured()) {
            match findings.iter().find(|finding| finding.id == one.id) {
                Some(finding) => one.assess(finding.status, finding.details.clone(), now),
                None => one.assess(Status::Unchecked, None, now),
            }
            one.asserted = true;
        }
        self.document.reflected_files =
            self.context.examination.as_deref().map(Examination::files_digest);
        Ok(())
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
struct ReportedConstraint {
    id: String,
    status: Status,
    #[serde(default)]
    details: Option<String>,
}

fn findings(
    result: Option<&Map<String, Value>>,
    constraints: &[Constraint],
) -> Result<Vec<ReportedConstraint>, Refusal> {
    let Some(Value::Array(list)) = result.and_then(|result| result.get("constraints")) else {
        let violation = Violation {
            pointer: "/result/constraints".into(),
            message: "a list of {id, status, details} is needed, one for each constraint".into(),
        };
        return if constraints.iter().all(Constraint::is_measured) {
            Ok(Vec::new())
        } else {
            Err(Refusal::SchemaViolation {
                what: "the reflection".into(),
                violations: vec![violation],
            })
        };
    };
    let (mut findings, mut violations) = (Vec::new(), Vec::new());
    for (index, value) in list.iter().enumerate() {
        let problem = match serde_json::from_value::<ReportedConstraint>(value.clone()) {
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
    if violations.is_empty() {
        Ok(findings)
    } else {
        Err(Refusal::SchemaViolation { what: "the reflection".into(), violations })
    }
}
