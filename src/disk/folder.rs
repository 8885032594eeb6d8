//! A folder of the real disk, held by its handle.
//!
//! Every name is opened relative to the handle of its own folder, one component at a time, without
//! following a link: with `openat2` in one call where the system has it, else with `O_NOFOLLOW` for
//! each component. A handle stays on the same folder even if its path changes.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{AtFlags, Dir, Gid, Mode as Permissions, OFlags, Uid};

use super::distrust::{Distrusted, Kind, Owners};
use super::fs::{self, Fs, Mode, Stat};
use super::open_file::OpenFile;
use super::status::{kind_of, stat_of};

/// Names of one folder that are read.
const NAMES_MAX: usize = 500_000;

/// How a folder is opened on the way to what is in it.
const ON_THE_WAY: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A folder and what is below it.
#[derive(Debug)]
pub(crate) struct Folder {
    handle: OwnedFd,
    /// Its path when it was opened, for messages.
    path: String,
    owners: Owners,
    /// The owner of files that root creates in another user's folder.
    heir: Option<(Uid, Gid)>,
    /// Whether others may read what is created, as far as the user's mask allows.
    is_shared: bool,
}

impl Folder {
    /// Opens a folder by its path. Links on the way are followed, and the last component is not one.
    pub(crate) fn at(path: &Path, shown: &str, owners: Owners) -> io::Result<Self> {
        let opened = rustix::fs::open(path, ON_THE_WAY, Permissions::empty());
        let handle =
            opened.map_err(|error| match rustix::fs::lstat(path).map(|stat| kind_of(&stat)) {
                Ok(found) if found != Kind::Folder => Distrusted::kind(shown, found, Kind::Folder),
                _ => error.into(),
            })?;
        Self::of(handle, shown.to_owned(), owners)
    }

    fn of(handle: OwnedFd, path: String, owners: Owners) -> io::Result<Self> {
        let stat = rustix::fs::fstat(&handle)?;
        owners.check(&path, stat.st_uid)?;
        let is_anothers = rustix::process::geteuid().is_root() && stat.st_uid != 0;
        let heir = is_anothers.then(|| (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid)));
        Ok(Self { handle, path, owners, heir, is_shared: false })
    }

    /// Gives files that root creates to one of these users, if the folder belongs to one.
    pub(crate) fn leaving_to(mut self, owners: &Owners) -> Self {
        self.heir = self.heir.filter(|(user, _)| owners.admits(user.as_raw()));
        self
    }

    /// Creates files and folders with the permissions that other programs give them.
    pub(crate) fn shared(self) -> Self {
        Self { is_shared: true, ..self }
    }

    /// Returns the permissions of what is created, before the user's mask.
    fn permissions(&self, private: u16, shared: u16) -> Permissions {
        Permissions::from_bits_retain(if self.is_shared { shared } else { private }.into())
    }

    /// Returns a path below as people know it.
    fn shown(&self, path: &str) -> String {
        match (self.path.is_empty(), path.is_empty()) {
            (true, _) => path.to_owned(),
            (_, true) => self.path.clone(),
            _ => format!("{}/{path}", self.path),
        }
    }

    /// Returns the handle of the folder that a path is in, and the name in there.
    fn parent<'a>(&'a self, path: &'a str) -> io::Result<(Handle<'a>, &'a str)> {
        match path.rsplit_once('/') {
            None => Ok((Handle::Own(&self.handle), name(path)?)),
            Some(("", _)) => Err(io::ErrorKind::InvalidInput.into()),
            Some((parent, last)) => {
                Ok((Handle::Opened(self.open_folder(parent, way_flags())?), name(last)?))
            }
        }
    }

    fn open_folder(&self, path: &str, flags: OFlags) -> io::Result<OwnedFd> {
        let path = if path.is_empty() { "." } else { path };
        let opened = beneath(&self.handle, path, flags)
            .unwrap_or_else(|| step_by_step(&self.handle, path, flags));
        opened.map_err(|error| self.explained(path, error))
    }

    /// Explains an error of a path whose parent is not a folder. A file as a parent means that the
    /// path does not exist.
    fn explained(&self, path: &str, error: rustix::io::Errno) -> io::Error {
        use rustix::io::Errno;
        let in_the_way = || {
            let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
            ends.map(|end| &path[..end]).find_map(|part| {
                let found = self.stat(part).ok()?.kind;
                (found != Kind::Folder).then(|| (part.to_owned(), found))
            })
        };
        match error {
            Errno::LOOP | Errno::NOTDIR | Errno::XDEV => match in_the_way() {
                Some((part, found)) if found != Kind::File => {
                    Distrusted::kind(&self.shown(&part), found, Kind::Folder)
                }
                _ => io::ErrorKind::NotADirectory.into(),
            },
            other => other.into(),
        }
    }

    /// Gives a file that root created to the user of its folder.
    fn hand_over(&self, made: BorrowedFd<'_>) -> io::Result<()> {
        match self.heir {
            Some((user, group)) => Ok(rustix::fs::fchown(made, Some(user), Some(group))?),
            None => Ok(()),
        }
    }

    fn admit(&self, path: &str, mode: Mode, stat: &Stat) -> io::Result<()> {
        match stat.kind {
            Kind::File => {}
            Kind::Folder => return Err(io::ErrorKind::IsADirectory.into()),
            found => return Err(Distrusted::kind(&self.shown(path), found, Kind::File)),
        }
        self.owners.check(&self.shown(path), stat.owner)?;
        if mode != Mode::Read && stat.names > 1 {
            return Err(Distrusted::names(&self.shown(path), stat.names));
        }
        Ok(())
    }
}

