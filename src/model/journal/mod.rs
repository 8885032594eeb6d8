//! The journal of an artifact: replays entries into the newest state, and makes new ones on top of
//! it.

pub mod context;
pub mod difference;
pub mod entry;
pub mod frame;
pub mod idempotency;
pub mod journal_id;
pub mod lifecycle;
pub mod patch;
pub mod projection;
pub mod removal;
pub mod splice;
mod transaction;

use std::sync::Arc;

use serde_json::Value;

use crate::model::document::tree::{self, Tree};
use crate::model::journal::entry::{
    Base, BlobReference, Entry, FORMAT, Logs, Payload, SPLICES_SINCE,
};
use crate::model::journal::idempotency::RememberedKeys;
use crate::model::journal::removal::Removed;
pub use crate::model::journal::transaction::{Mark, Staged, Transaction};
use crate::model::{Digest, Document, JournalId, Name, Time, Version};
use crate::model::{document, limits};

/// An artifact's state at one version. Immutable and shared.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The version.
    pub version: Version,
    /// When it was accepted.
    pub at: Time,
    /// The document.
    pub document: Document,
    /// The same document as a tree, which shares its parts with other versions.
    pub tree: Tree,
    /// The digest of the document.
    pub digest: Digest,
}

/// The damage of a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The line is JSON but not an entry.
    #[error("the line is not a journal entry: {0}")]
    NotAnEntry(String),
    /// The bytes are not a line.
    #[error("the line of version {version} is damaged ({reason})")]
    BadLine {
        /// The version that belongs there; 0 for the first line of a segment.
        version: Version,
        /// The problem of the bytes.
        reason: &'static str,
    },
    /// A version is missing or repeated.
    #[error("found version {found} in place of version {expected}")]
    WrongVersion {
        /// The expected version.
        expected: Version,
        /// The found version.
        found: Version,
    },
    /// The line does not have the digest of the line before it.
    #[error("version {0} does not continue the line before it")]
    BrokenChain(Version),
    /// The patch does not apply.
    #[error("the patch of version {version} does not apply: {reason}")]
    BadPatch {
        /// The version.
        version: Version,
        /// The cause.
        reason: String,
    },
    /// The document does not match the entry's digest.
    #[error("the document at version {0} does not match its digest")]
    WrongDocument(Version),
    /// A blob is missing or does not match its digest.
    #[error("the blob {blob} of version {version} is missing or damaged")]
    MissingBlob {
        /// The version.
        version: Version,
        /// The blob.
        blob: Digest,
    },
    /// The segment has another name than the one it was given: it is a copy.
    #[error(
        "it goes on from version {base}, and its name says that version {first} comes first: it is a copy of another segment; move it out of the folder"
    )]
    Misnamed {
        /// The first version, as the name of the segment says.
        first: Version,
        /// The version before the first entry of the segment.
        base: Version,
    },
    /// A newer program wrote it.
    #[error("the journal has format {found}, and this program knows up to {FORMAT}")]
    NewerFormat {
        /// The found format.
        found: u32,
    },
    /// The segment belongs to another artifact.
    #[error("the segment belongs to the artifact {0}")]
    WrongArtifact(Name),
}

/// Loads a blob by its digest, checked against it.
pub type LoadBlob<'a> = &'a dyn Fn(Digest) -> Option<Vec<u8>>;

/// The document at the newest version.
#[derive(Clone, Debug)]
enum Head {
    /// While lines are replayed onto it, in place.
    Replayed(Value),
    /// Once this process wrote a version of it.
    Shared(Tree),
}

impl Head {
    fn replayable(&mut self) -> &mut Value {
        if let Self::Shared(tree) = self {
            *self = Self::Replayed(tree.to_value());
        }
        match self {
            Self::Replayed(value) => value,
            Self::Shared(_) => unreachable!("it was just copied"),
        }
    }

    fn tree(&self) -> Tree {
        match self {
            Self::Replayed(value) => value.clone().into(),
            Self::Shared(tree) => tree.clone(),
        }
    }
}

