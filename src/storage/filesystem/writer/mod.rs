//! The writer of an artifact's journal: opens it, keeps up with other processes, appends, flushes.
//!
//! Several processes share a journal. The lock is on the newest segment itself: whoever writes to a file
//! holds the lock on that very file, whatever becomes of its path. It is held while one reads what others appended and
//! writes its own lines, and is given back before the flush. The price, and how it is paid:
//!
//! - Lines of others may not be on the disk yet, and their writer may die or its flush may fail.
//!   So nobody relies on another process's flush, nor on a page cache that a failed flush may have
//!   marked clean: every line above the highest version that is *vouched for* is written again,
//!   byte for byte, together with one's own, and flushed by oneself.
//! - A version is vouched for by a later entry's `flushed` mark, by `state.json`, which is made
//!   only after a flush, or by one's own flush.
//! - After a failed flush or a failed clean-up nothing of what is in memory can be trusted: the
//!   writer is dropped, and opening again starts from what is vouched for.

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
use crate::model::entry::{Entry, FORMAT, Logs};
use crate::model::journal::{Journal, Snapshot, Staged, Transaction};
use crate::model::removal::{Removal, Removed};
use crate::model::{JournalId, Name, Version};

/// An open journal.
#[derive(Debug)]
pub(super) struct Writer {
    name: Name,
    fs: Arc<dyn Fs>,
    journal: Journal,
    newest: Option<Arc<Snapshot>>,
    segment: Segment,
    /// The highest version known to be on the disk.
    verified: Version,
    /// The lines above it, as bytes, and where each ends.
    unverified: Vec<u8>,
    unverified_ends: VecDeque<(Version, u64)>,
    /// Whether the names of the folders and of the segment may not be on the disk yet.
    names_unverified: bool,
    /// What may not be in the readable logs yet.
    log_changes: LogChanges,
    /// Why the journal cannot be written to, though it can be read.
    damage: Option<String>,
}

/// The segment that is appended to.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) open: OpenSegment,
    /// The place after the last good line.
    pub(super) end: u64,
    entries: usize,
    /// What reading its entries takes, their blobs included.
    replay_bytes: u64,
    format: u32,
}

/// Where a journal stands, for what is derived from it.
#[derive(Debug)]
pub(super) struct JournalState<'a> {
    pub(super) version: Version,
    pub(super) journal: Option<JournalId>,
    /// The state; `None` when the artifact was deleted.
    pub(super) snapshot: Option<&'a Arc<Snapshot>>,
    pub(super) logs: &'a Logs,
    /// The last entry that took files away.
    pub(super) removed: Option<Removed>,
    /// What may not be in the readable logs yet.
    pub(super) changes: &'a LogChanges,
}

