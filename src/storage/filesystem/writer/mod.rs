//! The writer of an artifact's journal: opens it, keeps up with other processes, appends, flushes.
//!
//! Several processes share a journal. The lock is on the newest segment itself: a process writes to
//! a file only while it locks that very file, even if the file's path changes. It holds the lock
//! while it reads the lines of other processes and writes its own, and releases it before the
//! flush. The consequences:
//!
//! - The lines of another process may not be on the disk yet, its flush may fail, or it may die.
//!   So no process relies on another's flush, nor on a page cache that a failed flush may have
//!   marked clean: a process writes every line above the highest *vouched* version again, byte for
//!   byte, together with its own lines, and flushes all of them itself.
//! - Three things vouch for a version: the `flushed` mark of a later entry, `state.json`, which is
//!   written only after a flush, and the process's own flush.
//! - After a failed flush or a failed clean-up the memory is not reliable: the process drops the
//!   writer, and opening again starts from the vouched version.

mod creation;
mod opening;

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

pub(super) use self::creation::create;
use self::creation::{create_segment, flush_names};
pub(super) use self::opening::read_state_file;
use super::Sizes;
use super::blobs::{self, Blobs};
use super::fault::{Fault, doing};
use super::segment::{self, OpenSegment};
use crate::disk::fs::Fs;
use crate::disk::sabotage::{Sabotage, planted};
use crate::model::journal::entry::{Entry, FORMAT, Logs};
use crate::model::journal::removal::{Removal, Removed};
use crate::model::journal::{Journal, Snapshot, Staged, Transaction};
use crate::model::{JournalId, Name, Version};

/// An open journal.
#[derive(Debug)]
pub(super) struct Writer {
    name: Name,
    fs: Arc<dyn Fs>,
    journal: Journal,
    newest: Option<Arc<Snapshot>>,
    segment: Segment,
    /// The highest version that is on the disk for certain.
    verified: Version,
    /// The lines above it, as bytes, and the end of each.
    unverified: Vec<u8>,
    unverified_ends: VecDeque<(Version, u64)>,
    /// Whether the names of the folders and of the segment may be unflushed.
    names_unverified: bool,
    /// Changes that the readable logs may not contain yet.
    log_changes: LogChanges,
    /// The damage that makes a readable journal read-only.
    damage: Option<String>,
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

/// The state of a journal, for its projections.
#[derive(Debug)]
pub(super) struct JournalState<'a> {
    pub(super) version: Version,
    pub(super) journal: Option<JournalId>,
    /// The state; `None` after a deletion.
    pub(super) snapshot: Option<&'a Arc<Snapshot>>,
    pub(super) logs: &'a Logs,
    /// The last removal.
    pub(super) removed: Option<Removed>,
    /// Changes that the readable logs may not contain yet.
    pub(super) changes: &'a LogChanges,
}

impl Writer {
    /// Reads what other processes appended to the segment, whose present length is given. Returns
    /// false when the journal must be opened again. The caller holds the lock.
    pub(super) fn catch_up(&mut self, bytes: u64) -> Result<bool, Fault> {
        if self.damage.is_some() {
            return Ok(false);
        }
        match bytes.cmp(&self.segment.end) {
            // Another process cut unacknowledged lines that this writer has in memory.
            Ordering::Less => Ok(false),
            Ordering::Equal => Ok(true),
            Ordering::Greater => self.read_appended(bytes - self.segment.end),
        }
    }

    fn read_appended(&mut self, bytes: u64) -> Result<bool, Fault> {
        let appended = usize::try_from(bytes).map_err(io::Error::other);
        let appended =
            appended.and_then(|bytes| self.segment.open.file.read_at(self.segment.end, bytes));
        let appended = appended.map_err(doing("read", &self.segment.open.path))?;
        let fs = Arc::clone(&self.fs);
        let blobs = Blobs::new(fs.as_ref(), &self.name);
        let journal = std::mem::replace(&mut self.journal, Journal::new(self.name.clone()));
        let scanned = segment::scan_on(journal, &appended, 0, &|digest| blobs.load(digest));
        // First: a failed disk must not count as a missing blob, and so as damage.
        blobs.check()?;
        if scanned.bad.is_some() || scanned.journal.check_document().is_err() {
            return Ok(false);
        }
        self.newest =
            scanned.journal.snapshot().map_err(|damage| Fault::Corrupt(damage.to_string()))?;
        self.journal = scanned.journal;
        // Their writer may not have flushed them: they count as doubtful until a mark says
        // otherwise.
        self.unverified.extend_from_slice(&appended);
        let mut marked = 0;
        for line in scanned.lines {
            self.unverified_ends
                .push_back((line.entry.version, self.segment.end + line.end as u64));
            marked = marked.max(line.entry.flushed);
            self.log_changes.add(&line.entry);
            self.segment.entries += 1;
            self.segment.replay_bytes += line.replay_bytes;
        }
        self.segment.end += appended.len() as u64;
        // Last: `trust` measures the doubtful lines from the segment's new end.
        self.trust(marked);
        Ok(true)
    }

    /// Records that every line up to a version is on the disk.
    fn trust(&mut self, version: Version) {
        if version <= self.verified {
            return;
        }
        self.verified = version;
        // A vouched line was flushed under these names, so its writer had flushed the names.
        self.names_unverified = false;
        let start = self.unverified_from();
        let mut trusted = start;
        while let Some((_, end)) =
            self.unverified_ends.front().copied().filter(|(one, _)| *one <= version)
        {
            self.unverified_ends.pop_front();
            trusted = end;
        }
        let bytes =
            usize::try_from(trusted - start).unwrap_or(usize::MAX).min(self.unverified.len());
        self.unverified.drain(..bytes);
    }

