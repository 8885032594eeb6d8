//! The server's record of the whole loop, read back after its end, with a final measurement.

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::session::Session;
use super::verified::Verified;
use crate::model::Name;

/// Number of history entries per page.
const PAGE: u64 = 100;

/// The server's record.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Record {
    /// The constraints as measured on the draft.
    pub(super) start: Value,
    pub(super) iterations: Vec<Iteration>,
    pub(super) journal: Journal,
    /// The final measurement.
    pub(super) verified: Verified,
    /// The files of the manifest, as the server recorded them.
    pub(super) manifest: Map<String, Value>,
}

/// An iteration: the constraints at its reflection, and the decision.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Iteration {
    pub(super) iteration: u64,
    pub(super) decision: String,
    pub(super) reason: String,
    /// The version that the reflection made.
    pub(super) version: u64,
    pub(super) constraints: Value,
}

/// Counts of history entries.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Journal {
    pub(super) entries: usize,
    /// Versions that do not follow the previous one.
    pub(super) gaps: usize,
    /// Entries made by a save.
    pub(super) saves: usize,
}

/// A decision in the document.
#[derive(Debug, Deserialize)]
struct Decided {
    iteration: u64,
    decision: String,
    reason: String,
}

/// A checkpoint in the document.
#[derive(Debug, Deserialize)]
struct Checkpoint {
    id: String,
    label: String,
    iteration: u64,
    version: u64,
}

/// Reads the record from the server.
pub(super) async fn read(session: &Session, name: &Name) -> anyhow::Result<Record> {
    let checkpoints: Vec<Checkpoint> = list(session, name, "/checkpoints").await?;
    let planned = checkpoint(&checkpoints, "plan", 1)?;
    Ok(Record {
        start: session.part_at(name, "/constraints", Some(&planned.id)).await?,
        iterations: iterations(session, name, &checkpoints).await?,
        journal: journal(session, name).await?,
        verified: session.verify(name).await?,
        manifest: serde_json::from_value(session.part(name, "/manifest/files").await?)
            .context("there is no manifest")?,
    })
}

/// Returns the checkpoint that ended a phase.
fn checkpoint<'a>(
    checkpoints: &'a [Checkpoint],
    phase: &str,
    iteration: u64,
) -> anyhow::Result<&'a Checkpoint> {
    let made = |one: &&Checkpoint| one.label == phase && one.iteration == iteration;
    let last = checkpoints.iter().rfind(made);
    last.with_context(|| format!("iteration {iteration} has no checkpoint of {phase}"))
}

async fn iterations(
    session: &Session,
    name: &Name,
    checkpoints: &[Checkpoint],
) -> anyhow::Result<Vec<Iteration>> {
    let mut iterations = Vec::new();
    for decided in list::<Decided>(session, name, "/iteration_history").await? {
        let reflected = checkpoint(checkpoints, "reflect", decided.iteration)?;
        let constraints = session.part_at(name, "/constraints", Some(&reflected.id)).await?;
        let Decided { iteration, decision, reason } = decided;
        let version = reflected.version;
        iterations.push(Iteration { iteration, decision, reason, version, constraints });
    }
    Ok(iterations)
}

async fn list<T: for<'a> Deserialize<'a>>(
    session: &Session,
    name: &Name,
    pointer: &str,
) -> anyhow::Result<Vec<T>> {
    let value = session.part(name, pointer).await?;
    serde_json::from_value(value).with_context(|| format!("{pointer} has an unexpected form"))
}

/// Reads the whole history, page by page.
async fn journal(session: &Session, name: &Name) -> anyhow::Result<Journal> {
    let mut journal = Journal::default();
    let mut after = Some(0);
    while let Some(last) = after {
        let arguments = json!({ "name": name, "after": last, "limit": PAGE });
        let page = session.call("history", arguments).await?;
        for entry in page["entries"].as_array().into_iter().flatten() {
            journal.count(entry);
        }
        after = page["next_after"].as_u64();
    }
    Ok(journal)
}

impl Journal {
    fn count(&mut self, entry: &Value) {
        self.entries += 1;
        self.gaps += usize::from(entry["version"] != self.entries);
        self.saves += usize::from(entry["operation"] == "save_state");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_is_missing_or_there_twice_is_a_gap() {
        let journal = |versions: &[u64]| {
            let mut journal = Journal::default();
            for version in versions {
                journal.count(&json!({ "version": version, "operation": "save_state" }));
            }
            (journal.entries, journal.gaps > 0)
        };
        assert_eq!(journal(&[1, 2, 3]), (3, false));
        assert_eq!(journal(&[1, 3]), (2, true));
        assert_eq!(journal(&[1, 1]), (2, true));
    }
}
