//! The key that seals states: a file in the user's own state folder, outside of every workspace.
//!
//! A request of revision 2026-07-28 is stateless, so the answer to a question may reach another
//! process, or the same server after a restart. If the key cannot be stored, each process creates
//! its own, and the person is asked again after a restart.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::disk::regular;

/// A secret of 32 bytes.
pub(super) type Key = [u8; 32];

/// The key of this user, loaded at the first question.
pub(super) static KEY: LazyLock<Key> = LazyLock::new(|| {
    let kept = match folder() {
        Some(folder) => kept_in(&folder),
        None => Err(io::Error::other("the user has no state folder")),
    };
    kept.unwrap_or_else(|error| {
        tracing::warn!(%error, "the approval key cannot be stored; it is valid only for this process");
        random()
    })
});

/// Returns a random value that makes each state unique.
pub(super) fn nonce() -> String {
    blake3::Hash::from_bytes(random()).to_hex()[..32].to_owned()
}

fn random() -> Key {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// Returns the user's folder for program state.
fn folder() -> Option<PathBuf> {
    let variable =
        |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = variable("XDG_STATE_HOME")
        .or_else(|| variable("LOCALAPPDATA"))
        .or_else(|| variable("HOME").map(|home| home.join(".local/state")))?;
    Some(base.join("refiner"))
}

/// Returns the key stored in a folder, and creates it if it is missing. If two processes create it
/// at once, one wins and both use its key.
fn kept_in(folder: &Path) -> io::Result<Key> {
    let path = folder.join("approval.key");
    match read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            private_folder(folder)?;
            make(folder, &path)?;
            read(&path)
        }
        read => read,
    }
}

fn read(path: &Path) -> io::Result<Key> {
    let mut file = regular::open(path)?;
    let metadata = file.metadata()?;
    let mut key = [0; 32];
    if metadata.len() != key.len() as u64 || others_may_read(&metadata) {
        return Err(io::Error::other(format!(
            "{} is not a file of 32 bytes that only its owner can read",
            path.display()
        )));
    }
    file.read_exact(&mut key)?;
    Ok(key)
}

/// Writes the key to a temporary file and links it into place, so no process reads half a key.
fn make(folder: &Path, path: &Path) -> io::Result<()> {
    let beside = folder.join(format!(".approval.key.{}", nonce()));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside)?;
    let linked = file
        .write_all(&random())
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::hard_link(&beside, path));
    std::fs::remove_file(&beside)?;
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    }
}

fn private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(unix)]
fn others_may_read(metadata: &std::fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077 != 0
}

#[cfg(not(unix))]
fn others_may_read(_: &std::fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_that_make_a_key_at_once_use_the_same_one() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state/refiner");
        let keys: Vec<Key> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..8).map(|_| scope.spawn(|| kept_in(&state).unwrap())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0] && *key != [0; 32]));
        let names: Vec<_> = std::fs::read_dir(&state).unwrap().collect();
        assert_eq!(names.len(), 1, "no temporary file is left: {names:?}");
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_may_read_or_that_is_none_is_not_used() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let key = kept_in(folder.path()).unwrap();
        let path = folder.path().join("approval.key");
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(kept_in(folder.path()).unwrap(), key, "it stays");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(kept_in(folder.path()).is_err());
        std::fs::remove_file(&path).unwrap();
        OpenOptions::new().write(true).create_new(true).open(&path).unwrap();
        assert!(kept_in(folder.path()).is_err(), "an empty file is no key");
        std::fs::remove_file(&path).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, 0o600.into()).unwrap();
        assert!(
            kept_in(folder.path()).is_err(),
            "a FIFO is not a key, and opening it does not block"
        );
    }
}
