//! Entries: the lines of a journal. Their JSON form is the format on disk, version [`FORMAT`];
//! `tests/data` has workspaces of each format, which every later program must read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::model::document::output::Output;
use crate::model::journal::context::RecordedContext;
use crate::model::journal::idempotency::{IdempotencyKey, RememberedKeys};
use crate::model::journal::lifecycle::LifecycleEvent;
use crate::model::journal::patch::{Patch, changed_places};
use crate::model::journal::removal::{Removal, Removed};
use crate::model::journal::splice;
use crate::model::{Digest, Document, JournalId, Name, Time, Version};

/// The version of the format on disk that this program writes.
///
/// Format 2 adds [removals](Removal), which a program of format 1 would overlook. Format 3 adds an
/// id for each journal, sentences in guards of stored definitions and splices in patches, gives large
/// documents another digest, and moves the lock to the segment itself. A segment has entries of one
/// format only: this program closes a segment of an older format before its first entry, and from
/// then on older programs refuse the journal.
///
/// Format 3 may change until a release freezes it (see CONTRIBUTING.md).
pub const FORMAT: u32 = 3;

/// The version of the rules by which this program decides: of the step, and of which fields an operation
/// changes. Every change by which a journal would be decided otherwise raises it, and then the decisions
/// of earlier programs are not derived again.
pub const RULES: u32 = 1;

/// The first format whose patches may have splices.
pub const SPLICES_SINCE: u32 = 3;

/// One accepted operation, as the journal keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number.
    pub version: Version,
    /// The digest of the line before it.
    pub previous: Digest,
    /// The highest version that was on the disk for certain when its writer wrote it. A damaged
    /// line at or below the mark of a later entry was acknowledged; a damaged line above all marks
    /// was not.
    pub flushed: Version,
    /// The time of acceptance. It orders nothing: clocks step back.
    pub at: Time,
    /// The client's name and version.
    pub actor: String,
    /// The operation, by the name of its tool.
    pub operation: String,
    /// The parts of the arguments and the outcome that later readers need.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub summary: Map<String, Value>,
    /// The phase after it.
    pub phase: String,
    /// The version of the [rules](RULES) that decided it. Entries of earlier programs have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<u32>,
    /// The knowledge of a step that the documents before and after it do not have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<Box<RecordedContext>>,
    /// The caller's idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency: Option<IdempotencyKey>,
    /// The change of the document.
    pub patch: Payload<Patch>,
    /// The text that it adds to the readable logs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sections: Vec<Section>,
    /// The blobs that it needs. They are on the disk before the entry.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blobs: Vec<Digest>,
    /// The outputs that it writes; their contents are among its blobs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<Output>,
    /// The lifecycle events for hooks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<LifecycleEvent>,
    /// The removal of earlier data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removal: Option<Removal>,
    /// The digest of the document after it; that of `null` after a deletion.
    pub document: Digest,
}

/// The first line of a segment: the state before its first entry, so opening an artifact reads at
/// most one segment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Base {
    /// The version of the format on disk.
    pub format: u32,
    /// The artifact.
    pub artifact: Name,
    /// The id of the journal. Formats before 3 have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal: Option<JournalId>,
    /// The version that the segment builds on, 0 in the first one.
    pub base: Version,
    /// The last version of the segment before, where later ones up to `base` are lost. They were given, and
    /// are not given again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost_after: Option<Version>,
    /// The digest of that version's line.
    pub previous: Digest,
    /// When that version was accepted.
    pub at: Time,
    /// The remembered idempotency keys.
    pub keys: RememberedKeys,
    /// The extents of the readable logs.
    pub logs: Logs,
    /// The last removal up to that version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed: Option<Removed>,
    /// The document; `null` in the first segment, and after a deletion.
    pub document: Payload<Value>,
    /// The digest of the document.
    pub digest: Digest,
}

/// A part of a line that is stored beside the journal when it is large.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Payload<T> {
    /// Stored as a blob.
    Blob(BlobReference),
    /// In the line itself.
    Inline(T),
}

/// Names a blob.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlobReference {
    /// Its digest.
    #[serde(rename = "$blob")]
    pub blob: Digest,
    /// Its length.
    #[serde(rename = "$bytes")]
    pub bytes: usize,
}

/// Text that an entry adds to a readable log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// The log's file name.
    pub log: LogFile,
    /// The text, with its last newline.
    pub text: String,
}

