//! Requests to the host: tools of other servers to call, and files to follow.
//!
//! Requests are not stored. They follow from the newest events of an artifact, and every answer
//! repeats them until the loop moves on, so that a host without memory sees them again.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::Hooks;
use super::event::Event;
use super::sources::Loaded;
use super::trigger::Filled;

use crate::model::journal::Snapshot;
use crate::model::text::shortened;
use crate::model::{Entry, Name, Version};

/// Limit on the requests in one answer.
const REQUESTS_MAX: usize = 3;
/// Limit on the characters of one request.
const CHARACTERS_MAX: usize = 400;
/// Number of entries searched for the newest events.
const ENTRIES_MAX: usize = 256;
/// Limit on the cached artifacts.
const ARTIFACTS_MAX: usize = 256;

/// The cached requests of each artifact.
#[derive(Debug, Default)]
pub(super) struct Requests {
    known: Mutex<HashMap<Name, Known>>,
}

/// The requests of an artifact up to a version, by the triggers active at that time.
#[derive(Clone, Debug)]
struct Known {
    version: Version,
    loaded: Arc<Loaded>,
    lines: Vec<String>,
}

impl Hooks {
    /// Returns the requests for the newest events of an artifact, one line each.
    pub async fn requests(&self, snapshot: &Snapshot) -> Vec<String> {
        // Check the trigger files again only if there are requests: triggers that are no longer
        // trusted must not ask for anything.
        if !self.inner.sources.last_seen().is_some_and(|loaded| loaded.asks_host()) {
            return Vec::new();
        }
        let loaded = self.inner.sources.current();
        if !loaded.asks_host() {
            return Vec::new();
        }
        let (name, version) = (&snapshot.document.artifact_name, snapshot.version);
        let known = self.inner.requests.known.lock().get(name).cloned();
        let (seen, lines) = match known.filter(|known| Arc::ptr_eq(&known.loaded, &loaded)) {
            Some(known) if known.version >= version => return known.lines,
            Some(known) => (known.version, known.lines),
            None => (0, Vec::new()),
        };
        let newest = self.newest_eventful(name, seen, version).await;
        let asked = |entry: Entry| requested(&loaded, &Event::all_of(&entry, &snapshot.document));
        let lines = newest.map_or(lines, asked);
        self.inner.requests.remember(name, Known { version, loaded, lines: lines.clone() });
        lines
    }

    /// Returns the newest entry with events between two versions. The search covers a limited
    /// number of entries.
    async fn newest_eventful(&self, name: &Name, after: Version, to: Version) -> Option<Entry> {
        let mut after = after.max(to.saturating_sub(ENTRIES_MAX as Version));
        let mut newest = None;
        while after < to {
            let entries = self.inner.provider.read(name, after, ENTRIES_MAX).await.ok()?;
            after = entries.last()?.version;
            let eventful = |entry: &Entry| entry.version <= to && !entry.events.is_empty();
            newest = entries.into_iter().rev().find(eventful).or(newest);
        }
        newest
    }
}

impl Requests {
    fn remember(&self, name: &Name, what: Known) {
        let mut known = self.known.lock();
        if known.len() >= ARTIFACTS_MAX {
            known.clear();
        }
        known.insert(name.clone(), what);
    }
}

impl Loaded {
    /// Returns whether a trigger asks the host to act.
    fn asks_host(&self) -> bool {
        self.triggers.iter().any(|(_, trigger)| trigger.target.is_for_host())
    }
}

fn requested(loaded: &Loaded, events: &[Event]) -> Vec<String> {
    let mut lines = Vec::new();
    for event in events {
        for (_, trigger) in &loaded.triggers {
            if trigger.on != event.event || trigger.unmet(event).is_some() {
                continue;
            }
            let asks = match trigger.filled(event) {
                Ok(Filled::McpTool(tool, arguments)) => format!("call {tool} with {arguments}"),
                Ok(Filled::Workflow(file)) => format!("follow {file}"),
                Ok(Filled::Command(_) | Filled::Webhook(_)) | Err(_) => continue,
            };
            let name = &trigger.name;
            let line = format!("hook {name} asks you to {asks} ({})", event.kind());
            lines.push(shortened(&line, CHARACTERS_MAX));
        }
    }
    if lines.len() > REQUESTS_MAX {
        let more = lines.split_off(REQUESTS_MAX).len();
        lines.push(format!("{more} more hooks have requests: see .refiner/workflow.log"));
    }
    lines
}