/// A handle of this folder or of one below.
enum Handle<'a> {
    Own(&'a OwnedFd),
    Opened(OwnedFd),
}

impl AsFd for Handle<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Own(handle) => handle.as_fd(),
            Self::Opened(handle) => handle.as_fd(),
        }
    }
}

impl Fs for Folder {
    fn open(&self, path: &str, mode: Mode) -> io::Result<Box<dyn fs::File>> {
        let flags = match mode {
            Mode::Read => OFlags::RDONLY,
            Mode::Write => OFlags::RDWR,
            Mode::CreateNew => return self.create(path),
            Mode::Create => return self.open_or_create(path),
        };
        // Non-blocking: a pipe without a writer is opened, recognized and refused.
        let handle = self.open_file(path, flags | OFlags::NONBLOCK | OFlags::NOCTTY)?;
        self.admit(path, mode, &stat_of(&rustix::fs::fstat(&handle)?))?;
        Ok(Box::new(OpenFile::new(handle.into())))
    }

    fn stat(&self, path: &str) -> io::Result<Stat> {
        if path.is_empty() {
            return Ok(stat_of(&rustix::fs::fstat(&self.handle)?));
        }
        let (folder, name) = self.parent(path)?;
        Ok(stat_of(&rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW)?))
    }

    fn look(&self, path: &str) -> io::Result<Stat> {
        self.stat(path)
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let folder = self.open_folder(path, ON_THE_WAY)?;
        let mut names = Vec::new();
        for entry in Dir::read_from(&folder)? {
            // A name that is not Unicode is not one of Refiner's, and is shown with U+FFFD in it.
            names.push(entry?.file_name().to_string_lossy().into_owned());
            if names.len() > NAMES_MAX {
                let problem = format!("{} has more than {NAMES_MAX} names", self.shown(path));
                return Err(io::Error::other(problem));
            }
        }
        names.retain(|name| name != "." && name != "..");
        Ok(names)
    }

    fn create_dir(&self, path: &str) -> io::Result<()> {
        let (folder, name) = self.parent(path)?;
        match rustix::fs::mkdirat(&folder, name, self.permissions(0o700, 0o777)) {
            Ok(()) if self.heir.is_some() => {
                self.hand_over(self.open_folder(path, ON_THE_WAY)?.as_fd())
            }
            Ok(()) => Ok(()),
            Err(rustix::io::Errno::EXIST) => match self.stat(path)?.kind {
                Kind::Folder => Ok(()),
                found => Err(Distrusted::kind(&self.shown(path), found, Kind::Folder)),
            },
            Err(error) => Err(error.into()),
        }
    }

    fn flush_dir(&self, path: &str) -> io::Result<()> {
        if path.is_empty() {
            return Ok(rustix::fs::fsync(&self.handle)?);
        }
        Ok(rustix::fs::fsync(self.open_folder(path, ON_THE_WAY)?)?)
    }

    fn folder(&self, path: &str) -> io::Result<Arc<dyn Fs>> {
        let handle = self.open_folder(path, ON_THE_WAY)?;
        let folder = Self::of(handle, self.shown(path), self.owners.clone())?;
        Ok(Arc::new(Self { is_shared: self.is_shared, ..folder }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let ((from_folder, from), (to_folder, to)) = (self.parent(from)?, self.parent(to)?);
        Ok(rustix::fs::renameat(&from_folder, from, &to_folder, to)?)
    }

    fn rename_new(&self, from: &str, to: &str) -> io::Result<()> {
        let ((from_folder, from), (to_folder, to)) = (self.parent(from)?, self.parent(to)?);
        flagged_rename(&from_folder, from, &to_folder, to, Flag::NoReplace).unwrap_or_else(|| {
            // Without such a call, a file that appears between the look and the rename is replaced.
            match rustix::fs::statat(&to_folder, to, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
                Err(_) => Ok(rustix::fs::renameat(&from_folder, from, &to_folder, to)?),
            }
        })
    }

    fn exchange(&self, one: &str, other: &str) -> io::Result<()> {
        let ((one_folder, one), (other_folder, other)) = (self.parent(one)?, self.parent(other)?);
        flagged_rename(&one_folder, one, &other_folder, other, Flag::Exchange)
            .unwrap_or_else(|| Err(io::ErrorKind::Unsupported.into()))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let (folder, name) = self.parent(path)?;
        Ok(rustix::fs::unlinkat(&folder, name, AtFlags::empty())?)
    }

    fn remove_folder(&self, path: &str) -> io::Result<()> {
        let (folder, name) = self.parent(path)?;
        let folder = folder.as_fd().try_clone_to_owned()?;
        cap_std::fs::Dir::from_std_file(folder.into()).remove_dir_all(name)
    }

    fn copy_mode(&self, from: &str, to: &str) -> io::Result<()> {
        let (folder, name) = self.parent(from)?;
        let mode = rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW)?.st_mode;
        let mode = Permissions::from_raw_mode(mode) & Permissions::from_bits_retain(0o777);
        let file = self.open_file(to, OFlags::RDWR | OFlags::NONBLOCK)?;
        Ok(rustix::fs::fchmod(&file, mode)?)
    }

    fn new_id(&self) -> io::Result<u128> {
        random_id()
    }
}

