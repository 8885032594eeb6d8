//! An open file of the real disk.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use super::fs::{self, Stat};
use super::status::stat_of;

/// The pause between two looks whether a lock is free, for the time of a few flushes.
const PAUSE: Duration = Duration::from_micros(20);
/// That time, and the pause after it.
const OFTEN: Duration = Duration::from_millis(20);
const LONG_PAUSE: Duration = Duration::from_millis(1);

/// An open regular file.
#[derive(Debug)]
pub(crate) struct OpenFile(std::fs::File);

impl OpenFile {
    pub(crate) fn new(file: std::fs::File) -> Self {
        Self(file)
    }
}

impl fs::File for OpenFile {
    #[cfg(unix)]
    fn stat(&self) -> io::Result<Stat> {
        Ok(stat_of(&rustix::fs::fstat(&self.0)?))
    }

    #[cfg(not(unix))]
    fn stat(&self) -> io::Result<Stat> {
        Ok(stat_of(&cap_std::fs::Metadata::from_file(&self.0)?))
    }

    fn read_at(&self, offset: u64, bytes: usize) -> io::Result<Vec<u8>> {
        let mut content = vec![0; bytes];
        let mut filled = 0;
        while filled < bytes {
            match read_some(&self.0, &mut content[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        content.truncate(filled);
        Ok(content)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut written = 0;
        while written < bytes.len() {
            match write_some(&self.0, &bytes[written..], offset + written as u64) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.0.set_len(bytes)
    }

    fn flush(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    /// Polls, since no system waits for a file lock with a timeout: often for the time of a few
    /// flushes, and then rarely.
    fn lock(&self, timeout: Duration) -> io::Result<()> {
        let start = Instant::now();
        loop {
            match self.0.try_lock() {
                Ok(()) => return Ok(()),
                Err(std::fs::TryLockError::Error(error)) => return Err(error),
                Err(std::fs::TryLockError::WouldBlock) if start.elapsed() > timeout => {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                Err(std::fs::TryLockError::WouldBlock) if start.elapsed() < OFTEN => {
                    thread::sleep(PAUSE);
                }
                Err(std::fs::TryLockError::WouldBlock) => thread::sleep(LONG_PAUSE),
            }
        }
    }

    fn unlock(&self) -> io::Result<()> {
        self.0.unlock()
    }
}

#[cfg(unix)]
fn read_some(file: &std::fs::File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(unix)]
fn write_some(file: &std::fs::File, bytes: &[u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::write_at(file, bytes, offset)
}

/// Here a lock keeps other handles from reading too, so a reader waits until it is given back.
#[cfg(windows)]
fn read_some(file: &std::fs::File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    const LOCK_VIOLATION: i32 = 33;
    const WAITS_MAX: usize = 5000;
    for _ in 0..WAITS_MAX {
        match std::os::windows::fs::FileExt::seek_read(file, buffer, offset) {
            Err(error) if error.raw_os_error() == Some(LOCK_VIOLATION) => {
                thread::sleep(Duration::from_millis(1));
            }
            read => return read,
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

#[cfg(windows)]
fn write_some(file: &std::fs::File, bytes: &[u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_write(file, bytes, offset)
}
