//! `finalize`: closes a cycle and archives it.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Effect, Operation};
use crate::model::document::ConvergenceStatus;
use crate::model::document::output::OutputPath;
use crate::model::journal::Snapshot;
use crate::model::journal::lifecycle::{LifecycleEvent, LifecycleKind};
use crate::model::text::shortened;
use crate::model::workflow;
use crate::model::workflow::briefing::Briefing;
use crate::model::{Document, Draft, Name, Refusal, Version, Workflow};
use crate::service::refusals::refusal;
use crate::service::write::{Attempt, Writing, check_text};
use crate::service::{Caller, Service};
use crate::workspace::layout;

/// The arguments of `finalize`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Finalize {
    pub name: Name,
    /// How the loop ended
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
    /// It was closed by a workflow that does not judge its constraints.
    Closed,
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
            FinalStatus::Closed => Self::Closed,
        }
    }
}

impl Operation for Finalize {
    const NAME: &'static str = "finalize";
    const TITLE: &'static str = "Close the cycle";
    const DESCRIPTION: &'static str = "Close and archive the cycle after the loop has ended.";
    const EFFECT: Effect = Effect::WritesOnce;
    type Answer = Finalized;

    /// Closes the cycle of an artifact whose loop has ended. A cycle that is closed already stays as
    /// it is, and the answer is the same.
    async fn run(self, service: &Service, caller: &Caller) -> Result<Finalized, Refusal> {
        let writing = Writing::new(Self::NAME, &self.name, self.expected_version, caller)
            .once(self.idempotency_key.as_ref(), &self)?;
        check_text("summary", self.summary.as_ref())?;
        let name = self.name.clone();
        let newest = service.newest(&name).await?;
        let workflow = service.workflow_of(&newest.snapshot.document).await?;
        // Also for a repeated call: a crash may have come before the files, and the archive is one of them.
        service.place_files(&name).await?;
        check_files(service, &newest.snapshot.document, caller).await?;
        check_archive(service, &newest.snapshot.document).await?;
        let writing = writing.warned(newest.warnings);
        let decide = move |attempt: &mut Attempt<'_, '_>| self.decide(&workflow, attempt);
        let written = service.write(writing, decide).await?;
        let snapshot = written.snapshot(&name)?;
        let cycle = match written.made {
            Some(cycle) => cycle,
            None => closed_before(service, &name, written.version).await?,
        };
        Ok(Finalized {
            archived_to: layout::archive(&name, cycle),
            cycle,
            version: written.version,
            outputs: layout::outputs(&name, &snapshot.document.output_place()),
            briefing: service.brief(&snapshot, written.warnings).await?,
        })
    }
}

impl Finalize {
    /// Returns the cycle that is closed.
    fn decide(&self, workflow: &Workflow, attempt: &mut Attempt<'_, '_>) -> Result<u64, Refusal> {
        let before = attempt.newest()?;
        let cycle = before.document.cycle;
        if before.document.is_finalized() {
            return check_status(self.status, before.document.convergence_status).map(|()| cycle);
        }
        let status = final_status(workflow, before, self.status)?;
        let now = attempt.now();
        let document = Document {
            finalized_at: Some(now),
            convergence_status: status,
            ..before.document.clone()
        };
        let events = vec![completed(&document)];
        let summary = json!({ "cycle": cycle, "status": status, "note": self.summary });
        let draft = attempt.writing.draft(now, document, summary);
        attempt.transaction.append(Draft { events, ..draft })?;
        Ok(cycle)
    }
}

/// Refuses a cycle whose archive could not be made: something else is at its place.
async fn check_archive(service: &Service, document: &Document) -> Result<(), Refusal> {
    let (name, cycle) = (&document.artifact_name, document.cycle);
    if document.is_finalized() {
        return Ok(());
    }
    let found = service.provider.has_archive(name, cycle).await;
    if !found.map_err(|error| refusal(name, &error))? {
        return Ok(());
    }
    let place = layout::archive(name, cycle);
    Err(Refusal::argument(
        format!("{place} is there already, and it is no archive of this cycle"),
        "move it out of the way, and call finalize again; nothing was written",
    ))
}

/// Refuses to archive files that are not those that converged.
async fn check_files(
    service: &Service,
    document: &Document,
    caller: &Caller,
) -> Result<(), Refusal> {
    let converged = document.convergence_status == ConvergenceStatus::Converged;
    let Some(manifest) =
        document.manifest.as_ref().filter(|_| converged && !document.is_finalized())
    else {
        return Ok(());
    };
    let seen = service.files_of(document, &caller.progress).await?;
    let named = manifest.files.iter();
    let named = named.filter(|(path, recorded)| seen.files.get(*path) != Some(recorded));
    let mut changed: Vec<String> = named.map(|(path, _)| path.to_string()).collect();
    if changed.is_empty() && manifest.inventory != seen.inventory {
        changed = other_files(service, document).await?;
    }
    if changed.is_empty() {
        return Ok(());
    }
    let version = document.last_transition.as_ref().map_or(0, |last| last.version);
    let changed = shortened(&changed.join(", "), LISTED_CHARACTERS_MAX);
    Err(Refusal::argument(
        format!("the files are not those that converged: {changed}"),
        format!(
            "restore {{\"to\": \"{version}\"}} brings them back, and what came later has to be taken away; or the event reopen begins another iteration"
        ),
    ))
}

/// Returns the files of a work in the project's own folder that are not as they were recorded.
async fn other_files(service: &Service, document: &Document) -> Result<Vec<String>, Refusal> {
    let there = service.present_listing(document).await?;
    let Some(recorded) = service.kept_listing(document).await? else {
        return Ok(vec!["files that the manifest does not name".to_owned()]);
    };
    let paths: BTreeSet<&OutputPath> = there.keys().chain(recorded.keys()).collect();
    let differs = |path: &&&OutputPath| there.get(**path) != recorded.get(**path);
    Ok(paths.iter().filter(differs).map(ToString::to_string).collect())
}

/// Characters of paths in a refusal.
const LISTED_CHARACTERS_MAX: usize = 200;

/// Returns the cycle that the first call of a repeated one closed.
async fn closed_before(service: &Service, name: &Name, version: Version) -> Result<u64, Refusal> {
    let entry = service.entry(name, version).await?;
    let cycle = entry.summary.get("cycle").and_then(serde_json::Value::as_u64);
    cycle.ok_or_else(|| Refusal::Internal(format!("version {version} of {name} names no cycle")))
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
        (ConvergenceStatus::Running, workflow::Finalize::Any) => closing_status(given),
        (reached, _) => check_status(given, reached).map(|()| reached),
    }
}

/// Returns the status of a cycle that its caller ends. Only the guards of a workflow end one as
/// converged or exhausted.
fn closing_status(given: Option<FinalStatus>) -> Result<ConvergenceStatus, Refusal> {
    match given.unwrap_or(FinalStatus::Closed) {
        given @ (FinalStatus::Closed | FinalStatus::UserTerminated) => Ok(given.into()),
        given => Err(Refusal::argument(
            format!("this workflow does not end as {}", ConvergenceStatus::from(given)),
            "omit status, or pass closed or user_terminated; a loop of the workflow pmpo is judged by the server",
        )),
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
