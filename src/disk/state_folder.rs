//! The user's own folder for program state, outside of every workspace: secrets that only this user has,
//! and what their processes know of each workspace.

use std::fs::{Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use std::sync::Arc;

use super::distrust::Owners;
use super::folder::Folder;
use super::fs::Fs;
use super::{fs, regular};

/// The user's folder for program state. It need not exist until something is kept there.
#[derive(Clone, Debug)]
pub struct StateFolder {
    path: PathBuf,
}

impl StateFolder {
    /// Takes a folder for the user's.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Returns this user's folder, if the environment names it.
    pub fn of_user() -> Option<Self> {
        let variable =
            |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let base = variable("XDG_STATE_HOME")
            .or_else(|| variable("LOCALAPPDATA"))
            .or_else(|| variable("HOME").map(|home| home.join(".local/state")))?;
        Some(Self::new(base.join("refiner")))
    }

    /// Opens the folder for files that processes of this user share, and makes it if it is missing.
    pub(crate) fn folder(&self) -> io::Result<Arc<dyn Fs>> {
        regular::make_private_folder(&self.path)?;
        Ok(Arc::new(Folder::at(&self.path, "the state folder", Owners::user())?))
    }

    /// Returns a secret, and creates it from `made` if it is missing. If two processes create it at once,
    /// one wins and both use its secret. Each call of `made` must give another secret.
    ///
    /// Fails when the file is not a regular one that only its owner can read, or larger than `bytes_max`.
    pub fn secret(
        &self,
        file: &str,
        bytes_max: u64,
        made: impl FnOnce() -> Vec<u8>,
    ) -> io::Result<Vec<u8>> {
        let path = self.path.join(file);
        match read(&path, bytes_max) {
            Err(error) if fs::is_absent(&error) => {
                regular::make_private_folder(&self.path)?;
                self.make(file, &made())?;
                read(&path, bytes_max)
            }
            read => read,
        }
    }

    /// Writes a secret to a temporary file and links it into place, so no process reads half of it.
    fn make(&self, file: &str, secret: &[u8]) -> io::Result<()> {
        let unique = blake3::hash(secret).to_hex();
        let beside = self.path.join(format!(".{file}.{}", &unique[..32]));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut made = options.open(&beside)?;
        let linked = made
            .write_all(secret)
            .and_then(|()| made.sync_all())
            .and_then(|()| std::fs::hard_link(&beside, self.path.join(file)));
        std::fs::remove_file(&beside)?;
        match linked {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        }
    }
}

fn read(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let file = regular::open(path)?;
    if others_may_read(&file.metadata()?) {
        return Err(io::Error::other(format!(
            "{} can be read by others than its owner: chmod 600 it",
            path.display()
        )));
    }
    regular::read_open(&file, bytes_max)
}

#[cfg(unix)]
fn others_may_read(metadata: &Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077 != 0
}

#[cfg(not(unix))]
fn others_may_read(_: &Metadata) -> bool {
    false
}
