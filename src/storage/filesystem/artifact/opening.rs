//! Opening an artifact.

use std::sync::Arc;

use super::super::copy;
use super::super::fault::{Fault, doing};
use super::super::witness::Testimony;
use super::super::{Newest, layout};
use super::{Artifact, ArtifactState, Published};
use crate::disk::fs::{self, File, Mode, Stat};
use crate::disk::sabotage::{Sabotage, planted};
use crate::model::journal::entry::{Entry, FORMAT};
use crate::model::journal::frame;
use crate::model::journal::projection::{self, SealedCopy};
use crate::model::{Digest, JournalId, Version};

/// Bytes at the beginning of a segment that have its format and the journal's id.
const HEAD_BYTES: usize = 512;
/// Bytes at the end of a segment that a quick opening reads.
const TAIL_BYTES: u64 = 128 << 10;

impl Artifact {
    /// Publishes the state of `state.json` without reading the journal, when its version and digest
    /// match the last entry. `state.json` is written only after a flush, so that entry is on the
    /// disk, and no lock or write is necessary.
    pub(super) fn open_quickly(&self) -> Result<bool, Fault> {
        let Some(copy) = self.own_copy()? else { return Ok(false) };
        let (journal, snapshot) = (copy.journal, copy.snapshot);
        // Before the segment: a write in between then makes the published state look old.
        let state_file = self.fs.look(&self.state_path()).ok();
        let segment = match self.find_segment(Mode::Read) {
            Ok(Some(segment)) if segment.first <= snapshot.version => segment,
            Ok(_) | Err(Fault::Exchanged { .. }) => return Ok(false),
            Err(fault) => return Err(fault),
        };
        let (stat, last) =
            last_entry(segment.file.as_ref(), journal).map_err(doing("read", &segment.path))?;
        let is_newest = |(last, line): &(Entry, Digest)| {
            let (version, line) = (last.version, *line);
            (version, last.document) == (snapshot.version, snapshot.digest)
                && self.confirms(&Testimony { journal, version, line })
        };
        if !planted(Sabotage::TrustProjections) && !last.as_ref().is_some_and(is_newest) {
            return Ok(false);
        }
        let next = snapshot.version + 1;
        let newest = Newest::at_hand(Arc::new(snapshot), Vec::new());
        *self.published.lock() = Some(Published {
            standing: ArtifactState::Alive(newest),
            segment,
            end: stat.bytes,
            next,
            state_file,
        });
        Ok(true)
    }

    /// Returns `state.json`, unless it is a copy of an artifact of another name.
    pub(super) fn own_copy(&self) -> Result<Option<SealedCopy>, Fault> {
        let copy = copy::read(self.fs.as_ref(), &self.name)?;
        Ok(copy.filter(|copy| copy.snapshot.document.artifact_name == self.name))
    }

    /// Returns whether the artifact has a journal, or a `state.json` that refers to one.
    pub(super) fn exists(&self) -> Result<bool, Fault> {
        let (fs, folder) = (self.fs.as_ref(), layout::journal(&self.name));
        Ok(fs::exists(fs, &folder).map_err(doing("look for", &folder))?
            || copy::read(fs, &self.name)?.is_some()
            || self.is_of_older_skill()?)
    }

    /// Returns whether `state.json` belongs to the older PMPO skill.
    fn is_of_older_skill(&self) -> Result<bool, Fault> {
        let path = self.state_path();
        let bytes = fs::read(self.fs.as_ref(), &path, projection::BYTES_MAX);
        let bytes = bytes.map_err(doing("read", &path))?;
        Ok(bytes.is_some_and(|bytes| projection::is_of_older_skill(&bytes)))
    }

    /// Fails when there is no journal but `state.json` refers to one: versions never start over.
    pub(super) fn check_nothing_was_stored(&self) -> Result<(), Fault> {
        match copy::read(self.fs.as_ref(), &self.name)? {
            Some(copy) => Err(Fault::Corrupt(missing_journal(copy.snapshot.version))),
            None if self.is_of_older_skill()? => Err(Fault::Corrupt(OLDER_SKILL.into())),
            None => Ok(()),
        }
    }
}

/// The damage text for a folder of the older skill, which never had a journal.
const OLDER_SKILL: &str = "there is no journal, and the older PMPO skill wrote state.json; move its .refiner folder away, then run refiner import on it";

/// Returns the damage text for a journal that existed and is missing.
pub(in super::super) fn missing_journal(stored: Version) -> String {
    format!(
        "it is missing, and state.json says that version {stored} was stored; if state.json is a copy from another place, such as a git checkout, remove it, or move .refiner away and run refiner import on it"
    )
}

/// Returns the last entry of a segment with the digest of its line, when it is quickly certain: the segment is of this journal and
/// of a format that this program knows, and the last two lines are intact, chained, and short enough.
fn last_entry(
    file: &dyn File,
    journal: Option<JournalId>,
) -> std::io::Result<(Stat, Option<(Entry, Digest)>)> {
    let stat = file.stat()?;
    let head =
        file.read_at(0, HEAD_BYTES.min(usize::try_from(stat.bytes).unwrap_or(HEAD_BYTES)))?;
    let from = stat.bytes.saturating_sub(TAIL_BYTES);
    let tail = file.read_at(from, usize::try_from(stat.bytes - from).unwrap_or_default())?;
    let is_known = frame::format(&head).is_some_and(|format| format <= FORMAT);
    let names = |id: &JournalId| String::from_utf8_lossy(&head).contains(&id.to_string());
    let line = frame::last_line(&tail).filter(|_| is_known && journal.is_none_or(|id| names(&id)));
    Ok((stat, line.and_then(|line| chained(&tail, line))))
}

/// Returns the entry of the last line and the line's digest, if it continues the line before it.
fn chained(tail: &[u8], line: &[u8]) -> Option<(Entry, Digest)> {
    let entry: Entry = serde_json::from_slice(line).ok()?;
    let before = frame::last_line(&tail[..tail.len() - line.len()])?;
    (entry.previous == previous_of_next(before)?).then(|| (entry, frame::digest(line)))
}

/// Returns what the line after a line names as its previous one. The first line of a segment hands on
/// what it builds on.
fn previous_of_next(line: &[u8]) -> Option<Digest> {
    #[derive(serde::Deserialize)]
    struct First {
        base: Option<Version>,
        previous: Digest,
    }
    let first: First = serde_json::from_slice(line).ok()?;
    Some(if first.base.is_some() { first.previous } else { frame::digest(line) })
}
