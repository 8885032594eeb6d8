//! Watching a workspace through the operating system, including changes by other processes.
//!
//! It watches `state.json` in the folder of an artifact. A writer updates that file after the flush
//! of a version and before the acknowledgement, so its change means that there is a new version,
//! and reading it needs no flush of another process's lines. An event of the system is only a hint.
//! When events are missing (a limit is reached, a projection is late), a periodic look finds the
//! change.
//!
//! This is outside of [`super::fs::Fs`]: on a simulated disk every write is visible.

use std::collections::BTreeSet;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use notify::event::ModifyKind;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::layout;
use crate::disk::{WORKSPACE, fs};
use crate::model::Name;
use crate::model::journal::projection::STATE_FILE;
use crate::storage::watch::Signals;
use crate::storage::{Change, Watch};

/// The interval of looks at the followed artifacts, in case the system missed an event.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// The interval when the system reports no events.
const POLL_EVERY: Duration = Duration::from_secs(2);

/// What watches a workspace.
#[derive(Debug)]
pub(super) struct WorkspaceWatch {
    folders: Arc<Folders>,
    /// When the next look is due.
    look: Mutex<Instant>,
}

/// The folders that the system tells of.
#[derive(Debug)]
struct Folders {
    project: PathBuf,
    seen: Arc<Seen>,
    /// Not to be held while `Seen::watched` is: the system's thread waits for that one.
    watcher: Mutex<Option<RecommendedWatcher>>,
}

/// The events of the system.
#[derive(Debug, Default)]
struct Seen {
    workspace: PathBuf,
    signals: Signals,
    /// Folders that are being watched.
    watched: Mutex<BTreeSet<PathBuf>>,
    /// Notified when folders came or went, so that others have to be watched.
    moved: Notify,
    /// Whether the system cannot tell of everything.
    blind: AtomicBool,
}

impl WorkspaceWatch {
    /// Begins to watch a project's workspace, which need not exist.
    pub(super) fn new(project: &Path) -> io::Result<Self> {
        let project = project.canonicalize()?;
        let workspace = project.join(WORKSPACE);
        let seen = Arc::new(Seen { workspace, ..Seen::default() });
        let told = Arc::clone(&seen);
        let watcher = notify::recommended_watcher(move |event| told.see(event));
        let watcher = watcher.map_err(|error| seen.go_blind(&error)).ok();
        let folders = Folders { project, seen, watcher: Mutex::new(watcher) };
        folders.watch_workspace(&mut folders.watcher.lock());
        Ok(Self { folders: Arc::new(folders), look: Mutex::new(Instant::now() + POLL_EVERY) })
    }

    /// Lets folders be watched where that keeps no other task waiting.
    async fn arm(&self, arm: impl FnOnce(&Folders) + Send + 'static) {
        let folders = Arc::clone(&self.folders);
        // A panic there leaves some folder unwatched, which the next look makes up for.
        drop(tokio::task::spawn_blocking(move || arm(&folders)).await);
    }

    /// Waits until the next look is due, and takes it.
    async fn look(&self) {
        let due = *self.look.lock();
        tokio::time::sleep_until(due).await;
        let seen = &self.folders.seen;
        let blind = seen.blind.load(Ordering::Relaxed);
        *self.look.lock() = Instant::now() + if blind { POLL_EVERY } else { LOOK_EVERY };
        seen.signals.artifacts();
        if blind {
            seen.signals.listing();
        }
    }
}

#[async_trait]
impl Watch for WorkspaceWatch {
    async fn follow(&self, name: &Name) {
        self.folders.seen.signals.follow(name);
        let name = name.clone();
        self.arm(move |folders| folders.watch_artifact(&name)).await;
    }

    fn unfollow(&self, name: &Name) -> bool {
        self.folders.unfollow(name)
    }

