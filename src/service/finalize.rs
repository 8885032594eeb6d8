//! `finalize`: closes a cycle and archives it.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::write::{Writing, check_text};
use super::{Caller, Service, no_such_artifact};
use crate::model::briefing::Briefing;
use crate::model::document::ConvergenceStatus;
use crate::model::journal::{Snapshot, Transaction};
use crate::model::lifecycle::{LifecycleEvent, LifecycleKind};
use crate::model::workflow;
use crate::model::{Document, Draft, Name, Refusal, Version, Workflow};
use crate::workspace::layout;

/// The arguments of `finalize`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Finalize {
    pub name: Name,
    /// Must match how the loop ended
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<FinalStatus>,
    /// A few words
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<Version>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
}

/// How a cycle ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum FinalStatus {
    /// Its constraints hold.
    Converged,
    /// Its iterations ran out.
    MaxIterationsExceeded,
    /// A person ended it.
    UserTerminated,
}

/// The answer of `finalize`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Finalized {
    /// Where the readable copy of the cycle is, from the project's folder.
    pub archived_to: String,
    /// The cycle that was closed.
    pub cycle: u64,
    /// The version that closed it.
    pub version: Version,
    /// Where the work itself is, from the project's folder.
    pub outputs: String,
    /// Where the artifact stands.
    pub briefing: Briefing,
}

impl FinalStatus {
    /// Parses a status as it is written in documents.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_value(json!(text)).ok()
    }
}

impl From<FinalStatus> for ConvergenceStatus {
    fn from(status: FinalStatus) -> Self {
        match status {
            FinalStatus::Converged => Self::Converged,
            FinalStatus::MaxIterationsExceeded => Self::MaxIterationsExceeded,
            FinalStatus::UserTerminated => Self::UserTerminated,
        }
    }
}

impl Service {
    /// Closes the cycle of an artifact whose loop has ended. A repeated call returns the same
    /// answer.
    pub async fn finalize(
        &self,
        arguments: Finalize,
        caller: &Caller,
    ) -> Result<Finalized, Refusal> {
        let writing = Writing::new("finalize", &arguments, arguments.expected_version, caller)?;
        check_text("summary", arguments.summary.as_ref())?;
        let name = arguments.name.clone();
        let newest = self.newest(&name).await?;
        let workflow = self.workflow_of(&newest.snapshot.document).await?;
        let clock = Arc::clone(&self.clock);
        let operation = move |transaction: &mut Transaction<'_>| {
            let repeated = writing.repeated(transaction)?;
            let before =
                Arc::clone(transaction.newest().ok_or_else(|| no_such_artifact(&arguments.name))?);
            if repeated.is_some() || before.document.is_finalized() {
                check_status(arguments.status, before.document.convergence_status)?;
                return Ok(before);
            }
            let status = final_status(&workflow, &before, arguments.status)?;
            let now = clock.now();
            let document = Document {
                finalized_at: Some(now),
                convergence_status: status,
                ..before.document.clone()
            };
            let summary =
                json!({ "cycle": document.cycle, "status": status, "note": arguments.summary });
            transaction.append(Draft {
                events: vec![completed(&document)],
                ..writing.draft(now, document, summary)
            })
        };
        let (snapshot, warnings) = self.store_after(&name, newest.warnings, operation).await?;
        let cycle = snapshot.document.cycle;
        Ok(Finalized {
            archived_to: layout::archive(&name, cycle),
            cycle,
            version: snapshot.version,
            outputs: layout::dist(&name),
            briefing: self.brief(&snapshot, warnings).await?,
        })
    }
}

/// Returns the lifecycle event of a closed cycle.
pub(super) fn completed(document: &Document) -> LifecycleEvent {
    LifecycleEvent {
        event: LifecycleKind::OnRefinementComplete,
        phase: document.phase.clone(),
        iteration: document.current_iteration,
        detail: Some(json!({ "status": document.convergence_status, "cycle": document.cycle })),
    }
}

/// Returns the final status of a cycle.
fn final_status(
    workflow: &Workflow,
    before: &Snapshot,
    given: Option<FinalStatus>,
) -> Result<ConvergenceStatus, Refusal> {
    let document = &before.document;
    let reached = document.convergence_status;
    match (reached, workflow.definition.finalize) {
        (ConvergenceStatus::Running, workflow::Finalize::Final) => {
            Err(Refusal::InvalidTransition {
                from: document.phase.clone(),
                event: "finalize".into(),
                allowed: workflow
                    .phase(&document.phase)
                    .into_iter()
                    .flat_map(|phase| workflow.events(phase))
                    .map(|(event, _)| event.to_owned())
                    .collect(),
                message: format!("the loop has not ended: the present phase is {}", document.phase),
            })
        }
        (ConvergenceStatus::Running, workflow::Finalize::Any) => {
            Ok(given.map_or(ConvergenceStatus::Converged, Into::into))
        }
        (reached, _) => check_status(given, reached).map(|()| reached),
    }
}

fn check_status(given: Option<FinalStatus>, reached: ConvergenceStatus) -> Result<(), Refusal> {
    match given {
        Some(given) if ConvergenceStatus::from(given) != reached => Err(Refusal::argument(
            format!("the loop ended with {reached}, not {}", ConvergenceStatus::from(given)),
            "omit status, or pass the status that the loop ended with",
        )),
        _ => Ok(()),
    }
}
