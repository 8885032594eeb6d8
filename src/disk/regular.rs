//! Regular files outside of every workspace: the user's own, and those of other programs.
//!
//! What lies in such a place may be anything. A FIFO would be waited for, opening a device may do
//! something, and a file may be larger than memory: so each is looked at before it is opened, opened
//! without waiting, looked at again, and read up to a limit.

use std::fs::{DirBuilder, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::fs::is_absent;

/// Creates a folder for its user only, and the folders above it, where they are missing.
pub(super) fn make_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Opens an existing file to read it. A link is followed, since many keep their files elsewhere.
///
/// Fails with [`io::ErrorKind::InvalidData`] when it is not a regular file.
pub fn open(path: &Path) -> io::Result<File> {
    check(&std::fs::metadata(path)?)?;
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, WITHOUT_WAITING);
    let file = options.read(true).open(path)?;
    // It may have become another one since the first look.
    check(&file.metadata()?)?;
    Ok(file)
}

/// Reads a file, or returns `None` when there is none. A link is followed.
///
/// Fails with [`io::ErrorKind::InvalidData`] when it is not a regular file, or larger than that.
pub fn read(path: &Path, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
    match open(path) {
        Err(error) if is_absent(&error) => Ok(None),
        file => read_open(&file?, bytes_max).map(Some),
    }
}

/// Reads what a person names on the command line, whatever it is: `/dev/stdin` and the pipe that a shell
/// makes of `<(…)` are read to their end, and waited for.
///
/// Returns one byte more than that at most, which shows that there are more.
pub fn read_named(path: &Path, bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?.take(bytes_max as u64 + 1).read_to_end(&mut content)?;
    Ok(content)
}

/// Reads an open regular file.
///
/// Fails with [`io::ErrorKind::InvalidData`] when it is not one, or larger than that.
pub(crate) fn read_open(file: &File, bytes_max: u64) -> io::Result<Vec<u8>> {
    let metadata = file.metadata()?;
    check(&metadata)?;
    let mut content = Vec::new();
    if metadata.len() <= bytes_max {
        // It may grow meanwhile.
        file.take(bytes_max + 1).read_to_end(&mut content)?;
    }
    if metadata.len() > bytes_max || content.len() as u64 > bytes_max {
        return Err(bad(format!("it has more than {bytes_max} bytes")));
    }
    Ok(content)
}

/// Returns an open file if it is a regular one.
///
/// Fails with [`io::ErrorKind::InvalidData`] otherwise.
pub(crate) fn checked(file: File) -> io::Result<File> {
    check(&file.metadata()?)?;
    Ok(file)
}

/// Makes a new file for its user only, in whose place nothing may be, not even a link.
pub(crate) fn create_new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.write(true).create_new(true).open(path)
}

/// Replaces a file by one with that content, durably, by way of a temporary one beside it. What an
/// earlier process left of such a one is removed: the caller holds the lock.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(super::fs::TEMPORARY_SUFFIX);
    let temporary = Path::new(&temporary);
    match std::fs::remove_file(temporary) {
        Err(error) if !is_absent(&error) => return Err(error),
        _ => {}
    }
    let mut file = create_new(temporary)?;
    let written = file.write_all(content).and_then(|()| file.sync_data());
    let written = written.and_then(|()| rename(temporary, path));
    if written.is_err() {
        drop(std::fs::remove_file(temporary));
    }
    written
}

/// Gives a file the name of another, durably.
#[expect(clippy::disallowed_methods, reason = "it is in no workspace")]
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::rename(from, to)?;
    #[cfg(unix)]
    if let Some(folder) = to.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// Opens a file that is only there to be locked, makes it if it is not there, and waits for the lock,
/// which ends with the handle.
///
/// Fails with [`io::ErrorKind::TimedOut`] when another holds it for that long.
pub(crate) fn lock(path: &Path, timeout: Duration) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600).custom_flags(WITHOUT_LINKS);
    }
    let file = options.open(path)?;
    check(&file.metadata()?)?;
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if start.elapsed() > timeout => {
                return Err(io::ErrorKind::TimedOut.into());
            }
            // No system waits for a file lock with a timeout.
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(1)),
        }
    }
}

/// The flag with which opening a FIFO or a device does not wait.
#[cfg(unix)]
const WITHOUT_WAITING: i32 = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();

/// The same, and without following a link.
#[cfg(unix)]
pub(crate) const WITHOUT_LINKS: i32 =
    rustix::fs::OFlags::NONBLOCK.union(rustix::fs::OFlags::NOFOLLOW).bits().cast_signed();

