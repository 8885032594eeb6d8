//! Outputs: the files of an artifact's `dist/` folder, or of the folder of the project that holds its
//! work. Hosts and people write there too, directly.

mod ignored;
mod walk;

use std::io;
use std::sync::Arc;

use self::ignored::Ignored;
use self::walk::{Filter, Found, walk};
use super::{blobs, layout};
use crate::disk::distrust::{Distrusted, Kind};
use crate::disk::fs::{self, Fs, Mode};
use crate::model::certificate::Digests;
use crate::model::document::manifest::{Listing, Recorded};
use crate::model::document::output::OutputPath;
use crate::model::document::output_place::OutputPlace;
use crate::model::{Digest, Name, limits};
use crate::storage::OutputFile;

/// Bytes that are read at once for a digest.
const PART_BYTES: usize = 1 << 20;

/// The folder that holds the outputs of an artifact.
pub(super) struct Outputs<'a> {
    root: Root<'a>,
    /// The folder below the root; empty for the root itself.
    folder: String,
    place: &'a OutputPlace,
    /// Where a file of the project is written before it gets its name: a person may have a file of
    /// any name beside it.
    temporary: String,
}

/// The folder from which paths are opened.
enum Root<'a> {
    /// The workspace.
    Workspace(&'a dyn Fs),
    /// The project's own folder.
    Project(Arc<dyn Fs>),
}

impl Root<'_> {
    fn fs(&self) -> &dyn Fs {
        match self {
            Self::Workspace(fs) => *fs,
            Self::Project(fs) => &**fs,
        }
    }
}

impl<'a> Outputs<'a> {
    /// Opens the outputs of an artifact.
    pub(super) fn open(fs: &'a dyn Fs, name: &Name, place: &'a OutputPlace) -> io::Result<Self> {
        let temporary = layout::in_artifact(name, &format!("output{}", fs::TEMPORARY_SUFFIX));
        Ok(match place.folder() {
            None => {
                let (root, folder) = (Root::Workspace(fs), layout::dist(name));
                Self { root, folder, place, temporary }
            }
            Some(folder) => {
                let root = Root::Project(fs.folder("")?);
                Self { root, folder: folder.to_owned(), place, temporary }
            }
        })
    }

    /// Takes a folder of the workspace for the outputs.
    pub(super) fn in_folder(fs: &'a dyn Fs, folder: String, dist: &'a OutputPlace) -> Self {
        Self { root: Root::Workspace(fs), folder, place: dist, temporary: String::new() }
    }

    /// Returns the files after a path, in the order of their paths.
    pub(super) fn list(
        &self,
        after: Option<&OutputPath>,
        limit: usize,
    ) -> io::Result<Vec<OutputFile>> {
        let mut files = self.walk()?.files;
        files.retain(|file| after.is_none_or(|after| file.path > *after));
        files.sort_by(|one, other| one.path.cmp(&other.path));
        files.truncate(limit);
        Ok(files)
    }

    /// Returns what else is there, in order.
    pub(super) fn strays(&self) -> io::Result<Vec<String>> {
        let mut strays = self.walk()?.strays;
        strays.sort();
        Ok(strays)
    }

    fn walk(&self) -> io::Result<Found> {
        let folder = match self.root.fs().folder(&self.folder) {
            Err(error) if fs::is_absent(&error) => return Ok(Found::default()),
            opened => opened?,
        };
        self.filtered(|is_ignored| {
            let filter = Filter {
                holds: &|path| self.place.holds(path, is_ignored),
                may_be_in: &|path| self.place.may_be_in(path, is_ignored),
                depth_max: self.place.depth_max(),
            };
            walk(&*folder, &filter)
        })
    }

    /// Calls with what git ignores here, and fails when that could not be read.
    fn filtered<T>(
        &self,
        work: impl FnOnce(&dyn Fn(&str, bool) -> bool) -> io::Result<T>,
    ) -> io::Result<T> {
        let ignored = Ignored::new(self.root.fs(), &self.folder);
        let done = work(&|path, is_folder| ignored.ignores(path, is_folder))?;
        ignored.check().map(|()| done)
    }

    /// Returns whether a file belongs to the outputs, whether it exists or not.
    fn holds(&self, path: &OutputPath) -> io::Result<bool> {
        self.filtered(|is_ignored| Ok(self.place.holds(path.as_str(), is_ignored)))
    }

    fn at(&self, path: &OutputPath) -> String {
        joined(&self.folder, path.as_str())
    }

    /// Reads a file, unless it is too large.
    pub(super) fn read(&self, path: &OutputPath) -> io::Result<Option<Vec<u8>>> {
        if !self.place.is_dist() && !self.holds(path)? {
            return Ok(None);
        }
        self.content(path)
    }