    async fn next(&self) -> Change {
        let seen = &self.folders.seen;
        loop {
            tokio::select! {
                change = seen.signals.next() => return change,
                () = seen.moved.notified() => self.arm(Folders::watch_all).await,
                () = self.look() => {}
            }
        }
    }
}

impl Folders {
    /// Watches all existing folders of interest. Parents come first, so the creation of a missing
    /// folder is reported.
    fn watch_all(&self) {
        let mut watcher = self.watcher.lock();
        self.watch_workspace(&mut watcher);
        for name in self.seen.signals.followed() {
            self.watch_folder(&mut watcher, &self.artifact(&name));
            self.seen.signals.artifact(&name);
        }
        self.seen.signals.listing();
    }

    /// Watches the folder of one artifact, or whatever tells that it comes.
    fn watch_artifact(&self, name: &Name) {
        let mut watcher = self.watcher.lock();
        self.watch_workspace(&mut watcher);
        self.watch_folder(&mut watcher, &self.artifact(name));
    }

    fn watch_workspace(&self, watcher: &mut Option<RecommendedWatcher>) {
        let is_watched = self.seen.watched.lock().contains(&self.seen.workspace);
        if !is_watched {
            self.watch_folder(watcher, &self.project);
        }
        if self.watch_folder(watcher, &self.seen.workspace) {
            self.unwatch_folder(watcher, &self.project);
        }
        self.watch_folder(watcher, &self.project.join(layout::ARTIFACTS));
    }

    /// Returns whether a folder is being watched now.
    fn watch_folder(&self, watcher: &mut Option<RecommendedWatcher>, folder: &Path) -> bool {
        let Some(watcher) = watcher else { return false };
        // Before the watch starts: if the folder is removed meanwhile, its event also removes this
        // entry.
        let is_new = self.seen.watched.lock().insert(folder.to_owned());
        if !is_new {
            return true;
        }
        let result = watcher.watch(folder, RecursiveMode::NonRecursive);
        if let Err(error) = &result {
            self.seen.watched.lock().remove(folder);
            if !is_absent(error) {
                self.seen.go_blind(error);
            }
        }
        result.is_ok()
    }

    fn unwatch_folder(&self, watcher: &mut Option<RecommendedWatcher>, folder: &Path) {
        let was_watched = self.seen.watched.lock().remove(folder);
        if let Some(watcher) = watcher.as_mut().filter(|_| was_watched) {
            // What is gone is not watched any more either.
            drop(watcher.unwatch(folder));
        }
    }

    fn unfollow(&self, name: &Name) -> bool {
        let mut watcher = self.watcher.lock();
        let ended = self.seen.signals.unfollow(name);
        if ended {
            self.unwatch_folder(&mut watcher, &self.artifact(name));
        }
        ended
    }

    fn artifact(&self, name: &Name) -> PathBuf {
        self.project.join(layout::artifact(name))
    }
}

impl Seen {
    /// Handles an event of the system, on its own thread.
    fn see(&self, event: notify::Result<notify::Event>) {
        match event {
            Err(error) => self.go_blind(&error),
            Ok(event) if event.need_rescan() => {
                self.watched.lock().clear();
                self.moved.notify_one();
            }
            Ok(event) if is_of_no_content(event.kind) => {}
            Ok(event) => event.paths.iter().for_each(|path| self.see_path(path)),
        }
    }

    fn see_path(&self, path: &Path) {
        let Ok(below) = path.strip_prefix(&self.workspace) else { return };
        let parts: Vec<&str> = below.components().filter_map(text).collect();
        match parts[..] {
            [] | ["artifacts"] => self.moved(path),
            ["registry.json"] => self.signals.listing(),
            ["artifacts", _] => {
                self.moved(path);
                self.signals.listing();
            }
            ["artifacts", name, STATE_FILE] => {
                if let Ok(name) = Name::parse(name) {
                    self.signals.artifact(&name);
                }
            }
            _ => {}
        }
    }

