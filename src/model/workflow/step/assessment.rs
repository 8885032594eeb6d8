//! Assessing constraints: by what was measured where there is a method, else by what the caller
//! asserts.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::stepping::Stepping;
use crate::model::document::constraint::{Constraint, Grade, Status};
use crate::model::document::examination::Examination;
use crate::model::document::{Document, protection};
use crate::model::refusal::Violation;
use crate::model::text::shortened;
use crate::model::workflow::readable_logs;
use crate::model::{Refusal, Time};

const STALE: &str = "the files have changed since it was asserted";

/// Records the evidence. Assertions about files that have changed since become stale.
pub fn take_evidence(document: &mut Document, examination: &Examination, now: Time) {
    for one in document.constraints.iter_mut().filter(|one| one.is_measured()) {
        match examination.evidence.get(&one.id) {
            Some(found) => one.take_measurement(found.status, &found.details, now),
            None => one.assess(Status::Unchecked, None, now),
        }
        one.asserted = one.measured_late;
        one.grade = Some(if one.measured_late { Grade::Asserted } else { Grade::Measured });
    }
    if document.files_changed(examination) {
        let asserted = document.constraints.iter_mut().filter(|one| !one.is_measured());
        for one in asserted.filter(|one| one.holds()) {
            one.assess(Status::Stale, Some(STALE.to_owned()), now);
        }
        for one in document.components.iter_mut().filter(|one| one.holds()) {
            one.status = Some(Status::Stale);
        }
    }
    for one in document.constraints.iter_mut().filter(|one| one.holds()) {
        if let Some(paths) = protection::changed(one, &examination.protected) {
            one.assess(Status::Violated, Some(protected_changed(&paths)), now);
        }
    }
    document.evidence.clone_from(&examination.evidence);
}

fn protected_changed(paths: &str) -> String {
    format!(
        "files that it protects have changed: {paths}; put them back, or a person accepts them with refiner save NAME --accept-protected"
    )
}

impl Stepping<'_> {
    /// Takes the status of each constraint that nothing measures over from the reflection. One that
    /// the reflection does not mention was not checked.
    pub(super) fn assess_constraints(&mut self) -> Result<(), Refusal> {
        let findings = findings(self.event.result.as_ref(), &self.document.constraints)?;
        self.warn_of(&findings);
        self.assess_components()?;
        let now = self.context.now;
        for one in self.document.constraints.iter_mut().filter(|one| !one.is_measured()) {
            match findings.iter().find(|finding| finding.id == one.id) {
                Some(finding) => one.assess(finding.status, finding.details.clone(), now),
                None => one.assess(Status::Unchecked, None, now),
            }
            one.asserted = true;
            one.grade = Some(Grade::Asserted);
        }
        let reflection = self.event.result.as_ref();
        self.sections.push(readable_logs::of_reflection(&self.document, reflection));
        self.document.reflected_files =
            self.context.examination.as_deref().map(Examination::files_digest);
        Ok(())
    }

    /// Says which findings the server's measurement overrules, and which ones are missing.
    fn warn_of(&mut self, findings: &[ReportedConstraint]) {
        let of = |one: &Constraint| findings.iter().find(|finding| finding.id == one.id);
        let constraints = &self.document.constraints;
        let overruled = constraints.iter().filter(|one| one.is_measured());
        let overruled = overruled.filter_map(|one| {
            let claimed = of(one).filter(|finding| finding.status != one.status)?;
            let (claimed, found) = (word(claimed.status), word(one.status));
            let details = one.details.as_deref().map_or_else(String::new, |text| {
                format!(": {}", shortened(text, DETAILS_CHARACTERS_MAX))
            });
            Some(format!(
                "{} was reported as {claimed}, and the measurement counts: {found}{details}",
                one.id
            ))
        });
        let missing = constraints.iter().filter(|one| !one.is_measured() && of(one).is_none());
        let missing: Vec<&str> = missing.map(|one| one.id.as_str()).collect();
        let mut warnings: Vec<String> = overruled.take(WARNINGS_MAX).collect();
        if !missing.is_empty() {
            let ids = shortened(&missing.join(", "), IDS_CHARACTERS_MAX);
            warnings.push(format!("the reflection left out {ids}: each counts as violated, and the loop cannot converge without a finding of each"));
        }
        self.warnings.extend(warnings);
    }
}

/// Warnings of overruled findings in one answer.
const WARNINGS_MAX: usize = 3;
/// Characters of what was measured in one warning.
const DETAILS_CHARACTERS_MAX: usize = 100;
/// Characters of ids in one warning.
const IDS_CHARACTERS_MAX: usize = 200;

/// Returns the JSON word of a status.
fn word(status: Status) -> String {
    serde_json::json!(status).as_str().unwrap_or_default().to_owned()
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
    let is_known = |id: &str| constraints.iter().any(|one| one.id == id);
    let id = |finding: &ReportedConstraint| finding.id.clone();
    let (findings, violations) = reported(list, "constraint", id, is_known);
    if violations.is_empty() {
        Ok(findings)
    } else {
        Err(Refusal::SchemaViolation { what: "the reflection".into(), violations })
    }
}

/// Returns the findings of a reflection about things of a kind, and what is wrong with the others: each
/// thing is known, and has one finding.
pub(super) fn reported<T: DeserializeOwned>(
    list: &[Value],
    kind: &str,
    name: impl Fn(&T) -> String,
    is_known: impl Fn(&str) -> bool,
) -> (Vec<T>, Vec<Violation>) {
    let (mut findings, mut violations) = (Vec::<T>::new(), Vec::new());
    for (index, value) in list.iter().enumerate() {
        let problem = match serde_json::from_value::<T>(value.clone()) {
            Ok(finding) if findings.iter().any(|other| name(other) == name(&finding)) => {
                format!(
                    "there is a finding of {:?} already: report each {kind} once",
                    name(&finding)
                )
            }
            Ok(finding) if is_known(&name(&finding)) => {
                findings.push(finding);
                continue;
            }
            Ok(finding) => format!("there is no {kind} {:?}", name(&finding)),
            Err(error) => error.to_string(),
        };
        let pointer = format!("/result/{kind}s/{index}");
        violations.push(Violation { pointer, message: problem });
    }
    (findings, violations)
}
