//! The predicate: how a finalized cycle came about, and what held at its end.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::model::document::approval::ApprovalStatus;
use crate::model::document::constraint::{Constraint, Grade, Setter, Severity, Status};
use crate::model::document::ending::ending;
use crate::model::document::examination::Evidence;
use crate::model::document::iteration::Iteration;
use crate::model::document::manifest::Inventory;
use crate::model::document::output_place::OutputDir;
use crate::model::document::pins::Pinned;
use crate::model::document::provenance::{Adopted, Lost};
use crate::model::document::{ConvergenceStatus, Metrics};
use crate::model::{Digest, Document, Entry, JournalId, Name, Time, Version};

/// The event of an approval.
const APPROVE: &str = "approve";

/// What a certificate says of a cycle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Predicate {
    /// The artifact.
    pub artifact: Name,
    /// The id of its journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal_id: Option<JournalId>,
    /// Whether the cycle was taken over from a copy without its journal.
    pub adopted: bool,
    /// That copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted_from: Option<Adopted>,
    /// Versions that were given and are lost, as it is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<Lost>,
    /// The number of the cycle.
    pub cycle: u64,
    /// The workflow that decided.
    pub workflow: WorkflowNamed,
    /// How the loop ended.
    pub status: ConvergenceStatus,
    /// The same in one line.
    pub ending: String,
    /// When the cycle began.
    pub started_at: Time,
    /// When it was closed.
    pub finalized_at: Option<Time>,
    /// The folder of the project that holds the outputs, in place of `dist/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_dir: Option<OutputDir>,
    /// All files of such a work by one digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inventory: Option<Inventory>,
    /// The goals.
    pub goals: Vec<String>,
    /// The constraints.
    pub constraints: Vec<Certified>,
    /// The decisions of people, oldest first.
    pub approvals: Vec<Decided>,
    /// The iterations.
    pub iterations: Iterations,
    /// The cost, as the loop reported it.
    pub cost: Metrics,
    /// The last line of the cycle's journal.
    pub chain: Chain,
}

/// A workflow by its name, version and digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkflowNamed {
    id: Name,
    version: u32,
    digest: Digest,
}

/// A constraint with its grade and its evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certified {
    id: String,
    description: String,
    severity: Severity,
    set_by: Option<Setter>,
    set_in: Option<u64>,
    status: Status,
    grade: Option<Grade>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    method: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    params: Option<Value>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    must_fail_first: bool,
    /// The files that its check relies on, as they were pinned.
    #[serde(default, skip_serializing_if = "Pinned::is_empty")]
    pinned: Pinned,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    details: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    evidence: Option<Evidence>,
}

/// The decision of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decided {
    /// The version that it made; absent where an earlier program recorded none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// When.
    pub at: Time,
    /// The event that the person sent.
    pub event: String,
    /// Who decided, and how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// The iterations of a cycle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Iterations {
    count: u32,
    max: u32,
    /// The last ones, oldest first.
    history: Vec<Iteration>,
}

/// A line of a journal, which all lines before it lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chain {
    /// Its version.
    pub version: Version,
    /// The digest of the line.
    pub digest: Digest,
}

/// The end of a cycle, beside its document.
#[derive(Clone, Debug)]
pub struct Closing {
    /// The id of the journal.
    pub journal_id: Option<JournalId>,
    /// The line that closed the cycle.
    pub chain: Chain,
    /// The version of the workflow.
    pub workflow_version: u32,
    /// The decisions of people.
    pub approvals: Vec<Decided>,
}

impl Decided {
    /// Returns the decision of a person that an entry records.
    pub fn of(entry: &Entry) -> Option<Self> {
        let context = entry.context.as_deref().filter(|context| context.human)?;
        let event = entry.summary.get("event").and_then(Value::as_str)?;
        Some(Self {
            version: Some(entry.version),
            at: entry.at,
            event: event.to_owned(),
            by: context.decided_by.clone(),
        })
    }
}

impl Predicate {
    /// Returns what a certificate says of a cycle that ended with this document.
    pub fn of(document: &Document, closing: Closing) -> Self {
        let Closing { journal_id, chain, workflow_version, approvals } = closing;
        Self {
            artifact: document.artifact_name.clone(),
            journal_id,
            adopted: document.provenance.adopted.is_some(),
            adopted_from: document.provenance.adopted.clone(),
            lost: document.provenance.lost.clone(),
            cycle: document.cycle,
            workflow: WorkflowNamed {
                id: document.workflow.clone(),
                version: workflow_version,
                digest: document.definition,
            },
            status: document.convergence_status,
            ending: ending(document),
            started_at: document.started_at,
            finalized_at: document.finalized_at,
            output_dir: document.output_dir.clone(),
            inventory: document.manifest.as_ref().and_then(|manifest| manifest.inventory),
            goals: document.goals.clone(),
            constraints: document.constraints.iter().map(|one| certified(document, one)).collect(),
            approvals: with_last(document, approvals),
            iterations: Iterations {
                count: document.current_iteration,
                max: document.max_iterations,
                history: document.iteration_history.clone(),
            },
            cost: document.metrics.clone(),
            chain,
        }
    }
}

fn certified(document: &Document, one: &Constraint) -> Certified {
    let part = |field: &str| one.validation.as_ref().and_then(|all: &Map<_, _>| all.get(field));
    Certified {
        id: one.id.clone(),
        description: one.description.clone(),
        severity: one.severity,
        set_by: one.set_by,
        set_in: one.set_in,
        status: one.status,
        grade: one.grade,
        method: part("method").cloned(),
        params: part("params").cloned(),
        must_fail_first: one.must_fail_first,
        pinned: one.pinned.clone(),
        details: one.details.clone(),
        evidence: document.evidence.get(&one.id).cloned(),
    }
}

/// Adds the approval that the document has, where no entry records it: earlier programs did not.
fn with_last(document: &Document, mut approvals: Vec<Decided>) -> Vec<Decided> {
    if let Some(last) = &document.approval
        && last.status == ApprovalStatus::Decided(APPROVE.to_owned())
        && approvals.iter().all(|one| one.at != last.at)
    {
        let event = APPROVE.to_owned();
        approvals.push(Decided { version: None, at: last.at, event, by: last.by.clone() });
    }
    approvals
}
