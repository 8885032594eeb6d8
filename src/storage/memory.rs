//! The memory provider: its journals end with the process. For tests, and for hosts that keep
//! nothing on disk; never a default.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Weak};

use async_trait::async_trait;
use parking_lot::{Mutex, MutexGuard};

use super::watch::Signals;
use super::{
    Change, Decide, DecideDoubt, Error, Finding, Link, Newest, OutputFile, Provider, Tombstone,
    Watch,
};
use crate::model::certificate::Digests;
use crate::model::document::manifest::{Listing, Recorded};
use crate::model::document::output::OutputPath;
use crate::model::document::output_place::OutputPlace;
use crate::model::journal::entry::{Entry, LogFile, Logs};
use crate::model::journal::removal::Removal;
use crate::model::journal::{Journal, Snapshot, Staged, Transaction};
use crate::model::{Digest, Name, Version};

/// Journals in the memory of the process.
#[derive(Debug, Default)]
pub struct Memory {
    artifacts: Mutex<BTreeMap<Name, Artifact>>,
    watches: Mutex<Vec<Weak<Signals>>>,
}

/// Reports what this provider stores.
#[derive(Debug)]
struct MemoryWatch(Arc<Signals>);

#[derive(Debug)]
struct Artifact {
    /// The journal before the first line.
    base: Journal,
    journal: Journal,
    lines: Vec<Vec<u8>>,
    blobs: HashMap<Digest, Vec<u8>>,
    outputs: BTreeMap<OutputPath, Digest>,
    newest: Option<Arc<Snapshot>>,
}

impl Artifact {
    fn new(name: &Name) -> Self {
        Self {
            base: Journal::new(name.clone()),
            journal: Journal::new(name.clone()),
            lines: Vec::new(),
            blobs: HashMap::new(),
            outputs: BTreeMap::new(),
            newest: None,
        }
    }

    /// Stores an entry.
    fn take_in(&mut self, one: Staged) {
        let removal = one.entry.removal;
        if removal.is_some() {
            self.outputs.clear();
        }
        self.journal.accept(std::slice::from_ref(&one));
        self.blobs.extend(one.blobs.into_iter().map(|blob| (Digest::of(&blob), blob)));
        self.lines.push(one.line);
        let placed = one.entry.outputs.into_iter();
        self.outputs.extend(placed.map(|output| (output.path, output.digest)));
        self.newest = one.snapshot;
        if removal == Some(Removal::Purge) {
            self.base = self.journal.clone();
            self.lines.clear();
            self.blobs.clear();
        }
    }

    /// Replays the first lines.
    fn replay(&self, up_to: Version) -> Result<(Journal, Vec<Entry>), Error> {
        let mut journal = self.base.clone();
        let blobs = |digest: Digest| self.blobs.get(&digest).cloned();
        let count = up_to.saturating_sub(journal.version());
        let lines = self.lines.iter().take(usize::try_from(count).unwrap_or(usize::MAX));
        let entry =
            |line: &Vec<u8>| journal.replay(line, &blobs).map(|entry| journal.expanded(entry));
        let entries = lines.map(entry).collect::<Result<_, _>>();
        let entries = entries.map_err(|damage| Error::Corrupt { damage: damage.to_string() })?;
        Ok((journal, entries))
    }
}

impl Memory {
    /// Locks for a short section without I/O. A poisoned lock is sound: a transaction changes the
    /// artifact only after `decide` returns, so a panic of `decide` leaves nothing half done.
    fn artifacts(&self) -> MutexGuard<'_, BTreeMap<Name, Artifact>> {
        self.artifacts.lock()
    }

    /// Puts a file among the outputs of an artifact, or takes one away, as another program does.
    #[cfg(test)]
    pub(crate) fn put_output(&self, name: &Name, path: &OutputPath, content: Option<&[u8]>) {
        let mut artifacts = self.artifacts();
        let artifact = artifacts.get_mut(name).expect("the artifact was opened");
        artifact.outputs.remove(path);
        if let Some(content) = content {
            let digest = Digest::of(content);
            artifact.blobs.insert(digest, content.to_vec());
            artifact.outputs.insert(path.clone(), digest);
        }
    }

    fn names(
        &self,
        after: Option<&Name>,
        limit: usize,
        wanted: impl Fn(&Artifact) -> bool,
    ) -> Vec<Name> {
        let artifacts = self.artifacts();
        let named = artifacts.iter().filter(|(name, _)| after.is_none_or(|after| *name > after));
        let wanted = named.filter(|(_, artifact)| wanted(artifact)).map(|(name, _)| name.clone());
        wanted.take(limit).collect()
    }

    /// Reports a new version to all watchers. `newest` is `None` after a deletion.
    fn tell(&self, name: &Name, before: Option<&Snapshot>, newest: Option<&Snapshot>) {
        let place = |snapshot: &Snapshot| {
            let document = &snapshot.document;
            (document.phase.clone(), document.convergence_status, document.cycle)
        };
        let moved = before.map(place) != newest.map(place);
        let mut watches = self.watches.lock();
        watches.retain(|watch| {
            let Some(signals) = watch.upgrade() else { return false };
            signals.artifact(name);
            if moved {
                signals.listing();
            }
            true
        });
    }
}

