//! The real disk: the workspace's folder, by the path at which people know it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::WORKSPACE;
use super::distrust::Owners;
use super::folder::{self, Folder};
use super::fs::{self, Fs, Mode, Stat};

/// A workspace on the real disk. Its paths begin with the workspace's folder, since people know them
/// from the project's; the project's folder itself can only be flushed, and opened for a work that lies
/// there.
///
/// The workspace's folder is held by a handle. It is opened anew once another folder is at its path:
/// people move, remove and copy it while programs run.
#[derive(Debug)]
pub(crate) struct Disk {
    project: PathBuf,
    owners: Owners,
    root: Mutex<Option<(u64, Arc<Folder>)>>,
}

impl Disk {
    /// Takes the workspace of a project, which must exist. The workspace need not.
    pub(crate) fn open(project: &Path, owners: Owners) -> io::Result<Self> {
        let project = std::path::absolute(project)?;
        let disk = Self { project, owners, root: Mutex::default() };
        disk.project()?;
        Ok(disk)
    }

    /// Opens the project's folder, which may be behind a link: the user named it.
    fn project(&self) -> io::Result<Folder> {
        Folder::at(&self.project.join("."), "", Owners::ANY)
    }

    /// Returns the workspace's folder as it is at its path now.
    fn root(&self) -> io::Result<Arc<Folder>> {
        let path = self.project.join(WORKSPACE);
        let there = folder::look_at(&path)?;
        let mut root = self.root.lock();
        if let Some((id, folder)) = root.as_ref()
            && *id == there.id
        {
            return Ok(Arc::clone(folder));
        }
        let folder = Arc::new(Folder::at(&path, WORKSPACE, self.owners.clone())?);
        *root = Some((folder.stat("")?.id, Arc::clone(&folder)));
        Ok(folder)
    }

    /// Returns the workspace's folder, and a path from there.
    fn below<'a>(&self, path: &'a str) -> io::Result<(Arc<Folder>, &'a str)> {
        Ok((self.root()?, inside(path)?))
    }
}

