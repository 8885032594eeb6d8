//! The files of event delivery in a workspace: the cursor of each artifact, the lock of the
//! delivering process, the notes for that process, and the log of deliveries.

use std::io;
use std::time::Duration;

use super::{Workspace, layout};
use crate::disk::fs::{self, Fs, Mode};
use crate::disk::lock::HeldLock;
use crate::model::Name;

/// Bytes of a file of triggers.
const TRIGGERS_BYTES_MAX: u64 = 256 << 10;
/// Bytes after which a new log begins; the previous one is kept.
const LOG_BYTES_MAX: u64 = 5 << 20;
/// Bytes of a delivery cursor.
const CURSOR_BYTES_MAX: u64 = 1 << 20;
/// The note that stands for all artifacts. No name of an artifact, since those have no `@`.
const EVERYTHING: &str = "@everything";

/// Identifies the content of a file that was read. `None` when there was no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen(Option<fs::Stat>);

/// The right to deliver the events of a workspace. Dropping it releases it, and so does the system
/// when the process dies.
#[derive(Debug)]
pub struct DeliveryLock {
    _lock: HeldLock,
}

/// The notes for the delivering process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Undelivered {
    /// Artifacts with undelivered events.
    pub names: Vec<Name>,
    /// Whether any artifact may have undelivered events.
    pub everything: bool,
}

impl Workspace {
    /// Returns the content of the project's own triggers, trusted or not.
    pub fn project_triggers(&self) -> io::Result<Option<Vec<u8>>> {
        fs::read(self.fs.as_ref(), layout::TRIGGERS, TRIGGERS_BYTES_MAX)
    }

    /// Takes a look at the project's own triggers.
    pub fn see_project_triggers(&self) -> Seen {
        Seen(self.fs.stat(layout::TRIGGERS).ok())
    }

    /// Returns the stored delivery cursor of an artifact.
    pub fn delivered(&self, name: &Name) -> io::Result<Option<Vec<u8>>> {
        fs::read(self.fs.as_ref(), &layout::delivered(name), CURSOR_BYTES_MAX)
    }

    /// Stores the delivery cursor of an artifact durably.
    pub fn keep_delivered(&self, name: &Name, content: &[u8]) -> io::Result<()> {
        fs::write_durably(self.fs.as_ref(), &layout::delivered(name), content)
    }

    /// Takes the right to deliver, or returns `None` when another process still has it after
    /// `timeout`, or when there is no workspace yet.
    pub fn take_delivery(&self, timeout: Duration) -> io::Result<Option<DeliveryLock>> {
        match HeldLock::at(self.fs.as_ref(), layout::DELIVERY_LOCK, timeout) {
            Ok(lock) => Ok(Some(DeliveryLock { _lock: lock })),
            Err(error) if fs::is_absent(&error) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Leaves a note about undelivered events for the delivering process.
    pub fn leave_undelivered(&self, undelivered: &Undelivered) -> io::Result<()> {
        let fs = self.fs.as_ref();
        fs.create_dir(layout::UNDELIVERED)?;
        let names = undelivered.names.iter().map(Name::as_str);
        for note in names.chain(undelivered.everything.then_some(EVERYTHING)) {
            drop(fs.open(&format!("{}/{note}", layout::UNDELIVERED), Mode::Create)?);
        }
        Ok(())
    }

    /// Returns the notes, and removes them if `remove` is set.
    pub fn undelivered(&self, remove: bool) -> io::Result<Undelivered> {
        let fs = self.fs.as_ref();
        let notes = match fs.list(layout::UNDELIVERED) {
            Err(error) if fs::is_absent(&error) => return Ok(Undelivered::default()),
            result => result?,
        };
        for note in notes.iter().filter(|_| remove) {
            fs.remove(&format!("{}/{note}", layout::UNDELIVERED))?;
        }
        Ok(Undelivered {
            everything: notes.iter().any(|note| note == EVERYTHING),
            names: notes.iter().filter_map(|note| Name::parse(note).ok()).collect(),
        })
    }

    /// Appends a line to the log of deliveries. Only the delivering process may call this.
    pub fn log_delivery(&self, line: &[u8]) -> io::Result<()> {
        append_bounded(self.fs.as_ref(), line, LOG_BYTES_MAX)
    }
}

fn append_bounded(fs: &dyn Fs, line: &[u8], bytes_max: u64) -> io::Result<()> {
    let file = fs.open(layout::DELIVERY_LOG, Mode::Create)?;
    let end = file.stat()?.bytes;
    if end < bytes_max {
        return file.write_at(end, line);
    }
    drop(file);
    fs.rename(layout::DELIVERY_LOG, layout::DELIVERY_LOG_BEFORE)?;
    fs.open(layout::DELIVERY_LOG, Mode::Create)?.write_at(0, line)
}

#[cfg(test)]
mod tests {
    use super::super::make;
    use super::*;

    fn fresh() -> (tempfile::TempDir, Workspace) {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace::open(folder.path()).unwrap();
        (folder, workspace)
    }

    #[test]
    fn one_delivers_at_a_time_and_what_others_have_is_left_as_notes() {
        let (_folder, workspace) = fresh();
        assert!(workspace.take_delivery(Duration::ZERO).unwrap().is_none(), "no workspace yet");
        make(workspace.fs.as_ref()).unwrap();
        let one = workspace.take_delivery(Duration::ZERO).unwrap().unwrap();
        assert!(workspace.take_delivery(Duration::ZERO).unwrap().is_none());
        let left = Undelivered { names: vec![Name::parse("a").unwrap()], everything: true };
        workspace.leave_undelivered(&left).unwrap();
        drop(one);
        let _other = workspace.take_delivery(Duration::ZERO).unwrap().unwrap();
        assert_eq!(workspace.undelivered(false).unwrap(), left);
        assert_eq!(workspace.undelivered(true).unwrap(), left);
        assert_eq!(workspace.undelivered(true).unwrap(), Undelivered::default());
    }

    #[test]
    fn the_log_is_begun_anew_once_it_is_large_and_one_before_it_is_kept() {
        let (folder, workspace) = fresh();
        let fs = workspace.fs.as_ref();
        make(fs).unwrap();
        for i in 0..100 {
            append_bounded(fs, format!("line {i}\n").as_bytes(), 50).unwrap();
        }
        let text = |file: &str| std::fs::read_to_string(folder.path().join(file)).unwrap();
        let (now, before) = (text(layout::DELIVERY_LOG), text(layout::DELIVERY_LOG_BEFORE));
        assert!(now.ends_with("line 99\n") && now.len() <= 60, "{now}");
        assert!(before.len() <= 60 && before.starts_with("line"), "{before}");
    }
}
