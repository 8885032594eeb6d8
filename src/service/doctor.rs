//! `refiner doctor`: looks at everything that is stored.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Caller, Service, listing_refusal, no_such_artifact, refusal};
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
    /// Looks at everything that is stored. Changes nothing.
    pub async fn doctor(&self, arguments: Doctor, caller: &Caller) -> Result<Diagnosis, Refusal> {
        let mut diagnosis = Diagnosis { artifacts: 0, healthy: true, findings: Vec::new() };
        diagnosis.findings.extend(self.hooks.iter().flat_map(Hooks::findings));
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

    /// Returns whom to look at, deleted artifacts included. Nobody is opened, since that would already mend something.
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

/// Says why an artifact could not be looked at. The others are looked at all the same.
fn unexamined(name: &Name, error: &storage::Error) -> Finding {
    let refusal = refusal(name, error);
    Finding {
        severity: FindingSeverity::Error,
        place: format!(".refiner/artifacts/{name}"),
        problem: refusal.to_string(),
        advice: refusal.hint(),
    }
}
