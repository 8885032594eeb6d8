//! Finding and locking the newest segment of a journal, and comparing it with the file at its path.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::super::fault::{Fault, doing};
use super::super::layout;
use super::super::segment::{self, OpenSegment};
use super::super::writer::Writer;
use super::{Artifact, EXCHANGES_MAX, Open};
use crate::disk::fs::{self, File, Mode};
use crate::disk::lock::HeldLock;
use crate::disk::sabotage::{Sabotage, planted};
use crate::model::journal::Journal;
use crate::model::journal::entry::FORMAT;
use crate::model::journal::frame::{self, Scan};
use crate::model::journal::removal::Removal;
use crate::model::{JournalId, Version};
use crate::storage::timings::timed;
use crate::workspace;

/// How long to wait for another process, which holds the lock for the time of one write.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes at the beginning of a segment that contain its format.
const HEAD_BYTES: usize = 64;

/// The right to append to an artifact's journal. Dropping it releases it, also in a panic.
#[derive(Debug, Default)]
pub(super) struct Lock {
    segment: Option<HeldLock>,
    /// The lock of programs that know only formats 1 and 2.
    _older: Option<HeldLock>,
    /// Bytes of the newest segment.
    pub(super) length: u64,
}

/// Releases the lock, and the lock of a segment that this operation began.
pub(super) fn release(lock: Lock, writer: Option<&Writer>) {
    if let Some(writer) = writer {
        let newest = &writer.segment().open.file;
        if lock.segment.as_ref().is_none_or(|locked| !locked.is_on(newest)) {
            drop(newest.unlock());
        }
    }
    drop(lock);
}

impl Artifact {
    /// Opens the newest segment if necessary, locks it, and checks that it is still the file at its
    /// path. A read-only segment is opened without a lock.
    ///
    /// The lock is on the very file that is written. So two processes never write to one file at
    /// once, even if a person removes, moves or copies folders meanwhile. A separate lock file
    /// could be removed, and another process could lock its successor while this one writes.
    pub(super) fn acquire(&self, open: &mut Open, reading: bool) -> Result<Lock, Fault> {
        if !reading && open.read_only.take().is_some() {
            // A writer tries again: a person may have made the workspace writable.
            open.close();
        }
        for _ in 0..EXCHANGES_MAX {
            let Some((segment, next)) = self.newest_segment(open)? else {
                return self.lock_nothing(open, reading);
            };
            let lock = self.lock_segment(open, &segment, reading)?;
            if planted(Sabotage::NoComparison) {
                let length = segment.file.stat().map_err(doing("look at", &segment.path))?.bytes;
                return Ok(Lock { length, ..lock });
            }
            // After locking: a segment that was replaced while we waited is not the journal any
            // more.
            let length = segment.length_in_place(self.fs.as_ref(), next);
            if let Some(length) = length.map_err(doing("look at", &segment.path))? {
                return Ok(Lock { length, ..lock });
            }
            open.close();
        }
        Err(self.exchanged(false))
    }

    /// Returns the newest segment and, if a writer has read it, the next version.
    fn newest_segment(
        &self,
        open: &mut Open,
    ) -> Result<Option<(OpenSegment, Option<Version>)>, Fault> {
        if let Some(writer) = &open.writer {
            return Ok(Some((writer.segment().open.clone(), Some(writer.version() + 1))));
        }
        let found = match self.find_segment(Mode::Write) {
            Err(Fault::Disk { source, .. }) if is_read_only(&source) => {
                open.read_only = Some(source.to_string());
                self.find_segment(Mode::Read)?
            }
            found => found?,
        };
        let Some(segment) = found else { return Ok(None) };
        let home = layout::artifact(&self.name);
        open.home = Some(self.fs.folder(&home).map_err(doing("open", &home))?);
        open.segment = Some(segment.clone());
        Ok(Some((segment, None)))
    }

    /// Opens the segment with the highest version, if there is a journal.
    pub(super) fn find_segment(&self, mode: Mode) -> Result<Option<OpenSegment>, Fault> {
        let folder = layout::journal(&self.name);
        let journal = match self.fs.folder(&folder) {
            Err(error) if fs::is_absent(&error) => return Ok(None),
            journal => journal.map_err(doing("open", &folder))?,
        };
        let firsts = segment::list_in(journal.as_ref(), "").map_err(doing("list", &folder))?;
        let Some(first) = firsts.last().copied() else { return Ok(None) };
        let path = layout::segment(&self.name, first);
        let file: Arc<dyn File> = match journal.open(&layout::segment_file(first), mode) {
            // Another process is purging the artifact, or someone removed its folder.
            Err(error) if fs::is_absent(&error) => return Err(self.exchanged(false)),
            file => Arc::from(file.map_err(doing("open", &path))?),
        };
        let id = file.stat().map_err(doing("look at", &path))?.id;
        Ok(Some(OpenSegment { first, path, file, id, journal }))
    }