/// Refuses a work in the folder of a project, since this provider has none.
fn check_is_dist(place: &OutputPlace) -> Result<(), Error> {
    if place.is_dist() {
        return Ok(());
    }
    Err(Error::Unsupported {
        what: "the memory provider has no project folder, so output_dir has no place",
        hint: "leave output_dir out, or use the filesystem provider",
    })
}

fn at_hand(snapshot: Arc<Snapshot>) -> Newest {
    Newest::at_hand(snapshot, Vec::new())
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("memory")
    }
}

#[async_trait]
impl Provider for Memory {
    async fn append(&self, name: &Name, mut decide: Decide) -> Result<Option<Newest>, Error> {
        let mut artifacts = self.artifacts();
        let mut fresh = Artifact::new(name);
        let artifact = artifacts.get_mut(name).unwrap_or(&mut fresh);
        let mut transaction = Transaction::new(
            &artifact.journal,
            artifact.newest.clone(),
            artifact.journal.version(),
        );
        decide(&mut transaction);
        let staged = transaction.into_staged();
        let (before, stored) = (artifact.newest.clone(), !staged.is_empty());
        staged.into_iter().for_each(|one| artifact.take_in(one));
        let newest = artifact.newest.clone().map(at_hand);
        if artifact.journal.version() > 0 {
            artifacts.entry(name.clone()).or_insert(fresh);
        }
        drop(artifacts);
        if stored {
            let newest = newest.as_ref().map(|newest| newest.snapshot.as_ref());
            self.tell(name, before.as_deref(), newest);
        }
        Ok(newest)
    }

    async fn newest(&self, name: &Name) -> Result<Option<Newest>, Error> {
        let newest = self.artifacts().get(name).and_then(|artifact| artifact.newest.clone());
        Ok(newest.map(at_hand))
    }

    async fn tombstone(&self, name: &Name) -> Result<Option<Tombstone>, Error> {
        let artifacts = self.artifacts();
        let removed = artifacts.get(name).and_then(|artifact| artifact.journal.tombstone());
        Ok(removed.map(|removed| Tombstone { removed, warnings: Vec::new() }))
    }

    async fn read(&self, name: &Name, after: Version, limit: usize) -> Result<Vec<Entry>, Error> {
        let artifacts = self.artifacts();
        let Some(artifact) = artifacts.get(name) else {
            return Ok(Vec::new());
        };
        let up_to = after.max(artifact.base.version()).saturating_add(limit as u64);
        let (_, mut entries) = artifact.replay(up_to)?;
        entries.retain(|entry| entry.version > after);
        Ok(entries)
    }

    async fn at(&self, name: &Name, version: Version) -> Result<Option<Snapshot>, Error> {
        let artifacts = self.artifacts();
        let Some(artifact) = artifacts.get(name) else {
            return Ok(None);
        };
        if version <= artifact.base.version() || version > artifact.journal.version() {
            return Ok(None);
        }
        let (journal, _) = artifact.replay(version)?;
        let snapshot =
            journal.snapshot().map_err(|damage| Error::Corrupt { damage: damage.to_string() })?;
        Ok(snapshot.map(Arc::unwrap_or_clone))
    }

    async fn link(&self, name: &Name, version: Version) -> Result<Option<Link>, Error> {
        let artifacts = self.artifacts();
        let Some(artifact) = artifacts.get(name) else { return Ok(None) };
        if version <= artifact.base.version() || version > artifact.journal.version() {
            return Ok(None);
        }
        let (journal, _) = artifact.replay(version)?;
        Ok(Some(Link { journal: journal.id(), digest: journal.line() }))
    }