/// The replayed entries of an artifact, with everything that the next entry needs.
#[derive(Clone, Debug)]
pub struct Journal {
    name: Name,
    id: Option<JournalId>,
    version: Version,
    /// The version of the newest entry. It is lower than `version` where later entries are lost.
    follows: Version,
    line: Digest,
    at: Time,
    head: Head,
    /// The upper bound of the size of the replayed value.
    bound: patch::Bound,
    digest: Digest,
    keys: RememberedKeys,
    logs: Logs,
    removed: Option<Removed>,
    /// The format of the segment that it was read from.
    format: u32,
}

impl Journal {
    /// Returns an empty journal.
    pub fn new(name: Name) -> Self {
        Self {
            name,
            id: None,
            version: 0,
            follows: 0,
            line: Digest::ZERO,
            at: Time::from_millis(0),
            head: Head::Replayed(Value::Null),
            bound: patch::Bound::default(),
            digest: Digest::of_json(&Value::Null),
            keys: RememberedKeys::default(),
            logs: Logs::default(),
            removed: None,
            format: FORMAT,
        }
    }

    /// Reads the first line of a segment. `first` is the version that the segment's name says comes next:
    /// a copy under another name would give versions that are given already.
    pub fn from_base(
        name: &Name,
        first: Version,
        line: &[u8],
        blobs: LoadBlob<'_>,
    ) -> Result<Self, Damage> {
        #[derive(serde::Deserialize)]
        struct Format {
            format: u32,
        }
        let not_an_entry = |e: serde_json::Error| Damage::NotAnEntry(e.to_string());
        let Format { format } = serde_json::from_slice(line).map_err(not_an_entry)?;
        if format > FORMAT {
            return Err(Damage::NewerFormat { found: format });
        }
        let base: Base = serde_json::from_slice(line).map_err(not_an_entry)?;
        if base.artifact != *name {
            return Err(Damage::WrongArtifact(base.artifact));
        }
        let follows = base.lost_after.unwrap_or(base.base).min(base.base);
        if follows.checked_add(1) != Some(first) || base.base >= limits::VERSION_MAX {
            return Err(Damage::Misnamed { first, base: base.base });
        }
        let value = loaded(base.document, base.base, blobs)?;
        if !tree::has_digest(&value, base.digest) {
            return Err(Damage::WrongDocument(base.base));
        }
        Ok(Self {
            name: base.artifact,
            id: base.journal,
            version: base.base,
            follows,
            line: base.previous,
            at: base.at,
            head: Head::Replayed(value),
            bound: patch::Bound::default(),
            digest: base.digest,
            keys: base.keys,
            logs: base.logs,
            removed: base.removed,
            format,
        })
    }

    /// Replays the next line and returns its entry, or returns the damage.
    ///
    /// It does not check the document's digest, because that costs a pass over the document for
    /// each line; [`Journal::check_document`] checks it once at the end.
    pub fn replay(&mut self, line: &[u8], blobs: LoadBlob<'_>) -> Result<Entry, Damage> {
        let mut entry: Entry =
            serde_json::from_slice(line).map_err(|e| Damage::NotAnEntry(e.to_string()))?;
        if entry.version != self.version + 1 {
            return Err(Damage::WrongVersion { expected: self.version + 1, found: entry.version });
        }
        if entry.previous != self.line {
            return Err(Damage::BrokenChain(entry.version));
        }
        let patch = loaded(entry.patch, entry.version, blobs)?;
        let bad = |reason| Damage::BadPatch { version: entry.version, reason };
        if self.format < SPLICES_SINCE && !patch.splices.is_empty() {
            return Err(bad(format!("format {} has no splices", self.format)));
        }
        self.bound.apply(self.head.replayable(), &patch).map_err(bad)?;
        entry.patch = Payload::Inline(patch);
        self.advance(&entry, frame::digest(line));
        Ok(entry)
    }

