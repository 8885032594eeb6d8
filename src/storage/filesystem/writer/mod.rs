//! The writer of an artifact's journal: opens it, keeps up with other processes, appends, flushes.
//!
//! Several processes share a journal. The lock is on the newest segment itself: a process writes to
//! a file only while it locks that very file, even if the file's path changes. It holds the lock
//! while it reads the lines of other processes, writes its own, and flushes them. The consequences:
//!
//! - Every line that a process finds is on the disk, unless the process that wrote it died or its
//!   flush failed. The [`Mark`] tells: a process sets it after its flush.
//! - A process that finds lines without the mark writes them again, byte for byte, and flushes: a
//!   failed flush may have marked their pages clean, and only a rewritten page is dirty for certain.
//! - Two things vouch for a version after a power cut, which may take the mark: the `flushed` field
//!   of a later entry, and the segment's first line.
//! - After an error the process drops the writer, because memory and file may differ, and opening
//!   again starts from what is on the disk.

mod creation;
mod mark;
mod opening;

use std::io;
use std::sync::Arc;

pub(super) use self::creation::create;
use self::creation::{create_segment, flush_names};
use self::mark::Mark;
use super::Sizes;
use super::blobs::{self, Blobs};
use super::copy::{self, Kinship, RecentDocuments};
use super::fault::{Fault, doing};
use super::history::History;
use super::layout;
use super::segment::{self, OpenSegment};
use crate::disk::fs::{Fs, Stat};
use crate::disk::sabotage::{Sabotage, planted};
use crate::model::journal::entry::{Entry, FORMAT, Logs};
use crate::model::journal::projection::STATE_FILE;
use crate::model::journal::removal::{Removal, Removed};
use crate::model::journal::{Journal, Snapshot, Staged, Transaction};
use crate::model::{Digest, JournalId, Name, Version};
use crate::storage::Doubt;

/// An open journal. Between two operations every line in it is on the disk.
#[derive(Debug)]
pub(super) struct Writer {
    name: Name,
    fs: Arc<dyn Fs>,
    journal: Journal,
    newest: Option<Arc<Snapshot>>,
    segment: Segment,
    mark: Mark,
    /// Changes that the readable logs may not contain yet.
    log_changes: LogChanges,
    documents: RecentDocuments,
    copy: CopyBeside,
    /// The damage that makes a readable journal read-only.
    damage: Option<String>,
    /// What is missing, where only the end of the journal is, or another one is there.
    doubt: Option<Doubt>,
}

/// `state.json` as this process judged or wrote it last.
#[derive(Debug, Default)]
struct CopyBeside {
    /// Its status; `None` when it was missing.
    stat: Option<Stat>,
    /// Its version, when it is a copy of another journal.
    other: Option<Version>,
}

/// The segment for new lines.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) open: OpenSegment,
    /// The offset after the last intact line.
    pub(super) end: u64,
    entries: usize,
    /// The bytes that reading its entries takes, including their blobs.
    replay_bytes: u64,
    format: u32,
}

/// A writer that was to keep up with other processes.
#[derive(Debug)]
pub(super) enum CaughtUp {
    /// It has all lines.
    Yes(Box<Writer>),
    /// The journal must be opened again, from this segment.
    No(OpenSegment),
}

/// The state of a journal, for its projections.
#[derive(Debug)]
pub(super) struct JournalState<'a> {
    pub(super) version: Version,
    pub(super) journal: Option<JournalId>,
    /// The digest of the newest line.
    pub(super) line: Digest,
    /// The state; `None` after a deletion.
    pub(super) snapshot: Option<&'a Arc<Snapshot>>,
    pub(super) logs: &'a Logs,
    /// The last removal.
    pub(super) removed: Option<Removed>,
    /// Changes that the readable logs may not contain yet.
    pub(super) changes: &'a LogChanges,
    /// The digests of the newest documents.
    pub(super) documents: &'a RecentDocuments,
}