impl Folder {
    fn open_file(&self, path: &str, flags: OFlags) -> io::Result<OwnedFd> {
        let (folder, name) = self.parent(path)?;
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(&folder, name, flags, self.permissions(0o600, 0o666));
        opened.map_err(|error| self.not_opened(path, error))
    }

    fn create(&self, path: &str) -> io::Result<Box<dyn fs::File>> {
        let made = self.open_file(path, OFlags::RDWR | OFlags::CREATE | OFlags::EXCL)?;
        self.hand_over(made.as_fd())?;
        Ok(Box::new(OpenFile::new(made.into())))
    }

    fn open_or_create(&self, path: &str) -> io::Result<Box<dyn fs::File>> {
        match self.open(path, Mode::Write) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => match self.create(path) {
                // Another process created it first.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    self.open(path, Mode::Write)
                }
                created => created,
            },
            opened => opened,
        }
    }

    /// Explains why a file was not opened. An entry that is not a file gives various errors.
    fn not_opened(&self, path: &str, error: rustix::io::Errno) -> io::Error {
        use rustix::io::Errno;
        match error {
            Errno::LOOP | Errno::NXIO | Errno::OPNOTSUPP | Errno::NODEV => match self.stat(path) {
                Ok(found) if !matches!(found.kind, Kind::File | Kind::Folder) => {
                    Distrusted::kind(&self.shown(path), found.kind, Kind::File)
                }
                _ => error.into(),
            },
            Errno::ISDIR => io::ErrorKind::IsADirectory.into(),
            other => other.into(),
        }
    }
}

