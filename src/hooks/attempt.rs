//! The result of an attempt to run a trigger's target.

use std::time::Duration;

use serde::Serialize;

/// Limit on the stored bytes of a target's output.
pub(super) const OUTPUT_BYTES_MAX: usize = 2 << 10;

/// The result of an attempt.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(super) struct Attempted {
    /// Whether the attempt succeeded.
    #[serde(skip)]
    pub(super) done: bool,
    /// The exit code of a command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) exit_code: Option<i32>,
    /// The HTTP status of a webhook.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<u16>,
    /// The end of the output or answer.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) output: String,
    /// Why the attempt failed, if neither number tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
}

impl Attempted {
    /// Returns the result of an attempt that failed with a reason.
    pub(super) fn failed(reason: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), ..Self::default() }
    }

    /// Returns the result of an attempt that exceeded its time limit.
    pub(super) fn timed_out(timeout: Duration) -> Self {
        Self::failed(format!("timed out after {} s", timeout.as_secs()))
    }
}

/// Returns the end of some bytes as text, up to the limit.
pub(super) fn tail(bytes: &[u8]) -> String {
    let from = bytes.len().saturating_sub(OUTPUT_BYTES_MAX);
    String::from_utf8_lossy(&bytes[from..]).into_owned()
}