impl Writer {
    /// Returns whether it has all lines of the segment, whose present length is given.
    pub(super) fn is_up_to(&self, bytes: u64) -> bool {
        self.damage.is_none() && self.segment.end == bytes
    }

    /// Reads what other processes appended to the segment, whose present length is given, and makes
    /// it durable. The caller holds the lock, or the workspace is not writable.
    pub(super) fn catch_up(mut self, bytes: u64, writable: bool) -> Result<CaughtUp, Fault> {
        // Shorter: another process cut unacknowledged lines that this writer has in memory.
        if self.damage.is_some() || bytes < self.segment.end {
            return Ok(CaughtUp::No(self.segment.open));
        }
        let appended = usize::try_from(bytes - self.segment.end).map_err(io::Error::other);
        let appended =
            appended.and_then(|bytes| self.segment.open.file.read_at(self.segment.end, bytes));
        let appended = appended.map_err(doing("read", &self.segment.open.path))?;
        let fs = Arc::clone(&self.fs);
        let blobs = Blobs::new(fs.as_ref(), &self.name);
        let scanned = segment::scan_on(self.journal, &appended, 0, &|digest| blobs.load(digest));
        // First: a failed disk must not count as a missing blob, and so as damage.
        blobs.check()?;
        if scanned.bad.is_some() || scanned.journal.check_document().is_err() {
            return Ok(CaughtUp::No(self.segment.open));
        }
        self.newest =
            scanned.journal.snapshot().map_err(|damage| Fault::Corrupt(damage.to_string()))?;
        self.journal = scanned.journal;
        for line in scanned.lines {
            self.log_changes.add(&line.entry);
            self.documents.add(line.entry.version, line.entry.document);
            self.segment.entries += 1;
            self.segment.replay_bytes += line.replay_bytes;
        }
        self.segment.end += appended.len() as u64;
        self.make_durable(&appended, writable)?;
        Ok(CaughtUp::Yes(Box::new(self)))
    }

    /// Makes the last lines durable unless the mark says that they are. After an error the caller
    /// must drop the writer.
    fn make_durable(&mut self, lines: &[u8], writable: bool) -> Result<(), Fault> {
        let segment = &self.segment.open;
        if self.mark.is_at(segment.journal.as_ref(), segment.first, self.journal.line()) {
            return Ok(());
        }
        if !writable {
            // All that is possible: a flush works without the right to write.
            drop(segment.file.flush());
            return Ok(());
        }
        let rewritten = segment.file.write_at(self.segment.end - lines.len() as u64, lines);
        rewritten.map_err(doing("write", &segment.path))?;
        // The process that began the segment may have died before it flushed the names.
        flush_names(self.fs.as_ref(), &self.name)?;
        self.flush()
    }

