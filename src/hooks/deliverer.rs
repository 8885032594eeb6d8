//! Delivers the events of an artifact in order, each event to all triggers concurrently.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use parking_lot::Mutex;

use super::attempt::Attempted;
use super::delivery_state::DeliveryState;
use super::event::Event;
use super::progress::{Attempts, Progress};
use super::record::{DeliveryOutcome, Tried};
use super::sources::{Loaded, Sources};
use super::trigger::{Filled, Target, Trigger};
use super::{command, webhook};
use crate::model::journal::Snapshot;
use crate::model::journal::lifecycle::LifecycleEvent;
use crate::model::{Entry, Name, Time, Version};
use crate::storage::Provider;

/// Entries per read.
const ENTRIES_AT_ONCE: usize = 256;
/// Limit on concurrent triggers of one event.
const TRIGGERS_AT_ONCE: usize = 8;
/// Limit on the pause between two attempts.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// The state of a delivery. Exists only while this process holds the delivery lock.
pub(super) struct Deliverer<'a> {
    pub(super) state: &'a Arc<DeliveryState>,
    pub(super) provider: &'a dyn Provider,
    pub(super) sources: &'a Sources,
    pub(super) now: fn() -> Time,
    /// The project's folder, the working directory of commands.
    pub(super) project: &'a Path,
    /// Returns whether it is too late to begin an attempt after this pause.
    pub(super) must_stop: &'a (dyn Fn(Duration) -> bool + Sync),
}

/// Whether the delivery finished or was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivered {
    Everything,
    NotAll,
}

/// Why an artifact's events could not be delivered.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Storage(#[from] crate::storage::Error),
    #[error("the delivery cursor cannot be stored: {0}")]
    Keeping(#[from] std::io::Error),
}

/// An event in delivery.
struct Delivery<'a> {
    event: &'a Event,
    loaded: &'a Arc<Loaded>,
    progress: &'a Arc<Mutex<Progress>>,
}