fn check(metadata: &Metadata) -> io::Result<()> {
    match kind(metadata) {
        None => Ok(()),
        Some(kind) => Err(bad(format!("it is a {kind}, not a file"))),
    }
}

/// Returns the kind of an entry that is not a regular file.
fn kind(metadata: &Metadata) -> Option<&'static str> {
    let kind = metadata.file_type();
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        for (is, name) in [
            (kind.is_fifo(), "FIFO"),
            (kind.is_socket(), "socket"),
            (kind.is_char_device() || kind.is_block_device(), "device"),
        ] {
            if is {
                return Some(name);
            }
        }
    }
    match () {
        () if kind.is_file() => None,
        () if kind.is_dir() => Some("folder"),
        () => Some("special file"),
    }
}

fn bad(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
#[cfg(unix)]
#[expect(clippy::disallowed_methods, reason = "the files are in no workspace")]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use super::*;

    /// Makes a FIFO, a socket, a folder, a device and a file that is too large, and a link to each.
    pub(crate) fn hostile(folder: &Path) -> Vec<std::path::PathBuf> {
        let at = |name: &str| folder.join(name);
        rustix::fs::mkfifoat(rustix::fs::CWD, at("fifo"), 0o600.into()).unwrap();
        drop(UnixListener::bind(at("socket")).unwrap());
        std::fs::create_dir(at("folder")).unwrap();
        File::create(at("large")).unwrap().set_len(4 << 40).unwrap();
        symlink("/dev/zero", at("device")).unwrap();
        let mut all = vec![at("device")];
        for name in ["fifo", "socket", "folder", "large"] {
            symlink(name, at(&format!("to-{name}"))).unwrap();
            all.extend([at(name), at(&format!("to-{name}"))]);
        }
        all
    }

    #[test]
    fn nothing_but_a_regular_file_of_that_size_is_read() {
        let folder = tempfile::tempdir().unwrap();
        for path in hostile(folder.path()) {
            let error = read(&path, 9).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{}: {error}", path.display());
        }
        let path = folder.path().join("file");
        std::fs::write(&path, "123456789").unwrap();
        symlink("file", folder.path().join("to-file")).unwrap();
        for path in ["file", "to-file"].map(|name| folder.path().join(name)) {
            assert_eq!(read(&path, 9).unwrap().unwrap(), b"123456789");
            assert_eq!(read(&path, 8).unwrap_err().to_string(), "it has more than 8 bytes");
        }
        symlink("nowhere", folder.path().join("to-nothing")).unwrap();
        for path in ["none", "to-nothing", "file/none"] {
            assert_eq!(read(&folder.path().join(path), 9).unwrap(), None, "{path}");
        }
    }

    #[test]
    fn what_a_person_names_is_read_whatever_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, 0o600.into()).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| std::fs::write(&fifo, "through a pipe").unwrap());
            assert_eq!(read_named(&fifo, 99).unwrap(), b"through a pipe");
        });
        assert_eq!(read_named(Path::new("/dev/zero"), 9).unwrap(), [0; 10]);
    }

    #[test]
    fn neither_a_lock_nor_a_temporary_follows_a_link_or_waits() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("victim"), "theirs").unwrap();
        symlink("victim", at("lock")).unwrap();
        lock(&at("lock"), Duration::ZERO).unwrap_err();
        rustix::fs::mkfifoat(rustix::fs::CWD, at("fifo"), 0o600.into()).unwrap();
        let error = lock(&at("fifo"), Duration::ZERO).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}");
        for leftover in ["link", "fifo", "file"] {
            match leftover {
                "link" => symlink("victim", at("f.tmp")).unwrap(),
                "fifo" => {
                    rustix::fs::mkfifoat(rustix::fs::CWD, at("f.tmp"), 0o600.into()).unwrap();
                }
                _ => std::fs::write(at("f.tmp"), "left over, and longer").unwrap(),
            }
            replace(&at("f"), leftover.as_bytes()).unwrap();
            assert_eq!(std::fs::read_to_string(at("f")).unwrap(), leftover);
            assert!(!at("f.tmp").is_symlink() && !at("f.tmp").exists());
        }
        assert_eq!(std::fs::read_to_string(at("victim")).unwrap(), "theirs");
    }

    #[test]
    fn a_lock_is_for_one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let held = lock(&path, Duration::ZERO).unwrap();
        let error = lock(&path, Duration::ZERO).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(held);
        lock(&path, Duration::ZERO).unwrap();
    }
}
