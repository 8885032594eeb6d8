//! A configuration file of another program, which people edit too.

use std::fs::{File, Metadata};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::fs::TEMPORARY_SUFFIX;
use super::regular;
use crate::model::Time;

/// Bytes of such a file. Some hosts keep their whole history in it.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// Links that lead from one to the next.
const LINKS_MAX: usize = 16;

/// A configuration file of another program as it was when it was opened.
///
/// A link is followed and stays: a dotfile may point into a folder of dotfiles.
#[derive(Debug)]
pub struct ConfigurationFile {
    path: PathBuf,
    target: PathBuf,
    content: Option<Vec<u8>>,
}

impl ConfigurationFile {
    /// Reads a file, which need not exist.
    ///
    /// Fails with [`io::ErrorKind::InvalidData`] when it is too large or not a regular file.
    pub fn open(path: PathBuf) -> io::Result<Self> {
        let target = target(&path)?;
        let content = regular::read(&target, FILE_BYTES_MAX)?;
        Ok(Self { path, target, content })
    }

    /// Returns its content, or `None` when there is no such file.
    pub fn content(&self) -> Option<&[u8]> {
        self.content.as_deref()
    }

    /// Replaces the content atomically, and returns the path of the backup. Owner and mode stay;
    /// only its user can read a new file. Missing folders are created.
    ///
    /// Fails without a change, with [`io::ErrorKind::ResourceBusy`] when another program wrote to
    /// the file since it was opened, and with [`io::ErrorKind::PermissionDenied`] when the file is
    /// read-only, even if the folder is writable: the owner intended it. A write at the very same
    /// moment may be missed, because other programs do not lock the file.
    pub fn replace(&self, content: &[u8], now: Time) -> io::Result<Option<PathBuf>> {
        let present = regular::read(&self.target, FILE_BYTES_MAX)?;
        if present != self.content {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        let (folder, name) = parts(&self.target)?;
        std::fs::create_dir_all(folder)?;
        let stamp = now.to_string().replace(['-', ':', '.'], "");
        let like = self.content.as_ref().map(|_| std::fs::metadata(&self.target)).transpose()?;
        if like.as_ref().is_some_and(|like| like.permissions().readonly()) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let backup = match (&self.content, &like) {
            (Some(old), Some(like)) => Some(self.keep(old, like, &stamp)?),
            _ => None,
        };
        let temporary = folder.join(format!("{name}.refiner-{stamp}{TEMPORARY_SUFFIX}"));
        put(&temporary, content, like.as_ref())?;
        regular::rename(&temporary, &self.target)?;
        Ok(backup)
    }

    /// Keeps the old content in a backup beside the file.
    fn keep(&self, old: &[u8], like: &Metadata, stamp: &str) -> io::Result<PathBuf> {
        let (folder, name) = parts(&self.path)?;
        let backup = folder.join(format!("{name}.refiner-backup-{stamp}"));
        put(&backup, old, Some(like))?;
        Ok(backup)
    }
}

/// Returns the target of a chain of links, which need not exist.
fn target(path: &Path) -> io::Result<PathBuf> {
    let mut target = path.to_owned();
    for _ in 0..LINKS_MAX {
        match (std::fs::read_link(&target), target.parent()) {
            (Ok(next), Some(folder)) => target = folder.join(next),
            _ => return Ok(target),
        }
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "its links lead to no file"))
}

/// Returns the folder of a file, and its name in there.
fn parts(path: &Path) -> io::Result<(&Path, &str)> {
    let name = path.file_name().and_then(|name| name.to_str());
    path.parent().zip(name).ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

/// Creates a new file and flushes its content, but not its name. Leaves no file after a failure.
fn put(path: &Path, content: &[u8], like: Option<&Metadata>) -> io::Result<()> {
    let mut file = regular::create_new(path)?;
    let written = file.write_all(content);
    let written = written.and_then(|()| like.map_or(Ok(()), |like| make_alike(&file, like)));
    let written = written.and_then(|()| file.sync_all());
    if written.is_err() {
        drop(std::fs::remove_file(path));
    }
    written
}

/// Gives a file the owner and the mode of another.
fn make_alike(file: &File, like: &Metadata) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt as _, fchown};
        let own = file.metadata()?;
        if (own.uid(), own.gid()) != (like.uid(), like.gid()) {
            fchown(file, Some(like.uid()), Some(like.gid()))?;
        }
    }
    file.set_permissions(like.permissions())
}