    /// Fails when the document does not match the digest of the last entry.
    pub fn check_document(&self) -> Result<(), Damage> {
        let matches = match &self.head {
            Head::Replayed(value) => tree::has_digest(value, self.digest),
            // It was made with its digest.
            Head::Shared(_) => true,
        };
        if matches { Ok(()) } else { Err(Damage::WrongDocument(self.version)) }
    }

    /// Returns the entry that was just replayed with its patch in RFC 6902 form, which every reader
    /// understands.
    pub fn expanded(&self, mut entry: Entry) -> Entry {
        if let (Payload::Inline(patch), Head::Replayed(value)) = (&mut entry.patch, &self.head) {
            *patch = std::mem::take(patch).expanded(value);
        }
        entry
    }

    /// Adds entries that were just stored.
    pub fn accept(&mut self, staged: &[Staged]) {
        for one in staged {
            self.advance(&one.entry, frame::digest(&one.line));
        }
        if let Some(last) = staged.last() {
            let tree = last.snapshot.as_ref().map(|snapshot| snapshot.tree.clone());
            self.head = tree.map_or(Head::Replayed(Value::Null), Head::Shared);
            self.bound = patch::Bound::default();
        }
    }

    fn advance(&mut self, entry: &Entry, line: Digest) {
        self.version = entry.version;
        self.follows = entry.version;
        self.line = line;
        self.at = entry.at;
        self.digest = entry.document;
        if entry.ends_life() {
            // A new artifact of the name may use the keys of the deleted one again.
            self.keys = RememberedKeys::default();
        }
        if let Some(key) = &entry.idempotency {
            self.keys.remember(entry.version, key.clone());
        }
        self.keys.forget_before(entry.version);
        self.logs.take_in(entry);
        if let Some(removal) = entry.removal {
            self.removed = Some(Removed { version: entry.version, at: entry.at, removal });
        }
    }

    /// Returns the artifact's name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Returns the id, if the journal has one.
    pub fn id(&self) -> Option<JournalId> {
        self.id
    }

    /// Gives an id to a journal without one. The next segment stores it.
    pub fn identify(&mut self, id: JournalId) {
        self.id.get_or_insert(id);
    }

    /// Returns the newest version, 0 when there is no entry yet.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Returns the version of the newest entry. It is lower than the newest version where later entries
    /// are lost.
    pub fn follows(&self) -> Version {
        self.follows
    }

    /// Gives up the versions after the newest entry up to this one: they were given, and their entries are
    /// lost. The next entry begins a segment.
    pub fn skip_to(&mut self, version: Version) {
        self.version = self.version.max(version);
    }

    /// Returns the digest of the newest line.
    pub fn line(&self) -> Digest {
        self.line
    }

    /// Returns the digest of the newest document.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns the extents of the readable logs.
    pub fn logs(&self) -> &Logs {
        &self.logs
    }

    /// Returns the last removal.
    pub fn removed(&self) -> Option<Removed> {
        self.removed
    }

    /// Returns the newest entry if it deleted the artifact.
    pub fn tombstone(&self) -> Option<Removed> {
        self.removed.filter(|one| one.version == self.follows && one.removal.ends_life())
    }

    /// Returns the format of the segment that the journal was read from.
    pub fn format(&self) -> u32 {
        self.format
    }

    /// Returns the newest state, or `None` for an empty journal and after a deletion.
    pub fn snapshot(&self) -> Result<Option<Arc<Snapshot>>, Damage> {
        if self.follows == 0 || self.tombstone().is_some() {
            return Ok(None);
        }
        let tree = self.head.tree();
        let document =
            Document::from_tree(&tree).map_err(|error| Damage::NotAnEntry(error.to_string()))?;
        Ok(Some(Arc::new(Snapshot {
            version: self.version,
            at: self.at,
            document,
            tree,
            digest: self.digest,
        })))
    }

