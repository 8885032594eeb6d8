//! The provider's interface to the disk.
//!
//! There are two implementations: [`super::real::Disk`], the real one, and the simulated disk of
//! the crash tests. The store's code is the same on both.

use std::fmt::Debug;
use std::io;
use std::time::Duration;

use std::sync::Arc;

use super::distrust::{Distrusted, Kind};
use super::sabotage::{Sabotage, planted};

/// A folder. Paths are relative to it, with `/` between their parts, and the empty path is the
/// folder itself. No path follows a link, and only regular files of trusted users are opened:
/// anything else fails with [`Distrusted`].
pub(crate) trait Fs: Debug + Send + Sync {
    /// Opens a file. Fails at once for a pipe or a device.
    fn open(&self, path: &str, mode: Mode) -> io::Result<Box<dyn File>>;
    /// Returns the status of a file, folder or link without opening it.
    fn stat(&self, path: &str) -> io::Result<Stat>;
    /// Returns the status of the entry that is at a path now, independent of open handles. The path
    /// may lead through a link, so the result is only good for a comparison with an open file.
    fn look(&self, path: &str) -> io::Result<Stat>;
    /// Opens a folder below. Its operations stay in that very folder, even if its path changes.
    fn folder(&self, path: &str) -> io::Result<Arc<dyn Fs>>;
    /// Returns the names in a folder, in any order.
    fn list(&self, path: &str) -> io::Result<Vec<String>>;
    /// Creates a folder whose parent exists. An existing folder stays unchanged.
    fn create_dir(&self, path: &str) -> io::Result<()>;
    /// Flushes the names in a folder.
    fn flush_dir(&self, path: &str) -> io::Result<()>;
    /// Renames a file and atomically replaces the target.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Renames a file to a free name, else fails with [`io::ErrorKind::AlreadyExists`].
    fn rename_new(&self, from: &str, to: &str) -> io::Result<()>;
    /// Swaps the names of two files, where the system can; else [`io::ErrorKind::Unsupported`].
    fn exchange(&self, one: &str, other: &str) -> io::Result<()>;
    /// Removes a file's name, or a link's. Fails for a folder.
    fn remove(&self, path: &str) -> io::Result<()>;
    /// Removes a folder with everything below it. Links are removed and not followed. An error may
    /// leave a part of it.
    fn remove_folder(&self, path: &str) -> io::Result<()>;
    /// Gives a file the permissions of another one.
    fn copy_mode(&self, from: &str, to: &str) -> io::Result<()>;
    /// Returns a globally unique number.
    fn new_id(&self) -> io::Result<u128>;
}

/// An open file.
pub(crate) trait File: Debug + Send + Sync {
    /// Returns its status.
    fn stat(&self) -> io::Result<Stat>;
    /// Reads so many bytes from an offset, or fewer at the end of the file.
    fn read_at(&self, offset: u64, bytes: usize) -> io::Result<Vec<u8>>;
    /// Writes all of the bytes at an offset. An error may leave a part of them.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Cuts the file.
    fn truncate(&self, bytes: u64) -> io::Result<()>;
    /// Flushes content and length. After an error everything written since the last success is in
    /// doubt, and a repeated flush proves nothing.
    fn flush(&self) -> io::Result<()>;
    /// Waits for the exclusive lock, which ends with [`File::unlock`] or with the process.
    ///
    /// Fails with [`io::ErrorKind::TimedOut`] when another process holds it for that long.
    fn lock(&self, timeout: Duration) -> io::Result<()>;
    /// Releases the lock.
    fn unlock(&self) -> io::Result<()>;
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// An existing one, to read.
    Read,
    /// An existing one, to read and write.
    Write,
    /// One that must not exist yet.
    CreateNew,
    /// An existing or a new one.
    Create,
}

/// The status of a file. Two equal values mean the same file with the same content, as far as a
/// status can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    /// Its length in bytes.
    pub(crate) bytes: u64,
    /// Its kind.
    pub(crate) kind: Kind,
    /// The id of the file, independent of its name.
    pub(crate) id: u64,
    /// The number of its names (hard links).
    pub(crate) names: u64,
    /// The id of the user that it belongs to.
    pub(crate) owner: u32,
    /// The time of its last change, by the disk's clock.
    pub(crate) modified: u128,
}