    fn content(&self, path: &OutputPath) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.root.fs(), &self.at(path), limits::OUTPUT_BYTES_MAX as u64) {
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => Ok(None),
            read => read,
        }
    }

    /// Returns the lengths and digests of files of any size. A file that is gone is left out.
    pub(super) fn record(&self, files: &[OutputFile]) -> io::Result<Listing> {
        let mut listing = Listing::new();
        for file in files {
            let recorded = self.recorded(&file.path)?;
            listing.extend(recorded.map(|recorded| (file.path.clone(), recorded)));
        }
        Ok(listing)
    }

    fn recorded(&self, path: &OutputPath) -> io::Result<Option<Recorded>> {
        let file = match self.root.fs().open(&self.at(path), Mode::Read) {
            Err(error) if fs::is_absent(&error) => return Ok(None),
            opened => opened?,
        };
        let mut bytes = 0;
        let digest = Digest::of_parts(|| {
            let part = file.read_at(bytes, PART_BYTES)?;
            bytes += part.len() as u64;
            if bytes > limits::WORK_BYTES_MAX {
                return Err(Distrusted::size(path.as_str(), bytes, limits::WORK_BYTES_MAX));
            }
            Ok(part)
        })?;
        Ok(Some(Recorded { bytes, digest }))
    }

    /// Returns the digests of a file of any size, or `None` when it does not exist.
    pub(super) fn digests(&self, path: &OutputPath) -> io::Result<Option<Digests>> {
        if !self.place.is_dist() && !self.holds(path)? {
            return Ok(None);
        }
        let file = match self.root.fs().open(&self.at(path), Mode::Read) {
            Err(error) if fs::is_absent(&error) => return Ok(None),
            opened => opened?,
        };
        let mut bytes = 0;
        let digests = Digests::of_parts(|| {
            let part = file.read_at(bytes, PART_BYTES)?;
            bytes += part.len() as u64;
            if bytes > limits::WORK_BYTES_MAX {
                return Err(Distrusted::size(path.as_str(), bytes, limits::WORK_BYTES_MAX));
            }
            Ok(part)
        });
        digests.map(Some)
    }

    /// Returns whether a file is absent or has one of these contents.
    pub(super) fn is_one_of(&self, path: &OutputPath, digests: &[Digest]) -> io::Result<bool> {
        Ok(self.recorded(path)?.is_none_or(|there| digests.contains(&there.digest)))
    }

    /// Fails when the folder of the outputs, if it exists, is not one that may hold them.
    pub(super) fn check_folder(&self) -> io::Result<()> {
        self.check_parts(&self.folder, Kind::Folder)
    }

    /// Fails when a path is occupied by anything but a file, when a parent is not a folder, or when
    /// the path does not belong to the outputs.
    pub(super) fn check(&self, path: &OutputPath) -> io::Result<()> {
        if !self.place.is_dist() && !self.holds(path)? {
            return Err(Distrusted::outside(path.as_str()));
        }
        self.check_parts(&self.at(path), Kind::File)
    }

    fn check_parts(&self, whole: &str, last: Kind) -> io::Result<()> {
        let from = if self.place.is_dist() { self.folder.len() + 1 } else { 0 };
        let ends = whole.match_indices('/').map(|(end, _)| end).filter(|end| *end > from);
        for end in ends.chain((!whole.is_empty()).then_some(whole.len())) {
            let expected = if end < whole.len() { Kind::Folder } else { last };
            match self.root.fs().stat(&whole[..end]) {
                Err(error) if fs::is_absent(&error) => return Ok(()),
                Ok(found) if found.kind != expected => {
                    return Err(Distrusted::kind(&whole[..end], found.kind, expected));
                }
                looked => drop(looked?),
            }
        }
        Ok(())
    }

    /// Writes a blob to a path, unless the file has that content already. Fails with `NotFound` when
    /// there is no such blob.
    pub(super) fn put(
        &self,
        workspace: &dyn Fs,
        name: &Name,
        path: &OutputPath,
        digest: Digest,
    ) -> io::Result<()> {
        if self.content(path).ok().flatten().is_some_and(|there| Digest::of(&there) == digest) {
            return Ok(());
        }
        let target = self.at(path);
        let Some(content) = blobs::load(workspace, name, digest)? else {
            let message = format!("the content of {target} is missing");
            return Err(io::Error::new(io::ErrorKind::NotFound, message));
        };
        let fs = self.root.fs();
        let from = if self.place.is_dist() { self.folder.len() } else { 1 };
        let folders = target.match_indices('/').map(|(end, _)| end).filter(|end| *end >= from);
        for end in folders {
            make_durably(fs, &target[..end])?;
        }
        match self.root {
            Root::Workspace(fs) => fs::write_durably(fs, &target, &content),
            Root::Project(_) => fs::replace_durably(fs, &self.temporary, &target, &content),
        }
    }
}

/// Creates a folder durably. It flushes the name of an existing folder too, because a process may
/// have died just after creating it.
fn make_durably(fs: &dyn Fs, folder: &str) -> io::Result<()> {
    fs.create_dir(folder)?;
    fs.flush_dir(fs::parent(folder))
}

/// Returns a path below a folder, which may be the root.
fn joined(folder: &str, path: &str) -> String {
    if folder.is_empty() { path.to_owned() } else { format!("{folder}/{path}") }
}