    /// Returns the first line of the next segment, and its document as a blob if it is large.
    pub fn to_base(&self) -> (Vec<u8>, Option<Vec<u8>>) {
        let (document, blob) = stored(self.head.tree().to_value());
        let base = Base {
            format: FORMAT,
            artifact: self.name.clone(),
            journal: self.id,
            base: self.version,
            lost_after: (self.follows < self.version).then_some(self.follows),
            previous: self.line,
            at: self.at,
            keys: self.keys.clone(),
            logs: self.logs.clone(),
            removed: self.removed,
            document,
            digest: self.digest,
        };
        (encode(&base), blob)
    }
}

fn encode<T: serde::Serialize>(line: &T) -> Vec<u8> {
    frame::encode(&serde_json::to_string(line).expect("a line is made of what JSON can hold"))
}

/// Returns the stored form of a payload: inline, or a blob if it is large.
fn stored<T: serde::Serialize>(value: T) -> (Payload<T>, Option<Vec<u8>>) {
    if document::fits(&value, limits::INLINE_PAYLOAD_BYTES_MAX) {
        return (Payload::Inline(value), None);
    }
    let bytes = serde_json::to_vec(&value).expect("a payload is made of what JSON can hold");
    let reference = BlobReference { blob: Digest::of(&bytes), bytes: bytes.len() };
    (Payload::Blob(reference), Some(bytes))
}

