//! The real disk.
//!
//! Every path is resolved by `cap-std` below the workspace's folder, so that neither `..` nor a
//! symbolic link leads out of it.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, DirBuilder, Metadata, OpenOptions};

use super::fs::{self, Fs, Mode, Stat};

/// A folder of the real disk.
#[derive(Debug)]
pub(crate) struct Disk {
    root: Dir,
}

impl Disk {
    /// Opens an existing folder.
    pub(crate) fn open(path: &std::path::Path) -> io::Result<Self> {
        Ok(Self { root: Dir::open_ambient_dir(path, ambient_authority())? })
    }

    /// Returns a path as `cap-std` takes it: the folder itself is `.`.
    fn path(path: &str) -> &str {
        if path.is_empty() { "." } else { path }
    }
}

impl Fs for Disk {
    fn open(&self, path: &str, mode: Mode) -> io::Result<Box<dyn fs::File>> {
        let mut options = OpenOptions::new();
        options.read(true).write(mode != Mode::Read);
        options.create(mode == Mode::Create).create_new(mode == Mode::CreateNew);
        private_file(&mut options);
        let file = self.root.open_with(Self::path(path), &options)?.into_std();
        Ok(Box::new(DiskFile(file)))
    }

    fn stat(&self, path: &str) -> io::Result<Stat> {
        Ok(stat_of(&self.root.metadata(Self::path(path))?))
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in self.root.read_dir(Self::path(path))? {
            // A name that is no Unicode is none of ours.
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn create_dir(&self, path: &str) -> io::Result<()> {
        let mut builder = DirBuilder::new();
        private_dir(&mut builder);
        match self.root.create_dir_with(path, &builder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            result => result,
        }
    }

    #[cfg(unix)]
    fn flush_dir(&self, path: &str) -> io::Result<()> {
        // Not `open_dir`, whose handle is good for resolving paths only.
        self.root.open(Self::path(path))?.into_std().sync_all()
    }

    /// Windows has no such call: NTFS logs changes of folders by itself.
    #[cfg(not(unix))]
    fn flush_dir(&self, _path: &str) -> io::Result<()> {
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.root.rename(from, &self.root, to)
    }

    #[cfg(target_os = "linux")]
    fn exchange(&self, one: &str, other: &str) -> io::Result<()> {
        use rustix::fs::{RenameFlags, renameat_with};
        let folder = |path: &str| self.root.open_dir(Self::path(fs::parent(path)));
        let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
        let from = folder(one)?;
        let to = match fs::parent(one) == fs::parent(other) {
            true => None,
            false => Some(folder(other)?),
        };
        let to = to.as_ref().unwrap_or(&from);
        Ok(renameat_with(&from, name(one), to, name(other), RenameFlags::EXCHANGE)?)
    }

    #[cfg(not(target_os = "linux"))]
    fn exchange(&self, _one: &str, _other: &str) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.root.remove_file(path)
    }

    fn remove_folder(&self, path: &str) -> io::Result<()> {
        self.root.remove_dir_all(path)
    }
}

#[derive(Debug)]
struct DiskFile(std::fs::File);

impl fs::File for DiskFile {
    fn stat(&self) -> io::Result<Stat> {
        Ok(stat_of(&Metadata::from_file(&self.0)?))
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

    /// Polls, since no system waits for a file lock with a timeout. The lock is held for the time
    /// of one write, and never through a flush.
    fn lock(&self, timeout: Duration) -> io::Result<()> {
        let start = Instant::now();
        let mut pause = Duration::from_micros(5);
        loop {
            match self.0.try_lock() {
                Ok(()) => return Ok(()),
                Err(std::fs::TryLockError::Error(error)) => return Err(error),
                Err(std::fs::TryLockError::WouldBlock) if start.elapsed() > timeout => {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                Err(std::fs::TryLockError::WouldBlock) => thread::sleep(pause),
            }
            pause = (pause * 2).min(Duration::from_millis(1));
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

#[cfg(windows)]
fn read_some(file: &std::fs::File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

#[cfg(windows)]
fn write_some(file: &std::fs::File, bytes: &[u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_write(file, bytes, offset)
}

#[cfg(unix)]
fn private_file(options: &mut OpenOptions) {
    use cap_std::fs::OpenOptionsExt as _;
    options.mode(0o600);
}

#[cfg(unix)]
fn private_dir(builder: &mut DirBuilder) {
    use cap_std::fs::DirBuilderExt as _;
    builder.mode(0o700);
}

#[cfg(not(unix))]
fn private_file(_: &mut OpenOptions) {}

#[cfg(not(unix))]
fn private_dir(_: &mut DirBuilder) {}

#[cfg(unix)]
fn stat_of(metadata: &Metadata) -> Stat {
    use cap_std::fs::MetadataExt as _;
    let nanoseconds =
        i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
    Stat {
        bytes: metadata.len(),
        folder: metadata.is_dir(),
        id: metadata.dev().rotate_left(32) ^ metadata.ino(),
        modified: nanoseconds.unsigned_abs(),
    }
}

/// Without a file id a replaced file is told by its time alone.
#[cfg(not(unix))]
fn stat_of(metadata: &Metadata) -> Stat {
    let modified = metadata.modified().ok().map(cap_std::time::SystemTime::into_std);
    let since_epoch = modified.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    let modified = since_epoch.map_or(0, |time| time.as_nanos());
    Stat { bytes: metadata.len(), folder: metadata.is_dir(), id: 0, modified }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk() -> (tempfile::TempDir, Disk) {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::open(folder.path()).unwrap();
        (folder, disk)
    }

    #[test]
    fn neither_dots_nor_links_lead_out_of_the_workspace() {
        let (folder, disk) = disk();
        let outside = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(outside.path(), folder.path().join("link")).unwrap();
        let absolute = outside.path().join("x");
        for path in ["../x", "link/x", absolute.to_str().unwrap()] {
            assert!(disk.open(path, Mode::Create).is_err(), "{path}");
            assert!(disk.create_dir(path).is_err(), "{path}");
        }
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
    }

    #[test]
    fn files_and_folders_are_private_to_their_user() {
        use std::os::unix::fs::PermissionsExt as _;
        let (folder, disk) = disk();
        disk.create_dir("d").unwrap();
        drop(disk.open("d/f", Mode::Create).unwrap());
        let mode =
            |path: &str| std::fs::metadata(folder.path().join(path)).unwrap().permissions().mode();
        assert_eq!((mode("d") & 0o777, mode("d/f") & 0o777), (0o700, 0o600));
    }

    #[test]
    fn a_held_lock_is_waited_for_and_given_up_on() {
        let (_folder, disk) = disk();
        let [one, other] = [(); 2].map(|()| disk.open("lock", Mode::Create).unwrap());
        one.lock(Duration::ZERO).unwrap();
        let error = other.lock(Duration::from_millis(5)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        one.unlock().unwrap();
        other.lock(Duration::ZERO).unwrap();
    }

    #[test]
    fn a_file_that_is_replaced_keeps_nothing_of_the_old_one() {
        let (folder, disk) = disk();
        for content in ["a long content", "short"] {
            fs::write_replaceable(&disk, "f", content.as_bytes()).unwrap();
            assert_eq!(fs::read(&disk, "f").unwrap().unwrap(), content.as_bytes());
        }
        fs::write_durably(&disk, "f", b"durable").unwrap();
        assert_eq!(fs::read(&disk, "f").unwrap().unwrap(), b"durable");
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            1,
            "nothing temporary is left"
        );
    }
}
