//! The key that seals states: a file in the user's own state folder, outside of every workspace.
//!
//! A request of revision 2026-07-28 is stateless, so the answer to a question may reach another
//! process, or the same server after a restart. If the key cannot be stored, each process creates
//! its own, and the person is asked again after a restart.

use std::io;
use std::sync::LazyLock;

use crate::disk::StateFolder;

/// A secret of 32 bytes.
pub(super) type Key = [u8; 32];

/// The key of this user, loaded at the first question.
pub(super) static KEY: LazyLock<Key> = LazyLock::new(|| {
    let kept = match StateFolder::of_user() {
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

/// Returns the key stored in a folder, and creates it if it is missing. If two processes create it
/// at once, one wins and both use its key.
fn kept_in(folder: &StateFolder) -> io::Result<Key> {
    const BYTES: u64 = size_of::<Key>() as u64;
    let secret = folder.secret("approval.key", BYTES, || random().to_vec())?;
    let key = Key::try_from(secret);
    key.map_err(|_| io::Error::other("approval.key is not a file of 32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_that_make_a_key_at_once_use_the_same_one() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state/refiner");
        let keys: Vec<Key> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| kept_in(&StateFolder::new(state.clone())).unwrap()))
                .collect();
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
        let key = kept_in(&StateFolder::new(folder.path().to_owned())).unwrap();
        let path = folder.path().join("approval.key");
        let mode =
            |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(kept_in(&StateFolder::new(folder.path().to_owned())).unwrap(), key, "it stays");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(kept_in(&StateFolder::new(folder.path().to_owned())).is_err());
        std::fs::remove_file(&path).unwrap();
        std::fs::OpenOptions::new().write(true).create_new(true).open(&path).unwrap();
        assert!(
            kept_in(&StateFolder::new(folder.path().to_owned())).is_err(),
            "an empty file is no key"
        );
        std::fs::remove_file(&path).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, 0o600.into()).unwrap();
        assert!(
            kept_in(&StateFolder::new(folder.path().to_owned())).is_err(),
            "a FIFO is not a key, and opening it does not block"
        );
    }
}
