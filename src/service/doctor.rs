//! `refiner doctor`: examines all stored data.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::refusals::{listing_refusal, no_such_artifact, refusal};
use super::{Caller, Service};
use crate::hooks::Hooks;
use crate::model::{Name, Refusal};
use crate::storage::{self, Finding, FindingSeverity};

/// The arguments of `doctor`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Doctor {
    /// One artifact; default: all of them
    pub name: Option<Name>,
}

/// What `doctor` found.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Diagnosis {
    /// How many artifacts were looked at.
    pub artifacts: usize,
    /// Whether nothing is damaged. Warnings mend themselves.
    pub healthy: bool,
    /// What was found, by artifact, worst first.
    pub findings: Vec<Finding>,
}

impl Service {
    /// Examines all stored data. Changes nothing.
    pub async fn doctor(&self, arguments: Doctor, caller: &Caller) -> Result<Diagnosis, Refusal> {
        let mut diagnosis = Diagnosis { artifacts: 0, healthy: true, findings: Vec::new() };
        diagnosis.findings.extend(self.hooks.iter().flat_map(Hooks::findings));
        diagnosis.findings.extend(self.workflow_findings());
        diagnosis.findings.extend(self.provider.witness_fault().map(|why| unwitnessed(&why)));
        let patients = self.patients(arguments.name).await?;
        caller.progress.begin(patients.len())?;
        for name in patients {
            caller.progress.check()?;
            let examined = self.provider.examine(&name).await;
            let findings = examined.unwrap_or_else(|error| vec![unexamined(&name, &error)]);
            diagnosis.artifacts += 1;
            diagnosis.healthy &=
                !findings.iter().any(|finding| finding.severity == FindingSeverity::Error);
            diagnosis.findings.extend(findings);
            caller.progress.step(format_args!("looked at {name}"));
        }
        Ok(diagnosis)
    }

    /// Returns the artifacts to examine, including deleted ones. It opens none of them, because
    /// opening already repairs some damage.
    async fn patients(&self, name: Option<Name>) -> Result<Vec<Name>, Refusal> {
        let there = self.provider.list(None, usize::MAX).await;
        let deleted = self.provider.deleted(None, usize::MAX).await;
        let mut all = there.map_err(|error| listing_refusal(&error))?;
        all.extend(deleted.map_err(|error| listing_refusal(&error))?);
        all.sort();
        match name {
            None => Ok(all),
            Some(name) if all.contains(&name) => Ok(vec![name]),
            Some(name) => Err(no_such_artifact(&name)),
        }
    }
}

/// Returns the finding for a state folder that cannot be used.
fn unwitnessed(why: &str) -> Finding {
    Finding {
        severity: FindingSeverity::Note,
        place: "state folder".to_owned(),
        problem: format!("there is no witness outside of this workspace: {why}"),
        advice: "a journal that is put back, cut or swapped is not noticed; set XDG_STATE_HOME to a folder of yours that can be written".to_owned(),
    }
}

/// Returns the finding for an artifact that could not be examined. The examination of the others
/// goes on.
fn unexamined(name: &Name, error: &storage::Error) -> Finding {
    let refusal = refusal(name, error);
    Finding {
        severity: FindingSeverity::Error,
        place: format!(".refiner/artifacts/{name}"),
        problem: refusal.to_string(),
        advice: refusal.hint(),
    }
}