    /// Begins a transaction on top of the newest state.
    pub(super) fn transaction(&self) -> Transaction<'_> {
        Transaction::new(&self.journal, self.newest.clone(), self.journal.version())
    }

    /// Writes new lines in one write. The caller holds the lock, and calls [`Writer::flush`] before
    /// it releases it.
    pub(super) fn write(mut self, staged: Vec<Staged>, sizes: Sizes) -> Result<Self, Fault> {
        let skips = self.journal.follows() < self.journal.version();
        if !staged.is_empty() && !skips && (self.is_full(sizes) || self.is_of_older_format()) {
            self.begin_segment()?;
        }
        // Durable before the lines that refer to them: a line without its blob is damage.
        for blob in staged.iter().flat_map(|one| &one.blobs) {
            blobs::store(self.fs.as_ref(), &self.name, blob)?;
        }
        let lines = staged.iter().map(|one| one.line.as_slice()).collect::<Vec<_>>().concat();
        if skips && !staged.is_empty() {
            self.flush()?;
            self.create_next(&lines)?;
            self.take_in(staged);
            return Ok(self);
        }
        let OpenSegment { file, path, .. } = &self.segment.open;
        if let Err(error) = file.write_at(self.segment.end, &lines) {
            // Flushed: after a power cut the torn end could otherwise look like a written line. If
            // this fails too, the next process cuts the line or finishes it.
            drop(file.truncate(self.segment.end).and_then(|()| file.flush()));
            return Err(doing("write", path)(error));
        }
        // Only after the write: memory never runs ahead of the file.
        self.take_in(staged);
        Ok(self)
    }

    fn take_in(&mut self, staged: Vec<Staged>) {
        self.journal.accept(&staged);
        for one in staged {
            self.segment.end += one.line.len() as u64;
            self.segment.entries += 1;
            self.segment.replay_bytes += one.replay_bytes;
            self.newest = one.snapshot;
            self.log_changes.add(&one.entry);
            self.documents.add(one.entry.version, one.entry.document);
        }
    }

    /// Makes all lines durable, so that their callers may receive answers. The caller holds the
    /// lock, and drops the writer after an error.
    pub(super) fn flush(&mut self) -> Result<(), Fault> {
        let OpenSegment { first, path, file, journal, .. } = &self.segment.open;
        if !planted(Sabotage::NoFlush) {
            let flushed = file.flush();
            let flushed = match flushed {
                Err(_) if planted(Sabotage::FlushRepeated) => file.flush(),
                flushed => flushed,
            };
            flushed.map_err(doing("flush", path))?;
        }
        // After the flush: other processes rely on what it names.
        self.mark.set(journal.as_ref(), *first, self.journal.line());
        Ok(())
    }

    fn is_full(&self, sizes: Sizes) -> bool {
        self.segment.entries >= sizes.segment_entries_max
            || self.segment.end >= sizes.segment_bytes_max
            || self.segment.replay_bytes >= sizes.replay_bytes_max
    }

    /// Returns whether older programs, which know only older formats, may write to the segment.
    pub(super) fn is_of_older_format(&self) -> bool {
        self.segment.format < FORMAT
    }

    /// Returns the newest entry if it purged the artifact.
    pub(super) fn purged(&self) -> Option<Removed> {
        self.journal.tombstone().filter(|tombstone| tombstone.removal == Removal::Purge)
    }

    /// Begins a segment after a purge, so that every earlier segment can be destroyed. The purge
    /// becomes durable first. The caller holds the lock.
    pub(super) fn seal_purged(mut self) -> Result<Self, Fault> {
        let is_open = self.purged().is_some() && self.segment.entries > 0;
        if is_open && !planted(Sabotage::DestroyedBefore) {
            self.begin_segment()?;
        }
        Ok(self)
    }

    /// Begins the next segment, locked like this one.
    fn begin_segment(&mut self) -> Result<(), Fault> {
        // Before the new segment exists: its first line builds on all earlier lines, and from then
        // on no process writes to this one again.
        self.flush()?;
        self.create_next(b"")
    }

    fn create_next(&mut self, entries: &[u8]) -> Result<(), Fault> {
        let folder = Arc::clone(&self.segment.open.journal);
        self.segment = create_segment(&self.fs, &folder, &mut self.journal, entries)?;
        Ok(())
    }

    /// Returns the newest version.
    pub(super) fn version(&self) -> Version {
        self.journal.version()
    }

    /// Returns the newest state, if the artifact exists.
    pub(super) fn newest(&self) -> Option<&Arc<Snapshot>> {
        self.newest.as_ref()
    }

    /// Judges `state.json` if it is another file than this process judged or wrote last. Returns its
    /// state if it is newer than the journal. The caller holds the lock and has read all lines, so no
    /// other process wrote that version meanwhile.
    fn judge_copy(&mut self) -> Result<Option<Snapshot>, Fault> {
        let path = layout::in_artifact(&self.name, STATE_FILE);
        // Before reading: a later change must show as a difference.
        let stat = self.fs.look(&path).ok();
        if stat == self.copy.stat {
            return Ok(None);
        }
        self.copy = CopyBeside { stat, other: None };
        let Some(copy) = copy::read(self.fs.as_ref(), &self.name)? else { return Ok(None) };
        let history = History::new(self.fs.as_ref(), &self.name);
        let journal = (self.journal.id(), self.version());
        match copy::kinship(&copy, &history, journal, &self.documents) {
            Kinship::Own => {
                self.log_changes.forget_up_to(copy.snapshot.version);
                Ok(None)
            }
            Kinship::Newer => Ok(Some(copy.snapshot)),
            Kinship::Other => {
                self.copy.other = Some(copy.snapshot.version);
                Ok(None)
            }
        }
    }

    /// Returns whether no process wrote more lines than it has.
    pub(super) fn is_last(&self) -> bool {
        let segment = &self.segment.open;
        let length = segment.length_in_place(self.fs.as_ref(), Some(self.version() + 1));
        length.is_ok_and(|length| length == Some(self.segment.end))
    }

    /// Returns the version of `state.json`, when it is a copy of another journal.
    pub(super) fn other_copy(&self) -> Option<Version> {
        self.copy.other
    }

    /// Makes the journal read-only, unless it is already, since what was given up to a version is not there.
    pub(super) fn doubt(&mut self, damage: String, given: Version) {
        if self.damage.is_none() {
            let after = self.journal.version();
            self.doubt = Some(Doubt { after, given, damage: damage.clone() });
            self.damage = Some(damage);
        } else if let Some(doubt) = &mut self.doubt {
            doubt.given = doubt.given.max(given);
        }
    }

    /// Takes the journal as it is, in spite of what is missing. The next entry comes after every version
    /// that was given. Returns what was missing, if anything was.
    pub(super) fn accept(&mut self) -> Result<Option<Doubt>, Fault> {
        let Some(doubt) = self.doubt.take() else { return Ok(None) };
        self.damage = None;
        // Not what a newer copy says: its seal has no key, so a model can write one.
        let newest = self.journal.snapshot();
        self.newest = newest.map_err(|damage| Fault::Corrupt(damage.to_string()))?;
        self.journal.skip_to(doubt.given);
        Ok(Some(doubt))
    }

    /// Returns the damage that makes the journal read-only, if any.
    pub(super) fn damage(&self) -> Option<&str> {
        self.damage.as_deref()
    }

    /// Returns the segment for new lines.
    pub(super) fn segment(&self) -> &Segment {
        &self.segment
    }

    /// Returns the state for the projections.
    pub(super) fn standing(&self) -> JournalState<'_> {
        JournalState {
            version: self.journal.version(),
            journal: self.journal.id(),
            line: self.journal.line(),
            snapshot: self.newest.as_ref(),
            logs: self.journal.logs(),
            removed: self.journal.removed(),
            changes: &self.log_changes,
            documents: &self.documents,
        }
    }

    /// Returns the newest entry if it deleted the artifact.
    pub(super) fn tombstone(&self) -> Option<Removed> {
        self.journal.tombstone()
    }

    /// Records the status of the `state.json` that this process wrote, if it did.
    pub(super) fn copied(&mut self, stat: Option<Stat>) {
        if stat.is_some() {
            self.copy = CopyBeside { stat, other: None };
        }
    }

    /// Records that the readable logs are complete.
    pub(super) fn projected(&mut self) {
        self.log_changes = LogChanges::since(self.journal.version());
    }
}

/// The entries after a version that change the readable logs or the outputs. They are few.
#[derive(Debug)]
pub(super) struct LogChanges {
    /// `entries` has all changes after this version.
    pub(super) since: Version,
    pub(super) entries: Vec<Entry>,
}

impl LogChanges {
    fn since(version: Version) -> Self {
        Self { since: version, entries: Vec::new() }
    }

    fn forget_up_to(&mut self, version: Version) {
        self.since = self.since.max(version);
        self.entries.retain(|entry| entry.version > version);
    }

    fn add(&mut self, entry: &Entry) {
        let is_visible =
            entry.opens_cycle() || !entry.sections.is_empty() || !entry.outputs.is_empty();
        if entry.version > self.since && is_visible {
            self.entries.push(entry.clone());
        }
    }
}
