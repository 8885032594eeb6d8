//! Segments: the files of a journal, and their intact lines.

use std::io;
use std::sync::Arc;

use super::layout;
use crate::disk::fs::{self, File, Fs, Mode, TEMPORARY_SUFFIX, is_absent};
use crate::disk::sabotage::{Sabotage, planted};
use crate::model::journal::entry::{Entry, Payload};
use crate::model::journal::frame::{self, Scan};
use crate::model::journal::patch::Patch;
use crate::model::journal::removal::{Removal, Removed};
use crate::model::journal::{Damage, Journal, LoadBlob};
use crate::model::{Digest, Name, Version};

/// Bytes at the end of a segment that are searched for a tombstone, whose line is short.
const TAIL_BYTES: u64 = 4 << 10;

/// Bytes of a segment that is read. One is followed by the next after 4 MiB and one batch of saves.
pub(super) const BYTES_MAX: u64 = 128 << 20;

/// The segment that is appended to, open.
#[derive(Clone, Debug)]
pub(super) struct OpenSegment {
    /// The version of its first entry.
    pub(super) first: Version,
    /// Its path when it was opened.
    pub(super) path: String,
    pub(super) file: Arc<dyn File>,
    pub(super) id: u64,
    /// The journal's folder.
    pub(super) journal: Arc<dyn Fs>,
}

impl OpenSegment {
    /// Returns whether a segment begins at `next`, the version after this segment's last entry.
    pub(super) fn is_followed(&self, next: Version) -> io::Result<bool> {
        Ok(self.first != next && fs::exists(self.journal.as_ref(), &layout::segment_file(next))?)
    }

    /// Returns the segment's length if it is the file at its path and no segment follows it. Then
    /// the journal and its folders are at their paths too, because none of them has a second name.
    ///
    /// The order matters: a purge destroys segments without their locks, the oldest first. A
    /// segment that still exists after the search for a follower had none. In the other order a
    /// purge could destroy both between the two looks, and a purged version number would be used
    /// again.
    ///
    /// `next` is the version after its last entry, if known.
    pub(super) fn length_in_place(
        &self,
        fs: &dyn Fs,
        next: Option<Version>,
    ) -> io::Result<Option<u64>> {
        let own = || fs.look(&self.path).ok().filter(|there| there.id == self.id);
        let was_there = planted(Sabotage::OwnBeforeNext).then(own);
        let followed = match next {
            Some(next) => self.is_followed(next)?,
            None => list_in(self.journal.as_ref(), "")?.last() > Some(&self.first),
        };
        let own = was_there.unwrap_or_else(own).filter(|_| !followed);
        Ok(own.map(|there| there.bytes))
    }
}

/// Returns the first versions of an artifact's segments, in order. Empty when it has no journal.
pub(super) fn list(fs: &dyn Fs, name: &Name) -> io::Result<Vec<Version>> {
    list_in(fs, &layout::journal(name))
}

/// Returns the first versions of the segments in a folder, in order.
pub(super) fn list_in(fs: &dyn Fs, folder: &str) -> io::Result<Vec<Version>> {
    let names = match fs.list(folder) {
        Ok(names) => names,
        Err(error) if is_absent(&error) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut versions: Vec<Version> =
        names.iter().filter_map(|name| layout::segment_version(name)).collect();
    versions.sort_unstable();
    Ok(versions)
}

/// Returns whether a segment ends with the deletion of its artifact: with a tombstone, or with a
/// first line that builds on one. This is only a look: it does not judge a torn end.
pub(super) fn ends_with_tombstone(fs: &dyn Fs, path: &str) -> io::Result<bool> {
    #[derive(serde::Deserialize)]
    struct Last {
        removal: Option<Removal>,
        base: Option<Version>,
        removed: Option<Removed>,
    }
    let file = fs.open(path, Mode::Read)?;
    let bytes = file.stat()?.bytes;
    let from = bytes.saturating_sub(TAIL_BYTES);
    let tail = file.read_at(from, usize::try_from(bytes - from).unwrap_or_default())?;
    let last = frame::last_line(&tail).and_then(|line| serde_json::from_slice::<Last>(line).ok());
    Ok(last.is_some_and(|last| match (last.base, last.removed) {
        (Some(base), Some(removed)) => removed.version == base && removed.removal.ends_life(),
        (Some(_), None) => false,
        (None, _) => last.removal.is_some_and(Removal::ends_life),
    }))
}

/// Removes unfinished segments that a crash left behind. The caller holds the lock.
pub(super) fn remove_unfinished(journal: &dyn Fs) -> io::Result<()> {
    for file in journal.list("")?.iter().filter(|file| file.ends_with(TEMPORARY_SUFFIX)) {
        fs::remove_all(journal, file)?;
    }
    Ok(())
}

/// The intact lines of a segment, up to its end or to the first bad line.
#[derive(Debug)]
pub(super) struct Scanned {
    /// The version that its first line builds on, the digest of the document there, and the place
    /// after that line.
    pub(super) base: Base,
    /// The journal after its intact lines.
    pub(super) journal: Journal,
    /// Its intact lines after the first.
    pub(super) lines: Vec<Line>,
    /// The offset after the last intact line.
    pub(super) end: usize,
    /// The bad line after it, if any.
    pub(super) bad: Option<Bad>,
}

/// The state before the first entry of a segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Base {
    pub(super) version: Version,
    /// The version of the entry before; lower where later ones are lost.
    pub(super) follows: Version,
    pub(super) line: Digest,
    pub(super) document: Digest,
    pub(super) end: usize,
}