/// Returns whether a path exists.
pub(crate) fn exists(fs: &dyn Fs, path: &str) -> io::Result<bool> {
    match fs.stat(path) {
        Ok(_) => Ok(true),
        Err(error) if is_absent(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Returns whether an error means that the path does not exist.
pub(crate) fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Reads a whole file of at most so many bytes, or `None` when there is none.
pub(crate) fn read(fs: &dyn Fs, path: &str, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
    match fs.open(path, Mode::Read) {
        Ok(file) => read_all(file.as_ref(), path, bytes_max).map(Some),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads a whole open file of at most so many bytes.
pub(crate) fn read_all(file: &dyn File, path: &str, bytes_max: u64) -> io::Result<Vec<u8>> {
    let bytes = file.stat()?.bytes;
    if bytes > bytes_max {
        return Err(Distrusted::size(path, bytes, bytes_max));
    }
    file.read_at(0, usize::try_from(bytes).map_err(io::Error::other)?)
}

/// Returns the folder of a path.
pub(crate) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// Removes the entry at a path, if it exists.
pub(crate) fn remove_all(fs: &dyn Fs, path: &str) -> io::Result<()> {
    match fs.remove(path) {
        Err(error) if is_absent(&error) => Ok(()),
        Err(_) => fs.remove_folder(path),
        Ok(()) => Ok(()),
    }
}

/// Returns the names in a folder, in order. Empty when there is no such folder.
pub(crate) fn names(fs: &dyn Fs, path: &str) -> io::Result<Vec<String>> {
    match fs.list(path) {
        Err(error) if is_absent(&error) => Ok(Vec::new()),
        listed => listed.map(|mut names| {
            names.sort();
            names
        }),
    }
}

/// Writes a file atomically and durably: when this returns, the whole file survives a power cut;
/// when it fails, the old file is still in place.
///
/// It includes the flush of the folder, so no caller can forget it.
pub(crate) fn write_durably(fs: &dyn Fs, path: &str, content: &[u8]) -> io::Result<()> {
    let temporary = format!("{path}{TEMPORARY_SUFFIX}");
    put_durably(fs, &temporary, path, content, &|| Ok(()))
}

/// Does the same for a file of a person, which passes its permissions on when it is replaced. The
/// temporary file is elsewhere, at a path that belongs to the caller.
pub(crate) fn replace_durably(
    fs: &dyn Fs,
    temporary: &str,
    path: &str,
    content: &[u8],
) -> io::Result<()> {
    let copy_mode = || match fs.copy_mode(path, temporary) {
        Err(error) if is_absent(&error) => Ok(()),
        copied => copied,
    };
    put_durably(fs, temporary, path, content, &copy_mode)
}

/// Writes a temporary file, prepares it, and gives it its name.
fn put_durably(
    fs: &dyn Fs,
    temporary: &str,
    path: &str,
    content: &[u8],
    prepare: &dyn Fn() -> io::Result<()>,
) -> io::Result<()> {
    let file = create_temporary(fs, temporary)?;
    let written = file.write_at(0, content).and_then(|()| prepare()).and_then(|()| file.flush());
    if let Err(error) = written {
        drop(fs.remove(temporary));
        return Err(error);
    }
    fs.rename(temporary, path).inspect_err(|_| drop(fs.remove(temporary)))?;
    if planted(Sabotage::NoNameFlush) {
        return Ok(());
    }
    fs.flush_dir(parent(path))
}

/// Writes a file atomically but without a flush, for files that can be written again. Returns its
/// status.
///
/// A rename over an existing file forces a flush on ext4 (135 µs measured), and exchanging the two
/// and removing the old one does not (25 µs).
pub(crate) fn write_replaceable(fs: &dyn Fs, path: &str, content: &[u8]) -> io::Result<Stat> {
    let temporary = format!("{path}{TEMPORARY_SUFFIX}");
    let file = create_temporary(fs, &temporary)?;
    file.write_at(0, content)?;
    match fs.exchange(&temporary, path) {
        // The old entry may be a folder or a link that a stranger put there to block this.
        Ok(()) => remove_all(fs, &temporary)?,
        Err(_) => fs.rename(&temporary, path)?,
    }
    file.stat()
}

/// Creates a temporary file, and replaces a leftover of a killed process or an entry of a stranger.
/// The caller holds the lock that protects the file. Truncating an existing file instead would make
/// ext4 write it out at its close (`auto_da_alloc`, 140 µs measured).
fn create_temporary(fs: &dyn Fs, path: &str) -> io::Result<Box<dyn File>> {
    match fs.open(path, Mode::CreateNew) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            remove_all(fs, path)?;
            fs.open(path, Mode::CreateNew)
        }
        opened => opened,
    }
}

/// The suffix of unfinished files.
pub(crate) const TEMPORARY_SUFFIX: &str = ".tmp";
