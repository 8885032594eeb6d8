//! Reading entries and states of earlier versions. It needs no lock, because it reads only flushed
//! lines.

use std::io;

use super::blobs::Blobs;
use super::fault::{Fault, doing};
use super::layout;
use super::segment;
use crate::disk::fs::{self, Fs};
use crate::model::journal::entry::{Entry, LogFile, Payload};
use crate::model::journal::frame::{self, Scan};
use crate::model::journal::{Damage, Journal, LoadBlob, Snapshot};
use crate::model::{Digest, Name, Version};
use crate::storage::Link;

/// Bytes of patches after which a page of entries ends.
const PAGE_BYTES_MAX: usize = 8 << 20;

/// The history of an artifact.
#[derive(Clone, Copy, Debug)]
pub(super) struct History<'a> {
    pub(super) fs: &'a dyn Fs,
    pub(super) name: &'a Name,
}

impl<'a> History<'a> {
    pub(super) fn new(fs: &'a dyn Fs, name: &'a Name) -> Self {
        Self { fs, name }
    }

    /// Visits the entries after a version up to another, one at a time. Reads only the segments
    /// that contain them.
    pub(super) fn visit(
        &self,
        after: Version,
        up_to: Version,
        visit: &mut dyn FnMut(Entry),
    ) -> Result<(), Fault> {
        for (first, last) in self.segments(up_to)? {
            if last > after {
                self.walk(first, last, &mut |entry, _| {
                    if entry.version > after {
                        visit(entry);
                    }
                    true
                })?;
            }
        }
        Ok(())
    }

    /// Returns the text of a log, from the version that began the cycle up to another.
    pub(super) fn log_text(
        &self,
        log: LogFile,
        since: Version,
        up_to: Version,
    ) -> io::Result<String> {
        let mut whole = String::new();
        let visit = &mut |entry: Entry| entry.text_for(log).for_each(|text| whole.push_str(text));
        self.visit(since.saturating_sub(1), up_to, visit).map_err(as_io)?;
        Ok(whole)
    }

    /// Returns at most `limit` entries after a version up to another, within a limit of bytes. A
    /// page ends before a damaged line, and fails only if that line is its first: so every readable
    /// entry is returned, and the next call reports the damage.
    pub(super) fn read_good(
        &self,
        after: Version,
        up_to: Version,
        limit: usize,
    ) -> Result<Vec<Entry>, Fault> {
        let mut entries = Vec::new();
        match self.collect(after, up_to, limit, &mut entries) {
            Err(Fault::Corrupt(_)) if !entries.is_empty() => Ok(entries),
            result => result.map(|()| entries),
        }
    }

    fn collect(
        &self,
        after: Version,
        up_to: Version,
        limit: usize,
        entries: &mut Vec<Entry>,
    ) -> Result<(), Fault> {
        let mut bytes = 0;
        for (first, last) in self.segments(up_to)? {
            if last <= after || entries.len() >= limit || bytes >= PAGE_BYTES_MAX {
                continue;
            }
            self.walk(first, last, &mut |entry, journal| {
                if entry.version > after && entries.len() < limit {
                    let entry = journal.expanded(entry);
                    bytes += patch_bytes(&entry);
                    entries.push(entry);
                }
                entries.len() < limit && bytes < PAGE_BYTES_MAX
            })?;
        }
        Ok(())
    }

    /// Returns the state at a version, or `None` when there is no such version up to `newest`.
    pub(super) fn at(&self, version: Version, newest: Version) -> Result<Option<Snapshot>, Fault> {
        let Some(journal) = self.replayed(version, newest)? else { return Ok(None) };
        let checked = journal.check_document().and_then(|()| journal.snapshot());
        let snapshot = checked.map_err(|damage| Fault::Corrupt(damage.to_string()))?;
        Ok(snapshot.map(std::sync::Arc::unwrap_or_clone))
    }

    /// Returns the digest of the line of a version, or `None` when there is no such version up to
    /// `newest`.
    pub(super) fn line(&self, version: Version, newest: Version) -> Result<Option<Digest>, Fault> {
        Ok(self.replayed(version, newest)?.map(|journal| journal.line()))
    }

    /// Follows the chain of lines to a version, and returns its link, or `None` when there is no such
    /// version up to `newest`.
    pub(super) fn link(&self, version: Version, newest: Version) -> Result<Option<Link>, Fault> {
        if version > newest {
            return Ok(None);
        }
        let mut link: Option<Link> = None;
        for (first, last) in self.segments(version)? {
            let before = link.map(|link| link.digest);
            let (mut continues, mut begins) = (true, true);
            let journal = self.walk(first, last, &mut |entry, _| {
                let begins = std::mem::take(&mut begins);
                continues &= !begins || before.is_none_or(|before| before == entry.previous);
                entry.version < last
            })?;
            let checked = journal.check_document();
            let checked =
                checked.and(if continues { Ok(()) } else { Err(Damage::BrokenChain(first)) });
            checked.map_err(|damage| Fault::Corrupt(damage.to_string()))?;
            link = Some(Link { journal: journal.id(), digest: journal.line() });
        }
        Ok(link)
    }

