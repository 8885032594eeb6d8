//! The readable copy `state.json` beside a journal, and what it says of that journal.
//!
//! Git, backups and people bring copies here. A copy of this journal that is newer than its lines shows
//! that lines were lost. A copy of another journal shows nothing of the kind.

use std::collections::VecDeque;

use super::fault::{Fault, doing};
use super::history::History;
use super::layout;
use crate::disk::fs::{self, Fs};
use crate::model::journal::projection::{self, STATE_FILE, SealedCopy};
use crate::model::{Digest, JournalId, Name, Version};

/// Versions whose documents a writer knows by their digests.
const KNOWN_MAX: usize = 64;

/// How a copy and a journal belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kinship {
    /// The journal has this state at this version.
    Own,
    /// It is of this journal, and newer than its last line.
    Newer,
    /// It is of another journal, or of a version that this one has otherwise.
    Other,
}

/// Compares a copy with the journal beside it, of which it gets the id, the newest version and the newest
/// documents. An earlier program wrote no id into its copies, so such a
/// copy is the journal's only if the journal has its state.
pub(super) fn kinship(
    copy: &SealedCopy,
    history: &History<'_>,
    (journal, newest): (Option<JournalId>, Version),
    documents: &RecentDocuments,
) -> Kinship {
    let snapshot = &copy.snapshot;
    let is_same = copy.journal == journal;
    let is_named = snapshot.document.artifact_name == *history.name;
    if !is_named || !(is_same || copy.journal.is_none()) {
        return Kinship::Other;
    }
    if snapshot.version > newest {
        return if is_same { Kinship::Newer } else { Kinship::Other };
    }
    let document = documents.at(snapshot.version).map_or_else(
        || history.at(snapshot.version, newest).map(|at| at.map(|at| at.digest)),
        |digest| Ok(Some(digest)),
    );
    match document {
        Ok(Some(digest)) if digest == snapshot.digest => Kinship::Own,
        // Lines that a purge took away, or that cannot be read, say nothing against it.
        Ok(None) | Err(_) if is_same => Kinship::Own,
        _ => Kinship::Other,
    }
}

/// The digests of the newest documents.
#[derive(Debug, Default)]
pub(super) struct RecentDocuments(VecDeque<(Version, Digest)>);

impl RecentDocuments {
    pub(super) fn add(&mut self, version: Version, document: Digest) {
        if self.0.len() == KNOWN_MAX {
            self.0.pop_front();
        }
        self.0.push_back((version, document));
    }

    fn at(&self, version: Version) -> Option<Digest> {
        self.0.iter().rev().find(|(known, _)| *known == version).map(|(_, digest)| *digest)
    }
}

/// Reads `state.json`; `None` when it is missing, or another program or a person wrote it.
pub(super) fn read(fs: &dyn Fs, name: &Name) -> Result<Option<SealedCopy>, Fault> {
    let path = layout::in_artifact(name, STATE_FILE);
    let bytes = fs::read(fs, &path, projection::BYTES_MAX).map_err(doing("read", &path))?;
    Ok(bytes.and_then(|bytes| projection::read_state(&bytes)))
}

/// Returns what an answer says of a copy of another journal.
pub(super) fn other_warning(version: Version) -> String {
    format!(
        "state.json is a copy of another journal, at version {version}, as after a git pull: this journal answers, and the next write keeps that copy under kept/"
    )
}
