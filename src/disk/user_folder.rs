//! The folder of the user's own configuration, outside of every workspace.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::regular;

/// Bytes of a file of configuration.
const FILE_BYTES_MAX: u64 = 1 << 20;
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// The folder of the user's own configuration. It need not exist until something is kept there.
#[derive(Clone, Debug)]
pub struct UserFolder {
    path: PathBuf,
}

impl UserFolder {
    /// Takes a folder for the user's.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Returns its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns a file's content, or `None` when there is none. Links are followed: many keep their
    /// configuration elsewhere. What is no regular file of at most 1 MiB is an error.
    pub fn read(&self, file: &str) -> io::Result<Option<Vec<u8>>> {
        regular::read(&self.path.join(file), FILE_BYTES_MAX)
    }

    /// Takes a look at a file. Two that are equal are the same file with the same content.
    pub fn see(&self, file: &str) -> Option<(u64, std::time::SystemTime)> {
        let metadata = std::fs::metadata(self.path.join(file)).ok()?;
        Some((metadata.len(), metadata.modified().ok()?))
    }

    /// Changes a file, so that it is on the disk when this returns. `change` gets the present
    /// content, and returns the new one, or `None` to leave it as it is.
    pub fn change(
        &self,
        file: &str,
        change: impl FnOnce(Option<Vec<u8>>) -> io::Result<Option<Vec<u8>>>,
    ) -> io::Result<()> {
        regular::make_private_folder(&self.path)?;
        let lock = regular::lock(&self.path.join(format!("{file}.lock")), LOCK_TIMEOUT)?;
        if let Some(content) = change(self.read(file)?)? {
            regular::replace(&self.path.join(file), &content)?;
        }
        lock.unlock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_sees_what_is_there_and_keeps_the_file_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let user = UserFolder::new(folder.path().join("deep/refiner"));
        assert_eq!((user.read("f").unwrap(), user.see("f")), (None, None));
        user.change("f", |old| Ok(old.is_none().then(|| b"1".to_vec()))).unwrap();
        user.change("f", |old| Ok((old.unwrap() == b"2").then(Vec::new))).unwrap();
        assert_eq!(user.read("f").unwrap().unwrap(), b"1");
        assert!(user.see("f").is_some());
        let mode = std::fs::metadata(user.path().join("f")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_a_file_is_read_and_a_fifo_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let user = UserFolder::new(folder.path().join("refiner"));
        std::fs::create_dir(user.path()).unwrap();
        user.change("kept", |_| Ok(Some(b"1".to_vec()))).unwrap();
        std::os::unix::fs::symlink("kept", user.path().join("link")).unwrap();
        assert_eq!(user.read("link").unwrap().unwrap(), b"1");
        let fifo = user.path().join("fifo");
        rustix::fs::mkfifoat(rustix::fs::CWD, fifo, 0o600.into()).unwrap();
        assert_eq!(user.read("fifo").unwrap_err().kind(), io::ErrorKind::InvalidData);
        user.change("fifo", |_| Ok(Some(Vec::new()))).unwrap_err();
    }
}
