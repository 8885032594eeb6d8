//! The open artifacts of a process, within its limit of open files.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::artifact::Artifact;

use crate::model::Name;

/// Artifacts that a process keeps open. Each takes its document twice.
const OPEN_MAX: usize = 256;
/// Files that an open artifact takes: its folder, its journal's, a segment, and a lock.
const FILES_OF_ARTIFACT: u64 = 4;
/// Files that a process may have open beside those of its artifacts.
const OTHER_FILES: u64 = 96;

/// The open artifacts of a store.
#[derive(Debug)]
pub(super) struct OpenArtifacts {
    open: Mutex<Uses>,
    open_max: usize,
}

#[derive(Debug, Default)]
struct Uses {
    by_name: HashMap<Name, (u64, Arc<Artifact>)>,
    count: u64,
}

impl OpenArtifacts {
    /// Makes room for as many as the process may have open.
    pub(super) fn new() -> Self {
        Self { open: Mutex::default(), open_max: open_max() }
    }

    /// Returns an artifact, and calls `open` if it is not open. At the limit it closes the least
    /// recently used of the idle artifacts.
    pub(super) fn get(&self, name: &Name, open: impl FnOnce() -> Artifact) -> Arc<Artifact> {
        let mut uses = self.open.lock();
        uses.count += 1;
        let count = uses.count;
        if let Some((used, artifact)) = uses.by_name.get_mut(name) {
            *used = count;
            return Arc::clone(artifact);
        }
        if uses.by_name.len() >= self.open_max {
            uses.close_least_used();
        }
        let artifact = Arc::new(open());
        uses.by_name.insert(name.clone(), (count, Arc::clone(&artifact)));
        artifact
    }

    /// Closes the idle artifacts. Returns whether there were any.
    pub(super) fn close_idle(&self) -> bool {
        let mut uses = self.open.lock();
        let before = uses.by_name.len();
        uses.by_name.retain(|_, (_, artifact)| Arc::strong_count(artifact) > 1);
        uses.by_name.len() < before
    }
}

impl Uses {
    fn close_least_used(&mut self) {
        let idle =
            self.by_name.iter().filter(|(_, (_, artifact))| Arc::strong_count(artifact) == 1);
        let oldest = idle.min_by_key(|(_, (used, _))| *used).map(|(name, _)| name.clone());
        if let Some(name) = oldest {
            self.by_name.remove(&name);
        }
    }
}

/// Returns how many artifacts may be open so that their files leave room for others.
#[cfg(unix)]
fn open_max() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let files = limit.unwrap_or(u64::MAX).saturating_sub(OTHER_FILES);
    usize::try_from(files / FILES_OF_ARTIFACT).unwrap_or(OPEN_MAX).clamp(8, OPEN_MAX)
}

#[cfg(not(unix))]
fn open_max() -> usize {
    OPEN_MAX
}
