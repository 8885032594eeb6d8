//! Layer 2: a project's own folder, `.refiner`: its workflows, what its user trusts of it, and what the
//! delivery of its events keeps there. Journals are the provider's, wherever it keeps them.

mod delivery;
pub mod layout;
mod trust;
mod workflows;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use self::delivery::{DeliveryLock, Seen, Undelivered};
pub use self::trust::{OWNER_VARIABLE, Trust, Trusted, owner, trusts_owner};
use crate::disk::fs::{Fs, Mode};
use crate::disk::real::Disk;
use crate::disk::{Owners, WORKSPACE};

/// The `.refiner` folder of a project. Any number of processes may share it.
#[derive(Clone)]
pub struct Workspace {
    fs: Arc<dyn Fs>,
    project: PathBuf,
}

impl Workspace {
    /// Opens the workspace of a project. Its folder is made with the first artifact; the project's must
    /// exist.
    pub fn open(project: &Path) -> io::Result<Self> {
        Self::open_of(project, Owners::user())
    }

    /// Does the same, and opens only files of these users.
    pub fn open_of(project: &Path, owners: Owners) -> io::Result<Self> {
        let disk = Disk::open(project, owners)?;
        Ok(Self { fs: Arc::new(disk), project: project.to_owned() })
    }

    /// Returns the project's folder.
    pub fn project(&self) -> &Path {
        &self.project
    }

    /// Returns the project's folder as it is known to the system, without links.
    pub fn canonical_project(&self) -> io::Result<PathBuf> {
        self.project.canonicalize()
    }

    /// Returns the door to the workspace's files, for a provider that keeps journals there.
    pub(crate) fn fs(&self) -> Arc<dyn Fs> {
        Arc::clone(&self.fs)
    }
}

impl fmt::Debug for Workspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workspace").field("project", &self.project).finish_non_exhaustive()
    }
}

/// Makes the folders of a workspace. Their names become durable with the first artifact's.
pub(crate) fn make(fs: &dyn Fs) -> io::Result<()> {
    fs.create_dir(WORKSPACE)?;
    match fs.open(layout::GITIGNORE, Mode::CreateNew) {
        // Another process or a person already created the file.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => made?.write_at(0, layout::GITIGNORE_TEXT.as_bytes())?,
    }
    fs.create_dir(layout::ARTIFACTS)?;
    fs.create_dir(layout::LOCKS)
}
