//! `load_state`: the standing of an artifact, and the requested parts of its document.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Effect, Operation};
use crate::model::document::checkpoint;
use crate::model::document::json_bytes;
use crate::model::document::tree::Tree;
use crate::model::journal::Snapshot;
use crate::model::text::shortened;
use crate::model::workflow::briefing::Briefing;
use crate::model::{Document, Name, Refusal, Version, limits};
use crate::service::refusals::refusal;
use crate::service::{Caller, Service};

/// Characters of one text in an outline or a list.
pub(super) const SHOWN_CHARACTERS_MAX: usize = 120;

/// The arguments of `load_state`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Load {
    pub name: Name,
    /// Version or checkpoint id; default newest
    #[serde(default)]
    pub at: Option<String>,
    /// JSON Pointers, e.g. /data/notes
    #[serde(default)]
    pub select: Option<Vec<String>>,
    /// Default brief
    #[serde(default)]
    pub detail: Option<Detail>,
    /// Add the phase's prompt
    #[serde(default)]
    pub with_prompt: Option<bool>,
}

/// How much of the document is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Detail {
    /// What is needed to go on.
    #[default]
    Brief,
    /// All of it.
    Full,
}

/// The answer of `load_state`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Loaded {
    /// The version that is answered.
    pub version: Version,
    /// When it was made.
    pub updated_at: String,
    /// The document: an outline, or all of it with detail full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<Arc<Map<String, Value>>>,
    /// The selected parts by pointer; null for what is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selected: Option<Map<String, Value>>,
    /// The present phase's prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// Where the artifact stands now, whatever version is answered.
    pub briefing: Briefing,
}

impl Operation for Load {
    const NAME: &'static str = "load_state";
    const TITLE: &'static str = "Load state";
    const DESCRIPTION: &'static str = "Show an artifact's phase, decisions and next step. Call it when unsure, and after your context was compacted.";
    const EFFECT: Effect = Effect::Reads;
    type Answer = Loaded;

    /// Returns the standing of an artifact. Changes nothing.
    async fn run(self, service: &Service, _caller: &Caller) -> Result<Loaded, Refusal> {
        let newest = service.newest(&self.name).await?;
        let briefing = service.brief(&newest.snapshot, newest.warnings).await?;
        let earlier = match &self.at {
            Some(at) => Some(service.version_at(&self.name, at).await?),
            None => None,
        };
        let snapshot = earlier.as_ref().unwrap_or(&newest.snapshot);
        let prompt = match self.with_prompt {
            Some(true) => service.phase_prompt(&newest.snapshot, &briefing).await?,
            _ => None,
        };
        let room = limits::ANSWER_BYTES_MAX.saturating_sub(json_bytes(&json!(prompt)));
        let (document, selected) = match &self.select {
            Some(pointers) => (None, Some(selected(snapshot, pointers, room)?)),
            None if self.detail == Some(Detail::Full) => (Some(full(snapshot, room)?), None),
            None => {
                (Some(service.outlines.of(snapshot.digest, || outline(&snapshot.document))), None)
            }
        };
        Ok(Loaded {
            version: snapshot.version,
            updated_at: snapshot.at.to_string(),
            document,
            selected,
            prompt,
            briefing,
        })
    }
}

impl Service {
    /// Returns the state at a version or a checkpoint.
    pub(super) async fn version_at(
        &self,
        name: &Name,
        reference: &str,
    ) -> Result<Snapshot, Refusal> {
        let version = self.version_named(name, reference).await?;
        let snapshot =
            self.provider.at(name, version).await.map_err(|error| refusal(name, &error))?;
        snapshot.ok_or_else(|| Refusal::NotFound {
            what: format!("version {version} of {name}"),
            hint: "history lists the versions; load_state with detail full lists the checkpoints"
                .into(),
        })
    }

    /// Returns the version that a version, a checkpoint id or the label of a checkpoint names. Of
    /// several checkpoints with a label it is the newest.
    async fn version_named(&self, name: &Name, reference: &str) -> Result<Version, Refusal> {
        if let Some(version) = checkpoint::version_of(reference) {
            return Ok(version);
        }
        let newest = self.newest(name).await?;
        let mut checkpoints = newest.snapshot.document.checkpoints.iter().rev();
        let named = checkpoints.find(|one| one.label == reference);
        named.map(|one| one.version).ok_or_else(|| {
            Refusal::argument(
                format!("{reference:?} is neither a version nor a checkpoint"),
                "pass a version such as \"12\", a checkpoint id such as \"cp-12\", or the label of a checkpoint; load_state with detail full lists them",
            )
        })
    }
}