impl Deliverer<'_> {
    /// Delivers the undelivered events of an artifact.
    pub(super) async fn deliver(&self, name: &Name) -> Result<Delivered, Failure> {
        let progress = self.state.progress(name)?;
        let (mut at, mut kept) = (progress.version, progress.version);
        let progress = Arc::new(Mutex::new(progress));
        loop {
            let entries = self.provider.read(name, at, ENTRIES_AT_ONCE).await?;
            if entries.is_empty() {
                break;
            }
            for entry in entries {
                if self.deliver_entry(name, &entry, &progress).await? == Delivered::NotAll {
                    return Ok(Delivered::NotAll);
                }
                at = entry.version;
                if progress.lock().version == at {
                    kept = at;
                }
            }
        }
        if at > kept {
            self.advance(name, at, &progress).await?;
        }
        Ok(Delivered::Everything)
    }

    /// Delivers the events of an entry. Stores the progress if there was any work.
    async fn deliver_entry(
        &self,
        name: &Name,
        entry: &Entry,
        progress: &Arc<Mutex<Progress>>,
    ) -> Result<Delivered, Failure> {
        let loaded = self.sources.current();
        let answered = |event: &LifecycleEvent| {
            loaded.triggers.iter().any(|(_, trigger)| trigger.on == event.event)
        };
        if !entry.events.iter().any(answered) {
            return Ok(Delivered::Everything);
        }
        let Some(snapshot) = self.state(name, entry.version).await? else {
            return Ok(Delivered::Everything);
        };
        for event in Event::all_of(entry, &snapshot.document) {
            let delivery = Delivery { event: &event, loaded: &loaded, progress };
            if self.deliver_event(&delivery).await == Delivered::NotAll {
                return Ok(Delivered::NotAll);
            }
        }
        self.advance(name, entry.version, progress).await?;
        Ok(Delivered::Everything)
    }

    /// Returns the state at a version.
    async fn state(&self, name: &Name, version: Version) -> Result<Option<Snapshot>, Failure> {
        Ok(self.provider.at(name, version).await?)
    }

    async fn deliver_event(&self, delivery: &Delivery<'_>) -> Delivered {
        let triggers = delivery.loaded.triggers.iter().enumerate();
        let matching: Vec<usize> = triggers
            .filter(|(_, (_, trigger))| trigger.on == delivery.event.event)
            .map(|(index, _)| index)
            .collect();
        let all = futures_util::stream::iter(matching)
            .map(|index| self.answer(delivery, index))
            .buffer_unordered(TRIGGERS_AT_ONCE);
        let outcomes: Vec<Delivered> = all.collect().await;
        if outcomes.contains(&Delivered::NotAll) {
            Delivered::NotAll
        } else {
            Delivered::Everything
        }
    }

    /// Tries a trigger until it succeeds or its attempts are used up.
    async fn answer(&self, delivery: &Delivery<'_>, index: usize) -> Delivered {
        let (source, trigger) = &delivery.loaded.triggers[index];
        let before = delivery.progress.lock().attempts(delivery.event, *source, trigger);
        if before.over {
            return Delivered::Everything;
        }
        let filled = match prepared(trigger, delivery.event) {
            Ok(filled) => filled,
            Err(tried) => return self.note(delivery, index, tried).await,
        };
        let mut wait = Duration::ZERO;
        for number in before.attempts + 1.. {
            if (self.must_stop)(wait) {
                break;
            }
            tokio::time::sleep(wait).await;
            let tried = self.attempt(trigger, &filled, delivery.event, number).await;
            let outcome = tried.outcome;
            let noted = self.note(delivery, index, tried).await;
            if outcome.is_final() || noted == Delivered::NotAll {
                return noted;
            }
            wait = pause(trigger, number);
        }
        Delivered::NotAll
    }

    async fn attempt(
        &self,
        trigger: &Trigger,
        filled: &Filled,
        event: &Event,
        number: u32,
    ) -> Tried {
        let start = Instant::now();
        let attempted = attempt(trigger, filled, event, self.project).await;
        let outcome = match attempted.done {
            true if trigger.target.is_for_host() => DeliveryOutcome::Requested,
            true => DeliveryOutcome::Done,
            false if number < trigger.attempts => DeliveryOutcome::Failed,
            false => DeliveryOutcome::PassedOver,
        };
        let duration_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        Tried { attempt: number, outcome, duration_ms, attempted }
    }

    /// Logs the result of an attempt, and stores the attempt count.
    async fn note(&self, delivery: &Delivery<'_>, index: usize, tried: Tried) -> Delivered {
        let (source, trigger) = &delivery.loaded.triggers[index];
        let event = delivery.event;
        if tried.outcome == DeliveryOutcome::PassedOver {
            tracing::warn!(
                trigger = trigger.name,
                event = event.id,
                "a hook failed in its last attempt"
            );
        }
        let line = tried.line((self.now)(), event, *source, trigger);
        let attempts = Attempts { attempts: tried.attempt, over: tried.outcome.is_final() };
        let (state, name) = (Arc::clone(self.state), event.artifact.clone());
        let progress = Arc::clone(delivery.progress);
        progress.lock().note(event, *source, trigger, attempts);
        let kept = tokio::task::spawn_blocking(move || {
            // Locked, so that concurrent triggers do not overwrite each other's progress.
            let progress = progress.lock();
            state.log(&line)?;
            state.keep(&name, &progress)
        });
        match kept.await {
            Ok(Ok(())) => Delivered::Everything,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the result of a hook cannot be stored");
                Delivered::NotAll
            }
            Err(_) => Delivered::NotAll,
        }
    }

    /// Stores that every event up to a version is delivered.
    async fn advance(
        &self,
        name: &Name,
        version: Version,
        progress: &Arc<Mutex<Progress>>,
    ) -> Result<(), Failure> {
        let (state, name) = (Arc::clone(self.state), name.clone());
        let progress = Arc::clone(progress);
        let kept = tokio::task::spawn_blocking(move || {
            let mut progress = progress.lock();
            *progress = Progress::up_to(version);
            state.keep(&name, &progress)
        });
        kept.await.map_err(|_| crate::storage::Error::Stopped)?.map_err(Failure::from)
    }
}

/// Runs a trigger's target once.
async fn attempt(trigger: &Trigger, filled: &Filled, event: &Event, project: &Path) -> Attempted {
    match (filled, &trigger.target) {
        (Filled::Command(items), _) => command::run(items, event, project, trigger.timeout).await,
        (Filled::Webhook(url), Target::Webhook { headers, .. }) => {
            webhook::post(url, headers, event, trigger.timeout).await
        }
        // Every answer repeats the request to the host, so nothing is sent here.
        _ => Attempted { done: true, ..Attempted::default() },
    }
}

/// Renders the target of a trigger, or returns why the trigger is skipped.
fn prepared(trigger: &Trigger, event: &Event) -> Result<Filled, Tried> {
    if let Some(unmet) = trigger.unmet(event) {
        let error = unmet.saw.get("error").and_then(serde_json::Value::as_str);
        let reason = error.map(|error| format!("{}: {error}", unmet.needs));
        return Err(Tried::without_attempt(DeliveryOutcome::NotMet, reason));
    }
    trigger.filled(event).map_err(|reason| Tried {
        attempted: Attempted::failed(reason),
        ..Tried::without_attempt(DeliveryOutcome::PassedOver, None)
    })
}

/// Returns the pause after an attempt. It doubles with each attempt.
fn pause(trigger: &Trigger, attempt: u32) -> Duration {
    trigger.delay.saturating_mul(1 << (attempt - 1).min(16)).min(PAUSE_MAX)
}
