//! The filesystem provider: the default.
//!
//! What it promises and how is written in ARCHITECTURE.md, *The filesystem provider*. In short:
//! an artifact's journal is a row of segments of framed lines (`segment`); one writer per process
//! and artifact keeps up with other processes, appends and flushes under a lock (`writer`);
//! projections follow (`projections`). All of it reaches the disk through one small
//! trait (`fs`), so that the same code runs on a simulated disk in the crash tests.

mod archive;
mod artifact;
mod blobs;
mod copy;
mod examine;
mod fault;
mod history;
pub mod layout;
mod open_artifacts;
mod outputs;
mod projections;
#[cfg(test)]
mod provenance;
mod provider;
mod reading;
mod registry;
mod removal;
mod segment;
#[cfg(test)]
mod simulation;
mod turns;
mod watch;
mod witness;
mod writer;

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use self::artifact::{Artifact, ArtifactState};
use self::fault::{Fault, doing};
use self::open_artifacts::OpenArtifacts;
use self::outputs::Outputs;
use self::registry::{Registered, Registry};
use self::turns::Turns;
use self::witness::Witness;
use super::{Decide, DecideDoubt, Error, Finding, Newest, Provider as _, Tombstone};
use crate::disk::fs::{self, Fs};
use crate::disk::{StateFolder, WORKSPACE};
use crate::model::Name;
use crate::model::document::output_place::OutputPlace;
use crate::model::journal::Transaction;
use crate::model::journal::entry::LogFile;
use crate::workspace::Workspace;

/// The limits of a segment, after which the next one begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    segment_bytes_max: u64,
    segment_entries_max: usize,
    /// Bytes that reading it takes, the blobs of its entries included.
    replay_bytes_max: u64,
}

const SIZES: Sizes =
    Sizes { segment_bytes_max: 4 << 20, segment_entries_max: 4096, replay_bytes_max: 32 << 20 };

/// How long work that can wait is collected: changes of the registry, and projections that another
/// process was writing.
const SETTLE_PAUSE: Duration = Duration::from_millis(200);

/// Journals in a project's `.refiner` folder. Any number of processes may share it.
#[derive(Clone, Debug)]
pub struct Filesystem {
    store: Arc<Store>,
    project: PathBuf,
    /// The turns of operations that work on the disk.
    turns: Turns,
}

/// The provider without its async surface: every method blocks.
#[derive(Debug)]
pub(crate) struct Store {
    fs: Arc<dyn Fs>,
    sizes: Sizes,
    artifacts: OpenArtifacts,
    registry: Registry,
    witness: Arc<Witness>,
    /// The artifacts whose projections were left to another process.
    left: Mutex<BTreeSet<Name>>,
}

impl Filesystem {
    /// Keeps journals in a workspace, without a witness.
    pub fn new(workspace: &Workspace) -> Self {
        let store = Store::new(workspace.fs(), SIZES, Witness::none());
        Self::of(store, workspace.project().to_owned())
    }

    /// Keeps journals in a workspace, and in the user's state folder what answers say of them.
    pub fn with_witness(workspace: &Workspace, folder: Option<StateFolder>) -> Self {
        let witness = Witness::new(folder, workspace.project());
        Self::of(Store::new(workspace.fs(), SIZES, witness), workspace.project().to_owned())
    }

    fn of(store: Store, project: PathBuf) -> Self {
        Self { store: Arc::new(store), project, turns: Turns::new() }
    }

    /// Runs a blocking operation on a blocking thread. It finishes even if the caller is dropped: a
    /// commit does not depend on its waiting caller.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Error> {
        let store = Arc::clone(&self.store);
        let turn = self.turns.wait().await;
        let work = move || {
            // Held by the work itself: the caller may be dropped before it is done.
            let _turn = turn;
            work(&store)
        };
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|_| Error::Stopped)?.map_err(Error::from)
    }

    /// Works on the outputs of an artifact.
    async fn in_outputs<T: Send + 'static>(
        &self,
        what: &'static str,
        name: &Name,
        place: &OutputPlace,
        work: impl FnOnce(&Outputs<'_>) -> io::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let (name, place) = (name.clone(), place.clone());
        self.blocking(move |store| {
            let outputs = Outputs::open(store.fs.as_ref(), &name, &place);
            let done = outputs.and_then(|outputs| work(&outputs));
            done.map_err(doing(what, &layout::outputs(&name, &place)))
        })
        .await
    }

    /// Schedules the witness, if there is something to write.
    fn testify_soon(&self) {
        if !self.store.witness.announce() {
            return;
        }
        let this = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(witness::PAUSE).await;
            let written = this.blocking(|store| {
                store.witness.write_noted();
                Ok(())
            });
            drop(written.await);
        });
    }

    /// Schedules the work that can wait.
    fn settle_soon(&self) {
        let this = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(SETTLE_PAUSE).await;
            this.settle().await;
        });
    }
}

