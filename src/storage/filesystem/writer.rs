//! The writer of an artifact's journal: opens it, keeps up with other processes, appends, flushes.
//!
//! Several processes share a journal. The lock is held while one reads what others appended and
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

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use super::Sizes;
use super::fs::{self, File, Fs, Mode};
use super::layout;
use super::plant::{Plant, planted};
use super::segment::{self, Bad, Blobs, Scanned};
use crate::model::entry::{Entry, Logs};
use crate::model::journal::{Damage, Journal, Snapshot, Staged, Turn};
use crate::model::projection;
use crate::model::{Digest, Name, Version};

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
    pub(super) path: String,
    pub(super) file: Arc<dyn File>,
    pub(super) id: u64,
    /// The place after the last good line.
    pub(super) end: u64,
    entries: usize,
}

/// Why a writer could not be opened or used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// The disk failed.
    #[error("{doing}")]
    Disk {
        doing: String,
        #[source]
        source: io::Error,
    },
    /// An acknowledged line is damaged.
    #[error("{0}")]
    Corrupt(String),
    /// A newer program wrote it.
    #[error("{0}")]
    NewerFormat(Damage),
    /// The workspace cannot be written to.
    #[error("{0}")]
    ReadOnly(String),
}

/// Adds to an I/O error what was being done.
pub(super) fn doing<'a>(what: &'a str, path: &'a str) -> impl FnOnce(io::Error) -> Fault + 'a {
    move |source| Fault::Disk { doing: format!("{what} {path}"), source }
}

impl Writer {
    /// Opens an artifact's journal, or returns `None` when it has none. Only for the holder of the
    /// lock, or of a read-only workspace, which cuts nothing.
    pub(super) fn open(
        fs: &Arc<dyn Fs>,
        name: &Name,
        writable: bool,
    ) -> Result<Option<Self>, Fault> {
        let folder = layout::journal(name);
        let segments = segment::list(fs.as_ref(), name).map_err(doing("list", &folder))?;
        let Some(first) = segments.last().copied() else {
            return Ok(None);
        };
        if writable {
            segment::remove_unfinished(fs.as_ref(), name).map_err(doing("clean up", &folder))?;
        }
        let path = layout::segment(name, first);
        let mode = if writable { Mode::Write } else { Mode::Read };
        let file = fs.open(&path, mode).map_err(doing("open", &path))?;
        let bytes = fs::read_all(file.as_ref()).map_err(doing("read", &path))?;
        let blobs = Blobs::new(fs.as_ref(), name);
        let scanned = segment::scan(name, &bytes, &|digest| blobs.load(digest));
        blobs.check()?;
        let scanned = match scanned {
            Ok(scanned) => scanned,
            Err(damage @ Damage::NewerFormat { .. }) => return Err(Fault::NewerFormat(damage)),
            Err(damage) => return Err(Fault::Corrupt(format!("{path}: {damage}"))),
        };
        let id = file.stat().map_err(doing("look at", &path))?.id;
        let segment = Segment {
            path,
            file: Arc::from(file),
            id,
            end: scanned.end as u64,
            entries: scanned.lines.len(),
        };
        let state = read_state_file(fs.as_ref(), name)?;
        let (tail, bad) = (&bytes[scanned.end..], scanned.bad.clone());
        let mut writer = Self::from_scan(fs, name, segment, scanned, &bytes, state.as_ref())?;
        match writer.judge(bad, state) {
            Verdict::Whole => {}
            Verdict::Cut if writable && !planted(Plant::NoCut) => writer.cut(tail)?,
            Verdict::Cut => {}
            Verdict::Damaged(damage) => writer.damage = Some(damage),
        }
        Ok(Some(writer))
    }

