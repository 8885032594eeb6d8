//! A staged directory: an export outside of every workspace, which appears whole or not at all.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};

use super::{fs, untrusted_dir};

/// Bytes of a file of an earlier folder that is looked into.
const PRESENT_BYTES_MAX: u64 = 1 << 20;

/// A directory under a temporary name beside its place, until [`StagedDir::send`] moves it.
/// Dropping it removes it; only a killed process leaves it behind.
#[derive(Debug)]
pub struct StagedDir {
    parent: Dir,
    name: String,
    path: PathBuf,
    temporary: String,
    contents: Dir,
}

impl StagedDir {
    /// Begins a directory, whose parent must exist.
    pub fn begin(path: &Path) -> io::Result<Self> {
        let absolute = std::path::absolute(path)?;
        let name = absolute.file_name().and_then(|name| name.to_str());
        let (Some(parent), Some(name)) = (absolute.parent(), name) else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a folder name"));
        };
        let parent_path = parent.canonicalize()?;
        let parent = Dir::open_ambient_dir(&parent_path, ambient_authority())?;
        let temporary = format!(".{name}.{}{}", std::process::id(), fs::TEMPORARY_SUFFIX);
        // A leftover belongs to a killed process with the same id.
        remove(&parent, &temporary)?;
        parent.create_dir(&temporary)?;
        let contents = parent.open_dir(&temporary)?;
        let path = parent_path.join(name);
        Ok(Self { parent, name: name.to_owned(), path, temporary, contents })
    }

    /// Returns its final path, without links.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns a file of the present directory at its place, or `None` when it does not exist.
    /// Fails when it is a link, not a regular file, or larger than 1 MiB.
    pub fn present(&self, file: &str) -> io::Result<Option<Vec<u8>>> {
        untrusted_dir::read_file(&self.parent, &format!("{}/{file}", self.name), PRESENT_BYTES_MAX)
    }

    /// Returns whether its place is taken.
    pub fn is_taken(&self) -> io::Result<bool> {
        match self.parent.symlink_metadata(&self.name) {
            Err(error) if fs::is_absent(&error) => Ok(false),
            metadata => metadata.map(|_| true),
        }
    }

    /// Appends to a file, and creates it and its folders if necessary.
    pub fn add(&self, path: &str, content: &[u8]) -> io::Result<()> {
        let folder = fs::parent(path);
        if !folder.is_empty() {
            self.contents.create_dir_all(folder)?;
        }
        let mut options = OpenOptions::new();
        let mut file = self.contents.open_with(path, options.create(true).append(true))?;
        file.write_all(content)?;
        file.sync_data()
    }

    /// Moves it to its place and replaces what is there.
    pub fn send(self) -> io::Result<()> {
        let replaced = format!("{}.replaced", self.temporary);
        let is_taken = self.is_taken()?;
        if is_taken {
            self.parent.rename(&self.name, &self.parent, &replaced)?;
        }
        if let Err(error) = self.parent.rename(&self.temporary, &self.parent, &self.name) {
            if is_taken {
                self.parent.rename(&replaced, &self.parent, &self.name)?;
            }
            return Err(error);
        }
        remove(&self.parent, &replaced)
    }
}

impl Drop for StagedDir {
    fn drop(&mut self) {
        // After a move there is nothing to remove; otherwise no caller remains to receive an error.
        drop(remove(&self.parent, &self.temporary));
    }
}

fn remove(parent: &Dir, name: &str) -> io::Result<()> {
    match parent.remove_dir_all(name) {
        Err(error) if fs::is_absent(&error) => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_folder_is_there_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("out");
        let staged_dir = StagedDir::begin(&place).unwrap();
        staged_dir.add("deep/er/file", b"1").unwrap();
        staged_dir.add("deep/er/file", b"2").unwrap();
        assert!(!staged_dir.is_taken().unwrap() && !place.exists());
        drop(staged_dir);
        assert!(names(folder.path()).is_empty(), "what was not sent is taken away");

        let staged_dir = StagedDir::begin(&place).unwrap();
        staged_dir.add("one", b"1").unwrap();
        staged_dir.send().unwrap();
        assert_eq!(names(folder.path()), ["out"]);
        let staged_dir = StagedDir::begin(&place).unwrap();
        assert_eq!(staged_dir.present("one").unwrap().unwrap(), b"1");
        assert_eq!(staged_dir.present("two").unwrap(), None);
        #[cfg(unix)]
        {
            rustix::fs::mkfifoat(rustix::fs::CWD, place.join("fifo"), 0o600.into()).unwrap();
            assert!(staged_dir.present("fifo").is_err(), "it is not waited for");
        }
        staged_dir.add("two", b"2").unwrap();
        assert!(staged_dir.is_taken().unwrap());
        staged_dir.send().unwrap();
        assert_eq!((names(folder.path()), names(&place)), (vec!["out".into()], vec!["two".into()]));
    }

    #[test]
    fn what_is_no_place_for_a_folder_is_refused_and_no_path_leads_out_of_it() {
        let folder = tempfile::tempdir().unwrap();
        for wrong in ["/", "..", "nowhere/out"] {
            assert!(StagedDir::begin(&folder.path().join(wrong)).is_err(), "{wrong}");
        }
        let staged_dir = StagedDir::begin(&folder.path().join("out")).unwrap();
        for away in ["../away", "a/../../away", "/away"] {
            assert!(staged_dir.add(away, b"x").is_err(), "{away}");
        }
        drop(staged_dir);
        assert!(names(folder.path()).is_empty());
    }
}
