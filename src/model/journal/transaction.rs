//! Transactions: new entries on top of the newest state.

use std::sync::Arc;

use serde_json::Value;

use super::{Journal, Snapshot, encode, stored};
use crate::model::document::tree::Tree;
use crate::model::journal::difference::diff;
use crate::model::journal::entry::{Draft, Entry, RULES};
use crate::model::journal::idempotency::{IdempotencyKey, RememberedKeys};
use crate::model::journal::removal::Removal;
use crate::model::journal::{frame, splice};
use crate::model::{Digest, Document, Refusal, Version, document};

/// A transaction: reads the newest state and drafts entries on top of it.
///
/// A provider begins it under the lock of its compare-and-append, passes it to the deciding
/// operations, and stores its lines as one unit. Dropping a transaction discards its drafts.
#[derive(Debug)]
pub struct Transaction<'a> {
    journal: &'a Journal,
    flushed: Version,
    newest: Option<Arc<Snapshot>>,
    staged: Vec<Staged>,
}

/// A drafted entry in its stored form.
#[derive(Debug)]
pub struct Staged {
    /// The entry.
    pub entry: Entry,
    /// Its line.
    pub line: Vec<u8>,
    /// The blobs that must be on the disk before the line.
    pub blobs: Vec<Vec<u8>>,
    /// The bytes that reading it takes, or that take as long.
    pub replay_bytes: u64,
    /// The state after it; `None` after a deletion.
    pub snapshot: Option<Arc<Snapshot>>,
}

/// A mark in a transaction.
#[derive(Debug)]
pub struct Mark {
    newest: Option<Arc<Snapshot>>,
    staged: usize,
}

impl<'a> Transaction<'a> {
    /// Begins a transaction. `newest` is the state of `journal`; `flushed` goes into every entry.
    pub fn new(journal: &'a Journal, newest: Option<Arc<Snapshot>>, flushed: Version) -> Self {
        debug_assert!(newest.as_ref().is_none_or(|newest| newest.version == journal.follows));
        Self { journal, flushed, newest, staged: Vec::new() }
    }

    /// Returns the newest state, including the drafts of this transaction. `None` if the artifact
    /// never existed or was deleted.
    pub fn newest(&self) -> Option<&Arc<Snapshot>> {
        self.newest.as_ref()
    }

    /// Returns the version of the next entry.
    pub fn next_version(&self) -> Version {
        self.journal.version + self.staged.len() as Version + 1
    }

    /// Returns the version that a call with this key created, including the drafts of this
    /// transaction.
    pub fn find_key(&self, key: &IdempotencyKey) -> Result<Option<Version>, Refusal> {
        let ended = self.staged.iter().rposition(|staged| staged.entry.ends_life());
        let mut drafted = RememberedKeys::default();
        for staged in self.staged.iter().skip(ended.unwrap_or(0)) {
            if let Some(key) = &staged.entry.idempotency {
                drafted.remember(staged.entry.version, key.clone());
            }
        }
        match drafted.find(key)? {
            None if ended.is_none() => self.journal.keys.find(key),
            found => Ok(found),
        }
    }

    /// Drafts the next entry. Refuses a document that is too large or nests too deep.
    pub fn append(&mut self, draft: Draft) -> Result<Arc<Snapshot>, Refusal> {
        let tree = draft.document.to_tree();
        document::check_size(&tree)?;
        let (entry, blobs, document, spliced) = self.entry(draft, &tree);
        let snapshot = Arc::new(Snapshot {
            version: entry.version,
            at: entry.at,
            document,
            digest: entry.document,
            tree,
        });
        self.stage(entry, blobs, spliced, Some(Arc::clone(&snapshot)));
        Ok(snapshot)
    }

    /// Drafts the deletion of the artifact, and returns its version. It keeps only the phase of the
    /// draft's document.
    pub fn end(&mut self, draft: Draft) -> Version {
        debug_assert!(draft.removal.is_some_and(Removal::ends_life));
        let (entry, blobs, ..) = self.entry(draft, &Tree::Small(Value::Null));
        let version = entry.version;
        self.stage(entry, blobs, 0, None);
        version
    }

    /// Makes the entry of a draft. `tree` is the document after it.
    fn entry(&self, draft: Draft, tree: &Tree) -> (Entry, Vec<Vec<u8>>, Document, u64) {
        let nothing = Tree::Small(Value::Null);
        let old = self.newest.as_ref().map_or(&nothing, |newest| &newest.tree);
        let patch = diff(old, tree);
        let spliced = splice::replay_bytes(&patch.splices);
        let (patch, patch_blob) = stored(patch);
        let mut blobs = draft.blobs;
        let named: Vec<Digest> = blobs.iter().map(|blob| Digest::of(blob)).collect();
        blobs.extend(patch_blob);
        let entry = Entry {
            version: self.next_version(),
            previous: self.last_line(),
            flushed: self.flushed,
            at: draft.at,
            actor: draft.actor,
            operation: draft.operation.to_owned(),
            summary: draft.summary,
            phase: draft.document.phase.clone(),
            rules: Some(RULES),
            context: draft.context,
            idempotency: draft.idempotency,
            patch,
            sections: draft.sections,
            blobs: named,
            outputs: draft.outputs,
            events: draft.events,
            removal: draft.removal,
            document: tree.digest(),
        };
        (entry, blobs, draft.document, spliced)
    }

    fn stage(
        &mut self,
        entry: Entry,
        blobs: Vec<Vec<u8>>,
        spliced: u64,
        snapshot: Option<Arc<Snapshot>>,
    ) {
        let line = encode(&entry);
        let stored = line.len() + blobs.iter().map(Vec::len).sum::<usize>();
        let replay_bytes = stored as u64 + spliced;
        self.newest.clone_from(&snapshot);
        self.staged.push(Staged { entry, line, blobs, replay_bytes, snapshot });
    }

    fn last_line(&self) -> Digest {
        self.staged.last().map_or(self.journal.line, |staged| frame::digest(&staged.line))
    }

    /// Returns a mark for [`Transaction::rewind`].
    pub fn mark(&self) -> Mark {
        Mark { newest: self.newest.clone(), staged: self.staged.len() }
    }

    /// Discards the drafts since a mark.
    pub fn rewind(&mut self, mark: Mark) {
        self.newest = mark.newest;
        self.staged.truncate(mark.staged);
    }

    /// Returns the first version drafted since a mark that has lifecycle events.
    pub fn first_eventful(&self, since: &Mark) -> Option<Version> {
        let mut drafted = self.staged.iter().skip(since.staged).map(|staged| &staged.entry);
        drafted.find(|entry| !entry.events.is_empty()).map(|entry| entry.version)
    }

    /// Ends the transaction and returns its drafts.
    pub fn into_staged(self) -> Vec<Staged> {
        self.staged
    }
}