    /// Returns the version that began the cycle in which a version is.
    pub(super) fn cycle_start(&self, version: Version) -> Result<Version, Fault> {
        for (first, last) in self.segments(version)?.into_iter().rev() {
            let mut start = None;
            self.walk(first, last, &mut |entry, _| {
                start = Some(entry.version).filter(|_| entry.opens_cycle()).or(start);
                entry.version < version
            })?;
            if let Some(start) = start {
                return Ok(start);
            }
        }
        Ok(1)
    }

    /// Returns the journal as it was at a version, or `None` when there is no such version up to `newest`.
    /// Reads one segment.
    fn replayed(&self, version: Version, newest: Version) -> Result<Option<Journal>, Fault> {
        let mut segments = self.segments(newest)?.into_iter();
        let segment = segments.find(|(first, last)| (*first..=*last).contains(&version));
        let Some((first, last)) = segment else { return Ok(None) };
        let journal = self.walk(first, last, &mut |entry, _| entry.version < version)?;
        // Versions before the first entry of a segment may be lost.
        Ok(Some(journal).filter(|journal| journal.version() == version))
    }

    /// Returns the first and the last version of each segment.
    fn segments(&self, newest: Version) -> Result<Vec<(Version, Version)>, Fault> {
        let folder = layout::journal(self.name);
        let mut firsts = segment::list(self.fs, self.name).map_err(doing("list", &folder))?;
        firsts.retain(|first| *first <= newest);
        let lasts = firsts.iter().skip(1).map(|next| next - 1).chain([newest]);
        Ok(firsts.iter().copied().zip(lasts).collect())
    }

    /// Replays the lines of a segment until `visit` returns false, and returns the journal.
    fn walk(
        &self,
        first: Version,
        last: Version,
        visit: &mut dyn FnMut(Entry, &Journal) -> bool,
    ) -> Result<Journal, Fault> {
        let path = layout::segment(self.name, first);
        let bytes = fs::read(self.fs, &path, segment::BYTES_MAX).map_err(doing("read", &path))?;
        // The file existed in the listing: another process is purging the artifact.
        let gone = || doing("read", &path)(io::ErrorKind::NotFound.into());
        let bytes = bytes.ok_or_else(gone)?;
        let blobs = Blobs::new(self.fs, self.name);
        let folded = fold(self.name, (first, last), &bytes, &|digest| blobs.load(digest), visit);
        blobs.check()?;
        folded.map_err(|damage| match damage {
            Damage::NewerFormat { .. } => Fault::NewerFormat(damage),
            damage => Fault::Corrupt(format!("{path}: {damage}")),
        })
    }
}

/// Replays the lines of a segment up to a version, or until `visit` returns false.
fn fold(
    name: &Name,
    (first, last): (Version, Version),
    bytes: &[u8],
    blobs: LoadBlob<'_>,
    visit: &mut dyn FnMut(Entry, &Journal) -> bool,
) -> Result<Journal, Damage> {
    let base = line_at(bytes, 0, 0)?;
    let mut journal = Journal::from_base(name, first, base, blobs)?;
    let mut end = base.len();
    while journal.version() < last {
        let line = line_at(bytes, end, journal.version() + 1)?;
        end += line.len();
        let entry = journal.replay(line, blobs)?;
        if !visit(entry, &journal) {
            break;
        }
    }
    Ok(journal)
}

/// Returns the line at an offset, or the damage. `version` is its expected version; the first line
/// of a segment counts as version 0.
fn line_at(bytes: &[u8], at: usize, version: Version) -> Result<&[u8], Damage> {
    match frame::scan(&bytes[at..]) {
        Scan::Line(line) => Ok(line),
        Scan::End => Err(Damage::BadLine { version, reason: "missing" }),
        Scan::Bad(reason) => Err(Damage::BadLine { version, reason }),
    }
}

fn patch_bytes(entry: &Entry) -> usize {
    match &entry.patch {
        Payload::Inline(patch) => serde_json::to_vec(patch).map_or(0, |bytes| bytes.len()),
        Payload::Blob(reference) => reference.bytes,
    }
}

/// Turns a fault into an I/O error, where it only becomes a warning.
pub(super) fn as_io(fault: Fault) -> io::Error {
    io::Error::other(fault)
}
