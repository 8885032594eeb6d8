//! Opening a journal: which lines are intact, which are on the disk for certain, and what happens
//! to the rest.

use std::sync::Arc;

use super::super::blobs::Blobs;
use super::super::fault::{Fault, doing};
use super::super::layout;
use super::super::segment::{self, Bad, Line, OpenSegment, Scanned};
use super::{CopyBeside, LogChanges, Mark, RecentDocuments, Segment, Writer};
use crate::disk::fs::{self, Fs};
use crate::disk::sabotage::{Sabotage, planted};
use crate::model::journal::{Damage, Snapshot};
use crate::model::{Name, Version};

impl Writer {
    /// Reads a journal from its newest segment on. The caller holds the lock, or the workspace is
    /// read-only and nothing is cut.
    pub(in super::super) fn open(
        fs: &Arc<dyn Fs>,
        name: &Name,
        segment: OpenSegment,
        writable: bool,
    ) -> Result<Self, Fault> {
        if writable {
            // Under the lock, no other process is creating a segment: these files are of dead ones.
            let cleaned = segment::remove_unfinished(segment.journal.as_ref());
            cleaned.map_err(doing("clean up", &layout::journal(name)))?;
        }
        let mut found = Found::read(fs.as_ref(), name, &segment)?;
        let bytes = std::mem::take(&mut found.bytes);
        let (good, tail) = bytes.split_at(found.scanned.end);
        let doubtful = &good[vouched_end(&found.scanned)..];
        let bad = found.scanned.bad.take();
        let mut writer = Self::on(fs, name, segment, found.scanned)?;
        let newer = writer.judge_copy()?;
        match writer.judge(bad, newer) {
            Verdict::Whole => {}
            // Now, under the lock: the next append must not write around a torn line.
            Verdict::Cut if writable && !planted(Sabotage::NoCut) => writer.cut(tail)?,
            Verdict::Cut => {}
            Verdict::Damaged(damage) => {
                writer.damage = Some(damage);
                return Ok(writer);
            }
            Verdict::Shortened { damage, given } => {
                writer.doubt(damage, given);
                return Ok(writer);
            }
        }
        // Readable is not durable: a crashed writer's lines may be in the page cache only.
        writer.make_durable(doubtful, writable)?;
        Ok(writer)
    }

    /// Builds a writer from the segment and its scan.
    fn on(
        fs: &Arc<dyn Fs>,
        name: &Name,
        open: OpenSegment,
        scanned: Scanned,
    ) -> Result<Self, Fault> {
        let newest = scanned.journal.check_document().and_then(|()| scanned.journal.snapshot());
        let newest = newest.map_err(|damage| Fault::Corrupt(format!("{}: {damage}", open.path)))?;
        let mut log_changes = LogChanges::since(scanned.base.version);
        let mut documents = RecentDocuments::default();
        documents.add(scanned.base.version, scanned.base.document);
        for Line { entry, .. } in &scanned.lines {
            log_changes.add(entry);
            documents.add(entry.version, entry.document);
        }
        let segment = Segment {
            open,
            end: scanned.end as u64,
            entries: scanned.lines.len(),
            replay_bytes: scanned.lines.iter().map(|line| line.replay_bytes).sum(),
            format: scanned.journal.format(),
        };
        Ok(Self {
            name: name.clone(),
            fs: Arc::clone(fs),
            newest,
            segment,
            mark: Mark::default(),
            journal: scanned.journal,
            log_changes,
            documents,
            copy: CopyBeside::default(),
            damage: None,
            doubt: None,
        })
    }

    /// Fails to be writable when `state.json` was replaced by one that is newer than the journal.
    pub(in super::super) fn recheck_copy(&mut self) -> Result<(), Fault> {
        let newer = self.judge_copy()?;
        if let Verdict::Shortened { damage, given } = self.judge(None, newer) {
            self.doubt(damage, given);
        }
        Ok(())
    }

    /// Decides the meaning of a bad line, and of a copy of this journal that is newer than its lines.
    /// Unacknowledged lines are cut; everything else is kept and reported.
    fn judge(&mut self, bad: Option<Bad>, newer: Option<Snapshot>) -> Verdict {
        let (version, next) = (self.journal.version(), self.journal.version() + 1);
        match (newer, bad) {
            (_, Some(_)) if planted(Sabotage::CutAnyBadLine) => Verdict::Cut,
            (Some(state), bad) => {
                let given = state.version;
                let stored = format!("state.json says that version {given} was stored");
                // Readers get the newest acknowledged state, although the journal lost it.
                self.newest = Some(Arc::new(state));
                match bad {
                    Some(bad) => Verdict::Damaged(format!(
                        "version {next} is damaged ({}), and {stored}",
                        bad.reason
                    )),
                    None => {
                        let damage = format!("it ends at version {version}, and {stored}");
                        Verdict::Shortened { damage, given }
                    }
                }
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

    /// Cuts unacknowledged lines off. Keeps a copy unless they are all zeros.
    fn cut(&self, tail: &[u8]) -> Result<(), Fault> {
        let OpenSegment { path, file, .. } = &self.segment.open;
        // The copy comes first: a crash in between then loses nothing.
        if tail.iter().any(|byte| *byte != 0) {
            let kept = layout::cut(&self.name, self.journal.version(), tail);
            self.fs.create_dir(layout::TRASH).map_err(doing("make", layout::TRASH))?;
            fs::write_replaceable(self.fs.as_ref(), &kept, tail).map_err(doing("write", &kept))?;
        }
        // Flushed before new lines: they must not be followed by old bytes after a power cut.
        let cut = file.truncate(self.segment.end).and_then(|()| file.flush());
        cut.map_err(doing("cut the torn end of", path))
    }
}

/// The newest segment of a journal as found on the disk.
struct Found {
    bytes: Vec<u8>,
    scanned: Scanned,
}

impl Found {
    fn read(fs: &dyn Fs, name: &Name, segment: &OpenSegment) -> Result<Self, Fault> {
        let path = &segment.path;
        let bytes = fs::read_all(segment.file.as_ref(), path, segment::BYTES_MAX);
        let bytes = bytes.map_err(doing("read", path))?;
        let blobs = Blobs::new(fs, name);
        let scanned = segment::scan(name, segment.first, &bytes, &|digest| blobs.load(digest));
        blobs.check()?;
        let scanned = match scanned {
            Ok(scanned) => scanned,
            Err(damage @ Damage::NewerFormat { .. }) => return Err(Fault::NewerFormat(damage)),
            Err(damage) => return Err(Fault::Corrupt(format!("{path}: {damage}"))),
        };
        Ok(Self { bytes, scanned })
    }
}

/// What opening does with the end of a segment.
enum Verdict {
    /// Every line is intact.
    Whole,
    /// The bytes after the intact lines were never acknowledged.
    Cut,
    /// Acknowledged lines are damaged.
    Damaged(String),
    /// Acknowledged lines at the end are missing, up to a version that was given.
    Shortened { damage: String, given: Version },
}

/// Returns the offset after the last line for which a later entry, or the segment's first line,
/// vouches: it is on the disk for certain.
fn vouched_end(scanned: &Scanned) -> usize {
    let vouched = scanned.lines.iter().map(|line| line.entry.flushed).max().unwrap_or(0);
    let last = scanned.lines.iter().take_while(|line| line.entry.version <= vouched).last();
    last.map_or(scanned.base.end, |line| line.end)
}