impl Writer {
    /// Reads what other processes appended to the segment, which has that many bytes now. Returns false
    /// when the writer has to be opened anew. Only for the holder of the lock.
    pub(super) fn catch_up(&mut self, bytes: u64) -> Result<bool, Fault> {
        if self.damage.is_some() {
            return Ok(false);
        }
        match bytes.cmp(&self.segment.end) {
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
        blobs.check()?;
        if scanned.bad.is_some() || scanned.journal.check_document().is_err() {
            return Ok(false);
        }
        self.newest =
            scanned.journal.snapshot().map_err(|damage| Fault::Corrupt(damage.to_string()))?;
        self.journal = scanned.journal;
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
        self.trust(marked);
        Ok(true)
    }

    /// Takes note that everything up to a version is on the disk.
    fn trust(&mut self, version: Version) {
        if version <= self.verified {
            return;
        }
        self.verified = version;
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

    /// Where the lines begin that are not known to be on the disk. They go to the end.
    fn unverified_from(&self) -> u64 {
        self.segment.end - self.unverified.len() as u64
    }

    /// Returns whether every line is known to be on the disk.
    pub(super) fn is_flushed(&self) -> bool {
        self.unverified.is_empty() && !self.names_unverified
    }

    /// Begins a transaction on top of the newest state.
    pub(super) fn transaction(&self) -> Transaction<'_> {
        Transaction::new(&self.journal, self.newest.clone(), self.verified)
    }

    /// Appends lines, after every line that is not known to be on the disk once more, in one write.
    /// Only for the holder of the lock. [`Writer::flush`] makes them durable.
    ///
    /// After an error that leaves the file as it was, the writer is as it was too. After any other,
    /// `poisoned` is set, and the writer must not be used again.
    pub(super) fn append(
        &mut self,
        staged: Vec<Staged>,
        sizes: Sizes,
        poisoned: &mut bool,
    ) -> Result<(), Fault> {
        if !staged.is_empty() && (self.is_full(sizes) || self.is_of_older_format()) {
            *poisoned = true;
            self.begin_segment()?;
            *poisoned = false;
        }
        for blob in staged.iter().flat_map(|one| &one.blobs) {
            blobs::store(self.fs.as_ref(), &self.name, blob)?;
        }
        let from = self.unverified_from();
        let mut bytes = self.unverified.clone();
        staged.iter().for_each(|one| bytes.extend_from_slice(&one.line));
        if let Err(error) = self.segment.open.file.write_at(from, &bytes) {
            let undone = self
                .segment
                .open
                .file
                .truncate(self.segment.end)
                .and_then(|()| self.segment.open.file.flush());
            *poisoned = undone.is_err();
            return Err(doing("write", &self.segment.open.path)(error));
        }
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

    /// Makes everything that was appended durable. After an error the writer must not be used
    /// again. The lock is not needed.
    pub(super) fn flush(&mut self) -> Result<(), Fault> {
        if self.names_unverified {
            flush_names(self.fs.as_ref(), &self.name)?;
        }
        if !planted(Sabotage::NoFlush) {
            let flushed = self.segment.open.file.flush();
            if flushed.is_err() && planted(Sabotage::NoPoisoning) {
                self.trust(self.journal.version());
            }
            flushed.map_err(doing("flush", &self.segment.open.path))?;
        }
        self.names_unverified = false;
        self.trust(self.journal.version());
        Ok(())
    }

    fn is_full(&self, sizes: Sizes) -> bool {
        self.segment.entries >= sizes.segment_entries_max
            || self.segment.end >= sizes.segment_bytes_max
            || self.segment.replay_bytes >= sizes.replay_bytes_max
    }

    /// Returns whether programs that know no newer format may write to the segment.
    pub(super) fn is_of_older_format(&self) -> bool {
        self.segment.format < FORMAT
    }

    /// Returns the newest entry if it purged the artifact.
    pub(super) fn purged(&self) -> Option<Removed> {
        self.journal.tombstone().filter(|tombstone| tombstone.removal == Removal::Purge)
    }

    /// Begins a segment after a purge, so that all before it can be destroyed. Makes the purge durable
    /// first. Only for the holder of the lock; after an error the writer must not be used again.
    pub(super) fn seal_purged(&mut self) -> Result<(), Fault> {
        let is_open = self.purged().is_some() && self.segment.entries > 0;
        match is_open && !planted(Sabotage::DestroyedBefore) {
            true => self.begin_segment(),
            false => Ok(()),
        }
    }

    /// Begins the next segment, which is locked as this one is. Everything before it is made durable
    /// first, since its first line builds on all of it.
    fn begin_segment(&mut self) -> Result<(), Fault> {
        let rewritten = self.segment.open.file.write_at(self.unverified_from(), &self.unverified);
        rewritten.map_err(doing("write", &self.segment.open.path))?;
        self.flush()?;
        self.segment = create_segment(&self.fs, &self.segment.open.journal, &mut self.journal)?;
        Ok(())
    }

    /// Returns the newest version.
    pub(super) fn version(&self) -> Version {
        self.journal.version()
    }

    /// Returns the newest state, if there is an artifact.
    pub(super) fn newest(&self) -> Option<&Arc<Snapshot>> {
        self.newest.as_ref()
    }

    /// Returns why the journal cannot be written to, if so.
    pub(super) fn damage(&self) -> Option<&str> {
        self.damage.as_deref()
    }

    /// Returns the segment that is appended to.
    pub(super) fn segment(&self) -> &Segment {
        &self.segment
    }

    /// Returns what is to be derived from the journal.
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

    /// Takes note that the readable logs have everything.
    pub(super) fn projected(&mut self) {
        self.log_changes = LogChanges::since(self.journal.version());
    }
}

/// Entries that change the readable logs or the outputs, from a version on. Few entries do.
#[derive(Debug)]
pub(super) struct LogChanges {
    /// All changes after this version are here.
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
