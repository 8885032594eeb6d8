//! Hooks: actions on lifecycle events of a workspace's artifacts.
//!
//! The journal entry that causes an event contains it. This layer delivers events to the active
//! triggers: it runs a command, posts to a webhook, or asks the host to act. Delivery is at least
//! once, in journal order, and never delays an answer: events are read from the journal, beginning
//! at a durable cursor.
//!
//! Every trigger comes from the user's own configuration, or from a project file whose exact
//! content the user trusts. No tool call can write either.

mod attempt;
mod command;
mod deliverer;
mod delivery_state;
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
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use self::deliverer::{Delivered, Deliverer};
use self::delivery_state::{DeliveryRight, DeliveryState};
use self::pending::{Pending, Work};
use self::progress::Progress;
pub use self::project::ProjectTriggers;
use self::requests::Requests;
use self::sources::Sources;
use crate::disk::UserFolder;
use crate::model::{Name, Time, Version};
use crate::storage::{self, Finding, Provider};
use crate::workspace::{Trust, Undelivered, Workspace};

/// How long a server that shuts down continues to deliver. Hosts do not wait long.
const SERVER_PATIENCE: Duration = Duration::from_secs(2);
/// How long a subcommand begins new attempts.
const COMMAND_PATIENCE: Duration = Duration::from_secs(10);
/// How long to wait for another process's delivery lock before the first cursors are created.
const BEGINNING_PATIENCE: Duration = Duration::from_secs(2);

/// Artifacts per listing.
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
    state: Arc<DeliveryState>,
    now: fn() -> Time,
    pending: Mutex<Pending>,
    woken: Notify,
    requests: Requests,
    /// The delivery task of a running server.
    background: Mutex<Option<JoinHandle<()>>>,
    /// The time after which no new attempt begins.
    stop_at: OnceLock<Instant>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks").field("project", &self.project).finish_non_exhaustive()
    }
}

impl Hooks {
    /// Creates the hooks of a workspace, for the events in a provider. `user` is the folder of the
    /// user's own configuration. Without it nothing can be trusted, so there are no hooks.
    ///
    /// What was delivered is remembered as long as the provider keeps its entries.
    pub fn new(
        workspace: Workspace,
        provider: Arc<dyn Provider>,
        user: Option<UserFolder>,
        now: fn() -> Time,
    ) -> Self {
        let project = workspace.canonical_project();
        let trust = Trust::new(user.clone(), workspace.project());
        let state = if provider.volatile() {
            DeliveryState::Volatile(Mutex::default())
        } else {
            DeliveryState::Kept { workspace: workspace.clone(), trust: trust.clone() }
        };
        let inner = Inner {
            project: project.unwrap_or_else(|_| workspace.project().to_owned()),
            sources: Sources::new(workspace.clone(), user, trust),
            state: Arc::new(state),
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

    /// Ensures that events from now on are delivered, if there are triggers. Call this before any
    /// write. Without triggers it costs three checks for files.
    pub async fn prepare(&self) {
        self.inner.begin_or_end(&Work::default()).await;
    }

    /// Starts delivery in the background, beginning with undelivered events.
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
        *self.inner.background.lock() = Some(task);
        self.inner.woken.notify_one();
    }

    /// Records that an entry with events was stored. It does nothing else, so that the answer is
    /// not delayed.
    pub fn happened(&self, name: &Name, version: Version) {
        self.inner.pending().add(name, version - 1);
        self.inner.woken.notify_one();
    }

    /// Ends delivery. A server continues for a short time. A subcommand delivers its events now.
    /// The next process delivers the rest.
    pub async fn finish(&self) {
        let background = self.inner.background.lock().take();
        let patience = if background.is_some() { SERVER_PATIENCE } else { COMMAND_PATIENCE };
        if self.inner.stop_at.set(Instant::now() + patience).is_err() {
            return;
        }
        self.inner.woken.notify_one();
        match background {
            Some(mut task) => {
                if tokio::time::timeout(patience, &mut task).await.is_err() {
                    task.abort();
                    // Dropping the task kills its commands.
                    drop(task.await);
                }
            }
            None => self.inner.deliver_pending().await,
        }
    }

    /// Returns the problems of trigger files.
    pub fn findings(&self) -> Vec<Finding> {
        self.inner.sources.current().findings.clone()
    }
}

impl Inner {
    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock()
    }

