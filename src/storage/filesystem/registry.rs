//! `registry.json`: a summary of all artifacts for people and scripts. It is a projection: the
//! folder of artifacts is authoritative.
//!
//! It has a line for every artifact, so the cost of a write grows with their number. The provider
//! therefore collects changes and writes them together, after a short delay or when it settles.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io;
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::layout;
use crate::disk::fs::{self, Fs};
use crate::disk::lock::HeldLock;
use crate::model::{Document, Name};

const LOCK_TIMEOUT: Duration = Duration::from_secs(2);
/// Bytes of the file: 100,000 artifacts have 30 MiB.
const BYTES_MAX: u64 = 64 << 20;

/// The line of an artifact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Registered {
    id: String,
    workflow: String,
    artifact_type: Option<String>,
    content_type: Option<String>,
    phase: String,
    status: String,
    cycle: u64,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct File {
    pub(super) artifacts: BTreeMap<Name, Registered>,
}

/// The artifacts with unwritten changes.
///
/// Names only: the state of an artifact is read while the registry's lock is held. Otherwise an
/// older state could overwrite the newer line of another process.
#[derive(Debug, Default)]
pub(super) struct Registry {
    waiting: Mutex<Waiting>,
    /// Held while writing, so that an empty list means that everything is written.
    writing: Mutex<()>,
}

#[derive(Debug, Default)]
struct Waiting {
    names: BTreeSet<Name>,
    /// Whether a write is scheduled.
    announced: bool,
    /// The artifacts whose line is up to date, or waiting.
    noted: HashSet<Name>,
}

impl Registered {
    pub(super) fn of(document: &Document) -> Self {
        Self {
            id: document.refinement_id.clone(),
            workflow: document.workflow.to_string(),
            artifact_type: document.artifact_type.clone(),
            content_type: document.content_type.clone(),
            phase: document.phase.clone(),
            status: document.convergence_status.to_string(),
            cycle: document.cycle,
        }
    }
}

impl Registry {
    /// Adds an artifact after a write, if its line changes or if this process adds it for the first
    /// time: a killed process may have missed it. Returns whether the caller must schedule the
    /// write.
    pub(super) fn note(&self, name: &Name, changed: bool) -> bool {
        let mut waiting = self.waiting.lock();
        if !changed && waiting.noted.contains(name) {
            return false;
        }
        waiting.noted.insert(name.clone());
        waiting.names.insert(name.clone());
        !std::mem::replace(&mut waiting.announced, true)
    }

    /// Makes the next write of an artifact add it again, because it is unknown whether it changed.
    pub(super) fn doubt(&self, name: &Name) {
        self.waiting.lock().noted.remove(name);
    }

    /// Writes the collected changes, if any. `look` returns the line of an artifact, or `None` when
    /// it does not exist; `all` returns all names, for a missing registry. After an error the
    /// changes keep waiting.
    pub(super) fn write(
        &self,
        fs: &dyn Fs,
        look: &dyn Fn(&Name) -> Result<Option<Registered>, Fault>,
        all: &dyn Fn() -> Vec<Name>,
    ) -> io::Result<()> {
        let _writing = self.writing.lock();
        let noted = {
            let mut waiting = self.waiting.lock();
            waiting.announced = false;
            std::mem::take(&mut waiting.names)
        };
        if noted.is_empty() {
            return Ok(());
        }
        let written = rewrite(fs, &noted, look, all);
        if written.is_err() {
            self.waiting.lock().names.extend(noted);
        }
        written
    }
}

/// Reads the registry; `None` when it is missing or unreadable.
pub(super) fn read(fs: &dyn Fs) -> io::Result<Option<File>> {
    Ok(fs::read(fs, layout::REGISTRY, BYTES_MAX)?
        .and_then(|bytes| serde_json::from_slice(&bytes).ok()))
}

