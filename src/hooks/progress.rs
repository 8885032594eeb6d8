//! How far the events of an artifact were delivered: `hooks.cursor`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::event::Event;
use super::sources::Source;
use super::trigger::Trigger;
use crate::model::{Name, Version};
use crate::workspace::Workspace;

/// How far the events of an artifact were delivered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// The version up to which every event was.
    pub(super) version: Version,
    /// What was tried of the entry that comes next, so that neither is a trigger that has had its
    /// event asked again after a crash, nor does one that always fails begin to count anew.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    tried: BTreeMap<String, Attempts>,
}

/// How often a trigger was tried with an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Attempts {
    pub(super) attempts: u32,
    pub(super) over: bool,
}

impl Progress {
    /// Returns progress up to a version.
    pub(super) fn up_to(version: Version) -> Self {
        Self { version, tried: BTreeMap::new() }
    }

    /// Reads what was kept. Nothing kept means that nothing was delivered, and so does what cannot
    /// be read: rather twice than never.
    pub(super) fn read(workspace: &Workspace, name: &Name) -> std::io::Result<Self> {
        let Some(content) = workspace.delivered(name)? else { return Ok(Self::default()) };
        Ok(serde_json::from_slice(&content).unwrap_or_else(|error| {
            tracing::warn!(%name, %error, "hooks.cursor is damaged: all events are delivered again");
            Self::default()
        }))
    }

    /// Keeps it on the disk.
    pub(super) fn keep(&self, workspace: &Workspace, name: &Name) -> std::io::Result<()> {
        let mut content = serde_json::to_vec(self)?;
        content.push(b'\n');
        workspace.keep_delivered(name, &content)
    }

    /// Returns how often a trigger was tried with an event.
    pub(super) fn attempts(&self, event: &Event, source: Source, trigger: &Trigger) -> Attempts {
        self.tried.get(&key(event, source, trigger)).copied().unwrap_or_default()
    }

    /// Takes note of how often a trigger was tried with an event.
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