/// The readable logs of an artifact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum LogFile {
    /// The results of each iteration.
    #[serde(rename = "refinement_log.md")]
    RefinementLog,
    /// The decision after each iteration, and who made it.
    #[serde(rename = "decisions.md")]
    Decisions,
}

impl LogFile {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::RefinementLog, Self::Decisions];

    /// Returns the file's name.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::RefinementLog => "refinement_log.md",
            Self::Decisions => "decisions.md",
        }
    }
}

/// The length and the checksum of each readable log of the present cycle. They reveal an edited,
/// cut or lost log without reading the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logs {
    /// The version that began the cycle.
    pub since: Version,
    extents: BTreeMap<LogFile, LogExtent>,
}

/// The length and the checksum of a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogExtent {
    /// Bytes.
    pub bytes: u64,
    /// CRC-32 of all of them.
    pub crc: u32,
}

impl Logs {
    /// Returns the extent of one log.
    pub fn extent(&self, log: LogFile) -> LogExtent {
        self.extents.get(&log).copied().unwrap_or_default()
    }

    /// Adds an entry. An entry that opens a cycle begins new logs, and a deletion leaves none.
    pub fn take_in(&mut self, entry: &Entry) {
        if entry.opens_cycle() || entry.ends_life() {
            *self = Self { since: entry.version, extents: BTreeMap::new() };
        }
        for section in &entry.sections {
            let extent = self.extents.entry(section.log).or_default();
            let mut hasher = crc32fast::Hasher::new_with_initial(extent.crc);
            hasher.update(section.text.as_bytes());
            *extent = LogExtent {
                bytes: extent.bytes + section.text.len() as u64,
                crc: hasher.finalize(),
            };
        }
    }
}

impl LogExtent {
    /// Returns the extent of some text.
    pub fn of(text: &[u8]) -> Self {
        Self { bytes: text.len() as u64, crc: crc32fast::hash(text) }
    }
}

/// A decided operation that is not stored yet.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The time of the operation.
    pub at: Time,
    /// The client's name and version.
    pub actor: String,
    /// The operation.
    pub operation: &'static str,
    /// The parts of the arguments and the outcome that later readers need.
    pub summary: Map<String, Value>,
    /// The knowledge of a step that no document has.
    pub context: Option<Box<RecordedContext>>,
    /// The caller's idempotency key.
    pub idempotency: Option<IdempotencyKey>,
    /// The document after it.
    pub document: Document,
    /// The text that it adds to the readable logs.
    pub sections: Vec<Section>,
    /// Contents that must be on the disk before the entry.
    pub blobs: Vec<Vec<u8>>,
    /// Outputs to write after the entry is stored. Their contents are blobs of this entry or of an
    /// earlier one.
    pub outputs: Vec<Output>,
    /// The lifecycle events for hooks.
    pub events: Vec<LifecycleEvent>,
    /// The removal of earlier data.
    pub removal: Option<Removal>,
}

/// The operation whose entries open a cycle.
pub const OPENING_OPERATION: &str = "init_state";

/// The operation whose entry imports an artifact of an older program. It is the artifact's first.
pub const IMPORTING_OPERATION: &str = "import";

impl Entry {
    /// Returns whether a cycle begins with this entry.
    pub fn opens_cycle(&self) -> bool {
        [OPENING_OPERATION, IMPORTING_OPERATION].contains(&self.operation.as_str())
            || self.removal == Some(Removal::Reset)
    }

    /// Returns whether this entry deletes the artifact.
    pub fn ends_life(&self) -> bool {
        self.removal.is_some_and(Removal::ends_life)
    }

    /// Returns what the entry adds to a readable log.
    pub fn text_for(&self, log: LogFile) -> impl Iterator<Item = &str> {
        self.sections
            .iter()
            .filter(move |section| section.log == log)
            .map(|section| section.text.as_str())
    }

    /// Returns how many bytes of a line take as long to read as the splices to apply.
    pub fn splice_bytes(&self) -> u64 {
        match &self.patch {
            Payload::Inline(patch) => splice::replay_bytes(&patch.splices),
            Payload::Blob(_) => 0,
        }
    }

    /// Returns the changed places of the document, two levels deep. Empty when the patch is a blob
    /// that was not loaded.
    pub fn changed_places(&self) -> Vec<String> {
        match &self.patch {
            Payload::Inline(patch) => changed_places(patch),
            Payload::Blob(_) => Vec::new(),
        }
    }
}
