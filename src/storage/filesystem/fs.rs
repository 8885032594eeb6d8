//! The disk, as the provider sees it: the one door to files.
//!
//! There are two implementations: [`super::disk::Disk`], the real one, and the simulated disk of
//! the crash tests. The store's code is the same on both.

use std::fmt::Debug;
use std::io;
use std::time::Duration;

use super::plant::{Plant, planted};

/// A workspace's folder. Paths are relative to it, with `/` between their parts.
pub(crate) trait Fs: Debug + Send + Sync {
    /// Opens a file.
    fn open(&self, path: &str, mode: Mode) -> io::Result<Box<dyn File>>;
    /// Returns what there is to know of a file or folder without opening it.
    fn stat(&self, path: &str) -> io::Result<Stat>;
    /// Returns the names in a folder, in any order.
    fn list(&self, path: &str) -> io::Result<Vec<String>>;
    /// Makes a folder whose parent exists. One that exists already is left as it is.
    fn create_dir(&self, path: &str) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn flush_dir(&self, path: &str) -> io::Result<()>;
    /// Gives a file another name in place of whatever had it, so that at no time there is none.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Swaps the names of two files, where the system can; else [`io::ErrorKind::Unsupported`].
    fn exchange(&self, one: &str, other: &str) -> io::Result<()>;
    /// Removes a file's name, or a link's. Fails for a folder.
    fn remove(&self, path: &str) -> io::Result<()>;
    /// Removes a folder with everything below it. Links are removed and not followed. After an error
    /// some of it may be gone.
    fn remove_folder(&self, path: &str) -> io::Result<()>;
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
    /// Fails with [`io::ErrorKind::TimedOut`] when somebody else holds it for that long.
    fn lock(&self, timeout: Duration) -> io::Result<()>;
    /// Gives the lock back.
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
    /// Whether it is a folder.
    pub(crate) folder: bool,
    /// Which file it is, whatever its name.
    pub(crate) id: u64,
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

/// Reads a whole file, or `None` when there is none.
pub(crate) fn read(fs: &dyn Fs, path: &str) -> io::Result<Option<Vec<u8>>> {
    let file = match fs.open(path, Mode::Read) {
        Ok(file) => file,
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(Some(read_all(file.as_ref())?))
}

/// Reads a whole open file.
pub(crate) fn read_all(file: &dyn File) -> io::Result<Vec<u8>> {
    let bytes = usize::try_from(file.stat()?.bytes).map_err(io::Error::other)?;
    file.read_at(0, bytes)
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
    let file = empty(fs, &temporary)?;
    let written = file.write_at(0, content).and_then(|()| file.flush());
    if let Err(error) = written {
        drop(fs.remove(&temporary));
        return Err(error);
    }
    fs.rename(&temporary, path)?;
    if planted(Plant::NoNameFlush) {
        return Ok(());
    }
    fs.flush_dir(parent(path))
}

/// Makes a file with that content appear under a path at once, but not for good: for what can be
/// made again.
///
/// A rename over an existing file forces a flush on ext4 (135 µs measured), and exchanging the two
/// and removing the old one does not (25 µs).
pub(crate) fn write_replaceable(fs: &dyn Fs, path: &str, content: &[u8]) -> io::Result<()> {
    let temporary = format!("{path}{TEMPORARY_SUFFIX}");
    let file = empty(fs, &temporary)?;
    file.write_at(0, content)?;
    match fs.exchange(&temporary, path) {
        Ok(()) => fs.remove(&temporary),
        Err(_) => fs.rename(&temporary, path),
    }
}

/// Opens a file with nothing in it, which may be left over from somebody who was killed.
///
/// One that is new is not cut: ext4 takes that for the wish to have its content on the disk once it is
/// closed (`auto_da_alloc`), and removing it a moment later waits for that (140 µs measured).
fn empty(fs: &dyn Fs, path: &str) -> io::Result<Box<dyn File>> {
    let file = fs.open(path, Mode::Create)?;
    if file.stat()?.bytes > 0 {
        file.truncate(0)?;
    }
    Ok(file)
}

/// What the names of files end with that are not finished.
pub(crate) const TEMPORARY_SUFFIX: &str = ".tmp";
