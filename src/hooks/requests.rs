//! What the host is asked to do: tools of other servers to call, files to follow.
//!
//! Nothing is kept of these. They are what the newest events of an artifact ask for, and stand in
//! every answer until the loop goes on, so that a host that lost its memory is asked again.

use std::collections::HashMap;
use std::sync::Mutex;

use super::event::Event;
use super::sources::Loaded;
use super::trigger::Filled;
use super::{Hooks, hold};
use crate::model::journal::Snapshot;
use crate::model::{Entry, Name, Version};
use crate::storage::Provider as _;

/// Requests in one answer.
const REQUESTS_MAX: usize = 3;
/// Characters of one request.
const CHARACTERS_MAX: usize = 400;
/// Entries that are searched for the newest events.
const ENTRIES_MAX: usize = 256;
/// Artifacts that are remembered.
const ARTIFACTS_MAX: usize = 256;

/// What is asked for of each artifact, up to which version.
#[derive(Debug, Default)]
pub(super) struct Requests {
    known: Mutex<HashMap<Name, (Version, Vec<String>)>>,
}

impl Hooks {
    /// Returns what the host is asked to do about the newest events of an artifact, a line for each.
    pub async fn requests(&self, snapshot: &Snapshot) -> Vec<String> {
        let Some(loaded) = self.inner.sources.last_seen() else { return Vec::new() };
        if !loaded.triggers.iter().any(|(_, trigger)| trigger.target.is_for_host()) {
            return Vec::new();
        }
        let (name, version) = (&snapshot.document.artifact_name, snapshot.version);
        let known = hold(&self.inner.requests.known).get(name).cloned();
        let (seen, lines) = known.unwrap_or_default();
        if seen >= version {
            return lines;
        }
        let after = seen.max(version.saturating_sub(ENTRIES_MAX as Version));
        let entries = self.inner.workspace.read(name, after, ENTRIES_MAX).await.unwrap_or_default();
        let eventful = |entry: &&Entry| entry.version <= version && !entry.events.is_empty();
        let newest = entries.iter().rev().find(eventful);
        let lines = newest
            .map_or(lines, |entry| requested(&loaded, &Event::all_of(entry, &snapshot.document)));
        self.inner.requests.remember(name, version, &lines);
        lines
    }
}

impl Requests {
    fn remember(&self, name: &Name, version: Version, lines: &[String]) {
        let mut known = hold(&self.known);
        if known.len() >= ARTIFACTS_MAX {
            known.clear();
        }
        known.insert(name.clone(), (version, lines.to_vec()));
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
            lines.push(shortened(&line));
        }
    }
    if lines.len() > REQUESTS_MAX {
        let more = lines.split_off(REQUESTS_MAX).len();
        lines.push(format!("{more} more hooks ask for something: see .refiner/workflow.log"));
    }
    lines
}

fn shortened(line: &str) -> String {
    match line.char_indices().nth(CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}
