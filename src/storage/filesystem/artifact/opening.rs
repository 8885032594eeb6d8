//! How an artifact is found and its lock taken.

use std::sync::Arc;
use std::time::Duration;

use super::super::fault::{Fault, doing};
use super::super::fs::{self, File, Fs, Mode, Stat};
use super::super::plant::{Plant, planted};
use super::super::writer;
use super::super::{Newest, layout, make_workspace, segment};
use super::{Artifact, Open, Published, Standing, hold_briefly};
use crate::model::entry::Entry;
use crate::model::projection;
use crate::model::{Version, frame};
use crate::storage::spent::timed;

/// How long to wait for another process that holds a lock. It holds it for the time of one write.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of a segment's end that a quick opening reads.
const TAIL_BYTES: u64 = 128 << 10;

impl Artifact {
    /// Publishes the state without reading the journal, when `state.json` has the version and the
    /// digest of the journal's last entry: then that entry is on the disk, and nothing has to be
    /// written or locked.
    pub(super) fn open_quickly(&self) -> Result<bool, Fault> {
        let Some(snapshot) = writer::read_state_file(self.fs.as_ref(), &self.name)? else {
            return Ok(false);
        };
        let state_file = self.fs.stat(&self.state_path()).ok();
        let folder = layout::journal(&self.name);
        let segments =
            segment::list(self.fs.as_ref(), &self.name).map_err(doing("list", &folder))?;
        let Some(first) = segments.last().copied().filter(|first| *first <= snapshot.version)
        else {
            return Ok(false);
        };
        let path = layout::segment(&self.name, first);
        let file = match self.fs.open(&path, Mode::Read) {
            // Somebody purges the artifact.
            Err(error) if fs::is_absent(&error) => return Ok(false),
            opened => opened.map_err(doing("open", &path))?,
        };
        let (stat, last) = last_entry(file.as_ref()).map_err(doing("read", &path))?;
        if !planted(Plant::TrustProjections)
            && !last.is_some_and(|last| {
                (last.version, last.document) == (snapshot.version, snapshot.digest)
            })
        {
            return Ok(false);
        }
        let next = layout::segment(&self.name, snapshot.version + 1);
        let newest = Newest::at_hand(Arc::new(snapshot), Vec::new());
        *hold_briefly(&self.published) = Some(Published {
            standing: Standing::Alive(newest),
            segment: Arc::from(file),
            path,
            id: stat.id,
            end: stat.bytes,
            next,
            state_file,
        });
        Ok(true)
    }

    /// Takes the lock, or finds out that the workspace cannot be written to.
    pub(super) fn acquire(&self, open: &mut Open) -> Result<Option<Lock>, Fault> {
        let path = layout::lock(&self.name);
        if open.lock.is_none() {
            match open_lock(self.fs.as_ref(), &path) {
                Ok(file) => open.lock = Some(Arc::from(file)),
                Err(error) if is_read_only(&error) => open.read_only = Some(error.to_string()),
                Err(error) => return Err(doing("open", &path)(error)),
            }
        }
        let Some(file) = &open.lock else {
            return Ok(None);
        };
        timed(&mut open.spent.lock, || file.lock(LOCK_TIMEOUT))
            .map_err(doing("wait for the lock", &path))?;
        Ok(Some(Lock(Arc::clone(file))))
    }

    /// Returns whether the artifact has a journal, or a `state.json` that says that it had one.
    pub(super) fn exists(&self) -> Result<bool, Fault> {
        let (fs, folder) = (self.fs.as_ref(), layout::journal(&self.name));
        Ok(fs::exists(fs, &folder).map_err(doing("look for", &folder))?
            || writer::read_state_file(fs, &self.name)?.is_some()
            || self.is_of_older_skill()?)
    }

    /// Returns whether the older PMPO skill kept an artifact of that name here.
    fn is_of_older_skill(&self) -> Result<bool, Fault> {
        let path = self.state_path();
        let bytes = fs::read(self.fs.as_ref(), &path).map_err(doing("read", &path))?;
        Ok(bytes.is_some_and(|bytes| projection::is_of_older_skill(&bytes)))
    }

    /// Fails when there is no journal and `state.json` says that something was stored in one:
    /// versions never start over.
    pub(super) fn check_nothing_was_stored(&self) -> Result<(), Fault> {
        match writer::read_state_file(self.fs.as_ref(), &self.name)? {
            Some(state) => Err(Fault::Corrupt(missing_journal(state.version))),
            None if self.is_of_older_skill()? => Err(Fault::Corrupt(OLDER_SKILL.into())),
            None => Ok(()),
        }
    }
}

/// The lock, held. Given back when dropped, also by a panic.
pub(super) struct Lock(Arc<dyn File>);

impl Drop for Lock {
    fn drop(&mut self) {
        // An error here means that the file is gone, and the lock with it.
        drop(self.0.unlock());
    }
}

/// Says that there is no journal since there never was one.
const OLDER_SKILL: &str = "there is none, and state.json is one of the older PMPO skill; move its folder .refiner away, and refiner import takes it over";

/// Says that there is no journal though there was one.
pub(in super::super) fn missing_journal(stored: Version) -> String {
    format!(
        "it is missing, and state.json says that version {stored} was stored; if that state.json comes from elsewhere, such as a copy made by git, remove it, or move .refiner away and let refiner import take it over"
    )
}

/// Returns the last entry of a segment, when it ends with a good line that is not too long to find
/// quickly, and the format is one that this program knows.
fn last_entry(file: &dyn File) -> std::io::Result<(Stat, Option<Entry>)> {
    let stat = file.stat()?;
    let head = file.read_at(0, 64)?;
    let from = stat.bytes.saturating_sub(TAIL_BYTES);
    let tail = file.read_at(from, usize::try_from(stat.bytes - from).unwrap_or_default())?;
    let line = frame::last_line(&tail).filter(|_| frame::is_of_known_format(&head));
    Ok((stat, line.and_then(|line| serde_json::from_slice(line).ok())))
}

fn open_lock(fs: &dyn Fs, path: &str) -> std::io::Result<Box<dyn File>> {
    match fs.open(path, Mode::Create) {
        Err(error) if fs::is_absent(&error) => {
            make_workspace(fs)?;
            fs.open(path, Mode::Create)
        }
        result => result,
    }
}

fn is_read_only(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem)
}
