//! The parts of an artifact that hosts read as resources, each as one text or file.

use serde_json::{Value, json};

use super::operations::history::history_entry;
use super::operations::load_state::fitting;
use super::refusals::{listing_refusal, refusal};
use super::{List, Service};
use crate::model::document::json_bytes;
use crate::model::document::manifest::Manifest;
use crate::model::document::output::OutputPath;
use crate::model::journal::Snapshot;
use crate::model::journal::entry::LogFile;
use crate::model::{Name, Refusal, Time, limits};

/// Bytes of a log's newest sections in one answer.
const LOG_BYTES_MAX: usize = 256 << 10;

/// A part of an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The document with its version.
    State,
    /// The constraints with their evidence.
    Constraints,
    /// The manifest; absent until a loop records one.
    Manifest,
    /// A readable log of the present cycle, its newest sections if it is long.
    Log(LogFile),
    /// The newest entries.
    History,
    /// A file in `dist/`.
    Output(OutputPath),
}

/// An artifact with the sizes of its parts.
#[derive(Clone, Debug)]
pub struct ArtifactParts {
    pub name: Name,
    pub workflow: Name,
    pub phase: String,
    pub updated_at: Time,
    /// The existing parts, with their lengths where these are known without reading.
    pub parts: Vec<(Part, Option<u64>)>,
}

impl Service {
    /// Returns a part of an artifact. Changes nothing.
    ///
    /// The document, the constraints and the manifest are whole, since a document is no larger than
    /// [`limits::DOCUMENT_BYTES_MAX`]; an output is refused above [`limits::RESOURCE_BYTES_MAX`].
    pub async fn part(&self, name: &Name, part: &Part) -> Result<Vec<u8>, Refusal> {
        let snapshot = self.newest(name).await?.snapshot;
        Ok(match part {
            Part::State => text(&snapshot.document.to_view(snapshot.version, snapshot.at)),
            Part::Constraints => text(&constraints(&snapshot)),
            Part::Manifest => text(&manifest(&snapshot).ok_or_else(|| no_manifest(name))?),
            Part::Log(log) => self.newest_sections(name, *log).await?,
            Part::History => text(&self.newest_entries(name, &snapshot).await?),
            Part::Output(path) => self.whole_output(&snapshot, path).await?,
        })
    }

    /// Returns artifacts after a name with the sizes of their parts, and the last name if there are
    /// more.
    /// Unreadable artifacts are omitted.
    pub async fn artifact_parts(
        &self,
        after: Option<&Name>,
        limit: usize,
    ) -> Result<(Vec<ArtifactParts>, Option<Name>), Refusal> {
        let names = self.provider.list(after, limit + 1).await;
        let mut names = names.map_err(|error| listing_refusal(&error))?;
        let more = names.len() > limit;
        names.truncate(limit);
        let last = names.last().cloned().filter(|_| more);
        let mut found = Vec::with_capacity(names.len());
        for name in names {
            found.extend(self.parts_of(name).await.ok());
        }
        Ok((found, last))
    }

    async fn parts_of(&self, name: Name) -> Result<ArtifactParts, Refusal> {
        let snapshot = self.newest(&name).await?.snapshot;
        let length = |value: &Value| Some(json_bytes(value) as u64);
        let state = snapshot.document.to_view(snapshot.version, snapshot.at);
        let mut parts = vec![
            (Part::State, length(&state)),
            (Part::Constraints, length(&constraints(&snapshot))),
        ];
        parts.extend(manifest(&snapshot).map(|manifest| (Part::Manifest, length(&manifest))));
        for log in LogFile::ALL {
            let bytes = self.newest_sections(&name, log).await?.len() as u64;
            parts.extend((bytes > 0).then_some((Part::Log(log), Some(bytes))));
        }
        parts.push((Part::History, None));
        let document = &snapshot.document;
        Ok(ArtifactParts {
            name,
            workflow: document.workflow.clone(),
            phase: document.phase.clone(),
            updated_at: snapshot.at,
            parts,
        })
    }

    /// Returns the listing as one text. [`super::News`] reports its changes, so it contains nothing
    /// that changes with every version.
    pub async fn listing(&self) -> Result<Vec<u8>, Refusal> {
        let listed = List { limit: Some(limits::PAGE_MAX), ..List::default() }.page(self).await?;
        let artifacts = listed.artifacts.into_iter().map(|one| {
            json!({
                "name": one.name,
                "workflow": one.workflow,
                "phase": one.phase,
                "status": one.status,
                "finalized": one.finalized,
                "cycle": one.cycle,
            })
        });
        let mut listing = json!({
            "artifacts": artifacts.collect::<Vec<_>>(),
            "warnings": listed.warnings,
        });
        if let Some(cursor) = listed.next_cursor {
            let hint = format!("call list_artifacts with cursor {cursor:?} for the next page");
            listing["more"] = json!(hint);
        }
        Ok(text(&listing))
    }