    async fn blob(&self, name: &Name, digest: Digest) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.artifacts().get(name).and_then(|artifact| artifact.blobs.get(&digest).cloned()))
    }

    async fn outputs(
        &self,
        name: &Name,
        place: &OutputPlace,
        after: Option<&OutputPath>,
        limit: usize,
    ) -> Result<Vec<OutputFile>, Error> {
        check_is_dist(place)?;
        let artifacts = self.artifacts();
        let files = artifacts.get(name).into_iter().flat_map(|artifact| {
            artifact.outputs.iter().map(|(path, digest)| OutputFile {
                path: path.clone(),
                bytes: artifact.blobs.get(digest).map_or(0, |blob| blob.len() as u64),
            })
        });
        let wanted = files.filter(|file| after.is_none_or(|after| file.path > *after));
        Ok(wanted.take(limit).collect())
    }

    async fn strays(&self, _: &Name, place: &OutputPlace) -> Result<Vec<String>, Error> {
        check_is_dist(place).map(|()| Vec::new())
    }

    async fn check_place(
        &self,
        name: &Name,
        place: &OutputPlace,
        path: Option<&OutputPath>,
    ) -> Result<(), Error> {
        check_is_dist(place)?;
        let artifacts = self.artifacts();
        let (Some(artifact), Some(path)) = (artifacts.get(name), path) else { return Ok(()) };
        let is_below = |inner: &OutputPath, outer: &OutputPath| {
            inner.as_str().strip_prefix(outer.as_str()).is_some_and(|rest| rest.starts_with('/'))
        };
        let in_the_way =
            artifact.outputs.keys().find(|there| is_below(there, path) || is_below(path, there));
        in_the_way.map_or(Ok(()), |there| {
            Err(Error::Distrusted {
                reason: format!("{there} is an output, and {path} cannot be beside it"),
                hint: "name another path",
            })
        })
    }

    async fn output(
        &self,
        name: &Name,
        place: &OutputPlace,
        path: &OutputPath,
    ) -> Result<Option<Vec<u8>>, Error> {
        check_is_dist(place)?;
        let artifacts = self.artifacts();
        let Some(artifact) = artifacts.get(name) else {
            return Ok(None);
        };
        let digest = artifact.outputs.get(path);
        Ok(digest.and_then(|digest| artifact.blobs.get(digest).cloned()))
    }

    async fn record(
        &self,
        name: &Name,
        place: &OutputPlace,
        files: Vec<OutputFile>,
    ) -> Result<Listing, Error> {
        check_is_dist(place)?;
        let artifacts = self.artifacts();
        let outputs = artifacts.get(name).map(|artifact| &artifact.outputs);
        let recorded = |file: OutputFile| {
            let digest = *outputs?.get(&file.path)?;
            Some((file.path, Recorded { bytes: file.bytes, digest }))
        };
        Ok(files.into_iter().filter_map(recorded).collect())
    }

    async fn digests(
        &self,
        name: &Name,
        place: &OutputPlace,
        path: &OutputPath,
    ) -> Result<Option<Digests>, Error> {
        Ok(self.output(name, place, path).await?.as_deref().map(Digests::of))
    }

    async fn commit(&self, _: &OutputPlace) -> Result<Option<Option<String>>, Error> {
        Ok(None)
    }

    async fn has_archive(&self, _: &Name, _: u64) -> Result<bool, Error> {
        Ok(false)
    }

    async fn log(&self, name: &Name, log: LogFile) -> Result<String, Error> {
        let artifacts = self.artifacts();
        let Some(artifact) = artifacts.get(name) else {
            return Ok(String::new());
        };
        let (_, entries) = artifact.replay(Version::MAX)?;
        let mut logs = Logs::default();
        entries.iter().for_each(|entry| logs.take_in(entry));
        let of_cycle = entries.iter().filter(|entry| entry.version >= logs.since);
        Ok(of_cycle.flat_map(|entry| entry.text_for(log)).collect())
    }

    async fn list(&self, after: Option<&Name>, limit: usize) -> Result<Vec<Name>, Error> {
        Ok(self.names(after, limit, |artifact| artifact.newest.is_some()))
    }

    async fn deleted(&self, after: Option<&Name>, limit: usize) -> Result<Vec<Name>, Error> {
        Ok(self.names(after, limit, |artifact| artifact.newest.is_none()))
    }

    /// Always `None`: this provider has no files.
    async fn kept_in(&self, _name: &Name, _removal: Version) -> Result<Option<String>, Error> {
        Ok(None)
    }

    async fn examine(&self, name: &Name) -> Result<Vec<Finding>, Error> {
        let artifacts = self.artifacts();
        let Some(artifact) = artifacts.get(name) else {
            return Ok(Vec::new());
        };
        artifact.replay(Version::MAX).map(|_| Vec::new())
    }

    async fn watch(&self) -> Result<Box<dyn Watch>, Error> {
        let signals = Arc::new(Signals::default());
        let mut watches = self.watches.lock();
        watches.push(Arc::downgrade(&signals));
        Ok(Box::new(MemoryWatch(signals)))
    }

    async fn accept(&self, _name: &Name, _decide: DecideDoubt) -> Result<Option<Newest>, Error> {
        Ok(None)
    }

    fn witness_fault(&self) -> Option<String> {
        None
    }

    async fn place_files(&self, _name: &Name) -> Result<(), Error> {
        Ok(())
    }

    async fn settle(&self) {}

    fn volatile(&self) -> bool {
        true
    }
}

#[async_trait]
impl Watch for MemoryWatch {
    async fn follow(&self, name: &Name) {
        self.0.follow(name);
    }

    fn unfollow(&self, name: &Name) -> bool {
        self.0.unfollow(name)
    }

    async fn next(&self) -> Change {
        self.0.next().await
    }
}