    /// Returns whether it is too late to begin an attempt after this pause.
    fn must_stop(&self, after: Duration) -> bool {
        self.stop_at.get().is_some_and(|stop_at| Instant::now() + after >= *stop_at)
    }

    /// Delivers until no event waits.
    async fn deliver_pending(self: &Arc<Self>) {
        loop {
            let work = self.pending().take();
            if work.is_empty() {
                return;
            }
            if !self.begin_or_end(&work).await {
                continue;
            }
            let Some(right) = self.take_right(&work) else { continue };
            let names = self.names(&work).await;
            if self.deliver_all(&names).await == Delivered::NotAll {
                return;
            }
            drop(right);
            // Another process may have left a note during the lock, and relies on this process.
            self.take_in_notes(false);
        }
    }

    async fn deliver_all(&self, names: &[Name]) -> Delivered {
        let must_stop = |after| self.must_stop(after);
        let deliverer = Deliverer {
            state: &self.state,
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
                // The artifact's next event, or the next start, tries again.
                Ok(Delivered::NotAll) => {}
                Err(error) => tracing::warn!(%name, %error, "events were not delivered"),
            }
        }
        Delivered::Everything
    }

    /// Takes the right to deliver. If another process has it, leaves a note, which that process
    /// reads at the latest when it gives the right back.
    fn take_right(&self, work: &Work) -> Option<DeliveryRight> {
        let taken = self.state.take_right(Duration::ZERO).and_then(|right| match right {
            Some(right) => Ok(Some(right)),
            None => {
                self.state.leave(&Undelivered {
                    names: work.before.keys().cloned().collect(),
                    everything: work.everything,
                })?;
                self.state.take_right(Duration::ZERO)
            }
        });
        taken.unwrap_or_else(|error| {
            // A server often starts before the workspace exists.
            if error.kind() != io::ErrorKind::NotFound {
                tracing::warn!(%error, "events cannot be delivered");
            }
            None
        })
    }

    /// Returns the artifacts to check, including those of notes, and removes the notes.
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
        match self.state.notes(remove) {
            Ok(notes) => {
                let mut pending = self.pending();
                pending.everything |= notes.everything;
                notes.names.iter().for_each(|name| pending.add(name, Version::MAX));
            }
            Err(error) => tracing::warn!(%error, "notes of undelivered events cannot be read"),
        }
    }

    /// Returns whether there are triggers, so that events are delivered. If delivery was off
    /// before, it is on from now: with the waiting events, without older ones.
    async fn begin_or_end(&self, work: &Work) -> bool {
        let loaded = self.sources.current();
        let in_force = !loaded.triggers.is_empty();
        let changed = match self.state.is_delivering() {
            Ok(false) if in_force => self.begin(work).await,
            Ok(true) if !in_force && loaded.certain => self.state.set_delivering(false),
            other => other.map(drop),
        };
        if let Err(error) = changed {
            tracing::warn!(%error, "hooks cannot be started or stopped");
            return false;
        }
        in_force
    }

    /// Creates the cursors of all existing artifacts.
    async fn begin(&self, work: &Work) -> io::Result<()> {
        let newest = newest_versions(self.provider.as_ref()).await.map_err(io::Error::other)?;
        let _right =
            if newest.is_empty() { None } else { self.state.take_right(BEGINNING_PATIENCE)? };
        for (name, newest) in newest {
            let before = work.before.get(&name).copied().unwrap_or(newest);
            self.state.keep(&name, &Progress::up_to(before.min(newest)))?;
        }
        self.state.set_delivering(true)
    }
}

/// Returns the newest readable version of every artifact, including deleted ones.
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

#[cfg(test)]
mod tests;
