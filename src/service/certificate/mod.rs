//! Certificates of finalized cycles: made from the journal, and verified against outputs and journal.

mod outputs;
mod verify;

use serde::{Deserialize, Serialize};

pub use self::verify::{Disagreement, VerifiedCertificate, VerifyCertificate};
use super::refusals::refusal;
use super::{Caller, Service};
use crate::model::certificate::{Chain, Closing, Decided, Predicate, Statement};
use crate::model::document::ConvergenceStatus;
use crate::model::workflow::Bundle;
use crate::model::{Document, Entry, Name, Refusal, Version};
use crate::storage::Link;

/// The operation that closes a cycle.
const CLOSING_OPERATION: &str = "finalize";

/// The arguments of `certificate`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CertificateOf {
    /// The artifact.
    pub name: Name,
    /// The number of the cycle; default: the present one
    pub cycle: Option<u64>,
}

/// The entry that closed a cycle, and the decisions of people before it.
#[derive(Clone, Debug)]
struct Closed {
    version: Version,
    approvals: Vec<Decided>,
}

impl Service {
    /// Returns what a certificate says of a finalized cycle. The same cycle always gives the same
    /// statement. Changes nothing.
    pub async fn certificate(
        &self,
        arguments: CertificateOf,
        caller: &Caller,
    ) -> Result<Statement, Refusal> {
        let CertificateOf { name, cycle } = arguments;
        let present = self.newest(&name).await?.snapshot;
        let wanted = cycle.unwrap_or(present.document.cycle);
        match self.closed(&name, present.version, |_, cycle| cycle == Some(wanted)).await? {
            Some(closed) => self.statement(&name, closed, caller).await,
            None => Err(not_finalized(&present.document, wanted)),
        }
    }

    /// Returns the last entry up to a version that closed a cycle and is wanted.
    async fn closed(
        &self,
        name: &Name,
        up_to: Version,
        is_wanted: impl Fn(Version, Option<u64>) -> bool + Send + Sync,
    ) -> Result<Option<Closed>, Refusal> {
        let (mut found, mut approvals) = (None, Vec::new());
        let take = |entry: Entry| {
            if entry.opens_cycle() {
                approvals.clear();
            }
            approvals.extend(Decided::of(&entry));
            let version = entry.version;
            if entry.operation == CLOSING_OPERATION && is_wanted(version, cycle_of(&entry)) {
                found = Some(Closed { version, approvals: approvals.clone() });
            }
        };
        self.each_entry(name, 0, up_to, take).await?;
        Ok(found)
    }

    /// Returns the statement about the cycle that an entry closed.
    async fn statement(
        &self,
        name: &Name,
        closed: Closed,
        caller: &Caller,
    ) -> Result<Statement, Refusal> {
        let Closed { version, approvals } = closed;
        let snapshot = self.provider.at(name, version).await;
        let snapshot = snapshot.map_err(|error| refusal(name, &error))?;
        let Link { journal, digest } = self.linked(name, version).await?;
        let document = snapshot.ok_or_else(|| missing(name, version))?.document;
        let subjects = self.subjects(&document, caller).await?;
        let closing = Closing {
            journal_id: journal,
            chain: Chain { version, digest },
            workflow_version: self.workflow_version(&document).await?,
            approvals,
        };
        Ok(Statement::new(subjects, Predicate::of(&document, closing)))
    }

    async fn linked(&self, name: &Name, version: Version) -> Result<Link, Refusal> {
        let link =
            self.provider.link(name, version).await.map_err(|error| refusal(name, &error))?;
        link.ok_or_else(|| missing(name, version))
    }

    /// Returns the version of the workflow that a cycle began with. It runs nothing of it, so it needs no
    /// trust.
    async fn workflow_version(&self, document: &Document) -> Result<u32, Refusal> {
        if let Some(workflow) = self.catalog.by_digest(document.definition) {
            return Ok(workflow.definition.version);
        }
        let stored = self.stored_definition(document).await?;
        let bundle: Option<Bundle> = serde_json::from_slice(&stored).ok();
        let version = bundle.and_then(|bundle| bundle.workflow.get("version")?.as_u64());
        let version = version.and_then(|version| u32::try_from(version).ok());
        version.ok_or_else(|| Refusal::StorageCorrupt {
            name: document.artifact_name.to_string(),
            damage: format!("the stored workflow {} has no version", document.definition),
        })
    }
}

fn cycle_of(entry: &Entry) -> Option<u64> {
    entry.summary.get("cycle").and_then(serde_json::Value::as_u64)
}

fn missing(name: &Name, version: Version) -> Refusal {
    Refusal::NotFound {
        what: format!("version {version} of {name}"),
        hint: format!("refiner history {name} lists the versions that the journal keeps"),
    }
}

fn not_finalized(present: &Document, wanted: u64) -> Refusal {
    let (name, cycle) = (&present.artifact_name, present.cycle);
    if wanted != cycle {
        return Refusal::NotFound {
            what: format!("finalized cycle {wanted} of {name}"),
            hint: format!("the present cycle is {cycle}; history lists what the journal keeps"),
        };
    }
    let next = match present.convergence_status {
        ConvergenceStatus::Running => "take the loop to its end, then call finalize",
        _ => "the loop has ended: call finalize",
    };
    let earlier =
        if cycle > 1 { format!("; or pass --cycle {}", cycle - 1) } else { String::new() };
    Refusal::argument(
        format!("cycle {cycle} of {name} is not finalized: it is in the phase {}", present.phase),
        format!("{next}{earlier}"),
    )
}
