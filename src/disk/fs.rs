//! The disk, as the provider sees it: the one door to files.
//!
//! There are two implementations: [`super::real::Disk`], the real one, and the simulated disk of
//! the crash tests. The store's code is the same on both.

use std::fmt::Debug;
use std::io;
use std::time::Duration;

use std::sync::Arc;

use super::distrust::{Distrusted, Kind};
use super::sabotage::{Sabotage, planted};

/// A folder. Paths are relative to it, with `/` between their parts, and the empty path is the folder
/// itself. No link on any of them is followed, nothing but regular files is opened, and only those of
/// users who are trusted: anything else fails with [`Distrusted`].
pub(crate) trait Fs: Debug + Send + Sync {
    /// Opens a file. To read a pipe or a device fails at once.
    fn open(&self, path: &str, mode: Mode) -> io::Result<Box<dyn File>>;
    /// Returns what there is to know of a file, folder or link without opening it.
    fn stat(&self, path: &str) -> io::Result<Stat>;
    /// Returns what a path leads to now, whatever handles are held. It may lead through a link: what
    /// is returned is good for nothing but a comparison with an open file.
    fn look(&self, path: &str) -> io::Result<Stat>;
    /// Opens a folder below. What is done with it is done in that very folder, whatever becomes of its
    /// path.
    fn folder(&self, path: &str) -> io::Result<Arc<dyn Fs>>;
    /// Returns the names in a folder, in any order.
    fn list(&self, path: &str) -> io::Result<Vec<String>>;
    /// Makes a folder whose parent exists. One that exists already is left as it is.
    fn create_dir(&self, path: &str) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn flush_dir(&self, path: &str) -> io::Result<()>;
    /// Gives a file another name in place of whatever had it, so that at no time there is none.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Gives a file a name that nothing has, else fails with [`io::ErrorKind::AlreadyExists`].
    fn rename_new(&self, from: &str, to: &str) -> io::Result<()>;
    /// Swaps the names of two files, where the system can; else [`io::ErrorKind::Unsupported`].
    fn exchange(&self, one: &str, other: &str) -> io::Result<()>;
    /// Removes a file's name, or a link's. Fails for a folder.
    fn remove(&self, path: &str) -> io::Result<()>;
    /// Removes a folder with everything below it. Links are removed and not followed. After an error
    /// some of it may be gone.
    fn remove_folder(&self, path: &str) -> io::Result<()>;
    /// Returns a number that no other call returns, here or on any other machine.
    fn new_id(&self) -> io::Result<u128>;
}

/// An open file.
pub(crate) trait File: Debug + Send + Sync {
    /// Returns what there is to know of it.
    fn stat(&self) -> io::Result<Stat>;
    /// Reads that many bytes from a place, or as many as there are.
    fn read_at(&self, offset: u64, bytes: usize) -> io::Result<Vec<u8>>;
    /// Writes all of the bytes at a place. After an error some of them may be there.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Cuts the file.
    fn truncate(&self, bytes: u64) -> io::Result<()>;
    /// Makes content and length durable. After an error nothing is known of what was written since
    /// the last success, and trying again proves nothing.
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

/// What there is to know of a file without reading it. Two that are equal are the same file with
/// the same content, as far as a look can tell.
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
    /// When it was last written, on a clock of the disk's.
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

/// Returns whether an error says that there is nothing by that path.
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

/// Removes whatever has a path, if anything does.
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

/// Makes a file with that content appear under a path at once and for good: when this returns, a
/// power cut leaves the whole file there; when it fails, whatever had the name still has it.
///
/// The flush of the folder belongs to this, so that no caller can forget it.
pub(crate) fn write_durably(fs: &dyn Fs, path: &str, content: &[u8]) -> io::Result<()> {
    let temporary = format!("{path}{TEMPORARY_SUFFIX}");
    let file = create_temporary(fs, &temporary)?;
    let written = file.write_at(0, content).and_then(|()| file.flush());
    if let Err(error) = written {
        drop(fs.remove(&temporary));
        return Err(error);
    }
    fs.rename(&temporary, path)?;
    if planted(Sabotage::NoNameFlush) {
        return Ok(());
    }
    fs.flush_dir(parent(path))
}

/// Makes a file with that content appear under a path at once, but not for good: for what can be
/// made again. Returns how it looks.
///
/// A rename over an existing file forces a flush on ext4 (135 µs measured), and exchanging the two
/// and removing the old one does not (25 µs).
pub(crate) fn write_replaceable(fs: &dyn Fs, path: &str, content: &[u8]) -> io::Result<Stat> {
    let temporary = format!("{path}{TEMPORARY_SUFFIX}");
    let file = create_temporary(fs, &temporary)?;
    file.write_at(0, content)?;
    match fs.exchange(&temporary, path) {
        // What was there may be a folder or a link, put there to stop this.
        Ok(()) => remove_all(fs, &temporary)?,
        Err(_) => fs.rename(&temporary, path)?,
    }
    file.stat()
}

/// Makes a new file, in place of what a process left that was killed, or of what a stranger put there.
/// Only for the holder of the lock that protects the file. A file that is opened and cut instead would
/// be written out by ext4 once it is closed (`auto_da_alloc`, 140 µs measured).
fn create_temporary(fs: &dyn Fs, path: &str) -> io::Result<Box<dyn File>> {
    match fs.open(path, Mode::CreateNew) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            remove_all(fs, path)?;
            fs.open(path, Mode::CreateNew)
        }
        opened => opened,
    }
}

/// What the names of files end with that are not finished.
pub(crate) const TEMPORARY_SUFFIX: &str = ".tmp";