#[cfg(test)]
#[cfg(unix)]
#[expect(clippy::disallowed_methods, reason = "the files are another program's")]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    const NOW: i64 = 1_795_229_281_123;

    fn replace(path: &Path, content: &str) -> io::Result<Option<PathBuf>> {
        let file = ConfigurationFile::open(path.to_owned())?;
        file.replace(content.as_bytes(), Time::from_millis(NOW))
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_file_that_is_not_there_is_made_with_its_folders_and_needs_no_backup() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/f.json");
        assert_eq!(ConfigurationFile::open(path.clone()).unwrap().content(), None);
        assert_eq!(replace(&path, "new").unwrap(), None);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
        assert_eq!((mode(&path), names(path.parent().unwrap())), (0o600, vec!["f.json".into()]));
    }

    #[test]
    fn the_old_content_is_kept_beside_it_and_so_is_the_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.json");
        std::fs::write(&path, "old").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let backup = replace(&path, "new").unwrap().unwrap();
        assert_eq!(names(folder.path()), ["f.json", "f.json.refiner-backup-20261121T024801123Z"]);
        assert_eq!(std::fs::read_to_string(&backup).unwrap(), "old");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
        assert_eq!((mode(&path), mode(&backup)), (0o640, 0o640));
    }

    #[test]
    fn links_stay_links_and_what_they_lead_to_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let [dotfiles, home] = ["dotfiles", "home"].map(|name| folder.path().join(name));
        std::fs::create_dir(&home).unwrap();
        symlink("../dotfiles/f", home.join("second")).unwrap();
        symlink("second", home.join("f")).unwrap();
        assert_eq!(replace(&home.join("f"), "1").unwrap(), None, "a link to nothing yet");
        let backup = replace(&home.join("f"), "2").unwrap().unwrap();
        assert_eq!(backup.parent(), Some(home.as_path()), "beside the name that people know");
        assert!(home.join("f").is_symlink() && home.join("second").is_symlink());
        assert_eq!(std::fs::read_to_string(dotfiles.join("f")).unwrap(), "2");
        assert_eq!(names(&dotfiles), ["f"]);
    }

    #[test]
    fn a_read_only_file_is_left_alone_even_where_its_folder_would_let_us() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        std::fs::write(&path, "old").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o444)).unwrap();
        let error = replace(&path, "new").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert_eq!((names(folder.path()).len(), mode(&path)), (1, 0o444));
    }

    #[test]
    fn what_somebody_wrote_meanwhile_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        for before in [None, Some("old")] {
            before.into_iter().for_each(|before| std::fs::write(&path, before).unwrap());
            let file = ConfigurationFile::open(path.clone()).unwrap();
            std::fs::write(&path, "theirs").unwrap();
            let error = file.replace(b"new", Time::from_millis(NOW)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ResourceBusy, "{before:?}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), "theirs");
            assert_eq!(names(folder.path()), ["f"]);
            std::fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn neither_folders_circles_fifos_nor_huge_files_are_read() {
        let folder = tempfile::tempdir().unwrap();
        symlink("circle", folder.path().join("circle")).unwrap();
        symlink("fifo", folder.path().join("to-fifo")).unwrap();
        std::fs::create_dir(folder.path().join("folder")).unwrap();
        let fifo = folder.path().join("fifo");
        rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, 0o600.into()).unwrap();
        File::create(folder.path().join("large")).unwrap().set_len(4 << 40).unwrap();
        for name in ["circle", "folder", "fifo", "to-fifo", "large"] {
            let error = ConfigurationFile::open(folder.path().join(name)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{name}: {error}");
        }
    }
}
