//! Entries: what a line of a journal says. Their JSON form is the format on disk, version
//! [`FORMAT`]; `tests/data` holds workspaces of each version that every later program must read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::idempotency::{IdempotencyKey, RememberedKeys};
use super::lifecycle::LifecycleEvent;
use super::output::Output;
use super::patch::{Patch, changed_places};
use super::removal::{Removal, Removed};
use super::{Digest, Document, JournalId, Name, Time, Version};

/// The version of the format on disk that this program writes.
///
/// What 2 has more than 1 are [removals](Removal), which a program of format 1 would overlook. What 3
/// has more than 2 are an id for each journal, and the lock, which is on the segment itself. A segment
/// holds entries of its own format only: one of an older format is closed before the first entry of
/// this program, and from then on an older program refuses the journal.
///
/// 3 is open until a release freezes it: CONTRIBUTING.md says what that means.
pub const FORMAT: u32 = 3;

/// One accepted operation, as the journal keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number.
    pub version: Version,
    /// The digest of the line before it.
    pub previous: Digest,
    /// The highest version that its writer knew to be on the disk. What is damaged at or below a
    /// later entry's mark was acknowledged; what is damaged above all of them was not.
    pub flushed: Version,
    /// When it was accepted. Nothing is ordered by this: clocks step back.
    pub at: Time,
    /// The client's name and version.
    pub actor: String,
    /// The operation, by the name of its tool.
    pub operation: String,
    /// What of the operation's arguments and outcome is worth knowing later.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub summary: Map<String, Value>,
    /// The phase after it.
    pub phase: String,
    /// The caller's idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency: Option<IdempotencyKey>,
    /// What it changed.
    pub patch: Payload<Patch>,
    /// What it adds to the readable logs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sections: Vec<Section>,
    /// The blobs that it brought, on the disk before the entry was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blobs: Vec<Digest>,
    /// The outputs that it put into place; their contents are among its blobs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<Output>,
    /// What happened that others may want to answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<LifecycleEvent>,
    /// What it takes away of what was there before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removal: Option<Removal>,
    /// The digest of the document after it; that of `null` after a deletion.
    pub document: Digest,
}

/// The first line of a segment: everything that its first entry builds on, so that opening an
/// artifact reads one segment at most.
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
    /// The digest of that version's line.
    pub previous: Digest,
    /// When that version was accepted.
    pub at: Time,
    /// The keys that are still remembered.
    pub keys: RememberedKeys,
    /// How long the readable logs are.
    pub logs: Logs,
    /// The last entry up to there that took files away.
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
    /// What each iteration did.
    #[serde(rename = "refinement_log.md")]
    RefinementLog,
    /// What was decided after each, and by whom.
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

/// How long each readable log of the present cycle is, and what it holds, so that a log that was
/// edited, cut or lost is noticed without reading the journal.
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

    /// Takes account of an entry. The one that opens a cycle begins the logs anew, and one that
    /// deletes the artifact leaves none.
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

/// An operation that was decided but not yet stored.
#[derive(Clone, Debug)]
pub struct Draft {
    /// When.
    pub at: Time,
    /// The client's name and version.
    pub actor: String,
    /// The operation.
    pub operation: &'static str,
    /// What is worth knowing later.
    pub summary: Map<String, Value>,
    /// The caller's idempotency key.
    pub idempotency: Option<IdempotencyKey>,
    /// The document after it.
    pub document: Document,
    /// What it adds to the readable logs.
    pub sections: Vec<Section>,
    /// Contents that must be on the disk before the entry is.
    pub blobs: Vec<Vec<u8>>,
    /// Outputs to put into place once it is stored. Their contents are blobs of this entry, or of
    /// an earlier one.
    pub outputs: Vec<Output>,
    /// What happened that others may want to answer.
    pub events: Vec<LifecycleEvent>,
    /// What it takes away of what was there before it.
    pub removal: Option<Removal>,
}

/// The operation whose entries open a cycle.
pub const OPENING_OPERATION: &str = "init_state";

/// The operation whose entry takes over what an older program kept: an artifact's first one.
pub const IMPORTING_OPERATION: &str = "import";

impl Entry {
    /// Returns whether a cycle begins with this entry.
    pub fn opens_cycle(&self) -> bool {
        [OPENING_OPERATION, IMPORTING_OPERATION].contains(&self.operation.as_str())
            || self.removal == Some(Removal::Reset)
    }

    /// Returns whether there is no artifact any more after this entry.
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

    /// Returns the places of the document that the entry touches, two levels deep. Empty when its
    /// patch is stored as a blob that was not loaded.
    pub fn changed_places(&self) -> Vec<String> {
        match &self.patch {
            Payload::Inline(patch) => changed_places(patch),
            Payload::Blob(_) => Vec::new(),
        }
    }
}