/// Returns the status of a path without opening it. Follows links except in the last component.
pub(crate) fn look_at(path: &Path) -> io::Result<Stat> {
    Ok(stat_of(&rustix::fs::statat(rustix::fs::CWD, path, AtFlags::SYMLINK_NOFOLLOW)?))
}

/// Returns a 128-bit number that no other call returns.
pub(crate) fn random_id() -> io::Result<u128> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(u128::from_be_bytes(bytes))
}

/// Returns a component that is a name: neither `..` nor the folder itself.
fn name(component: &str) -> io::Result<&str> {
    match component {
        "" | "." | ".." => Err(io::ErrorKind::InvalidInput.into()),
        name => Ok(name),
    }
}

/// Where the system can, a handle for resolving names needs no permission to list them.
fn way_flags() -> OFlags {
    #[cfg(target_os = "linux")]
    return ON_THE_WAY | OFlags::PATH;
    #[cfg(not(target_os = "linux"))]
    ON_THE_WAY
}

/// Opens a folder below another in one call. `None` if the system has no such call or a sandbox
/// refuses it.
#[cfg(target_os = "linux")]
fn beneath(root: &OwnedFd, path: &str, flags: OFlags) -> Option<rustix::io::Result<OwnedFd>> {
    use rustix::fs::ResolveFlags;
    use rustix::io::Errno;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    match rustix::fs::openat2(root, path, flags, Permissions::empty(), resolve) {
        Err(Errno::NOSYS | Errno::PERM | Errno::AGAIN) => None,
        opened => Some(opened),
    }
}

#[cfg(not(target_os = "linux"))]
fn beneath(_: &OwnedFd, _: &str, _: OFlags) -> Option<rustix::io::Result<OwnedFd>> {
    None
}

/// Opens a folder below another, each folder on the way by its own name.
fn step_by_step(root: &OwnedFd, path: &str, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    let mut folder: Option<OwnedFd> = None;
    for part in path.split('/') {
        if part == ".." || part.is_empty() {
            return Err(rustix::io::Errno::INVAL);
        }
        let within = folder.as_ref().unwrap_or(root);
        folder = Some(rustix::fs::openat(within, part, flags, Permissions::empty())?);
    }
    folder.ok_or(rustix::io::Errno::INVAL)
}

/// The mode of a rename.
#[derive(Clone, Copy)]
enum Flag {
    NoReplace,
    Exchange,
}

/// Renames in a mode that some file systems lack; `None` if it is missing.
#[cfg(target_os = "linux")]
fn flagged_rename(
    from_folder: &Handle<'_>,
    from: &str,
    to_folder: &Handle<'_>,
    to: &str,
    flag: Flag,
) -> Option<io::Result<()>> {
    use rustix::fs::RenameFlags;
    use rustix::io::Errno;
    let flag = match flag {
        Flag::NoReplace => RenameFlags::NOREPLACE,
        Flag::Exchange => RenameFlags::EXCHANGE,
    };
    match rustix::fs::renameat_with(from_folder, from, to_folder, to, flag) {
        Err(Errno::NOSYS | Errno::INVAL | Errno::PERM) => None,
        renamed => Some(renamed.map_err(io::Error::from)),
    }
}

#[cfg(not(target_os = "linux"))]
fn flagged_rename(
    _: &Handle<'_>,
    _: &str,
    _: &Handle<'_>,
    _: &str,
    _: Flag,
) -> Option<io::Result<()>> {
    None
}

#[cfg(test)]
#[cfg(target_os = "linux")]
#[expect(clippy::disallowed_methods, reason = "a stranger prepares these files")]
mod tests;
