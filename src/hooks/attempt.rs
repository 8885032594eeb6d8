//! One attempt to do what a trigger says.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::event::Event;
use super::trigger::{Filled, Target, Trigger};
use super::{command, webhook};

/// Bytes of a target's output that are kept.
pub(super) const OUTPUT_BYTES_MAX: usize = 2 << 10;

/// What came of an attempt.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(super) struct Attempted {
    /// Whether it did what it should.
    #[serde(skip)]
    pub(super) done: bool,
    /// What a command ended with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) exit_code: Option<i32>,
    /// What a web server answered with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<u16>,
    /// The end of what it printed or answered.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) output: String,
    /// Why it failed, where neither of the numbers says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
}

impl Attempted {
    /// An attempt that failed before anything was done.
    pub(super) fn failed(reason: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), ..Self::default() }
    }

    /// An attempt that took too long.
    pub(super) fn timed_out(timeout: Duration) -> Self {
        Self::failed(format!("not done within {} s", timeout.as_secs()))
    }
}

/// Does what a trigger says, once.
pub(super) async fn attempt(
    trigger: &Trigger,
    filled: &Filled,
    event: &Event,
    project: &Path,
) -> Attempted {
    match (filled, &trigger.target) {
        (Filled::Command(items), _) => command::run(items, event, project, trigger.timeout).await,
        (Filled::Webhook(url), Target::Webhook { headers, .. }) => {
            webhook::post(url, headers, event, trigger.timeout).await
        }
        // The host is asked with every answer; there is nothing else to do.
        _ => Attempted { done: true, ..Attempted::default() },
    }
}

/// Returns the end of some bytes as text, not longer than what is kept.
pub(super) fn tail(bytes: &[u8]) -> String {
    let from = bytes.len().saturating_sub(OUTPUT_BYTES_MAX);
    String::from_utf8_lossy(&bytes[from..]).into_owned()
}
