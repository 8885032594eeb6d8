//! `history`: the operations on an artifact, or the difference between two versions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::load_state::{SHOWN_CHARACTERS_MAX, fitting};
use super::{Effect, Operation};
use crate::model::document::json_bytes;
use crate::model::journal::difference::diff;
use crate::model::journal::entry::Entry;
use crate::model::text::shortened;
use crate::model::workflow::briefing::Briefing;
use crate::model::{Name, Refusal, Version, limits};
use crate::service::refusals::{no_such_artifact, refusal};
use crate::service::{Caller, Service};

/// Default number of entries of a page.
const LIMIT_DEFAULT: usize = 20;
/// Changed places that one entry lists.
const PLACES_MAX: usize = 20;

/// The arguments of `history`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct History {
    pub name: Name,
    #[serde(default)]
    pub after: Option<Version>,
    /// Default 20
    #[serde(default)]
    pub limit: Option<usize>,
    /// Two versions to compare
    #[serde(default)]
    pub diff: Option<Vec<Version>>,
}

/// The answer of `history`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Recorded {
    /// What was done, oldest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entries: Option<Vec<HistoryEntry>>,
    /// Pass it as `after` for the next page; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_after: Option<Version>,
    /// The RFC 6902 patch between the two versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<Vec<Map<String, Value>>>,
    /// Where the artifact stands; absent when it was deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub briefing: Option<Briefing>,
    /// When it was deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<String>,
}

/// One accepted operation.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct HistoryEntry {
    /// The version that it made.
    pub version: Version,
    /// When.
    pub at: String,
    /// By which client.
    pub actor: String,
    /// The operation.
    pub operation: String,
    /// What the caller said about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The phase after it.
    pub phase: String,
    /// The places of the document that it changed, two levels deep.
    pub changed: Vec<String>,
    /// The digest of the document after it.
    pub digest: String,
}

impl Operation for History {
    const NAME: &'static str = "history";
    const TITLE: &'static str = "List versions";
    const DESCRIPTION: &'static str =
        "List the versions, page by page, or show the difference between two of them.";
    const EFFECT: Effect = Effect::Reads;
    type Answer = Recorded;

    /// Returns a page of entries, or the difference between two versions, also for a deleted
    /// artifact.
    async fn run(self, service: &Service, _caller: &Caller) -> Result<Recorded, Refusal> {
        let (version, recorded) = recorded(service, &self.name).await?;
        match self.diff.as_deref() {
            Some([from, to]) => {
                let diff = difference(service, &self.name, *from, *to).await?;
                Ok(Recorded { diff: Some(diff), ..recorded })
            }
            Some(_) => Err(Refusal::argument(
                "diff takes two versions",
                "pass diff as a list such as [3, 7]",
            )),
            None => {
                let limit = self.limit.unwrap_or(LIMIT_DEFAULT).clamp(1, limits::PAGE_MAX);
                let after = self.after.unwrap_or(0);
                let entries = service.provider.read(&self.name, after, limit).await;
                let entries = entries.map_err(|error| refusal(&self.name, &error))?;
                // Notes may be long: the page has as many entries as fit.
                let entries =
                    fitting(limits::ANSWER_BYTES_MAX, entries.into_iter().map(history_entry));
                let last = entries.last().map(|entry| entry.version);
                let next_after = last.filter(|last| *last < version);
                Ok(Recorded { entries: Some(entries), next_after, ..recorded })
            }
        }
    }
}

/// Returns the newest version, and an answer with only the standing of the artifact.
async fn recorded(service: &Service, name: &Name) -> Result<(Version, Recorded), Refusal> {
    let blank =
        Recorded { entries: None, next_after: None, diff: None, briefing: None, deleted_at: None };
    let newest = service.provider.newest(name).await.map_err(|error| refusal(name, &error))?;
    if let Some(newest) = newest {
        let briefing = Some(service.brief(&newest.snapshot, newest.warnings).await?);
        return Ok((newest.snapshot.version, Recorded { briefing, ..blank }));
    }
    let tombstone = service.tombstone(name).await?.ok_or_else(|| no_such_artifact(name))?;
    let removed = tombstone.removed;
    let deleted_at = Some(removed.at.to_string());
    Ok((removed.version, Recorded { deleted_at, ..blank }))
}

async fn difference(
    service: &Service,
    name: &Name,
    from: Version,
    to: Version,
) -> Result<Vec<Map<String, Value>>, Refusal> {
    let old = service.version_at(name, &from.to_string()).await?;
    let new = service.version_at(name, &to.to_string()).await?;
    let difference = json!(diff(&old.tree, &new.tree).expanded(&new.tree.to_value()));
    let bytes = json_bytes(&difference);
    if bytes > limits::ANSWER_BYTES_MAX {
        return Err(Refusal::argument(
            format!(
                "the difference has {bytes} bytes; the limit of one answer is {}",
                limits::ANSWER_BYTES_MAX
            ),
            "compare versions that are closer together, or load_state at each with select",
        ));
    }
    serde_json::from_value(difference).map_err(|error| Refusal::Internal(error.to_string()))
}

pub(in crate::service) fn history_entry(entry: Entry) -> HistoryEntry {
    let mut changed: Vec<String> =
        entry.changed_places().iter().map(|place| shortened(place, SHOWN_CHARACTERS_MAX)).collect();
    if changed.len() > PLACES_MAX {
        let more = changed.len() - PLACES_MAX;
        changed.truncate(PLACES_MAX);
        changed.push(format!("… and {more} more"));
    }
    let note =
        ["note", "label", "event"].iter().find_map(|field| entry.summary.get(*field)?.as_str());
    HistoryEntry {
        version: entry.version,
        at: entry.at.to_string(),
        actor: entry.actor,
        note: note.map(str::to_owned),
        operation: entry.operation,
        phase: entry.phase,
        changed,
        digest: entry.document.to_hex(),
    }
}