    /// Forgets the folder at a path and those below it: other folders may be there now.
    fn moved(&self, path: &Path) {
        self.watched.lock().retain(|folder| !folder.starts_with(path));
        self.moved.notify_one();
    }

    /// Logs once that the system does not report everything.
    fn go_blind(&self, error: &notify::Error) {
        if !self.blind.swap(true, Ordering::Relaxed) {
            let seconds = POLL_EVERY.as_secs();
            tracing::warn!(%error, "file watching is unavailable; polling for changes every {seconds} s");
        }
    }
}

/// Returns whether an event changes no content, such as a read.
fn is_of_no_content(kind: EventKind) -> bool {
    matches!(kind, EventKind::Access(_) | EventKind::Modify(ModifyKind::Metadata(_)))
}

fn text(component: Component<'_>) -> Option<&str> {
    component.as_os_str().to_str()
}

fn is_absent(error: &notify::Error) -> bool {
    match &error.kind {
        notify::ErrorKind::PathNotFound => true,
        notify::ErrorKind::Io(error) => fs::is_absent(error),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::journal::Transaction;
    use crate::model::journal::tests::draft;
    use crate::storage::Provider as _;
    use crate::storage::filesystem::Filesystem;
    use crate::storage::filesystem::tests::fresh;
    use crate::workspace::Workspace;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    /// Writes a version as another process does, which shares nothing but the folder.
    async fn put_elsewhere(project: &Path, artifact: &str, value: u32) {
        let other = Filesystem::new(&Workspace::open(project).unwrap());
        let of = artifact.to_owned();
        let decide = move |transaction: &mut Transaction<'_>| {
            drop(transaction.append(draft(&of, &json!(value))).unwrap());
        };
        other.append(&name(artifact), Box::new(decide)).await.unwrap();
        other.settle().await;
    }

    async fn told(watch: &WorkspaceWatch, change: &Change) {
        while watch.next().await != *change {}
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_another_process_writes_is_told_of_from_before_there_is_a_workspace() {
        let (folder, _) = fresh(4096);
        let watch = WorkspaceWatch::new(folder.path()).unwrap();
        let artifact = Change::Artifact(name("a"));
        watch.follow(&name("a")).await;
        for value in 0..20 {
            put_elsewhere(folder.path(), "a", value).await;
            told(&watch, &artifact).await;
        }
        put_elsewhere(folder.path(), "b", 1).await;
        told(&watch, &Change::Listing).await;
        assert!(!watch.folders.seen.blind.load(Ordering::Relaxed));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_artifact_whose_folder_is_taken_away_is_followed_when_it_comes_again() {
        let (folder, _) = fresh(4096);
        let watch = WorkspaceWatch::new(folder.path()).unwrap();
        let artifact = Change::Artifact(name("a"));
        for workspace in [".refiner", ".refiner/artifacts/a"] {
            put_elsewhere(folder.path(), "a", 1).await;
            watch.follow(&name("a")).await;
            std::fs::remove_dir_all(folder.path().join(workspace)).unwrap();
            told(&watch, &Change::Listing).await;
            put_elsewhere(folder.path(), "a", 1).await;
            told(&watch, &artifact).await;
            put_elsewhere(folder.path(), "a", 2).await;
            told(&watch, &artifact).await;
        }
    }

    #[tokio::test]
    async fn where_the_system_tells_nothing_a_look_finds_what_changed() {
        let (folder, _) = fresh(4096);
        let watch = WorkspaceWatch::new(folder.path()).unwrap();
        *watch.folders.watcher.lock() = None;
        watch.folders.seen.go_blind(&notify::Error::new(notify::ErrorKind::MaxFilesWatch));
        watch.follow(&name("a")).await;
        for _ in 0..3 {
            *watch.look.lock() = Instant::now();
            told(&watch, &Change::Listing).await;
            told(&watch, &Change::Artifact(name("a"))).await;
        }
    }
}
