//! An untrusted directory: refiner reads it with care and never writes to it.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};

use super::{fs, regular};

/// The limit of names in one folder.
const NAMES_MAX: usize = 10_000;
/// Bytes of one part of a file.
const PART_BYTES: u64 = 1 << 20;

/// A read-only view of a folder. It follows no link, not even to a place within the folder, and
/// opens only files and folders.
#[derive(Debug)]
pub struct UntrustedDir {
    root: Dir,
    path: PathBuf,
}

/// The kind of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file, and its length.
    File(u64),
    /// A folder.
    Folder,
    /// A link, a pipe, a device.
    Other,
}

impl UntrustedDir {
    /// Opens an existing folder.
    pub fn open(path: &Path) -> io::Result<Self> {
        let path = path.canonicalize()?;
        Ok(Self { root: Dir::open_ambient_dir(&path, ambient_authority())?, path })
    }

    /// Returns its path without links.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the kind of an entry, or `None` when it does not exist. A path through a link does
    /// not exist.
    pub fn kind(&self, path: &str) -> io::Result<Option<Kind>> {
        let parents = path.match_indices('/').map(|(end, _)| &path[..end]);
        for parent in parents {
            if self.kind_of_last(parent)? != Some(Kind::Folder) {
                return Ok(None);
            }
        }
        self.kind_of_last(path)
    }

    fn kind_of_last(&self, path: &str) -> io::Result<Option<Kind>> {
        let metadata = match self.root.symlink_metadata(path) {
            Err(error) if fs::is_absent(&error) => return Ok(None),
            result => result?,
        };
        Ok(Some(match () {
            () if metadata.is_dir() => Kind::Folder,
            () if metadata.is_file() => Kind::File(metadata.len()),
            () => Kind::Other,
        }))
    }

    /// Reads a file, or returns `None` when it does not exist. Fails when it is not a file, or
    /// larger than `bytes_max`.
    pub fn read(&self, path: &str, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
        match self.kind(path)? {
            None => Ok(None),
            Some(Kind::Folder) => Err(io::Error::other("it is a folder")),
            Some(Kind::Other) => Err(io::Error::other(NOT_FOLLOWED)),
            // `read_file` checks again: the entry may have changed meanwhile.
            Some(Kind::File(_)) => read_file(&self.root, path, bytes_max),
        }
    }

    /// Opens a file to read it part by part, or returns `None` when it does not exist. Fails when it is
    /// not a file.
    pub fn parts(&self, path: &str) -> io::Result<Option<Parts>> {
        match self.kind(path)? {
            None => Ok(None),
            Some(Kind::Folder) => Err(io::Error::other("it is a folder")),
            Some(Kind::Other) => Err(io::Error::other(NOT_FOLLOWED)),
            Some(Kind::File(_)) => {
                let file = open_file(&self.root, path)?;
                file.map(|file| regular::checked(file).map(Parts)).transpose()
            }
        }
    }

    /// Returns the names in a folder, in order; none when it is not a folder. A name that is not
    /// Unicode is returned with replacement characters, and such a path does not exist.
    pub fn names(&self, folder: &str) -> io::Result<Vec<String>> {
        if !folder.is_empty() && self.kind(folder)? != Some(Kind::Folder) {
            return Ok(Vec::new());
        }
        let mut names = Vec::new();
        for entry in self.root.read_dir(if folder.is_empty() { "." } else { folder })? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
            if names.len() > NAMES_MAX {
                return Err(io::Error::other(format!("it has more than {NAMES_MAX} names")));
            }
        }
        names.sort();
        Ok(names)
    }
}

/// The content of an open file, part by part.
#[derive(Debug)]
pub struct Parts(File);

impl Parts {
    /// Returns the next part; an empty one at the end.
    pub fn next_part(&mut self) -> io::Result<Vec<u8>> {
        let mut part = Vec::new();
        (&mut self.0).take(PART_BYTES).read_to_end(&mut part)?;
        Ok(part)
    }
}

/// Reads a file below a folder, or returns `None` when it does not exist. Fails, without waiting,
/// when it is a link, not a regular file, or larger than `bytes_max`.
pub(crate) fn read_file(root: &Dir, path: &str, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
    let file = open_file(root, path)?;
    file.map(|file| regular::read_open(&file, bytes_max)).transpose()
}

fn open_file(root: &Dir, path: &str) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    cap_std::fs::OpenOptionsExt::custom_flags(&mut options, regular::WITHOUT_LINKS);
    match root.open_with(path, options.read(true)) {
        Err(error) if fs::is_absent(&error) => Ok(None),
        file => Ok(Some(file?.into_std())),
    }
}

/// The reason for not reading an entry that is not a file.
pub const NOT_FOLLOWED: &str = "it is a link or not a regular file, and refiner does not follow it";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "others wrote these files")]
    fn neither_links_nor_what_lies_behind_them_are_read() {
        let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let inside = |name: &str| folder.path().join(name);
        std::fs::write(outside.path().join("secret"), "s").unwrap();
        std::fs::create_dir(inside("real")).unwrap();
        std::fs::write(inside("real/file"), "12345").unwrap();
        for (name, target) in [
            ("out", outside.path().to_owned()),
            ("file", outside.path().join("secret")),
            ("within", inside("real")),
        ] {
            std::os::unix::fs::symlink(target, inside(name)).unwrap();
        }
        let untrusted_dir = UntrustedDir::open(folder.path()).unwrap();
        assert_eq!(untrusted_dir.kind("real/file").unwrap(), Some(Kind::File(5)));
        assert_eq!(untrusted_dir.read("real/file", 5).unwrap().unwrap(), b"12345");
        assert!(untrusted_dir.read("real/file", 4).is_err(), "too large");
        for link in ["out", "file", "within"] {
            assert_eq!(untrusted_dir.kind(link).unwrap(), Some(Kind::Other));
            assert!(untrusted_dir.read(link, 9).is_err(), "{link}");
            assert!(untrusted_dir.names(link).unwrap().is_empty(), "{link}");
        }
        for behind in ["out/secret", "within/file", "none", "none/file"] {
            assert_eq!(untrusted_dir.read(behind, 9).unwrap(), None, "{behind}");
        }
        for away in ["../x", "/etc/passwd", "real/../../x"] {
            assert!(!matches!(untrusted_dir.read(away, 9), Ok(Some(_))), "{away}");
        }
        assert_eq!(untrusted_dir.names("").unwrap(), ["file", "out", "real", "within"]);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "others wrote these files")]
    fn what_took_the_place_of_a_file_is_neither_followed_nor_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "1").unwrap();
        std::os::unix::fs::symlink("file", folder.path().join("link")).unwrap();
        let fifo = folder.path().join("fifo");
        rustix::fs::mkfifoat(rustix::fs::CWD, fifo, 0o600.into()).unwrap();
        // As after a look that saw a file.
        let untrusted_dir = UntrustedDir::open(folder.path()).unwrap();
        assert_eq!(read_file(&untrusted_dir.root, "file", 9).unwrap().unwrap(), b"1");
        for path in ["link", "fifo"] {
            assert!(read_file(&untrusted_dir.root, path, 9).is_err(), "{path}");
        }
    }
}