impl Store {
    fn new(fs: Arc<dyn Fs>, sizes: Sizes, witness: Witness) -> Self {
        let (registry, left) = (Registry::default(), Mutex::default());
        let witness = Arc::new(witness);
        Self { fs, sizes, artifacts: OpenArtifacts::new(), registry, witness, left }
    }

    /// Works on an artifact. If the process has no file descriptor left, it closes idle artifacts
    /// and tries again.
    fn with<T>(
        &self,
        name: &Name,
        work: &mut dyn FnMut(&Artifact) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        match work(&self.artifact(name)) {
            Err(fault) if fault.is_out_of_files() && self.artifacts.close_idle() => {
                work(&self.artifact(name))
            }
            result => result,
        }
    }

    fn standing(&self, name: &Name) -> Result<Option<ArtifactState>, Fault> {
        self.with(name, &mut Artifact::standing)
    }

    fn artifact(&self, name: &Name) -> Arc<Artifact> {
        let witness = || Arc::clone(&self.witness);
        let open = || Artifact::new(name.clone(), Arc::clone(&self.fs), self.sizes, witness());
        self.artifacts.get(name, open)
    }

    /// Appends, and returns whether the caller must schedule [`Store::settle`].
    fn append(&self, name: &Name, mut decide: Decide) -> Result<(Option<Newest>, bool), Fault> {
        let mut before = None;
        let decide = &mut |transaction: &mut Transaction<'_>| {
            before = transaction.newest().map(|newest| Registered::of(&newest.document));
            decide(transaction);
        };
        let appended = self.with(name, &mut |artifact| artifact.append(decide));
        let (standing, left) = appended.inspect_err(|_| self.registry.doubt(name))?;
        let Some(standing) = standing else { return Ok((None, false)) };
        let is_first = left && self.leave(name);
        let changed = standing.registered() != before;
        if changed {
            self.witness.write_noted_of(name);
        }
        Ok((standing.alive(), self.registry.note(name, changed) || is_first))
    }

    /// Takes a journal as it is. See [`super::Provider::accept`].
    fn accept(&self, name: &Name, mut decide: DecideDoubt) -> Result<Option<Newest>, Fault> {
        let accepted = self.with(name, &mut |artifact| artifact.accept(&mut decide))?;
        self.registry.doubt(name);
        Ok(accepted.and_then(ArtifactState::alive))
    }

    /// Returns the problems of an artifact, worst first. Changes nothing.
    fn examine(&self, name: &Name) -> Result<Vec<Finding>, Fault> {
        examine::examine(self.fs.as_ref(), name, self.witness.testimony(name).as_ref())
    }

    fn tombstone(&self, name: &Name) -> Result<Option<Tombstone>, Fault> {
        Ok(match self.standing(name)? {
            Some(ArtifactState::Deleted(tombstone)) => Some(tombstone),
            Some(ArtifactState::Alive(_)) | None => None,
        })
    }

    fn log(&self, name: &Name, log: LogFile) -> Result<String, Fault> {
        if self.standing(name)?.and_then(ArtifactState::alive).is_none() {
            return Ok(String::new());
        }
        let path = layout::in_artifact(name, log.file_name());
        let text = fs::read(self.fs.as_ref(), &path, projections::LOG_BYTES_MAX)
            .map_err(doing("read", &path))?;
        Ok(String::from_utf8_lossy(&text.unwrap_or_default()).into_owned())
    }

    fn list(
        &self,
        presence: Presence,
        after: Option<&Name>,
        limit: usize,
    ) -> Result<Vec<Name>, Fault> {
        let mut names = self.names()?;
        names.retain(|name| after.is_none_or(|after| name > after));
        let wanted = names.into_iter().filter(|name| self.presence(name) == presence);
        Ok(wanted.take(limit).collect())
    }

    /// Returns whether an artifact exists: it has a journal that does not end with a deletion, also
    /// an unreadable one, or a `state.json` of this program that refers to one.
    fn presence(&self, name: &Name) -> Presence {
        let fs = self.fs.as_ref();
        match segment::list(fs, name).map(|segments| segments.last().copied()) {
            Ok(Some(last)) => {
                let ended = segment::ends_with_tombstone(fs, &layout::segment(name, last));
                if ended.unwrap_or(false) { Presence::Deleted } else { Presence::There }
            }
            Ok(None) => match copy::read(fs, name) {
                Ok(Some(_)) => Presence::There,
                _ => Presence::Nowhere,
            },
            Err(_) => Presence::There,
        }
    }

    fn names(&self) -> Result<Vec<Name>, Fault> {
        let names = match self.fs.list(layout::ARTIFACTS) {
            Err(error) if fs::is_absent(&error) => Vec::new(),
            result => result.map_err(doing("list", layout::ARTIFACTS))?,
        };
        let mut names: Vec<Name> = names.iter().filter_map(|name| Name::parse(name).ok()).collect();
        names.sort();
        Ok(names)
    }

    /// Remembers an artifact whose projections were left. Returns whether it is the first.
    fn leave(&self, name: &Name) -> bool {
        let mut left = self.left.lock();
        left.insert(name.clone()) && left.len() == 1
    }

    /// Does the work that can wait. A failure is logged, and the next operation repairs it.
    fn settle(&self) {
        let left = std::mem::take(&mut *self.left.lock());
        for name in left {
            match self.artifact(&name).project_left() {
                Err(error) => {
                    tracing::warn!(%error, "the readable copies of {name} were not written");
                }
                Ok(warnings) => warnings.iter().for_each(|one| tracing::warn!("{name}: {one}")),
            }
        }
        self.write_registry();
        self.witness.write_noted();
    }

    /// Writes the registry. It is a projection: a failure is logged, and the next change repairs
    /// it.
    fn write_registry(&self) {
        let look = |name: &Name| {
            let standing = self.standing(name)?;
            Ok(standing.as_ref().and_then(ArtifactState::registered))
        };
        let all = || self.names().unwrap_or_default();
        if let Err(error) = self.registry.write(self.fs.as_ref(), &look, &all) {
            tracing::warn!(%error, "registry.json was not written");
        }
    }
}

