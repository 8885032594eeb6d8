//! A folder of the real disk, held by its handle, where the system is not a unix.
//!
//! Each component of a path is examined before it is opened; every parent must be a folder, and the
//! last component a file. Another process may replace a component between the two steps: `cap-std`
//! still keeps the path within the folder.

use std::io;
use std::path::Path;
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, Metadata, OpenOptions};

use super::distrust::{Distrusted, Kind, Owners};
use super::fs::{self, Fs, Mode, Stat};
use super::open_file::OpenFile;
use super::status::{kind_of, stat_of};

/// A folder and what is below it.
#[derive(Debug)]
pub(crate) struct Folder {
    handle: Dir,
    /// Its path when it was opened, for messages.
    path: String,
}

impl Folder {
    /// Opens a folder by its path. Links on the way are followed, and the last component is not one.
    pub(crate) fn at(path: &Path, shown: &str, _: Owners) -> io::Result<Self> {
        let found = kind_of(&Metadata::from_just_metadata(std::fs::symlink_metadata(path)?));
        if found != Kind::Folder {
            return Err(Distrusted::kind(shown, found, Kind::Folder));
        }
        let handle = Dir::open_ambient_dir(path, ambient_authority())?;
        Ok(Self { handle, path: shown.to_owned() })
    }

    /// Returns the folder: here files have no owner to be left to.
    pub(crate) fn leaving_to(self, _: &Owners) -> Self {
        self
    }

    /// Returns the folder: here what is created has the permissions that the system gives it.
    pub(crate) fn shared(self) -> Self {
        self
    }

    fn shown(&self, path: &str) -> String {
        match (self.path.is_empty(), path.is_empty()) {
            (true, _) => path.to_owned(),
            (_, true) => self.path.clone(),
            _ => format!("{}/{path}", self.path),
        }
    }

    /// Refuses a path with a parent that is not a folder. A file as a parent means that the path
    /// does not exist.
    fn way<'a>(&self, path: &'a str) -> io::Result<&'a str> {
        let is_name = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\\');
        if !path.split('/').all(is_name) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        for part in path.match_indices('/').map(|(end, _)| &path[..end]) {
            match kind_of(&self.handle.symlink_metadata(part)?) {
                Kind::Folder => {}
                Kind::File => return Err(io::ErrorKind::NotADirectory.into()),
                found => return Err(Distrusted::kind(&self.shown(part), found, Kind::Folder)),
            }
        }
        Ok(path)
    }

    /// Returns a folder's path as `cap-std` takes it.
    fn folder_path<'a>(&self, path: &'a str) -> io::Result<&'a str> {
        if path.is_empty() {
            return Ok(".");
        }
        match self.stat(path)?.kind {
            Kind::Folder => Ok(path),
            Kind::File => Err(io::ErrorKind::NotADirectory.into()),
            found => Err(Distrusted::kind(&self.shown(path), found, Kind::Folder)),
        }
    }
}

impl Fs for Folder {
    fn open(&self, path: &str, mode: Mode) -> io::Result<Box<dyn fs::File>> {
        match self.stat(path) {
            Ok(found) if mode == Mode::CreateNew || found.kind == Kind::File => {}
            Ok(found) if found.kind == Kind::Folder => {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            Ok(found) => {
                return Err(Distrusted::kind(&self.shown(path), found.kind, Kind::File));
            }
            Err(error) if !fs::is_absent(&error) => return Err(error),
            Err(_) => {}
        }
        let mut options = OpenOptions::new();
        options.read(true).write(mode != Mode::Read);
        options.create(mode == Mode::Create).create_new(mode == Mode::CreateNew);
        let file = self.handle.open_with(self.way(path)?, &options)?;
        Ok(Box::new(OpenFile::new(file.into_std())))
    }

    fn stat(&self, path: &str) -> io::Result<Stat> {
        if path.is_empty() {
            return Ok(stat_of(&self.handle.dir_metadata()?));
        }
        Ok(stat_of(&self.handle.symlink_metadata(self.way(path)?)?))
    }

    fn look(&self, path: &str) -> io::Result<Stat> {
        self.stat(path)
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in self.handle.read_dir(self.folder_path(path)?)? {
            // A name that is not Unicode is not one of Refiner's, and is shown with U+FFFD in it.
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        Ok(names)
    }

    fn create_dir(&self, path: &str) -> io::Result<()> {
        match self.handle.create_dir(self.way(path)?) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.folder_path(path).map(drop)
            }
            made => made,
        }
    }

    /// Windows has no such call: NTFS logs changes of folders by itself.
    fn flush_dir(&self, path: &str) -> io::Result<()> {
        self.folder_path(path).map(drop)
    }

    fn folder(&self, path: &str) -> io::Result<Arc<dyn Fs>> {
        let handle = self.handle.open_dir(self.folder_path(path)?)?;
        Ok(Arc::new(Self { handle, path: self.shown(path) }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.handle.rename(self.way(from)?, &self.handle, self.way(to)?)
    }

    /// A file that appears between the look and the rename is replaced.
    fn rename_new(&self, from: &str, to: &str) -> io::Result<()> {
        match self.stat(to) {
            Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) => self.rename(from, to),
        }
    }

    fn exchange(&self, _: &str, _: &str) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.handle.remove_file(self.way(path)?)
    }

    fn remove_folder(&self, path: &str) -> io::Result<()> {
        self.handle.remove_dir_all(self.way(path)?)
    }

    /// Here the system gives a file its permissions, by the folder that it is in.
    fn copy_mode(&self, from: &str, _: &str) -> io::Result<()> {
        self.stat(from).map(drop)
    }

    fn new_id(&self) -> io::Result<u128> {
        random_id()
    }
}

/// Returns the status of a path without opening it. Follows links except in the last component.
pub(crate) fn look_at(path: &Path) -> io::Result<Stat> {
    Ok(stat_of(&Metadata::from_just_metadata(std::fs::symlink_metadata(path)?)))
}

/// Returns a 128-bit number that no other call returns.
pub(crate) fn random_id() -> io::Result<u128> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(u128::from_be_bytes(bytes))
}
