//! The lines of `workflow.log`: one for each attempt and one for each skipped trigger.

use serde::Serialize;

use super::attempt::Attempted;
use super::event::Event;
use super::sources::Source;
use super::trigger::Trigger;
use crate::model::journal::lifecycle::LifecycleKind;
use crate::model::{Name, Time, Version};

/// The result of an event at a trigger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum DeliveryOutcome {
    /// The attempt succeeded.
    Done,
    /// The host is asked to act.
    Requested,
    /// The attempt failed and will be repeated.
    Failed,
    /// The last attempt failed.
    PassedOver,
    /// The condition was false.
    NotMet,
}

impl DeliveryOutcome {
    /// Returns whether no further attempt follows.
    pub(super) fn is_final(self) -> bool {
        self != Self::Failed
    }
}

/// A line of the log.
#[derive(Debug, Serialize)]
pub(super) struct Record<'a> {
    time: Time,
    artifact: &'a Name,
    version: Version,
    event: LifecycleKind,
    id: &'a str,
    trigger: &'a str,
    source: Source,
    kind: &'static str,
    attempt: u32,
    outcome: DeliveryOutcome,
    duration_ms: u64,
    #[serde(flatten)]
    attempted: &'a Attempted,
}

/// Returns the record of an attempt.
#[derive(Debug)]
pub(super) struct Tried {
    pub(super) attempt: u32,
    pub(super) outcome: DeliveryOutcome,
    pub(super) duration_ms: u64,
    pub(super) attempted: Attempted,
}

impl Tried {
    /// Returns the record of an event without an attempt.
    pub(super) fn without_attempt(outcome: DeliveryOutcome, reason: Option<String>) -> Self {
        let attempted = Attempted { reason, ..Attempted::default() };
        Self { attempt: 0, outcome, duration_ms: 0, attempted }
    }

    /// Returns the log line.
    pub(super) fn line(
        &self,
        time: Time,
        event: &Event,
        source: Source,
        trigger: &Trigger,
    ) -> Vec<u8> {
        let record = Record {
            time,
            artifact: &event.artifact,
            version: event.version,
            event: event.event,
            id: &event.id,
            trigger: &trigger.name,
            source,
            kind: trigger.target.kind(),
            attempt: self.attempt,
            outcome: self.outcome,
            duration_ms: self.duration_ms,
            attempted: &self.attempted,
        };
        let mut line = serde_json::to_vec(&record).unwrap_or_default();
        line.push(b'\n');
        line
    }
}
