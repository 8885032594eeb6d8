//! `registry.json`: all artifacts at a glance, for people and for scripts. A projection: the list
//! that counts is the folder of artifacts.
//!
//! It holds every artifact, so writing it costs their number. Therefore changes are collected and
//! written together, a moment later or when the provider settles.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::fs::{self, Fs, Mode};
use super::layout;
use crate::model::{Document, Name};

const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// What the registry says of an artifact.
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
struct File {
    artifacts: BTreeMap<Name, Registered>,
}

/// Changes of the registry that are not written yet.
#[derive(Debug, Default)]
pub(super) struct Registry {
    /// What an artifact looks like now; `None` when it was deleted.
    pending: Mutex<BTreeMap<Name, Option<Registered>>>,
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
    /// Notes what an artifact looks like, or that it is gone. Returns whether nothing else was waiting
    /// to be written.
    pub(super) fn note(&self, name: &Name, registered: Option<Registered>) -> bool {
        let mut pending = self.pending();
        pending.insert(name.clone(), registered);
        pending.len() == 1
    }

    /// Writes what was noted. `rebuild` makes the whole list, for when there is none to add to.
    pub(super) fn write(
        &self,
        fs: &dyn Fs,
        rebuild: &dyn Fn() -> BTreeMap<Name, Registered>,
    ) -> io::Result<()> {
        if self.pending().is_empty() {
            return Ok(());
        }
        let lock = fs.open(layout::REGISTRY_LOCK, Mode::Create);
        let locked = lock.and_then(|lock| lock.lock(LOCK_TIMEOUT).map(|()| lock));
        // Not before: who comes later with what is newer may be given the lock first.
        let pending = std::mem::take(&mut *self.pending());
        let lock = locked?;
        let known =
            fs::read(fs, layout::REGISTRY)?.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let mut file = known.unwrap_or_else(|| File { artifacts: rebuild() });
        for (name, registered) in pending {
            match registered {
                Some(registered) => drop(file.artifacts.insert(name, registered)),
                None => drop(file.artifacts.remove(&name)),
            }
        }
        let mut bytes = serde_json::to_vec_pretty(&file)?;
        bytes.push(b'\n');
        fs::write_replaceable(fs, layout::REGISTRY, &bytes)?;
        lock.unlock()
    }

    /// Locks for a look only.
    fn pending(&self) -> MutexGuard<'_, BTreeMap<Name, Option<Registered>>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
