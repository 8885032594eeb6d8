//! Resets, deletions and purges among the operations of a run, and files that only an agent wrote,
//! which the removal moves with the artifact's files.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::super::{Store, fs, layout};
use super::harness::{name, read_whole};
use super::verdict::States;
use crate::disk::WORKSPACE;
use crate::disk::distrust::Kind;
use crate::disk::simulated::{Process, Random};
use crate::model::Version;
use crate::model::journal::Transaction;
use crate::model::journal::removal::Removal;
use crate::model::journal::tests::removing;
use crate::storage::Newest;

/// The removals that were acknowledged to one process.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Those that were acknowledged without a warning.
    removed: Vec<(Version, Removal)>,
    /// How many purges it tried.
    pub(super) purges: usize,
    /// Files that an agent put into `dist/`, with the newest version that was known then.
    by_hand: Vec<(String, Version)>,
    /// The newest version that was acknowledged without a warning, if the last one was.
    known: Option<Version>,
}

impl Told {
    /// Does something else than saving and reading, now and then.
    pub(super) fn work(&mut self, store: &Store, process: &Process, random: &mut Random) -> bool {
        match random.below(8) {
            0 => self.remove(store, Removal::Reset),
            1 => self.remove(store, Removal::Delete),
            2 => self.remove(store, Removal::Purge),
            3 => self.write_by_hand(process),
            _ => return false,
        }
        true
    }

    /// Takes note of an answer.
    pub(super) fn saw(&mut self, newest: &Newest) {
        self.known = newest.warnings.is_empty().then_some(newest.snapshot.version);
    }

    fn remove(&mut self, store: &Store, removal: Removal) {
        self.purges += usize::from(removal == Removal::Purge);
        self.known = None;
        let drafted = Arc::new(AtomicU64::new(0));
        let noted = Arc::clone(&drafted);
        let decide = move |transaction: &mut Transaction<'_>| {
            noted.store(draft(transaction, removal), Ordering::Relaxed);
        };
        let Ok((newest, _)) = store.append(&name(), Box::new(decide)) else { return };
        let version = drafted.load(Ordering::Relaxed);
        if version == 0 {
            return;
        }
        let warned = match newest {
            Some(newest) => !newest.warnings.is_empty(),
            None => store.tombstone(&name()).map_or(true, |tombstone| {
                tombstone.is_none_or(|tombstone| !tombstone.warnings.is_empty())
            }),
        };
        if !warned {
            self.removed.push((version, removal));
            self.known = Some(version);
        }
    }

    /// Puts a file into `dist/` as agents do, if nothing is in doubt.
    fn write_by_hand(&mut self, process: &Process) {
        let file = format!("by-hand-{}", self.by_hand.len());
        let path = format!("{}/{file}", layout::dist(&name()));
        let Some(known) = self.known else { return };
        if fs::write_durably(process, &path, b"made by hand").is_ok() {
            self.by_hand.push((file, known));
        }
    }

    /// What was removed is, and what was made by hand is where it was put until that was taken away.
    pub(super) fn check(&self, process: &Process, states: &States) -> Result<(), String> {
        for (version, removal) in &self.removed {
            let found = states.by_version.get(version).and_then(|state| state.removal);
            let purged = *version <= states.purged;
            if !purged && (*removal == Removal::Purge || found != Some(*removal)) {
                return Err(format!("version {version}, a {removal:?}, is {found:?}"));
            }
        }
        for (file, known) in &self.by_hand {
            self.check_by_hand(process, states, file, *known)?;
        }
        Ok(())
    }

    fn check_by_hand(
        &self,
        process: &Process,
        states: &States,
        file: &str,
        known: Version,
    ) -> Result<(), String> {
        if known <= states.purged {
            return Ok(());
        }
        let removals = states.by_version.iter().filter(|(_, state)| state.removal.is_some());
        let taken = removals.map(|(version, _)| *version).find(|version| *version > known);
        let kept_in = |version| super::super::removal::kept_in(process, &name(), version);
        let folder = match taken {
            None => layout::dist(&name()),
            // Where a move was interrupted, the simulated disk may lose a name altogether.
            Some(version) if !self.removed.iter().any(|(one, _)| *one == version) => return Ok(()),
            Some(version) => match kept_in(version).map_err(|e| e.to_string())? {
                Some(kept_in) => format!("{kept_in}/dist"),
                None => return Err(format!("what version {version} took away is not kept")),
            },
        };
        let path = format!("{folder}/{file}");
        if fs::exists(process, &path).map_err(|e| e.to_string())? {
            Ok(())
        } else {
            Err(format!("{path}, made by hand at version {known}, is not there"))
        }
    }
}

/// Drafts a removal if there is anything to remove, and returns its version, else 0.
fn draft(transaction: &mut Transaction<'_>, removal: Removal) -> Version {
    let Some(before) = transaction.newest().cloned() else { return 0 };
    let mut drafted = removing("a", removal);
    if removal.ends_life() {
        return transaction.end(drafted);
    }
    drafted.document.cycle = before.document.cycle + 1;
    transaction.append(drafted).expect("small enough").version
}

/// No file has anything of what was purged.
pub(super) fn check_purged(
    process: &Process,
    states: &States,
    acknowledged: &[(String, Version)],
) -> Result<(), String> {
    let purged = acknowledged.iter().filter(|(_, version)| *version <= states.purged);
    let tokens: Vec<&str> = purged.map(|(token, _)| token.as_str()).collect();
    if tokens.is_empty() {
        Ok(())
    } else {
        search(process, WORKSPACE, &tokens).map_err(|error| error.to_string())?
    }
}

fn search(process: &Process, path: &str, tokens: &[&str]) -> std::io::Result<Result<(), String>> {
    if fs::Fs::stat(process, path)?.kind == Kind::Folder {
        for name in fs::names(process, path)? {
            if let Err(found) = search(process, &format!("{path}/{name}"), tokens)? {
                return Ok(Err(found));
            }
        }
        return Ok(Ok(()));
    }
    let content = read_whole(process, path)?.unwrap_or_default();
    let text = String::from_utf8_lossy(&content);
    let found = tokens.iter().find(|token| text.contains(**token));
    Ok(found.map_or(Ok(()), |token| Err(format!("{path} has {token}, which was purged"))))
}