    fn lock_segment(
        &self,
        open: &mut Open,
        segment: &OpenSegment,
        reading: bool,
    ) -> Result<Lock, Fault> {
        if open.read_only.is_some() || (reading && planted(Sabotage::CutWithoutLock)) {
            return Ok(Lock::default());
        }
        let locked = timed(&mut open.timings.lock, || HeldLock::on(&segment.file, LOCK_TIMEOUT));
        let locked = locked.map_err(doing("wait for the lock on", &segment.path))?;
        let lock = Lock { segment: Some(locked), ..Lock::default() };
        let is_older = match &open.writer {
            Some(writer) => writer.is_of_older_format(),
            None => {
                is_of_older_format(segment.file.as_ref()).map_err(doing("read", &segment.path))?
            }
        };
        if is_older {
            return Ok(Lock { _older: self.lock_older(open)?, ..lock });
        }
        Ok(lock)
    }

    /// Without a journal: locks out older programs while this one creates the journal.
    fn lock_nothing(&self, open: &mut Open, reading: bool) -> Result<Lock, Fault> {
        let _older = if reading { None } else { self.lock_older(open)? };
        Ok(Lock { _older, ..Lock::default() })
    }

    /// Takes the lock of programs that know only formats 1 and 2, unless the workspace is
    /// read-only.
    fn lock_older(&self, open: &mut Open) -> Result<Option<HeldLock>, Fault> {
        let path = layout::older_lock(&self.name);
        let take = || HeldLock::at(self.fs.as_ref(), &path, LOCK_TIMEOUT);
        let taken = match take() {
            Err(error) if fs::is_absent(&error) => {
                workspace::make(self.fs.as_ref()).and_then(|()| take())
            }
            taken => taken,
        };
        match taken {
            Err(error) if is_read_only(&error) => {
                open.read_only = Some(error.to_string());
                Ok(None)
            }
            taken => taken.map(Some).map_err(doing("wait for the lock", &path)),
        }
    }

    /// Fails when a segment follows the one that this process just read.
    ///
    /// The look before reading was for a segment after the last version that this process knew.
    /// Other processes may have filled the segment since, and begun the next one.
    pub(super) fn check_newest(&self, open: &mut Open) -> Result<(), Fault> {
        let Some(writer) = &open.writer else { return Ok(()) };
        let segment = &writer.segment().open;
        let followed = segment.is_followed(writer.version() + 1);
        if followed.map_err(doing("look for a segment after", &segment.path))? {
            open.close();
            return Err(self.exchanged(false));
        }
        Ok(())
    }

    /// Fails when another journal replaced the one that this operation used. A purge of it does not
    /// count: the journal was still in place when this operation wrote.
    pub(super) fn confirm(&self, open: &mut Open) -> Result<(), Fault> {
        let Some(writer) = &open.writer else { return Ok(()) };
        let (segment, version) = (&writer.segment().open, writer.version());
        let written = version > open.locked_at;
        if planted(Sabotage::NoComparison) {
            return Ok(());
        }
        // A copied folder may contain a later segment, and with it another entry of this version.
        let is_followed = written
            && segment
                .is_followed(open.locked_at + 1)
                .map_err(doing("look for a segment after", &segment.path))?;
        let is_there = self.fs.look(&segment.path).is_ok_and(|there| there.id == segment.id);
        if (is_there && !is_followed)
            || (!is_there && self.was_purged(writer.standing().journal, version)?)
        {
            return Ok(());
        }
        open.close();
        *self.published.lock() = None;
        Err(self.exchanged(written))
    }

    /// Returns whether a purge removed the journal at this version or later.
    fn was_purged(&self, id: Option<JournalId>, version: Version) -> Result<bool, Fault> {
        let Some(segment) = self.find_segment(Mode::Read)? else { return Ok(false) };
        let bytes = fs::read_all(segment.file.as_ref(), &segment.path, segment::BYTES_MAX);
        let bytes = bytes.map_err(doing("read", &segment.path))?;
        let Scan::Line(line) = frame::scan(&bytes) else { return Ok(false) };
        let journal = Journal::from_base(&self.name, segment.first, line, &|_| None).ok();
        let journal = journal.filter(|journal| journal.id() == id);
        let removed = journal.and_then(|journal| journal.removed());
        Ok(removed
            .is_some_and(|removed| removed.removal == Removal::Purge && removed.version >= version))
    }

    pub(super) fn exchanged(&self, written: bool) -> Fault {
        Fault::Exchanged { path: layout::journal(&self.name), written }
    }
}

/// Returns whether a segment has an older format than this program writes.
fn is_of_older_format(file: &dyn File) -> io::Result<bool> {
    Ok(frame::format(&file.read_at(0, HEAD_BYTES)?).is_some_and(|format| format < FORMAT))
}

fn is_read_only(error: &io::Error) -> bool {
    use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem)
}