/// Returns the whole document, if it fits into an answer.
fn full(snapshot: &Snapshot, room: usize) -> Result<Arc<Map<String, Value>>, Refusal> {
    let bytes = snapshot.tree.bytes();
    if bytes > room {
        return Err(too_large("the document", bytes, room));
    }
    let Value::Object(view) = snapshot.document.to_view(snapshot.version, snapshot.at) else {
        return Err(Refusal::Internal("a document is an object".into()));
    };
    Ok(Arc::new(view))
}

fn too_large(what: &str, bytes: usize, room: usize) -> Refusal {
    Refusal::argument(
        format!("{what} has {bytes} bytes; the limit of one answer is {room}"),
        "detail brief shows how large each part of data is; pass select with JSON Pointers to smaller parts, such as /data/notes/0",
    )
}

fn selected(
    snapshot: &Snapshot,
    pointers: &[String],
    room: usize,
) -> Result<Map<String, Value>, Refusal> {
    const POINTERS_MAX: usize = 50;
    if pointers.len() > POINTERS_MAX {
        return Err(Refusal::argument(
            format!("select has {} pointers", pointers.len()),
            format!("pass at most {POINTERS_MAX}"),
        ));
    }
    if let Some(wrong) =
        pointers.iter().find(|pointer| !pointer.is_empty() && !pointer.starts_with('/'))
    {
        return Err(Refusal::argument(
            format!("{wrong:?} is not a JSON Pointer"),
            "a JSON Pointer begins with a slash, such as /data/notes/0",
        ));
    }
    let view = snapshot.document.to_view(snapshot.version, snapshot.at);
    let select =
        |pointer: &String| (pointer.clone(), view.pointer(pointer).cloned().unwrap_or_default());
    let selected: Map<String, Value> = pointers.iter().map(select).collect();
    let bytes = json_bytes(&json!(selected));
    if bytes > room { Err(too_large("the selection", bytes, room)) } else { Ok(selected) }
}

/// Returns what a model needs to continue after it lost its context, in less than 2 KB.
fn outline(document: &Document) -> Map<String, Value> {
    const GOALS_BYTES: usize = 300;
    const OPEN_BYTES: usize = 250;
    const PARTS_BYTES: usize = 450;
    let goals = document.goals.iter().map(|goal| shortened(goal, SHOWN_CHARACTERS_MAX));
    let open = document.constraints.iter().filter(|one| !one.holds()).map(|one| &one.id);
    let parts = document.data.fields().map(|(name, part)| (name.to_owned(), size(&part)));
    let mut outline = json!({
        "goals": fitting(GOALS_BYTES, goals),
        "constraints": {
            "total": document.constraints.len(),
            "satisfied": document.constraints.iter().filter(|one| one.holds()).count(),
            "open": fitting(OPEN_BYTES, open),
        },
        "data": fitting(PARTS_BYTES, parts).into_iter().collect::<BTreeMap<_, _>>(),
        "started_at": document.started_at,
    });
    let beside: [(&str, Value); 4] = [
        ("artifact_type", json!(document.artifact_type)),
        ("content_type", json!(document.content_type)),
        (
            "last_decision",
            json!(
                document
                    .iteration_history
                    .last()
                    .map(|last| format!("{}: {}", last.decision, last.reason))
                    .map(|last| shortened(&last, SHOWN_CHARACTERS_MAX))
            ),
        ),
        ("last_checkpoint", json!(document.checkpoints.last().map(|last| &last.id))),
    ];
    let mut fields = outline.as_object_mut().map(std::mem::take).unwrap_or_default();
    fields.extend(
        beside
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.to_owned(), value)),
    );
    fields
}

/// Returns as many of the first items as fit into `bytes_max` of JSON.
pub(in crate::service) fn fitting<T: Serialize>(
    bytes_max: usize,
    items: impl Iterator<Item = T>,
) -> Vec<T> {
    let mut room = bytes_max;
    let fits = |item: &T| {
        let left = room.checked_sub(json_bytes(&json!(item)));
        room = left.unwrap_or_default();
        left.is_some()
    };
    items.take_while(fits).collect()
}

/// Describes the type and the size of a part.
fn size(part: &Tree) -> String {
    match part.as_value() {
        Some(Value::Array(items)) => format!("list of {}", items.len()),
        None | Some(Value::Object(_)) => format!("object, {} bytes", part.bytes()),
        Some(Value::String(text)) if text.len() > 80 => format!("text, {} bytes", text.len()),
        Some(other) => other.to_string(),
    }
}
