//! `list_artifacts`: the artifacts of the workspace.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Operation};
use crate::model::document::ConvergenceStatus;
use crate::model::journal::Snapshot;
use crate::model::{Name, Refusal, Version, limits};
use crate::service::refusals::{listing_refusal, refusal};
use crate::service::{Caller, Service};

/// Default number of artifacts of a page.
const LIMIT_DEFAULT: usize = 50;
/// Names of one read.
const CHUNK: usize = 256;

/// The arguments of `list_artifacts`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct List {
    #[serde(default)]
    pub prefix: Option<String>,
    #[serde(default)]
    pub workflow: Option<String>,
    #[serde(default)]
    pub phase: Option<String>,
    /// From next_cursor
    #[serde(default)]
    pub cursor: Option<String>,
    /// Default 50
    #[serde(default)]
    pub limit: Option<usize>,
}

/// The answer of `list_artifacts`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Listed {
    /// The artifacts, by name.
    pub artifacts: Vec<Summary>,
    /// Pass it as `cursor` for the next page; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// What could not be read, and what is wrong with a journal, by artifact.
    pub warnings: Vec<String>,
}

/// An artifact at a glance.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Summary {
    /// Its name.
    pub name: String,
    /// Its workflow.
    pub workflow: String,
    /// Its phase.
    pub phase: String,
    /// How its cycle stands or ended.
    pub status: ConvergenceStatus,
    /// Whether the cycle is closed.
    pub finalized: bool,
    /// Its newest version.
    pub version: Version,
    /// The number of its cycle.
    pub cycle: u64,
    /// The present pass of its loop.
    pub iteration: u32,
    /// When it was last written.
    pub updated_at: String,
}

impl Operation for List {
    const NAME: &'static str = "list_artifacts";
    const TITLE: &'static str = "List artifacts";
    const DESCRIPTION: &'static str = "List the artifacts of this workspace with phase and status.";
    const EFFECT: Effect = Effect::Reads;
    type Answer = Listed;

    /// Returns a page of artifacts, by name.
    async fn run(self, service: &Service, _caller: &Caller) -> Result<Listed, Refusal> {
        self.page(service).await
    }
}

impl List {
    pub(in crate::service) async fn page(&self, service: &Service) -> Result<Listed, Refusal> {
        let limit = self.limit.unwrap_or(LIMIT_DEFAULT).clamp(1, limits::PAGE_MAX);
        let mut after = self.cursor.as_deref().map(parse_cursor).transpose()?;
        let mut listed = Listed { artifacts: Vec::new(), next_cursor: None, warnings: Vec::new() };
        let mut seen: Option<Name> = None;
        let mut rows = 0;
        loop {
            let names = service.provider.list(after.as_ref(), CHUNK).await;
            let names = names.map_err(|error| listing_refusal(&error))?;
            let Some(last) = names.last().cloned() else { return Ok(listed) };
            for name in names {
                if !self.prefix.as_ref().is_none_or(|prefix| name.as_str().starts_with(prefix)) {
                    continue;
                }
                if rows == limit {
                    listed.next_cursor = seen.map(|last| last.to_string());
                    return Ok(listed);
                }
                match chosen(service, &name, self).await {
                    Ok(None) => {}
                    Ok(Some((summary, warnings))) => {
                        rows += 1;
                        listed.artifacts.push(summary);
                        listed.warnings.extend(warnings.iter().map(|one| format!("{name}: {one}")));
                    }
                    Err(refusal) => {
                        rows += 1;
                        listed.warnings.push(format!("{name}: {refusal}"));
                    }
                }
                seen = Some(name);
            }
            after = Some(last);
        }
    }
}

/// Returns the summary of an artifact and the warnings about its journal, unless the filters exclude it.
async fn chosen(
    service: &Service,
    name: &Name,
    arguments: &List,
) -> Result<Option<(Summary, Vec<String>)>, Refusal> {
    let newest = service.provider.newest(name).await.map_err(|error| refusal(name, &error))?;
    let wanted = |snapshot: &Snapshot| {
        let document = &snapshot.document;
        arguments.workflow.as_ref().is_none_or(|workflow| document.workflow.as_str() == workflow)
            && arguments.phase.as_ref().is_none_or(|phase| document.phase == *phase)
    };
    let newest = newest.filter(|newest| wanted(&newest.snapshot));
    Ok(newest.map(|newest| (summary(&newest.snapshot), newest.warnings)))
}

fn parse_cursor(cursor: &str) -> Result<Name, Refusal> {
    Name::parse(cursor).map_err(|_| {
        Refusal::argument(
            format!("{cursor:?} is not a cursor"),
            "pass the next_cursor of the previous page unchanged",
        )
    })
}

fn summary(snapshot: &Snapshot) -> Summary {
    let document = &snapshot.document;
    Summary {
        name: document.artifact_name.to_string(),
        workflow: document.workflow.to_string(),
        phase: document.phase.clone(),
        status: document.convergence_status,
        finalized: document.is_finalized(),
        version: snapshot.version,
        cycle: document.cycle,
        iteration: document.current_iteration,
        updated_at: snapshot.at.to_string(),
    }
}
