//! Hooks: what is done about the lifecycle events of a workspace's artifacts.
//!
//! Events are part of the entries that caused them. This layer delivers them to the triggers that
//! are in force: a command that is run, a webhook that is posted to, or something that the host is
//! asked to do. Delivery is at least once, in the order of the journal, and never in the way of an
//! answer: what is to deliver is read from the journal, beginning at a durable cursor.
//!
//! Whatever runs a program or calls out comes from the user's own configuration, or from the
//! project after the user has trusted it word for word. No tool call can write either.

mod attempt;
mod command;
mod deliverer;
mod event;
mod pending;
mod progress;
mod project;
mod record;
mod render;
mod requests;
mod sources;
mod trigger;
mod webhook;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use self::deliverer::{Delivered, Deliverer};
use self::pending::{Pending, Work};
use self::progress::Progress;
pub use self::project::ProjectTriggers;
use self::requests::Requests;
use self::sources::Sources;
use crate::disk::UserFolder;
use crate::model::{Name, Time, Version};
use crate::storage::{self, Finding, Provider};
use crate::workspace::{DeliveryLock, Undelivered, Workspace};

/// How long a server that ends goes on delivering. A host does not wait for long.
const SERVER_PATIENCE: Duration = Duration::from_secs(2);
/// How long a command of the command line goes on beginning new attempts.
const COMMAND_PATIENCE: Duration = Duration::from_secs(10);
/// How long to wait for who delivers while the first cursors are made.
const BEGINNING_PATIENCE: Duration = Duration::from_secs(2);

/// Artifacts of which the versions are asked for at once.
const NAMES_AT_ONCE: usize = 1000;

/// The hooks of a workspace.
#[derive(Clone, Debug)]
pub struct Hooks {
    inner: Arc<Inner>,
}

struct Inner {
    workspace: Workspace,
    provider: Arc<dyn Provider>,
    project: PathBuf,
    sources: Sources,
    now: fn() -> Time,
    pending: Mutex<Pending>,
    woken: Notify,
    requests: Requests,
    /// The task that delivers while a server runs.
    background: Mutex<Option<JoinHandle<()>>>,
    /// When no new attempt may begin any more.
    stop_at: OnceLock<Instant>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks").field("project", &self.project).finish_non_exhaustive()
    }
}