    /// Makes a writer of what was read of a segment.
    fn from_scan(
        fs: &Arc<dyn Fs>,
        name: &Name,
        segment: Segment,
        scanned: Scanned,
        bytes: &[u8],
        state: Option<&Snapshot>,
    ) -> Result<Self, Fault> {
        let newest = scanned.journal.check_document().and_then(|()| scanned.journal.snapshot());
        let newest =
            newest.map_err(|damage| Fault::Corrupt(format!("{}: {damage}", segment.path)))?;
        let verified = vouched_for(&scanned, state);
        let (base, lines) = (scanned.base, scanned.lines);
        let from = lines
            .iter()
            .take_while(|line| line.entry.version <= verified)
            .last()
            .map_or(base.end, |line| line.end);
        let above = lines.iter().filter(|line| line.entry.version > verified);
        let unverified_ends = above.map(|line| (line.entry.version, line.end as u64)).collect();
        let mut log_changes =
            LogChanges::since(state.map_or(0, |state| state.version).max(base.version));
        lines.into_iter().for_each(|line| log_changes.add(line.entry));
        Ok(Self {
            name: name.clone(),
            fs: Arc::clone(fs),
            journal: scanned.journal,
            newest,
            segment,
            verified,
            unverified: bytes[from..scanned.end].to_vec(),
            unverified_ends,
            names_unverified: verified == base.version,
            log_changes,
            damage: None,
        })
    }

    /// Decides what a bad line means, and a `state.json` that knows more than the journal: what
    /// nobody was ever told of is cut, and everything else kept and reported.
    fn judge(&mut self, bad: Option<Bad>, state: Option<Snapshot>) -> Verdict {
        let (version, next) = (self.journal.version(), self.journal.version() + 1);
        let lost = state.filter(|state| state.version > version);
        match (lost, bad) {
            (_, Some(_)) if planted(Plant::CutAnyBadLine) => Verdict::Cut,
            (Some(state), bad) => {
                let stored = format!("state.json says that version {} was stored", state.version);
                self.newest = Some(Arc::new(state));
                Verdict::Damaged(match bad {
                    Some(bad) => {
                        format!("version {next} is damaged ({}), and {stored}", bad.reason)
                    }
                    None => format!(
                        "it ends at version {version}, and {stored}; if that state.json comes from elsewhere, remove it"
                    ),
                })
            }
            (None, Some(bad)) if bad.later_flushed >= next => Verdict::Damaged(format!(
                "version {next} is damaged ({}), and a later entry says that version {} was stored",
                bad.reason, bad.later_flushed
            )),
            (None, Some(bad)) if !bad.torn => {
                Verdict::Damaged(format!("version {next} cannot be read ({})", bad.reason))
            }
            (None, Some(_)) => Verdict::Cut,
            (None, None) => Verdict::Whole,
        }
    }

    /// Cuts lines off that were never acknowledged. A copy is kept unless they are zeros.
    fn cut(&self, tail: &[u8]) -> Result<(), Fault> {
        let path = &self.segment.path;
        if tail.iter().any(|byte| *byte != 0) {
            let kept = format!(
                "{}/{}-after-{}-{:08x}",
                layout::TRASH,
                self.name,
                self.journal.version(),
                crc32fast::hash(tail)
            );
            self.fs.create_dir(layout::TRASH).map_err(doing("make", layout::TRASH))?;
            fs::write_replaceable(self.fs.as_ref(), &kept, tail).map_err(doing("write", &kept))?;
        }
        let cut =
            self.segment.file.truncate(self.segment.end).and_then(|()| self.segment.file.flush());
        cut.map_err(doing("cut the torn end of", path))
    }

    /// Reads what other processes appended. Returns false when the writer has to be opened anew,
    /// because the segment was replaced, cut, or followed by another. Only for the holder of the
    /// lock.
    pub(super) fn catch_up(&mut self) -> Result<bool, Fault> {
        let path = &self.segment.path;
        let at_path = self.fs.stat(path);
        if !at_path.is_ok_and(|stat| stat.id == self.segment.id) || self.damage.is_some() {
            return Ok(false);
        }
        let bytes = self.segment.file.stat().map_err(doing("look at", path))?.bytes;
        if bytes < self.segment.end {
            return Ok(false);
        }
        if bytes > self.segment.end && !self.read_appended(bytes - self.segment.end)? {
            return Ok(false);
        }
        let next = layout::segment(&self.name, self.journal.version() + 1);
        let followed = fs::exists(self.fs.as_ref(), &next).map_err(doing("look for", &next))?;
        Ok(!followed)
    }