/// The presence of an artifact of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    There,
    Deleted,
    Nowhere,
}

impl fmt::Display for Filesystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "filesystem ({})", self.project.join(WORKSPACE).display())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;
    use crate::disk::Owners;
    use crate::disk::lock::HeldLock;
    use crate::disk::real::Disk;
    use crate::model::Version;
    use crate::model::journal::removal::Removal;
    use crate::model::journal::tests::{draft, removing};
    use crate::storage::Timings;

    /// A provider on a fresh folder, with segments of at most that many entries.
    pub(crate) fn fresh(segment_entries_max: usize) -> (tempfile::TempDir, Filesystem) {
        let folder = tempfile::tempdir().unwrap();
        let provider = on(&folder, segment_entries_max);
        (folder, provider)
    }

    /// A provider on a folder, as another process has it.
    fn on(folder: &tempfile::TempDir, segment_entries_max: usize) -> Filesystem {
        let disk = Disk::open(folder.path(), Owners::user()).unwrap();
        let sizes = Sizes { segment_entries_max, ..SIZES };
        let store = Store::new(Arc::new(disk), sizes, Witness::none());
        Filesystem::of(store, folder.path().to_owned())
    }

    async fn save(provider: &Filesystem, name: &Name, value: u64) -> Version {
        let decide = move |transaction: &mut Transaction<'_>| {
            drop(transaction.append(draft("a", &json!(value))).unwrap());
        };
        provider.append(name, Box::new(decide)).await.unwrap().unwrap().snapshot.version
    }

    /// Lets a process fall behind another one by every number of saves, up to three segments.
    /// Afterwards it reads, and saves if it is to.
    async fn lag(also_saves: bool) {
        let (folder, provider) = fresh(4);
        let name = Name::parse("a").unwrap();
        let other = on(&folder, 4);
        let mut version = 0;
        for lag in (1..14).chain(1..14) {
            for _ in 0..lag {
                version += 1;
                assert_eq!(save(&provider, &name, version).await, version);
            }
            if also_saves {
                version += 1;
                assert_eq!(save(&other, &name, version).await, version);
            }
            assert_eq!(other.newest(&name).await.unwrap().unwrap().snapshot.version, version);
        }
    }

    #[tokio::test]
    async fn a_lagging_process_reads_the_newest_version() {
        lag(false).await;
    }

    #[tokio::test]
    async fn a_lagging_process_appends_to_the_newest_segment() {
        lag(true).await;
    }

    #[tokio::test]
    async fn copies_left_to_another_process_are_written_later() {
        let (folder, provider) = fresh(9);
        let name = Name::parse("a").unwrap();
        save(&provider, &name, 1).await;
        let disk = Disk::open(folder.path(), Owners::user()).unwrap();
        let copied = || copy::read(&disk, &name).unwrap().unwrap().snapshot.version;
        let path = layout::projections_lock(&name);
        let other = HeldLock::at(&disk, &path, Duration::ZERO).unwrap();
        assert_eq!((save(&provider, &name, 2).await, copied()), (2, 1));
        drop(other);
        provider.settle().await;
        assert_eq!(copied(), 2);
    }

    #[tokio::test]
    async fn a_write_says_where_its_time_went_and_a_look_at_what_is_known_waits_for_nothing() {
        let (_folder, provider) = fresh(9);
        let name = Name::parse("a").unwrap();
        let decide = |transaction: &mut Transaction<'_>| {
            drop(transaction.append(draft("a", &json!(1))).unwrap());
        };
        let stored = provider.append(&name, Box::new(decide)).await.unwrap().unwrap();
        assert!(stored.timings.flush > Duration::ZERO, "{stored:?}");
        assert!(stored.timings.projection > Duration::ZERO, "{stored:?}");
        let seen = provider.newest(&name).await.unwrap().unwrap();
        assert_eq!(seen.timings, Timings::default());
    }

    /// Goal: artifacts whose lock another process holds delay the others only briefly. Method: every
    /// turn is taken and never given back.
    #[tokio::test]
    async fn an_operation_goes_ahead_when_its_turn_does_not_come() {
        let (_folder, provider) = fresh(9);
        provider.turns.take_all();
        assert_eq!(save(&provider, &Name::parse("a").unwrap(), 1).await, 1);
    }

    #[tokio::test]
    async fn what_removals_take_away_that_are_stored_together_is_found_by_each_of_them() {
        let (folder, provider) = fresh(9);
        let name = Name::parse("a").unwrap();
        save(&provider, &name, 1).await;
        assert_eq!(provider.kept_in(&name, 1).await.unwrap(), None);
        let twice = |transaction: &mut Transaction<'_>| {
            for _ in 0..2 {
                transaction.append(removing("a", Removal::Reset)).unwrap();
            }
        };
        provider.append(&name, Box::new(twice)).await.unwrap();
        let kept_in = provider.kept_in(&name, 2).await.unwrap().unwrap();
        assert!(folder.path().join(&kept_in).join("state.json").exists(), "{kept_in}");
        assert_eq!(provider.kept_in(&name, 3).await.unwrap(), Some(kept_in));
        assert_eq!(provider.kept_in(&name, 4).await.unwrap(), None);
    }

    /// Goal: opening costs no more than a bound, however much each save changes. Method: saves whose
    /// patches are blobs.
    #[tokio::test]
    async fn a_segment_ends_by_what_reading_it_takes() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::open(folder.path(), Owners::user()).unwrap();
        let sizes = Sizes { replay_bytes_max: 200 << 10, ..SIZES };
        let store = Store::new(Arc::new(disk), sizes, Witness::none());
        let name = Name::parse("a").unwrap();
        for i in 0..6 {
            let large = json!(i.to_string().repeat(70 << 10));
            let decide = move |transaction: &mut Transaction<'_>| {
                drop(transaction.append(draft("a", &large)).unwrap());
            };
            store.append(&name, Box::new(decide)).unwrap();
        }
        let segments = segment::list(store.fs.as_ref(), &name).unwrap();
        assert_eq!(segments, [1, 4], "three patches of 70 KiB in each");
    }
}