/// Returns a path from the workspace's folder.
fn inside(path: &str) -> io::Result<&str> {
    match path.strip_prefix(WORKSPACE) {
        Some("") => Ok(""),
        Some(inside) if inside.starts_with('/') => Ok(&inside[1..]),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}

impl Fs for Disk {
    fn open(&self, path: &str, mode: Mode) -> io::Result<Box<dyn fs::File>> {
        let (root, path) = self.below(path)?;
        root.open(path, mode)
    }

    fn stat(&self, path: &str) -> io::Result<Stat> {
        let (root, path) = self.below(path)?;
        root.stat(path)
    }

    /// Takes one system call.
    fn look(&self, path: &str) -> io::Result<Stat> {
        inside(path)?;
        folder::look_at(&self.project.join(path))
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let (root, path) = self.below(path)?;
        root.list(path)
    }

    fn create_dir(&self, path: &str) -> io::Result<()> {
        match inside(path)? {
            "" => self.project()?.leaving_to(&self.owners).create_dir(WORKSPACE),
            inside => self.root()?.create_dir(inside),
        }
    }

    fn flush_dir(&self, path: &str) -> io::Result<()> {
        match path {
            "" => self.project()?.flush_dir(""),
            path => {
                let (root, path) = self.below(path)?;
                root.flush_dir(path)
            }
        }
    }

    /// In the project's own folder, files belong to people and to other programs: their owners do not
    /// matter, and others may read what is created.
    fn folder(&self, path: &str) -> io::Result<Arc<dyn Fs>> {
        if path.is_empty() {
            return Ok(Arc::new(self.project()?.leaving_to(&self.owners).shared()));
        }
        let (root, path) = self.below(path)?;
        root.folder(path)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let (root, from) = self.below(from)?;
        root.rename(from, inside(to)?)
    }

    fn rename_new(&self, from: &str, to: &str) -> io::Result<()> {
        let (root, from) = self.below(from)?;
        root.rename_new(from, inside(to)?)
    }

    fn exchange(&self, one: &str, other: &str) -> io::Result<()> {
        let (root, one) = self.below(one)?;
        root.exchange(one, inside(other)?)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let (root, path) = self.below(path)?;
        root.remove(path)
    }

    fn remove_folder(&self, path: &str) -> io::Result<()> {
        let (root, path) = self.below(path)?;
        root.remove_folder(path)
    }

    fn copy_mode(&self, from: &str, to: &str) -> io::Result<()> {
        let (root, from) = self.below(from)?;
        root.copy_mode(from, inside(to)?)
    }

    fn new_id(&self) -> io::Result<u128> {
        folder::random_id()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn disk() -> (tempfile::TempDir, Disk) {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::open(folder.path(), Owners::user()).unwrap();
        disk.create_dir(WORKSPACE).unwrap();
        (folder, disk)
    }

    #[test]
    fn no_path_leads_out_of_the_workspace() {
        let (folder, disk) = disk();
        for path in
            ["x", "../x", "/x", ".refinerx/y", ".refiner/../x", ".refiner/..", ".refiner//x"]
        {
            assert!(disk.open(path, Mode::Create).is_err(), "{path}");
            assert!(disk.create_dir(path).is_err(), "{path}");
            assert!(disk.rename(".refiner/no", path).is_err(), "{path}");
        }
        let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(names.len(), 1, "{names:?}");
    }

    #[test]
    fn files_and_folders_are_private_to_their_user() {
        use std::os::unix::fs::PermissionsExt as _;
        let (folder, disk) = disk();
        disk.create_dir(".refiner/d").unwrap();
        drop(disk.open(".refiner/d/f", Mode::Create).unwrap());
        let mode =
            |path: &str| std::fs::metadata(folder.path().join(path)).unwrap().permissions().mode();
        assert_eq!((mode(".refiner/d") & 0o777, mode(".refiner/d/f") & 0o777), (0o700, 0o600));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a person wrote these files")]
    fn a_replaced_file_of_the_project_keeps_its_permissions() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let (folder, disk) = disk();
        let project = disk.folder("").unwrap();
        let at = |path: &str| folder.path().join(path);
        std::fs::write(at("run.sh"), "old").unwrap();
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(at("run.sh"), mode).unwrap();
        fs::replace_durably(&*project, ".refiner/t.tmp", "run.sh", b"new").unwrap();
        assert_eq!(std::fs::metadata(at("run.sh")).unwrap().permissions().mode() & 0o777, 0o755);
        assert_eq!(std::fs::read(at("run.sh")).unwrap(), b"new");
        fs::replace_durably(&*project, ".refiner/t.tmp", "fresh", b"x").unwrap();
        std::fs::write(at("theirs"), "y").unwrap();
        let mode = |path: &str| std::fs::metadata(at(path)).unwrap().permissions().mode();
        assert_eq!(mode("fresh"), mode("theirs"), "as other programs create files here");
        std::fs::create_dir(at("real")).unwrap();
        symlink("real", at("link")).unwrap();
        for path in ["link/x", "../x", "/x"] {
            assert!(
                fs::replace_durably(&*project, ".refiner/t.tmp", path, b"x").is_err(),
                "{path}"
            );
        }
        assert!(std::fs::read_dir(at("real")).unwrap().next().is_none());
        assert!(!at(".refiner/t.tmp").exists());
    }

    #[test]
    fn a_held_lock_is_waited_for_and_given_up_on() {
        let (_folder, disk) = disk();
        let [one, other] = [(); 2].map(|()| disk.open(".refiner/lock", Mode::Create).unwrap());
        one.lock(Duration::ZERO).unwrap();
        let error = other.lock(Duration::from_millis(5)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        one.unlock().unwrap();
        other.lock(Duration::ZERO).unwrap();
    }

    #[test]
    fn a_file_that_is_replaced_keeps_nothing_of_the_old_one() {
        let (folder, disk) = disk();
        let file = ".refiner/f";
        for content in ["a long content", "short"] {
            fs::write_replaceable(&disk, file, content.as_bytes()).unwrap();
            assert_eq!(fs::read(&disk, file, 99).unwrap().unwrap(), content.as_bytes());
        }
        fs::write_durably(&disk, file, b"durable").unwrap();
        assert_eq!(fs::read(&disk, file, 99).unwrap().unwrap(), b"durable");
        let left = std::fs::read_dir(folder.path().join(WORKSPACE)).unwrap().count();
        assert_eq!(left, 1, "nothing temporary is left");
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a person moves the workspace")]
    fn a_workspace_that_is_exchanged_is_opened_anew() {
        let (folder, disk) = disk();
        let there = |path: &str| folder.path().join(path);
        fs::write_durably(&disk, ".refiner/f", b"old").unwrap();
        let held = disk.folder(".refiner").unwrap();
        std::fs::rename(there(WORKSPACE), there("aside")).unwrap();
        assert!(fs::is_absent(&disk.stat(".refiner/f").unwrap_err()));
        disk.create_dir(WORKSPACE).unwrap();
        fs::write_durably(&disk, ".refiner/f", b"new").unwrap();
        assert_eq!(fs::read(held.as_ref(), "f", 9).unwrap().unwrap(), b"old", "by its handle");
        assert_eq!(fs::read(&disk, ".refiner/f", 9).unwrap().unwrap(), b"new");
    }
}