    fn read_appended(&mut self, bytes: u64) -> Result<bool, Fault> {
        let appended = usize::try_from(bytes).map_err(io::Error::other);
        let appended =
            appended.and_then(|bytes| self.segment.file.read_at(self.segment.end, bytes));
        let appended = appended.map_err(doing("read", &self.segment.path))?;
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
            self.log_changes.add(line.entry);
            self.segment.entries += 1;
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

    /// Begins a turn on top of the newest state.
    pub(super) fn turn(&self) -> Turn<'_> {
        Turn::new(&self.journal, self.newest.clone(), self.verified)
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
        if !staged.is_empty() && self.is_full(sizes) {
            *poisoned = true;
            self.begin_segment()?;
            *poisoned = false;
        }
        for blob in staged.iter().flat_map(|one| &one.blobs) {
            self.store_blob(blob)?;
        }
        let from = self.unverified_from();
        let mut bytes = self.unverified.clone();
        staged.iter().for_each(|one| bytes.extend_from_slice(&one.line));
        if let Err(error) = self.segment.file.write_at(from, &bytes) {
            let undone = self
                .segment
                .file
                .truncate(self.segment.end)
                .and_then(|()| self.segment.file.flush());
            *poisoned = undone.is_err();
            return Err(doing("write", &self.segment.path)(error));
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
            self.unverified_ends.push_back((one.entry.version, self.segment.end));
            self.newest = Some(one.snapshot);
            self.log_changes.add(one.entry);
        }
    }

    /// Makes everything that was appended durable. After an error the writer must not be used
    /// again. The lock is not needed.
    pub(super) fn flush(&mut self) -> Result<(), Fault> {
        if self.names_unverified {
            flush_names(self.fs.as_ref(), &self.name)?;
        }
        if !planted(Plant::NoFlush) {
            let flushed = self.segment.file.flush();
            if flushed.is_err() && planted(Plant::NoPoisoning) {
                self.trust(self.journal.version());
            }
            flushed.map_err(doing("flush", &self.segment.path))?;
        }
        self.names_unverified = false;
        self.trust(self.journal.version());
        Ok(())
    }

    fn is_full(&self, sizes: Sizes) -> bool {
        self.segment.entries >= sizes.segment_entries_max
            || self.segment.end >= sizes.segment_bytes_max
    }

    /// Begins the next segment. Everything before it is made durable first, since its first line
    /// builds on all of it.
    fn begin_segment(&mut self) -> Result<(), Fault> {
        let rewritten = self.segment.file.write_at(self.unverified_from(), &self.unverified);
        rewritten.map_err(doing("write", &self.segment.path))?;
        self.flush()?;
        let first = self.journal.version() + 1;
        self.segment = create_segment(&self.fs, &self.name, &self.journal, first)?;
        Ok(())
    }

    fn store_blob(&self, blob: &[u8]) -> Result<(), Fault> {
        store_blob(self.fs.as_ref(), &self.name, blob)
    }

    /// Returns the newest state.
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

    /// Returns how long the readable logs are, and what may not be in them yet.
    pub(super) fn logs(&self) -> (&Logs, &LogChanges) {
        (self.journal.logs(), &self.log_changes)
    }

    /// Takes note that the readable logs have everything.
    pub(super) fn projected(&mut self) {
        self.log_changes = LogChanges::since(self.journal.version());
    }
}

/// What is to be done about the end of a segment.
enum Verdict {
    /// Nothing is wrong.
    Whole,
    /// What comes after the good lines was never acknowledged.
    Cut,
    /// Something was acknowledged and is damaged or missing.
    Damaged(String),
}

/// Entries that change the readable logs, from a version on. Few entries do.
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

    fn add(&mut self, entry: Entry) {
        if entry.version > self.since && (entry.opens_cycle() || !entry.sections.is_empty()) {
            self.entries.push(entry);
        }
    }
}

