//! Opening an artifact.

use std::sync::Arc;

use super::super::fault::{Fault, doing};
use super::super::writer;
use super::super::{Newest, layout};
use super::{Artifact, ArtifactState, Published};
use crate::disk::fs::{self, File, Mode, Stat};
use crate::disk::sabotage::{Sabotage, planted};
use crate::model::Version;
use crate::model::journal::entry::{Entry, FORMAT};
use crate::model::journal::frame;
use crate::model::journal::projection;

/// Bytes at the end of a segment that a quick opening reads.
const TAIL_BYTES: u64 = 128 << 10;

impl Artifact {
    /// Publishes the state of `state.json` without reading the journal, when its version and digest
    /// match the last entry. `state.json` is written only after a flush, so that entry is on the
    /// disk, and no lock or write is necessary.
    pub(super) fn open_quickly(&self) -> Result<bool, Fault> {
        let Some(snapshot) = writer::read_state_file(self.fs.as_ref(), &self.name)? else {
            return Ok(false);
        };
        // Before the segment: a write in between then makes the published state look old.
        let state_file = self.fs.look(&self.state_path()).ok();
        let segment = match self.find_segment(Mode::Read) {
            Ok(Some(segment)) if segment.first <= snapshot.version => segment,
            Ok(_) | Err(Fault::Exchanged { .. }) => return Ok(false),
            Err(fault) => return Err(fault),
        };
        let (stat, last) =
            last_entry(segment.file.as_ref()).map_err(doing("read", &segment.path))?;
        if !planted(Sabotage::TrustProjections)
            && !last.is_some_and(|last| {
                (last.version, last.document) == (snapshot.version, snapshot.digest)
            })
        {
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

    /// Returns whether the artifact has a journal, or a `state.json` that refers to one.
    pub(super) fn exists(&self) -> Result<bool, Fault> {
        let (fs, folder) = (self.fs.as_ref(), layout::journal(&self.name));
        Ok(fs::exists(fs, &folder).map_err(doing("look for", &folder))?
            || writer::read_state_file(fs, &self.name)?.is_some()
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
        match writer::read_state_file(self.fs.as_ref(), &self.name)? {
            Some(state) => Err(Fault::Corrupt(missing_journal(state.version))),
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

/// Returns the last entry of a segment, when its last line is intact and short enough for the
/// tail, and this program knows the format.
fn last_entry(file: &dyn File) -> std::io::Result<(Stat, Option<Entry>)> {
    let stat = file.stat()?;
    let head = file.read_at(0, 64)?;
    let from = stat.bytes.saturating_sub(TAIL_BYTES);
    let tail = file.read_at(from, usize::try_from(stat.bytes - from).unwrap_or_default())?;
    let is_known = frame::format(&head).is_some_and(|format| format <= FORMAT);
    let line = frame::last_line(&tail).filter(|_| is_known);
    Ok((stat, line.and_then(|line| serde_json::from_slice(line).ok())))
}