/// An intact line of a segment.
#[derive(Debug)]
pub(super) struct Line {
    /// Its entry, without its patch: the patches of a segment may take a thousand times its own bytes.
    pub(super) entry: Entry,
    /// The offset after it.
    pub(super) end: usize,
    /// The bytes that reading it takes, including its patch.
    pub(super) replay_bytes: u64,
}

/// A bad line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bad {
    /// The problem.
    pub(super) reason: String,
    /// Whether its bytes differ from what was written, as after an interrupted write. A whole line
    /// that does not continue the lines before it is not torn.
    pub(super) torn: bool,
    /// The highest flushed version according to the intact lines after it; 0 when there are none.
    pub(super) later_flushed: Version,
    /// The number of intact lines after it.
    pub(super) good_lines_after: usize,
}

/// Reads a segment. Fails when its first line cannot be read, on which all others build.
pub(super) fn scan(
    name: &Name,
    first: Version,
    bytes: &[u8],
    blobs: LoadBlob<'_>,
) -> Result<Scanned, Damage> {
    let base = match frame::scan(bytes) {
        Scan::Line(line) => line,
        Scan::End => return Err(Damage::NotAnEntry("the segment is empty".into())),
        Scan::Bad(reason) => return Err(Damage::NotAnEntry(reason.into())),
    };
    let journal = Journal::from_base(name, first, base, blobs)?;
    Ok(scan_on(journal, bytes, base.len(), blobs))
}

/// Reads the lines of a segment from an offset on, on top of a journal.
pub(super) fn scan_on(
    mut journal: Journal,
    bytes: &[u8],
    start: usize,
    blobs: LoadBlob<'_>,
) -> Scanned {
    let (version, line) = (journal.version(), journal.line());
    let follows = journal.follows();
    let base = Base { version, follows, line, document: journal.digest(), end: start };
    let (mut lines, mut end) = (Vec::new(), start);
    let read = std::cell::Cell::new(0);
    let blobs = |digest| {
        let blob = blobs(digest);
        read.set(blob.as_ref().map_or(0, Vec::len) as u64);
        blob
    };
    let reason = loop {
        let line = match frame::scan(&bytes[end..]) {
            Scan::Line(line) => line,
            Scan::End => break None,
            Scan::Bad(reason) => break Some((reason.to_owned(), true)),
        };
        match journal.replay(line, &blobs) {
            Ok(entry) => {
                end += line.len();
                let replay_bytes = line.len() as u64 + read.take() + entry.splice_bytes();
                let entry = Entry { patch: Payload::Inline(Patch::default()), ..entry };
                lines.push(Line { entry, end, replay_bytes });
            }
            Err(damage) => break Some((damage.to_string(), false)),
        }
    };
    let bad = reason.map(|(reason, torn)| look_beyond(&bytes[end..], reason, torn));
    Scanned { base, journal, lines, end, bad }
}

/// Looks for intact lines after a bad one. Versions that they vouch for must not be cut.
fn look_beyond(bytes: &[u8], reason: String, torn: bool) -> Bad {
    let mut bad = Bad { reason, torn, later_flushed: 0, good_lines_after: 0 };
    let mut at = 1.min(bytes.len());
    while let Some((offset, line)) = frame::resume(&bytes[at..]) {
        at += offset + line.len();
        if let Ok(entry) = serde_json::from_slice::<Entry>(line) {
            bad.later_flushed = bad.later_flushed.max(entry.flushed);
            bad.good_lines_after += 1;
        }
    }
    bad
}
