//! The delivery progress of an artifact: `hooks.cursor`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::event::Event;
use super::sources::Source;
use super::trigger::Trigger;
use crate::model::{Name, Version};
use crate::workspace::Workspace;

/// The delivery progress of an artifact.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// The version up to which every event is delivered.
    pub(super) version: Version,
    /// The attempts for the next entry, so that a crash neither repeats a finished trigger nor
    /// resets a failing one's attempt count.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    tried: BTreeMap<String, Attempts>,
}

/// The attempts of a trigger with an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Attempts {
    pub(super) attempts: u32,
    pub(super) over: bool,
}

impl Progress {
    /// Returns the progress up to a version.
    pub(super) fn up_to(version: Version) -> Self {
        Self { version, tried: BTreeMap::new() }
    }

    /// Reads the stored progress. A missing or damaged file counts as no progress: events are
    /// delivered twice rather than never.
    pub(super) fn read(workspace: &Workspace, name: &Name) -> std::io::Result<Self> {
        let Some(content) = workspace.delivered(name)? else { return Ok(Self::default()) };
        Ok(serde_json::from_slice(&content).unwrap_or_else(|error| {
            tracing::warn!(%name, %error, "hooks.cursor is damaged: all events are delivered again");
            Self::default()
        }))
    }

    /// Stores the progress on disk.
    pub(super) fn keep(&self, workspace: &Workspace, name: &Name) -> std::io::Result<()> {
        let mut content = serde_json::to_vec(self)?;
        content.push(b'\n');
        workspace.keep_delivered(name, &content)
    }

    /// Returns the attempts of a trigger with an event.
    pub(super) fn attempts(&self, event: &Event, source: Source, trigger: &Trigger) -> Attempts {
        self.tried.get(&key(event, source, trigger)).copied().unwrap_or_default()
    }

    /// Records the attempts of a trigger with an event.
    pub(super) fn note(
        &mut self,
        event: &Event,
        source: Source,
        trigger: &Trigger,
        attempts: Attempts,
    ) {
        self.tried.insert(key(event, source, trigger), attempts);
    }
}

fn key(event: &Event, source: Source, trigger: &Trigger) -> String {
    format!("{}/{source:?}/{}", event.id, trigger.name)
}
