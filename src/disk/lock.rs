//! Locks between processes, each on an open file.
//!
//! A lock belongs to a file and not to its name, and people remove and copy files while programs
//! run. So after locking the file of a path, the process compares it with the file that is there
//! now, and if they differ, it locks the new one instead.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::fs::{File, Fs, Mode};

/// How often another file may replace the locked one before the process gives up.
const EXCHANGES_MAX: usize = 16;

/// A lock, held until it is dropped or the process dies.
#[derive(Debug)]
pub(crate) struct HeldLock(Arc<dyn File>);

impl HeldLock {
    /// Waits for the lock on an open file. Fails with [`io::ErrorKind::TimedOut`] when another
    /// process holds it for longer than `timeout`.
    pub(crate) fn on(file: &Arc<dyn File>, timeout: Duration) -> io::Result<Self> {
        file.lock(timeout)?;
        Ok(Self(Arc::clone(file)))
    }

    /// Waits for the lock on the file at a path, and creates the file if necessary.
    pub(crate) fn at(fs: &dyn Fs, path: &str, timeout: Duration) -> io::Result<Self> {
        LockFile::default().lock(fs, path, timeout)
    }

    /// Returns whether it is the lock on a file.
    pub(crate) fn is_on(&self, file: &Arc<dyn File>) -> bool {
        Arc::ptr_eq(&self.0, file)
    }
}

impl Drop for HeldLock {
    fn drop(&mut self) {
        // An error here means that the file no longer exists, and neither does the lock.
        drop(self.0.unlock());
    }
}

/// A lock file that stays open between locks.
#[derive(Debug, Default)]
pub(crate) struct LockFile(Option<(Arc<dyn File>, u64)>);

impl LockFile {
    /// Waits for the lock on the file at a path. Takes two system calls if the file is unchanged.
    pub(crate) fn lock(
        &mut self,
        fs: &dyn Fs,
        path: &str,
        timeout: Duration,
    ) -> io::Result<HeldLock> {
        for _ in 0..EXCHANGES_MAX {
            let (file, id) = self.opened(fs, path)?;
            let lock = HeldLock::on(&file, timeout)?;
            if fs.look(path).is_ok_and(|there| there.id == id) {
                return Ok(lock);
            }
            self.0 = None;
        }
        Err(io::Error::other(format!("{path} is replaced repeatedly, so it cannot be locked")))
    }

    fn opened(&mut self, fs: &dyn Fs, path: &str) -> io::Result<(Arc<dyn File>, u64)> {
        if let Some((file, id)) = &self.0 {
            return Ok((Arc::clone(file), *id));
        }
        let file: Arc<dyn File> = Arc::from(fs.open(path, Mode::Create)?);
        let id = file.stat()?.id;
        self.0 = Some((Arc::clone(&file), id));
        Ok((file, id))
    }
}