    /// Returns the offset of the first doubtful line. All lines after it are doubtful.
    fn unverified_from(&self) -> u64 {
        self.segment.end - self.unverified.len() as u64
    }

    /// Returns whether every line is on the disk for certain.
    pub(super) fn is_flushed(&self) -> bool {
        self.unverified.is_empty() && !self.names_unverified
    }

    /// Begins a transaction on top of the newest state.
    pub(super) fn transaction(&self) -> Transaction<'_> {
        Transaction::new(&self.journal, self.newest.clone(), self.verified)
    }

    /// Writes the doubtful lines again and then the new lines, in one write. The caller holds the
    /// lock. [`Writer::flush`] makes them durable.
    ///
    /// After an error that leaves the file unchanged, the writer is unchanged too. After any other
    /// error `poisoned` is set, and the caller must drop the writer.
    pub(super) fn append(
        &mut self,
        staged: Vec<Staged>,
        sizes: Sizes,
        poisoned: &mut bool,
    ) -> Result<(), Fault> {
        if !staged.is_empty() && (self.is_full(sizes) || self.is_of_older_format()) {
            // A failure in between leaves it unknown which segment is the newest.
            *poisoned = true;
            self.begin_segment()?;
            *poisoned = false;
        }
        // Durable before the lines that refer to them: a line without its blob is damage.
        for blob in staged.iter().flat_map(|one| &one.blobs) {
            blobs::store(self.fs.as_ref(), &self.name, blob)?;
        }
        // Doubtful lines first: rewriting them makes their pages dirty, so the next flush of this
        // process covers them, also where an earlier flush failed.
        let from = self.unverified_from();
        let mut bytes = self.unverified.clone();
        staged.iter().for_each(|one| bytes.extend_from_slice(&one.line));
        if let Err(error) = self.segment.open.file.write_at(from, &bytes) {
            // Flushed: after a power cut the torn end could otherwise look like a written line. If
            // the clean-up fails, the content of the file is unknown.
            let undone = self
                .segment
                .open
                .file
                .truncate(self.segment.end)
                .and_then(|()| self.segment.open.file.flush());
            *poisoned = undone.is_err();
            return Err(doing("write", &self.segment.open.path)(error));
        }
        // Only after the write: memory never runs ahead of the file.
        self.take_in(staged, bytes);
        Ok(())
    }

    fn take_in(&mut self, staged: Vec<Staged>, unverified: Vec<u8>) {
        self.journal.accept(&staged);
        self.unverified = unverified;
        for one in staged {
            self.segment.end += one.line.len() as u64;
            self.segment.entries += 1;
            let blobs: usize = one.blobs.iter().map(Vec::len).sum();
            self.segment.replay_bytes += (one.line.len() + blobs) as u64;
            self.unverified_ends.push_back((one.entry.version, self.segment.end));
            self.newest = one.snapshot;
            self.log_changes.add(&one.entry);
        }
    }

    /// Flushes everything that was appended. Needs no lock. After an error the caller must drop the
    /// writer.
    pub(super) fn flush(&mut self) -> Result<(), Fault> {
        if self.names_unverified {
            // Before the lines: `trust` says that the names of a flushed line are durable.
            flush_names(self.fs.as_ref(), &self.name)?;
        }
        if !planted(Sabotage::NoFlush) {
            let flushed = self.segment.open.file.flush();
            if flushed.is_err() && planted(Sabotage::NoPoisoning) {
                self.trust(self.journal.version());
            }
            flushed.map_err(doing("flush", &self.segment.open.path))?;
        }
        // From here every line in memory is durable, and its caller may receive an answer.
        self.names_unverified = false;
        self.trust(self.journal.version());
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
    /// becomes durable first. The caller holds the lock, and drops the writer after an error.
    pub(super) fn seal_purged(&mut self) -> Result<(), Fault> {
        let is_open = self.purged().is_some() && self.segment.entries > 0;
        if is_open && !planted(Sabotage::DestroyedBefore) { self.begin_segment() } else { Ok(()) }
    }

    /// Begins the next segment, locked like this one. Everything before it becomes durable first,
    /// because its first line builds on all earlier lines.
    fn begin_segment(&mut self) -> Result<(), Fault> {
        // Rewritten, as in `append`: a failed flush of another process may have marked these pages
        // clean, and then this flush would not write them.
        let rewritten = self.segment.open.file.write_at(self.unverified_from(), &self.unverified);
        rewritten.map_err(doing("write", &self.segment.open.path))?;
        // Before the new segment exists: from then on no process writes to this one again.
        self.flush()?;
        self.segment = create_segment(&self.fs, &self.segment.open.journal, &mut self.journal)?;
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
            snapshot: self.newest.as_ref(),
            logs: self.journal.logs(),
            removed: self.journal.removed(),
            changes: &self.log_changes,
        }
    }

    /// Returns the newest entry if it deleted the artifact.
    pub(super) fn tombstone(&self) -> Option<Removed> {
        self.journal.tombstone()
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

    fn add(&mut self, entry: &Entry) {
        let is_visible =
            entry.opens_cycle() || !entry.sections.is_empty() || !entry.outputs.is_empty();
        if entry.version > self.since && is_visible {
            self.entries.push(entry.clone());
        }
    }
}