impl Hooks {
    /// Makes the hooks of a workspace for the events of what a provider keeps. `user` is the folder
    /// of the user's own configuration: without one nothing can be trusted, and there are no hooks.
    pub fn new(
        workspace: Workspace,
        provider: Arc<dyn Provider>,
        user: Option<UserFolder>,
        now: fn() -> Time,
    ) -> Self {
        let project = workspace.canonical_project();
        let inner = Inner {
            project: project.unwrap_or_else(|_| workspace.project().to_owned()),
            sources: Sources::new(workspace.clone(), user),
            workspace,
            provider,
            now,
            pending: Mutex::default(),
            woken: Notify::new(),
            requests: Requests::default(),
            background: Mutex::default(),
            stop_at: OnceLock::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Makes sure that events from now on are delivered, if there are triggers. To be called before
    /// anything is written. Costs three looks for files where there are none.
    pub async fn prepare(&self) {
        self.inner.begin_or_end(&Work::default()).await;
    }

    /// Delivers in the background from now on, beginning with what is left from before.
    pub fn start(&self) {
        self.inner.pending().everything = true;
        let this = Arc::clone(&self.inner);
        let task = tokio::spawn(async move {
            while this.stop_at.get().is_none() {
                this.deliver_pending().await;
                if this.pending().is_empty() {
                    this.woken.notified().await;
                }
            }
            this.deliver_pending().await;
        });
        *hold(&self.inner.background) = Some(task);
        self.inner.woken.notify_one();
    }

    /// Takes note that an entry with events was stored. Does nothing but that, so that whoever
    /// stored it can answer.
    pub fn happened(&self, name: &Name, version: Version) {
        self.inner.pending().add(name, version - 1);
        self.inner.woken.notify_one();
    }

    /// Ends delivering: a server's goes on for a moment, and what a command of the command line
    /// caused is delivered now. What is left is delivered by who comes next.
    pub async fn finish(&self) {
        let background = hold(&self.inner.background).take();
        let patience = if background.is_some() { SERVER_PATIENCE } else { COMMAND_PATIENCE };
        if self.inner.stop_at.set(Instant::now() + patience).is_err() {
            return;
        }
        self.inner.woken.notify_one();
        match background {
            Some(mut task) => {
                if tokio::time::timeout(patience, &mut task).await.is_err() {
                    task.abort();
                    // Its commands are killed while it is dropped.
                    drop(task.await);
                }
            }
            None => self.inner.deliver_pending().await,
        }
    }

    /// Returns what is wrong with files of triggers.
    pub fn findings(&self) -> Vec<Finding> {
        self.inner.sources.current().findings.clone()
    }
}

impl Inner {
    fn pending(&self) -> MutexGuard<'_, Pending> {
        hold(&self.pending)
    }

    /// Returns whether no attempt may begin after that long any more.
    fn must_stop(&self, after: Duration) -> bool {
        self.stop_at.get().is_some_and(|stop_at| Instant::now() + after >= *stop_at)
    }

    /// Delivers what is waiting, until nothing is.
    async fn deliver_pending(self: &Arc<Self>) {
        loop {
            let work = self.pending().take();
            if work.is_empty() {
                return;
            }
            if !self.begin_or_end(&work).await {
                continue;
            }
            let Some(lock) = self.lock(&work) else { continue };
            let names = self.names(&work).await;
            if self.deliver_all(&names).await == Delivered::NotAll {
                return;
            }
            drop(lock);
            // Somebody may have left a note while the lock was held, and relies on its holder.
            self.take_in_notes(false);
        }
    }

    async fn deliver_all(&self, names: &[Name]) -> Delivered {
        let must_stop = |after| self.must_stop(after);
        let deliverer = Deliverer {
            workspace: &self.workspace,
            provider: self.provider.as_ref(),
            sources: &self.sources,
            now: self.now,
            project: &self.project,
            must_stop: &must_stop,
        };
        for name in names {
            match deliverer.deliver(name).await {
                Ok(Delivered::Everything) => {}
                Ok(Delivered::NotAll) if self.must_stop(Duration::ZERO) => {
                    return Delivered::NotAll;
                }
                // The next event of this artifact, or the next start, tries again.
                Ok(Delivered::NotAll) => {}
                Err(error) => tracing::warn!(%name, %error, "events were not delivered"),
            }
        }
        Delivered::Everything
    }

    /// Takes the right to deliver. Whoever has it gets a note instead, and sees it at the latest
    /// when giving the right back.
    fn lock(&self, work: &Work) -> Option<DeliveryLock> {
        let taken = self.workspace.take_delivery(Duration::ZERO).and_then(|lock| match lock {
            Some(lock) => Ok(Some(lock)),
            None => {
                self.workspace.leave_undelivered(&Undelivered {
                    names: work.before.keys().cloned().collect(),
                    everything: work.everything,
                })?;
                self.workspace.take_delivery(Duration::ZERO)
            }
        });
        taken.unwrap_or_else(|error| {
            // A server often starts where there is no workspace yet.
            if error.kind() != io::ErrorKind::NotFound {
                tracing::warn!(%error, "events cannot be delivered");
            }
            None
        })
    }

    /// Returns the artifacts to look at, with those of notes, which are taken away.
    async fn names(&self, work: &Work) -> Vec<Name> {
        self.take_in_notes(true);
        let noted = self.pending().take();
        let mut names: Vec<Name> = work.before.keys().chain(noted.before.keys()).cloned().collect();
        if work.everything || noted.everything {
            let newest = newest_versions(self.provider.as_ref()).await.unwrap_or_default();
            names.extend(newest.into_iter().map(|(name, _)| name));
        }
        names.sort();
        names.dedup();
        names
    }

    fn take_in_notes(&self, remove: bool) {
        match self.workspace.undelivered(remove) {
            Ok(notes) => {
                let mut pending = self.pending();
                pending.everything |= notes.everything;
                notes.names.iter().for_each(|name| pending.add(name, Version::MAX));
            }
            Err(error) => tracing::warn!(%error, "notes of undelivered events cannot be read"),
        }
    }

    /// Returns whether there are triggers, and so every event is delivered. Where that was not so
    /// before, it is from now on: with the events that are waiting, and without older ones.
    async fn begin_or_end(&self, work: &Work) -> bool {
        let loaded = self.sources.current();
        let in_force = !loaded.triggers.is_empty();
        let changed = match self.sources.is_delivering() {
            Ok(false) if in_force => self.begin(work).await,
            Ok(true) if !in_force && loaded.certain => self.sources.set_delivering(false),
            other => other.map(drop),
        };
        if let Err(error) = changed {
            tracing::warn!(%error, "hooks cannot be begun or ended");
            return false;
        }
        in_force
    }

    /// Makes the cursors of all artifacts that there are.
    async fn begin(&self, work: &Work) -> io::Result<()> {
        let newest = newest_versions(self.provider.as_ref()).await.map_err(io::Error::other)?;
        let _lock = match newest.is_empty() {
            true => None,
            false => self.workspace.take_delivery(BEGINNING_PATIENCE)?,
        };
        for (name, newest) in newest {
            let before = work.before.get(&name).copied().unwrap_or(newest);
            Progress::up_to(before.min(newest)).keep(&self.workspace, &name)?;
        }
        self.sources.set_delivering(true)
    }
}

/// Returns the newest version of every artifact, deleted ones included, as far as it can be read.
async fn newest_versions(provider: &dyn Provider) -> Result<Vec<(Name, Version)>, storage::Error> {
    let mut versions = Vec::new();
    let mut after = None;
    loop {
        let names = provider.list(after.as_ref(), NAMES_AT_ONCE).await?;
        let Some(last) = names.last().cloned() else { break };
        for name in names {
            if let Ok(Some(newest)) = provider.newest(&name).await {
                versions.push((name, newest.snapshot.version));
            }
        }
        after = Some(last);
    }
    for name in provider.deleted(None, usize::MAX).await? {
        if let Ok(Some(tombstone)) = provider.tombstone(&name).await {
            versions.push((name, tombstone.removed.version));
        }
    }
    Ok(versions)
}

/// Locks for a section that cannot panic half-way.
fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
