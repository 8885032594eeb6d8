//! `verify`: measures constraints and keeps the evidence.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Effect, Operation};
use crate::model::document::constraint::{Constraint, Severity, Status};
use crate::model::document::examination::{Evidence, Examination};
use crate::model::journal::Snapshot;
use crate::model::refusal::Violation;
use crate::model::text::{NAMED_CHARACTERS_MAX, shortened};
use crate::model::workflow::briefing::Briefing;
use crate::model::workflow::step;
use crate::model::{Document, Name, Refusal, Time, Version};
use crate::service::write::{Attempt, Writing};
use crate::service::{Caller, Service};

/// Bytes of details in one answer; the document has the rest.
const DETAILS_BYTES_MAX: usize = 24 << 10;

/// The arguments of `verify`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Verify {
    pub name: Name,
    /// Ids; default all
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constraints: Option<Vec<String>>,
}

/// The answer of `verify`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Verified {
    /// How each constraint stands.
    pub constraints: Vec<ConstraintStanding>,
    /// Files of the manifest that are not there, or are empty.
    pub missing_files: Vec<String>,
    /// Whether the manifest that was handed in last can be used.
    pub manifest_valid: bool,
    /// What is wrong with it.
    pub violations: Vec<String>,
    /// Whether anything is different from before; if not, nothing was written.
    pub changed: bool,
    /// The version that holds the evidence.
    pub version: Version,
    /// Where the artifact stands.
    pub briefing: Briefing,
}

/// How a constraint stands.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ConstraintStanding {
    /// Its id.
    pub id: String,
    /// How much a violation weighs, for callers in the program.
    #[serde(skip)]
    pub severity: Severity,
    /// satisfied, violated, partially_satisfied, stale or unchecked.
    pub status: String,
    /// Whether that is only asserted, since it has no method to measure it by.
    pub asserted: bool,
    /// What was measured, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
}

impl Operation for Verify {
    const NAME: &'static str = "verify";
    const TITLE: &'static str = "Measure constraints";
    const DESCRIPTION: &'static str = "Measure the constraints that have a validation method on the files in dist/. Only a measurement can satisfy them.";
    const EFFECT: Effect = Effect::WritesOnce;
    type Answer = Verified;

    /// Measures constraints, and stores new evidence in the document. A call that is cancelled
    /// during the measurement writes nothing.
    async fn run(self, service: &Service, caller: &Caller) -> Result<Verified, Refusal> {
        let writing = Writing::new(Self::NAME, &self.name, None, caller);
        let newest = service.newest(&self.name).await?;
        let document = &newest.snapshot.document;
        service.catalog.check_usable(document)?;
        check_ids(self.constraints.as_deref(), &document.constraints)?;
        if !document.is_finalized() {
            service.place_files(&self.name).await?;
        }
        let seen = service.measure_files(document, &caller.progress).await?;
        let (changed, snapshot, warnings) = if document.is_finalized() {
            (false, newest.snapshot, newest.warnings)
        } else {
            let measured = Arc::clone(&seen);
            let decide = move |attempt: &mut Attempt<'_, '_>| keep_evidence(attempt, &measured);
            let written = service.write(writing.warned(newest.warnings), decide).await?;
            let snapshot = written.snapshot(&self.name)?;
            (written.made.unwrap_or(true), snapshot, written.warnings)
        };
        let mut found = snapshot.document.clone();
        if found.is_finalized() {
            // A closed cycle is measured but not changed.
            step::take_evidence(&mut found, &seen, service.clock.now());
        }
        Ok(Verified {
            constraints: standings(&found, self.constraints.as_deref()),
            missing_files: seen.missing.iter().map(ToString::to_string).collect(),
            manifest_valid: seen.manifest_valid(),
            violations: seen.violations.iter().map(line).collect(),
            changed,
            version: snapshot.version,
            briefing: service.brief(&snapshot, warnings).await?,
        })
    }
}

/// Returns whether the evidence is new.
fn keep_evidence(attempt: &mut Attempt<'_, '_>, seen: &Examination) -> Result<bool, Refusal> {
    let before = attempt.open_state()?;
    let now = attempt.now();
    let document = with_evidence(before, seen, now)?;
    if says_the_same(&document, &before.document) {
        return Ok(false);
    }
    let draft = attempt.writing.draft(now, document, json!({}));
    attempt.transaction.append(draft)?;
    Ok(true)
}

fn check_ids(ids: Option<&[String]>, constraints: &[Constraint]) -> Result<(), Refusal> {
    let unknown = |id: &&String| !constraints.iter().any(|one| one.id == **id);
    match ids.into_iter().flatten().find(unknown) {
        None => Ok(()),
        Some(id) => Err(Refusal::NotFound {
            what: format!("constraint {:?}", shortened(id, NAMED_CHARACTERS_MAX)),
            hint: "load_state with select [\"/constraints\"] lists them".into(),
        }),
    }
}

fn with_evidence(before: &Snapshot, seen: &Examination, now: Time) -> Result<Document, Refusal> {
    if !seen.fits(&before.document.constraints) {
        // Another call changed a validation since the measurement.
        let current = before.version;
        return Err(Refusal::Conflict { expected: current.saturating_sub(1), current });
    }
    let mut document = before.document.clone();
    step::take_evidence(&mut document, seen, now);
    Ok(document)
}

/// Returns whether the documents differ only in times.
fn says_the_same(after: &Document, before: &Document) -> bool {
    let statuses = |document: &Document| -> Vec<(Status, Option<String>)> {
        document.constraints.iter().map(|one| (one.status, one.details.clone())).collect()
    };
    let same = |(id, evidence): (&String, &Evidence)| {
        before.evidence.get(id).is_some_and(|old| old.says_the_same_as(evidence))
    };
    statuses(after) == statuses(before)
        && after.evidence.len() == before.evidence.len()
        && after.evidence.iter().all(same)
}

fn standings(document: &Document, ids: Option<&[String]>) -> Vec<ConstraintStanding> {
    let mut room = DETAILS_BYTES_MAX;
    let chosen = |one: &&Constraint| ids.is_none_or(|ids| ids.contains(&one.id));
    let mut standing = |one: &Constraint| ConstraintStanding {
        id: one.id.clone(),
        severity: one.severity,
        status: json!(one.status).as_str().unwrap_or_default().to_owned(),
        asserted: !one.counts_as_measured(),
        evidence: found(document, one).filter(|details| {
            let fits = details.len() <= room;
            room = room.saturating_sub(details.len());
            fits
        }),
    };
    document.constraints.iter().filter(chosen).map(&mut standing).collect()
}

/// Returns what was measured, or why the constraint does not stand as it was measured.
fn found(document: &Document, one: &Constraint) -> Option<String> {
    let evidence = document.evidence.get(&one.id)?;
    let counts = evidence.status == one.status;
    if counts { Some(evidence.details.clone()) } else { one.details.clone() }
}

fn line(violation: &Violation) -> String {
    format!("{}: {}", violation.pointer, violation.message)
}