fn rewrite(
    fs: &dyn Fs,
    noted: &BTreeSet<Name>,
    look: &dyn Fn(&Name) -> Result<Option<Registered>, Fault>,
    all: &dyn Fn() -> Vec<Name>,
) -> io::Result<()> {
    let _lock = HeldLock::at(fs, layout::REGISTRY_LOCK, LOCK_TIMEOUT)?;
    let (mut file, names) = match read(fs)? {
        Some(file) => (file, noted.iter().cloned().collect()),
        None => (File::default(), all()),
    };
    for name in names {
        match look(&name) {
            Ok(Some(registered)) => drop(file.artifacts.insert(name, registered)),
            Ok(None) => drop(file.artifacts.remove(&name)),
            // An artifact that cannot be read now keeps its line.
            Err(_) => {}
        }
    }
    let mut bytes = serde_json::to_vec_pretty(&file)?;
    bytes.push(b'\n');
    fs::write_replaceable(fs, layout::REGISTRY, &bytes).map(drop)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::super::witness::Witness;
    use super::super::{SIZES, Store};
    use super::*;
    use crate::disk::Owners;
    use crate::disk::real::Disk;
    use crate::model::journal::Transaction;
    use crate::model::journal::removal::Removal;
    use crate::model::journal::tests::{draft, removing};

    fn process(folder: &tempfile::TempDir) -> Store {
        Store::new(
            Arc::new(Disk::open(folder.path(), Owners::user()).unwrap()),
            SIZES,
            Witness::none(),
        )
    }

    fn name(name: &str) -> Name {
        Name::parse(name).unwrap()
    }

    /// Stores a version in that phase. Returns whether the registry has to be written.
    fn save(store: &Store, artifact: &str, phase: &str) -> bool {
        let mut drafted = draft(artifact, &json!(1));
        drafted.document.phase = phase.into();
        let decide = move |transaction: &mut Transaction<'_>| {
            drop(transaction.append(drafted.clone()).unwrap());
        };
        store.append(&name(artifact), Box::new(decide)).unwrap().1
    }

    fn delete(store: &Store, artifact: &str) {
        let removal = removing(artifact, Removal::Delete);
        let decide = move |transaction: &mut Transaction<'_>| {
            transaction.end(removal.clone());
        };
        store.append(&name(artifact), Box::new(decide)).unwrap();
    }

    /// What the registry says of phases.
    fn phases(store: &Store) -> Vec<(String, String)> {
        let file = read(store.fs.as_ref()).unwrap().unwrap();
        file.artifacts.into_iter().map(|(name, line)| (name.to_string(), line.phase)).collect()
    }

    fn line(name: &str, phase: &str) -> (String, String) {
        (name.into(), phase.into())
    }

    #[test]
    fn what_one_process_noted_before_does_not_overwrite_what_another_one_wrote_since() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (process(&folder), process(&folder));
        save(&one, "a", "plan");
        save(&one, "b", "plan");
        delete(&other, "a");
        save(&other, "b", "execute");
        other.write_registry();
        assert_eq!(phases(&other), [line("b", "execute")]);
        one.write_registry();
        assert_eq!(phases(&one), [line("b", "execute")]);
    }

    #[test]
    fn a_change_back_to_what_this_process_wrote_last_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (process(&folder), process(&folder));
        for (process, phase) in [(&one, "plan"), (&other, "execute"), (&one, "plan")] {
            assert!(save(process, "a", phase));
            process.write_registry();
            assert_eq!(phases(process), [line("a", phase)]);
        }
    }

    #[test]
    fn what_looks_as_before_is_written_once_by_each_process() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (process(&folder), process(&folder));
        assert!(save(&one, "a", "plan"));
        assert!(!save(&one, "b", "plan"), "who was told first writes both");
        one.write_registry();
        assert_eq!(phases(&one), [line("a", "plan"), line("b", "plan")]);
        assert!(!save(&one, "a", "plan"));
        assert!(save(&other, "a", "plan"), "the one before may have been killed");
    }

    #[test]
    fn what_may_have_been_stored_in_spite_of_an_error_is_written_after_the_next_save() {
        let folder = tempfile::tempdir().unwrap();
        let store = process(&folder);
        save(&store, "a", "plan");
        store.write_registry();
        let (journal, aside) = (layout::journal(&name("a")), ".refiner/aside");
        store.fs.rename(&journal, aside).unwrap();
        let decide = |transaction: &mut Transaction<'_>| {
            drop(transaction.append(draft("a", &json!(2))).unwrap());
        };
        store.append(&name("a"), Box::new(decide)).unwrap_err();
        store.fs.rename(aside, &journal).unwrap();
        assert!(save(&store, "a", "plan"));
        store.write_registry();
        assert!(!save(&store, "a", "plan"));
    }

    #[test]
    fn what_could_not_be_written_waits_for_the_next_change() {
        let folder = tempfile::tempdir().unwrap();
        let store = process(&folder);
        save(&store, "a", "plan");
        store.write_registry();
        save(&store, "a", "execute");
        let path = folder.path().join(layout::REGISTRY);
        let whole = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        store.write_registry();
        std::fs::remove_dir(&path).unwrap();
        fs::write_replaceable(store.fs.as_ref(), layout::REGISTRY, &whole).unwrap();
        assert!(save(&store, "b", "plan"), "a new write must be scheduled");
        store.write_registry();
        assert_eq!(phases(&store), [line("a", "execute"), line("b", "plan")]);
    }
}
