//! The files that refiner opens in a workspace: regular files and folders of the user, nothing
//! else.
//!
//! A workspace may come from a stranger, as a clone or an archive. So refiner follows no link,
//! opens only regular files, and refuses the files of another user, as git does with
//! `safe.directory`.

use std::fmt;
use std::io;

/// The kind of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link, which is never followed.
    Link,
    /// A named pipe.
    Pipe,
    /// A socket.
    Socket,
    /// A device.
    Device,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "a file",
            Self::Folder => "a folder",
            Self::Link => "a link",
            Self::Pipe => "a named pipe",
            Self::Socket => "a socket",
            Self::Device => "a device",
        })
    }
}

/// The users whose files are opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owners {
    /// The ids of the users; `None` for all users.
    users: Option<Vec<u32>>,
}

impl Owners {
    /// All users: the user named the workspace, or the system has no owners.
    pub const ANY: Self = Self { users: None };

    /// The user who runs the program, and with `sudo` the user who called it.
    #[cfg(unix)]
    pub fn user() -> Self {
        let user = rustix::process::geteuid().as_raw();
        let caller = std::env::var("SUDO_UID").ok().filter(|_| user == 0);
        let caller = caller.and_then(|caller| caller.parse().ok());
        Self { users: Some(std::iter::once(user).chain(caller).collect()) }
    }

    /// The user who runs the program. This system does not report owners.
    #[cfg(not(unix))]
    pub fn user() -> Self {
        Self::ANY
    }

    /// Adds another user, whom the user trusts.
    #[must_use]
    pub fn and(mut self, user: u32) -> Self {
        self.users.iter_mut().for_each(|users| users.push(user));
        self
    }

    /// Only these users.
    #[cfg(test)]
    pub(crate) fn only(users: &[u32]) -> Self {
        Self { users: Some(users.to_vec()) }
    }

    /// Returns whether a user's files are opened.
    pub(crate) fn admits(&self, user: u32) -> bool {
        self.users.as_ref().is_none_or(|users| users.contains(&user))
    }

    /// Refuses an entry of another user.
    pub(crate) fn check(&self, path: &str, user: u32) -> io::Result<()> {
        if self.admits(user) {
            return Ok(());
        }
        let own = self.users.iter().flatten().map(u32::to_string).collect::<Vec<_>>().join(" or ");
        Err(Distrusted::error(
            path,
            format!("belongs to the user with the id {user}, and you are {own}"),
            "run `refiner trust --owner` if you trust that user, or name the project's folder in REFINER_TRUST_OWNER",
        ))
    }
}

/// The refusal to open an entry of the workspace. Nothing was done.
#[derive(Debug, thiserror::Error)]
#[error("{path} {reason}")]
pub(crate) struct Distrusted {
    path: String,
    reason: String,
    hint: &'static str,
    /// Whether the entry is not of the expected kind.
    is_kind: bool,
}

impl Distrusted {
    fn error(path: &str, reason: String, hint: &'static str) -> io::Error {
        io::Error::other(Self::new(path, reason, hint))
    }

    fn new(path: &str, reason: String, hint: &'static str) -> Self {
        let path = if path.is_empty() { "the workspace".to_owned() } else { path.to_owned() };
        Self { path, reason, hint, is_kind: false }
    }

    /// Refuses an entry of an unexpected kind.
    pub(crate) fn kind(path: &str, found: Kind, expected: Kind) -> io::Error {
        let reason = match found {
            Kind::Link => "is a link, and refiner does not follow links".to_owned(),
            _ => format!("is {found} where {expected} is expected"),
        };
        let hint = "find out where it comes from, then remove it";
        io::Error::other(Self { is_kind: true, ..Self::new(path, reason, hint) })
    }

    /// Refuses a file that is no part of the work.
    pub(crate) fn outside(path: &str) -> io::Error {
        Self::error(
            path,
            "is no part of the work: git ignores it, or no glob of files matches it".to_owned(),
            "name a path that git does not ignore and that files matches",
        )
    }

    /// Refuses to write into a file with several names.
    pub(crate) fn names(path: &str, names: u64) -> io::Error {
        Self::error(
            path,
            format!("has {names} hard links, and writing to it would change all of them"),
            "replace it with a copy of itself",
        )
    }

    /// Refuses a file that is too large to read.
    pub(crate) fn size(path: &str, bytes: u64, bytes_max: u64) -> io::Error {
        Self::error(
            path,
            format!("has {bytes} bytes; the limit is {bytes_max}"),
            "find out where it comes from, then remove it",
        )
    }

    /// Returns the refusal in an error, if it has one.
    pub(crate) fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    /// Returns whether the entry is not of the expected kind, such as a link.
    pub(crate) fn is_kind(&self) -> bool {
        self.is_kind
    }

    /// Returns what a person can do.
    pub(crate) fn hint(&self) -> &'static str {
        self.hint
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_other_users_are_refused_unless_their_owner_is_trusted() {
        let two = Owners::only(&[0, 1000]);
        assert!(two.check("f", 0).is_ok() && two.check("f", 1000).is_ok());
        assert!(Owners::ANY.check("f", 7).is_ok());
        let error = two.check("f", 7).unwrap_err();
        assert_eq!(error.to_string(), "f belongs to the user with the id 7, and you are 0 or 1000");
        assert!(Distrusted::of(&error).unwrap().hint().contains("refiner trust --owner"));
    }

    #[test]
    fn every_kind_but_the_one_that_belongs_there_is_named() {
        for found in [Kind::Folder, Kind::Link, Kind::Pipe, Kind::Socket, Kind::Device] {
            let error = Distrusted::kind("a/b", found, Kind::File);
            assert!(Distrusted::of(&error).is_some());
            assert!(error.to_string().starts_with(&format!("a/b is {found}")), "{error}");
        }
        assert!(Distrusted::of(&io::ErrorKind::NotFound.into()).is_none());
    }
}
