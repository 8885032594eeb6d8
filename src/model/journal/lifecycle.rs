//! Lifecycle events of a loop, for hooks. They are part of the entry that caused them, so none is
//! lost or repeated.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LifecycleEvent {
    /// The kind of event.
    pub event: LifecycleKind,
    /// The phase that it is about.
    pub phase: String,
    /// The pass of the loop in which it happened.
    pub iteration: u32,
    /// What else is worth knowing: the decision, the regressions, how the loop ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Value>,
}

/// The kinds of lifecycle events, by the names that triggers use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LifecycleKind {
    /// A phase was entered.
    OnPhaseStart,
    /// A phase ended with its result.
    OnPhaseComplete,
    /// An iteration was recorded and decided.
    OnIterationComplete,
    /// The cycle was finalized.
    OnRefinementComplete,
    /// Something that was good is worse now.
    OnRegression,
    /// A person is waited for.
    OnApprovalRequired,
    /// The loop was sent back for a repair.
    OnRecovery,
    /// An iteration ended as an earlier one did.
    OnStall,
}

impl LifecycleKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::OnPhaseStart,
        Self::OnPhaseComplete,
        Self::OnIterationComplete,
        Self::OnRefinementComplete,
        Self::OnRegression,
        Self::OnApprovalRequired,
        Self::OnRecovery,
        Self::OnStall,
    ];
}