    /// Returns the names of an artifact's outputs that begin with a text.
    pub async fn output_paths(&self, name: &Name, prefix: &str) -> Result<Vec<String>, Refusal> {
        let place = self.newest(name).await?.snapshot.document.output_place();
        let outputs = self.provider.outputs(name, &place, None, limits::OUTPUTS_MAX).await;
        let outputs = outputs.map_err(|error| refusal(name, &error))?;
        let paths = outputs.into_iter().map(|output| String::from(output.path));
        Ok(paths.filter(|path| path.starts_with(prefix)).collect())
    }

    async fn newest_sections(&self, name: &Name, log: LogFile) -> Result<Vec<u8>, Refusal> {
        let log = self.provider.log(name, log).await.map_err(|error| refusal(name, &error))?;
        Ok(end_of(&log, LOG_BYTES_MAX).into_bytes())
    }

    async fn newest_entries(&self, name: &Name, snapshot: &Snapshot) -> Result<Value, Refusal> {
        let after = snapshot.version.saturating_sub(limits::PAGE_MAX as u64);
        let mut entries = Vec::new();
        let take = |entry| entries.push(history_entry(entry));
        self.each_entry(name, after, snapshot.version, take).await?;
        // Notes may be long: the answer has the newest entries that fit.
        let newest_first = entries.into_iter().rev();
        let mut entries = fitting(limits::ANSWER_BYTES_MAX, newest_first);
        entries.reverse();
        let earlier = entries.first().filter(|first| first.version > 1).map(|first| {
            format!("call history with after to read the versions before {}", first.version)
        });
        Ok(json!({ "entries": entries, "earlier": earlier }))
    }

    async fn whole_output(
        &self,
        snapshot: &Snapshot,
        path: &OutputPath,
    ) -> Result<Vec<u8>, Refusal> {
        let name = &snapshot.document.artifact_name;
        let place = snapshot.document.output_place();
        let path = &place.path(path.as_str())?;
        let content = self.provider.output(name, &place, path).await;
        let content = content.map_err(|error| refusal(name, &error))?;
        let content = content.ok_or_else(|| Refusal::NotFound {
            what: format!("output {path} of {name}"),
            hint: "read_output without a path lists the outputs".into(),
        })?;
        if content.len() > limits::RESOURCE_BYTES_MAX {
            Err(Refusal::argument(
                format!(
                    "{path} has {} bytes, and {} are read at once",
                    content.len(),
                    limits::RESOURCE_BYTES_MAX
                ),
                "call read_output with offset and limit to read it in pages",
            ))
        } else {
            Ok(content)
        }
    }
}

fn text(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

fn constraints(snapshot: &Snapshot) -> Value {
    let document = &snapshot.document;
    json!({ "artifact_name": document.artifact_name, "constraints": document.constraints })
}

fn manifest(snapshot: &Snapshot) -> Option<Value> {
    snapshot.document.manifest.as_ref().map(Manifest::to_value)
}

fn no_manifest(name: &Name) -> Refusal {
    Refusal::NotFound {
        what: format!("manifest of {name}"),
        hint: "a loop records its manifest in the phase persist".into(),
    }
}

/// Returns the last sections of a log that fit, and says how much it omits.
fn end_of(log: &str, bytes_max: usize) -> String {
    if log.len() <= bytes_max {
        return log.to_owned();
    }
    let begins = |at: usize| log[at..].starts_with("\n## ") || log[at..].starts_with("\n### ");
    let from = log.len() - bytes_max;
    let lines = log.match_indices('\n').map(|(at, _)| at).filter(|at| *at >= from);
    let lines: Vec<usize> = lines.collect();
    let cut = lines.iter().copied().find(|at| begins(*at)).or_else(|| lines.first().copied());
    let cut = cut.map_or(log.len(), |at| at + 1);
    format!("… {cut} bytes of earlier sections are left out …\n\n{}", &log[cut..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_log_the_last_whole_sections_are_read() {
        assert_eq!(end_of("## 1\na\n", 100), "## 1\na\n");
        let log: String = (1..100).map(|i| format!("## {i}\n\ngröße\n\n")).collect();
        let end = end_of(&log, 40);
        assert!(end.starts_with("… ") && end.contains(" bytes of earlier sections"), "{end}");
        assert!(end.contains("\n\n## 98\n") && end.ends_with("## 99\n\ngröße\n\n"), "{end}");
        assert!(!end.contains("97") && end.len() < 120, "{end}");
        let one_line = "ö".repeat(1000);
        assert!(end_of(&one_line, 100).len() < 150);
        let no_headings = "größe\n".repeat(1000);
        assert!(end_of(&no_headings, 100).ends_with("größe\n"));
    }
}
