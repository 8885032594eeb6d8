//! The folder of the user's own configuration, outside of every workspace.

use std::fs::DirBuilder;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::distrust::Owners;
use super::folder::Folder;
use super::fs::{self, Fs as _, Mode};

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

    /// Returns where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns a file's content, or `None` when there is none. Links are followed: many keep their
    /// configuration elsewhere.
    pub fn read(&self, file: &str) -> io::Result<Option<Vec<u8>>> {
        let file = match std::fs::File::open(self.path.join(file)) {
            Err(error) if fs::is_absent(&error) => return Ok(None),
            result => result?,
        };
        let mut content = Vec::new();
        file.take(FILE_BYTES_MAX + 1).read_to_end(&mut content)?;
        match content.len() as u64 > FILE_BYTES_MAX {
            true => Err(io::Error::new(io::ErrorKind::InvalidData, "larger than 1 MiB")),
            false => Ok(Some(content)),
        }
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
        make_private(&self.path)?;
        let disk = Folder::at(&self.path.join("."), "", Owners::ANY)?;
        let lock = disk.open(&format!("{file}.lock"), Mode::Create)?;
        lock.lock(LOCK_TIMEOUT)?;
        if let Some(content) = change(self.read(file)?)? {
            fs::write_durably(&disk, file, &content)?;
        }
        lock.unlock()
    }
}

fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
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
}
