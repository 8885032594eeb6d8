//! The mark of the newest flushed line: how a process that takes the lock learns whether the one
//! before released it after its flush, or died.
//!
//! The file `journal/flushed` names a segment and a line. A process writes it between its flush and
//! the release of the lock. It needs no flush itself: what a power cut leaves of it is an earlier
//! line or nothing, and then the lines after the last vouched version are written once more.

use std::io;

use crate::disk::fs::{File, Fs, Mode};
use crate::disk::sabotage::{Sabotage, planted};
use crate::model::{Digest, Version};

/// Its name, beside the segments.
const FILE: &str = "flushed";

/// The mark of a journal. Only the holder of the journal's lock uses it.
#[derive(Debug, Default)]
pub(super) struct Mark(Option<Box<dyn File>>);

impl Mark {
    /// Returns whether the mark names a line of a segment. An unreadable mark names none.
    pub(super) fn is_at(&mut self, journal: &dyn Fs, segment: Version, line: Digest) -> bool {
        let expected = content(segment, line);
        let read = |file: &dyn File| file.read_at(0, expected.len());
        let there = match &self.0 {
            Some(file) => read(file.as_ref()),
            None => journal.open(FILE, Mode::Read).and_then(|file| read(file.as_ref())),
        };
        let is_at = there.is_ok_and(|there| there == expected.as_bytes());
        if !is_at {
            // A person may have removed the file: `set` opens the one that is there now.
            self.0 = None;
        }
        is_at || planted(Sabotage::TrustPageCache)
    }

    /// Names a line that is on the disk, like all lines before it. A failure costs only time: the
    /// next process writes the line again.
    pub(super) fn set(&mut self, journal: &dyn Fs, segment: Version, line: Digest) {
        if self.write(journal, &content(segment, line)).is_err() {
            self.0 = None;
        }
    }

    fn write(&mut self, journal: &dyn Fs, content: &str) -> io::Result<()> {
        let file = match self.0.take() {
            Some(file) => file,
            None => journal.open(FILE, Mode::Create)?,
        };
        self.0.insert(file).write_at(0, content.as_bytes())
    }
}

/// Returns the content for a line of the segment that begins with a version. Its length is fixed,
/// so that it always replaces all of the content before.
fn content(segment: Version, line: Digest) -> String {
    format!("{segment:020} {line}\n")
}