/// Returns the value of a stored payload.
fn loaded<T: serde::de::DeserializeOwned>(
    payload: Payload<T>,
    version: Version,
    blobs: LoadBlob<'_>,
) -> Result<T, Damage> {
    match payload {
        Payload::Inline(value) => Ok(value),
        Payload::Blob(BlobReference { blob, .. }) => blobs(blob)
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .ok_or(Damage::MissingBlob { version, blob }),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Map, json};

    use super::*;
    use crate::model::document::tests::empty;
    use crate::model::journal::entry::Draft;
    use crate::model::journal::idempotency::IdempotencyKey;
    use crate::model::journal::removal::Removal;

    /// A draft that sets `data.value`, for tests of other modules.
    pub(crate) fn draft(name: &str, value: &Value) -> Draft {
        let mut document = empty(name);
        document.data.set("value", Some(value.clone()));
        Draft {
            at: Time::from_millis(1),
            actor: "test 1.0".into(),
            operation: "save_state",
            summary: Map::new(),
            context: None,
            idempotency: None,
            document,
            sections: Vec::new(),
            blobs: Vec::new(),
            outputs: Vec::new(),
            events: Vec::new(),
            removal: None,
        }
    }

    /// A draft of a removal.
    pub(crate) fn removing(name: &str, removal: Removal) -> Draft {
        Draft { operation: "remove", removal: Some(removal), ..draft(name, &Value::Null) }
    }

    fn no_blobs(_: Digest) -> Option<Vec<u8>> {
        None
    }

    fn name() -> Name {
        Name::parse("a").unwrap()
    }

    /// A journal with that many entries, and their lines.
    fn journal_of(entries: usize) -> (Journal, Vec<Staged>) {
        let mut journal = Journal::new(name());
        let mut transaction = Transaction::new(&journal, None, 0);
        for i in 0..entries {
            transaction.append(draft("a", &json!(i))).unwrap();
        }
        let staged = transaction.into_staged();
        journal.accept(&staged);
        (journal, staged)
    }

    #[test]
    fn replaying_the_lines_gives_the_state_that_was_accepted() {
        let (journal, staged) = journal_of(5);
        let mut replayed = Journal::new(name());
        for one in &staged {
            replayed.replay(&one.line, &no_blobs).unwrap();
        }
        replayed.check_document().unwrap();
        assert_eq!(replayed.version(), 5);
        assert_eq!(replayed.line(), journal.line());
        let snapshot = replayed.snapshot().unwrap().unwrap();
        assert_eq!(snapshot.tree, staged[4].snapshot.as_ref().unwrap().tree);
        assert_eq!(snapshot.document.data.at(&["value"]).unwrap(), 4);
    }

    #[test]
    fn a_segment_goes_on_from_its_base() {
        let (journal, _) = journal_of(3);
        let (base, blob) = journal.to_base();
        assert!(blob.is_none());
        let reopened = Journal::from_base(&name(), 4, &base, &no_blobs).unwrap();
        let mut transaction = Transaction::new(&journal, journal.snapshot().unwrap(), 3);
        transaction.append(draft("a", &json!("next"))).unwrap();
        let staged = transaction.into_staged();
        let mut going_on = reopened.clone();
        let entry = going_on.replay(&staged[0].line, &no_blobs).unwrap();
        assert_eq!((entry.version, entry.flushed), (4, 3));
    }

    #[test]
    fn a_line_that_is_missing_repeated_or_changed_is_named() {
        let (_, staged) = journal_of(3);
        let start = || {
            let mut journal = Journal::new(name());
            journal.replay(&staged[0].line, &no_blobs).unwrap();
            journal
        };
        assert_eq!(
            start().replay(&staged[2].line, &no_blobs),
            Err(Damage::WrongVersion { expected: 2, found: 3 })
        );
        assert_eq!(
            start().replay(&staged[0].line, &no_blobs),
            Err(Damage::WrongVersion { expected: 2, found: 1 })
        );
        let mut forged = staged[1].entry.clone();
        forged.previous = Digest::ZERO;
        assert_eq!(start().replay(&encode(&forged), &no_blobs), Err(Damage::BrokenChain(2)));
        assert!(matches!(start().replay(b"{}", &no_blobs), Err(Damage::NotAnEntry(_))));
    }

    #[test]
    fn a_document_that_was_not_the_one_saved_is_noticed() {
        let (_, staged) = journal_of(1);
        let mut forged = staged[0].entry.clone();
        forged.document = Digest::ZERO;
        let mut journal = Journal::new(name());
        journal.replay(&encode(&forged), &no_blobs).unwrap();
        assert_eq!(journal.check_document(), Err(Damage::WrongDocument(1)));
    }

    #[test]
    fn a_base_of_a_newer_format_is_refused_by_its_number() {
        let (journal, _) = journal_of(1);
        let text = String::from_utf8(journal.to_base().0).unwrap();
        let newer = text.replace("\"format\":3", "\"format\":4");
        assert_eq!(
            Journal::from_base(&name(), 2, newer.as_bytes(), &no_blobs).unwrap_err(),
            Damage::NewerFormat { found: 4 }
        );
        let other = Name::parse("b").unwrap();
        assert_eq!(
            Journal::from_base(&other, 2, text.as_bytes(), &no_blobs).unwrap_err(),
            Damage::WrongArtifact(name())
        );
    }

    #[test]
    fn a_copy_of_a_segment_under_another_name_is_damage() {
        let (journal, _) = journal_of(3);
        let base = journal.to_base().0;
        for first in [0, 1, 3, 5, Version::MAX] {
            let misnamed = Damage::Misnamed { first, base: 3 };
            assert_eq!(Journal::from_base(&name(), first, &base, &no_blobs).unwrap_err(), misnamed);
        }
    }

    #[test]
    fn a_version_that_no_number_follows_is_damage() {
        let (journal, _) = journal_of(3);
        let text = String::from_utf8(journal.to_base().0).unwrap();
        for version in [limits::VERSION_MAX, Version::MAX - 1, Version::MAX] {
            let base = text.replace("\"base\":3", &format!("\"base\":{version}"));
            let first = version.wrapping_add(1);
            let misnamed = Damage::Misnamed { first, base: version };
            let read = Journal::from_base(&name(), first, base.as_bytes(), &no_blobs);
            assert_eq!(read.unwrap_err(), misnamed);
        }
    }

    #[test]
    fn a_large_payload_is_a_blob_and_comes_back() {
        let mut turn_journal = Journal::new(name());
        let large = "x".repeat(limits::INLINE_PAYLOAD_BYTES_MAX);
        let mut transaction = Transaction::new(&turn_journal, None, 0);
        transaction.append(draft("a", &json!(large))).unwrap();
        let staged = transaction.into_staged();
        assert!(staged[0].line.len() < 1000, "{} bytes", staged[0].line.len());
        turn_journal.accept(&staged);
        let load = |digest| staged[0].blobs.iter().find(|blob| Digest::of(blob) == digest).cloned();
        let mut replayed = Journal::new(name());
        replayed.replay(&staged[0].line, &load).unwrap();
        assert_eq!(
            replayed.snapshot().unwrap().unwrap().document.data.at(&["value"]).unwrap(),
            large
        );
        let mut without = Journal::new(name());
        assert!(matches!(
            without.replay(&staged[0].line, &no_blobs),
            Err(Damage::MissingBlob { .. })
        ));
        let (base, blob) = turn_journal.to_base();
        let load = |_| blob.clone();
        assert_eq!(Journal::from_base(&name(), 2, &base, &load).unwrap().version(), 1);
    }

    /// A journal with a long text, and the line that changes a word of it.
    fn journal_with_a_splice() -> (Journal, Vec<u8>) {
        let mut journal = Journal::new(name());
        let text = "word ".repeat(1000);
        let mut transaction = Transaction::new(&journal, None, 0);
        transaction.append(draft("a", &json!(text))).unwrap();
        let staged = transaction.into_staged();
        journal.accept(&staged);
        let mut transaction = Transaction::new(&journal, staged[0].snapshot.clone(), 1);
        transaction.append(draft("a", &json!(text.replacen("word", "wörter", 1)))).unwrap();
        (journal.clone(), transaction.into_staged().remove(0).line)
    }

    #[test]
    fn a_splice_is_stored_and_leaves_as_rfc_6902() {
        let (mut journal, line) = journal_with_a_splice();
        assert!(line.len() < 600 && String::from_utf8_lossy(&line).contains("\"op\":\"splice\""));
        let entry = journal.replay(&line, &no_blobs).unwrap();
        journal.check_document().unwrap();
        let text = "word ".repeat(1000).replacen("word", "wörter", 1);
        assert_eq!(
            journal.snapshot().unwrap().unwrap().document.data.at(&["value"]),
            Some(json!(text))
        );
        let replaced = json!([{"op": "replace", "path": "/data/value", "value": text}]);
        assert_eq!(json!(journal.expanded(entry).patch), replaced);
    }

    #[test]
    fn a_splice_that_does_not_fit_is_damage() {
        let (journal, line) = journal_with_a_splice();
        let entry: Entry = serde_json::from_slice(&line).unwrap();
        let damage = |journal: &Journal, field: &str, number: Value| {
            let mut forged = json!(entry);
            forged["patch"][0][field] = number;
            journal.clone().replay(&encode(&forged), &no_blobs).unwrap_err()
        };
        for (field, number) in [("at", 5000), ("remove", 5001), ("length", 4999), ("at", u64::MAX)]
        {
            let found = damage(&journal, field, json!(number));
            assert!(matches!(found, Damage::BadPatch { version: 2, .. }), "{field}: {found:?}");
        }
        for number in [json!(-1), json!("1"), Value::Null] {
            assert!(matches!(damage(&journal, "at", number), Damage::NotAnEntry(_)));
        }
        for format in [1, 2] {
            let older = Journal { format, ..journal.clone() };
            let found = older.clone().replay(&line, &no_blobs).unwrap_err();
            assert!(found.to_string().contains("has no splices"), "{found}");
        }
    }

    #[test]
    fn a_key_is_found_in_the_same_turn_and_after_it() {
        let mut journal = Journal::new(name());
        let key = IdempotencyKey::new("k".into(), Digest::ZERO).unwrap();
        let mut transaction = Transaction::new(&journal, None, 0);
        transaction
            .append(Draft { idempotency: Some(key.clone()), ..draft("a", &json!(1)) })
            .unwrap();
        assert_eq!(transaction.find_key(&key), Ok(Some(1)));
        let staged = transaction.into_staged();
        journal.accept(&staged);
        let transaction = Transaction::new(&journal, journal.snapshot().unwrap(), 1);
        assert_eq!(transaction.find_key(&key), Ok(Some(1)));
    }

    #[test]
    fn a_lone_small_save_costs_its_patch_and_at_most_400_bytes() {
        let (journal, _) = journal_of(1);
        let mut transaction = Transaction::new(&journal, journal.snapshot().unwrap(), 1);
        transaction.append(draft("a", &json!("changed"))).unwrap();
        let staged = transaction.into_staged().remove(0);
        let patch = serde_json::to_vec(&staged.entry.patch).unwrap().len();
        let overhead = staged.line.len() - patch;
        assert!(overhead <= 400, "{overhead} bytes beside the patch");
    }

    #[test]
    fn a_deletion_leaves_no_state_and_the_versions_go_on() {
        let (mut journal, _) = journal_of(3);
        let mut transaction = Transaction::new(&journal, journal.snapshot().unwrap(), 3);
        assert_eq!(transaction.end(removing("a", Removal::Delete)), 4);
        assert!(transaction.newest().is_none());
        assert_eq!(transaction.next_version(), 5);
        let staged = transaction.into_staged();
        journal.accept(&staged);
        assert!(journal.snapshot().unwrap().is_none());
        journal.check_document().unwrap();
        assert_eq!(journal.tombstone().map(|tombstone| tombstone.version), Some(4));

        let reopened = Journal::from_base(&name(), 5, &journal.to_base().0, &no_blobs).unwrap();
        assert_eq!((reopened.version(), reopened.tombstone()), (4, journal.tombstone()));
        let mut transaction = Transaction::new(&reopened, None, 4);
        assert_eq!(transaction.append(draft("a", &json!("anew"))).unwrap().version, 5);
        let staged = transaction.into_staged();
        let mut replayed = reopened.clone();
        replayed.replay(&staged[0].line, &no_blobs).unwrap();
        assert_eq!(replayed.tombstone(), None);
        assert_eq!(
            replayed.snapshot().unwrap().unwrap().document.data.at(&["value"]).unwrap(),
            "anew"
        );
    }

    #[test]
    fn keys_of_a_deleted_artifact_do_not_bind_who_takes_its_name() {
        let key = |key: &str| Some(IdempotencyKey::new(key.into(), Digest::ZERO).unwrap());
        let mut journal = Journal::new(name());
        let mut transaction = Transaction::new(&journal, None, 0);
        transaction.append(Draft { idempotency: key("save"), ..draft("a", &json!(1)) }).unwrap();
        transaction.end(Draft { idempotency: key("delete"), ..removing("a", Removal::Delete) });
        let found = |transaction: &Transaction<'_>, text| {
            transaction.find_key(&key(text).unwrap()).unwrap()
        };
        assert_eq!((found(&transaction, "save"), found(&transaction, "delete")), (None, Some(2)));
        let staged = transaction.into_staged();
        journal.accept(&staged);
        let transaction = Transaction::new(&journal, None, 2);
        assert_eq!((found(&transaction, "save"), found(&transaction, "delete")), (None, Some(2)));
    }

    #[test]
    fn a_reset_opens_a_cycle_and_is_remembered_as_what_took_files_away() {
        let (mut journal, _) = journal_of(2);
        let mut transaction = Transaction::new(&journal, journal.snapshot().unwrap(), 2);
        transaction.append(removing("a", Removal::Reset)).unwrap();
        transaction.append(draft("a", &json!(2))).unwrap();
        let staged = transaction.into_staged();
        journal.accept(&staged);
        assert_eq!(journal.logs().since, 3);
        assert_eq!(journal.removed().map(|removed| removed.version), Some(3));
        assert_eq!(journal.tombstone(), None);
        assert!(journal.snapshot().unwrap().is_some());
    }
}