/// Returns the highest version of a segment that was on the disk for certain: a later entry says
/// so, `state.json` does, or the segment builds on it.
fn vouched_for(scanned: &Scanned, state: Option<&Snapshot>) -> Version {
    let document_at =
        |version: Version| match scanned.lines.iter().find(|line| line.entry.version == version) {
            Some(line) => Some(line.entry.document),
            None => (version == scanned.base.version).then_some(scanned.base.document),
        };
    let marked = scanned.lines.iter().map(|line| line.entry.flushed).max().unwrap_or(0);
    let by_state = state.filter(|state| document_at(state.version) == Some(state.digest));
    let highest = marked.max(by_state.map_or(0, |state| state.version)).max(scanned.base.version);
    match planted(Plant::TrustPageCache) {
        true => scanned.journal.version(),
        false => highest.min(scanned.journal.version()),
    }
}

/// Makes the journal of an artifact that has none. Only for the holder of the lock.
pub(super) fn create(fs: &Arc<dyn Fs>, name: &Name) -> Result<Writer, Fault> {
    for folder in [layout::ARTIFACTS, &layout::artifact(name), &layout::journal(name), &layout::dist(name)] {
        fs.create_dir(folder).map_err(doing("make", folder))?;
    }
    let journal = Journal::new(name.clone());
    let segment = create_segment(fs, name, &journal, 1)?;
    flush_names(fs.as_ref(), name)?;
    Ok(Writer {
        name: name.clone(),
        fs: Arc::clone(fs),
        journal,
        newest: None,
        segment,
        verified: 0,
        unverified: Vec::new(),
        unverified_ends: VecDeque::new(),
        names_unverified: false,
        log_changes: LogChanges::since(0),
        damage: None,
    })
}

fn create_segment(
    fs: &Arc<dyn Fs>,
    name: &Name,
    journal: &Journal,
    first: Version,
) -> Result<Segment, Fault> {
    let (line, blob) = journal.to_base();
    if let Some(blob) = blob {
        store_blob(fs.as_ref(), name, &blob)?;
    }
    let path = layout::segment(name, first);
    fs::write_durably(fs.as_ref(), &path, &line).map_err(doing("write", &path))?;
    let file = fs.open(&path, Mode::Write).map_err(doing("open", &path))?;
    let id = file.stat().map_err(doing("look at", &path))?.id;
    Ok(Segment { path, file: Arc::from(file), id, end: line.len() as u64, entries: 0 })
}

/// Stores a blob durably. One that is there already is checked, and its name flushed again, since
/// whoever stored it may have died before.
fn store_blob(fs: &dyn Fs, name: &Name, blob: &[u8]) -> Result<(), Fault> {
    let digest = Digest::of(blob);
    let (folder, path) = (layout::blobs(name), layout::blob(name, digest));
    let there = segment::load_blob(fs, name, digest).map_err(doing("read", &path))?;
    if there.is_some() {
        return fs.flush_dir(&folder).map_err(doing("flush", &folder));
    }
    fs.create_dir(&folder).map_err(doing("make", &folder))?;
    let artifact = layout::artifact(name);
    fs.flush_dir(&artifact).map_err(doing("flush", &artifact))?;
    fs::write_durably(fs, &path, blob).map_err(doing("write", &path))
}

/// Makes the names durable that lead to an artifact's journal.
fn flush_names(fs: &dyn Fs, name: &Name) -> Result<(), Fault> {
    let folders = [
        layout::journal(name),
        layout::artifact(name),
        layout::ARTIFACTS.into(),
        layout::WORKSPACE.into(),
        String::new(),
    ];
    for folder in &folders {
        fs.flush_dir(folder).map_err(doing("flush", folder))?;
    }
    Ok(())
}

/// Reads `state.json`, when this program wrote it.
pub(super) fn read_state_file(fs: &dyn Fs, name: &Name) -> Result<Option<Snapshot>, Fault> {
    let path = layout::in_artifact(name, projection::STATE_FILE);
    let bytes = fs::read(fs, &path).map_err(doing("read", &path))?;
    Ok(bytes.and_then(|bytes| projection::read_state(&bytes)))
}
