//! Refusals: why an operation was refused, and what a person or a model can do next.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::model::text::shortened;
use crate::model::{Time, Version};

/// Characters of one text of a refusal, which may quote the caller's input of any length.
const TEXT_CHARACTERS_MAX: usize = 600;
/// Violations that one refusal lists.
const VIOLATIONS_MAX: usize = 20;

/// The reason for refusing an operation. Nothing was written.
///
/// Each variant is a situation that a caller can handle, with a stable code. It has three parts:
/// the situation ([`Refusal::code`]), the problem ([`std::fmt::Display`]) and the next step
/// ([`Refusal::hint`]).
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The text is not a valid artifact name.
    #[error("{given:?} cannot be a name: {rule}")]
    InvalidName {
        /// The text, cut to 80 characters.
        given: String,
        /// The rule that it breaks.
        rule: String,
    },
    /// An argument is missing, unknown, of the wrong type or out of bounds.
    #[error("{message}")]
    InvalidArgument {
        /// The problem, naming the argument.
        message: String,
        /// The value to pass instead.
        hint: String,
    },
    /// The workspace does not have it.
    #[error("there is no {what}")]
    NotFound {
        /// The kind and the name of the missing thing.
        what: String,
        /// Where to look instead.
        hint: String,
    },
    /// The name belongs to another existing artifact.
    #[error("{message}")]
    AlreadyExists {
        /// A text that names the existing artifact.
        message: String,
    },
    /// A value does not match its schema.
    #[error("{what} does not match its schema: {}", summary(violations))]
    SchemaViolation {
        /// The name of the checked value.
        what: String,
        /// All violations.
        violations: Vec<Violation>,
    },
    /// Another caller wrote since this caller read.
    #[error("expected version {expected}, but the newest version is {current}")]
    Conflict {
        /// The version that the caller expected.
        expected: Version,
        /// The newest version.
        current: Version,
    },
    /// The present phase has no such event, or is not the phase that the caller named.
    #[error("{message}")]
    InvalidTransition {
        /// The present phase.
        from: String,
        /// The sent event.
        event: String,
        /// The events of the present phase.
        allowed: Vec<String>,
        /// The problem.
        message: String,
    },
    /// The event is known, but what it needs does not hold.
    #[error("{event} is not possible in phase {from} yet: {}", unmet_summary(unmet))]
    GuardFailed {
        /// The present phase.
        from: String,
        /// The sent event.
        event: String,
        /// Every part of a guard that did not hold.
        unmet: Vec<Unmet>,
    },
    /// There is no domain of that name.
    #[error("Unknown artifact_type: {given}")]
    UnknownArtifactType {
        /// The caller's text.
        given: String,
        /// The existing types.
        known: Vec<String>,
    },
    /// There is no workflow of that name.
    #[error("unknown workflow: {given}")]
    UnknownWorkflow {
        /// The caller's text.
        given: String,
        /// The existing workflows.
        known: Vec<String>,
    },
    /// Only a person may do this.
    #[error("{what} needs a person's decision")]
    ApprovalRequired {
        /// The requested operation.
        what: String,
        /// The command that a person can run.
        command: String,
    },
    /// The person refused, or the server could not ask them.
    #[error("{message}")]
    NotApproved {
        /// The result of asking.
        message: String,
        /// The next step.
        hint: String,
    },
    /// The caller lacks a right.
    #[error("{message}")]
    Forbidden {
        /// The missing right.
        message: String,
        /// How to get the right.
        hint: String,
    },
    /// The caller cancelled the call.
    #[error("the call was cancelled: {outcome}")]
    Cancelled {
        /// What the call has written.
        outcome: String,
    },
    /// The cycle is closed.
    #[error("the cycle of {name} was finalized at {at}")]
    Finalized {
        /// The artifact.
        name: String,
        /// The time of the call of `finalize`.
        at: Time,
    },
    /// Something is larger than its limit.
    #[error("{what} is too large: {actual} {unit}; the limit is {limit}")]
    TooLarge {
        /// The name of the value.
        what: String,
        /// Its size.
        actual: usize,
        /// The limit.
        limit: usize,
        /// The unit of the size.
        unit: &'static str,
    },
    /// This program or this provider does not support the operation.
    #[error("{what}")]
    Unsupported {
        /// The operation, and the part that does not support it.
        what: String,
        /// The alternative.
        hint: String,
    },
    /// The workspace is read-only.
    #[error("the workspace is read-only: {reason}")]
    ReadOnly {
        /// The cause.
        reason: String,
    },
    /// The storage failed. The operation may or may not be stored.
    #[error("the storage is unavailable: {reason}")]
    StorageUnavailable {
        /// The failure.
        reason: String,
    },
    /// The journal is damaged. The server keeps it unchanged and does not write to it.
    #[error("the journal of {name} is damaged: {damage}")]
    StorageCorrupt {
        /// The artifact.
        name: String,
        /// The place and the kind of the damage.
        damage: String,
    },
    /// A bug in refiner.
    #[error("internal error: {0}")]
    Internal(String),
}

/// One place where a value violates its schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// The JSON Pointer of the place.
    pub pointer: String,
    /// The problem.
    pub message: String,
}

/// One part of a guard that did not hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Unmet {
    /// The guard's name.
    pub guard: String,
    /// The sentence that the workflow gives for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
    /// The condition, in CEL.
    pub needs: String,
    /// The values that it saw.
    pub saw: serde_json::Map<String, Value>,
}

impl Refusal {
    /// Returns the refusal of an argument.
    pub fn argument(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::InvalidArgument { message: message.into(), hint: hint.into() }
    }

    /// Refuses what breaks its schema; nothing without violations.
    pub fn unless_valid(what: impl Into<String>, violations: Vec<Violation>) -> Result<(), Self> {
        if violations.is_empty() {
            Ok(())
        } else {
            Err(Self::SchemaViolation { what: what.into(), violations })
        }
    }

    /// Returns the stable code of the situation.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidName { .. } => "invalid_name",
            Self::InvalidArgument { .. } => "invalid_argument",
            Self::NotFound { .. } => "not_found",
            Self::AlreadyExists { .. } => "already_exists",
            Self::SchemaViolation { .. } => "schema_violation",
            Self::Conflict { .. } => "conflict",
            Self::InvalidTransition { .. } => "invalid_transition",
            Self::GuardFailed { .. } => "guard_failed",
            Self::UnknownArtifactType { .. } => "unknown_artifact_type",
            Self::UnknownWorkflow { .. } => "unknown_workflow",
            Self::ApprovalRequired { .. } | Self::NotApproved { .. } => "approval_required",
            Self::Forbidden { .. } => "forbidden",
            Self::Cancelled { .. } => "cancelled",
            Self::Finalized { .. } => "finalized",
            Self::TooLarge { .. } => "too_large",
            Self::Unsupported { .. } => "unsupported",
            Self::ReadOnly { .. } => "read_only",
            Self::StorageUnavailable { .. } => "storage_unavailable",
            Self::StorageCorrupt { .. } => "storage_corrupt",
            Self::Internal(_) => "internal",
        }
    }

    /// Returns the next step.
    pub fn hint(&self) -> String {
        match self {
            Self::InvalidName { .. } => "use 1 to 64 of a-z 0-9 . _ - , beginning with a letter or a digit, such as \"my-logo\"".into(),
            Self::InvalidArgument { hint, .. }
            | Self::NotFound { hint, .. }
            | Self::Unsupported { hint, .. }
            | Self::NotApproved { hint, .. }
            | Self::Forbidden { hint, .. } => hint.clone(),
            Self::AlreadyExists { .. } => "choose another name, or call load_state to continue the existing artifact".into(),
            Self::SchemaViolation { .. } => "correct the places named in violations and call again; nothing was written".into(),
            Self::Conflict { current, .. } => format!(
                "call load_state, merge your change into version {current}, and call again with expected_version {current}"
            ),
            Self::InvalidTransition { allowed, .. } => if allowed.is_empty() { "the loop has ended: call finalize, or init_state to begin a new cycle".into() } else { format!("call load_state to see the present phase; allowed events: {}", allowed.join(", ")) },
            Self::GuardFailed { .. } => "satisfy each part of unmet, then send the event again; dry_run shows the outcome without writing".into(),
            Self::UnknownArtifactType { known, .. } => format!("use one of: {}", known.join(", ")),
            Self::UnknownWorkflow { known, .. } => format!("use one of: {}", known.join(", ")),
            Self::ApprovalRequired { command, .. } => format!("ask your user; a person can run: {command}"),
            Self::Cancelled { .. } => "repeat the call to finish it; results that were already returned are kept".into(),
            Self::Finalized { .. } => "call init_state with the same name to begin the next cycle".into(),
            Self::TooLarge { .. } => "send less in one call, or keep large content in files under dist/ and save their paths".into(),
            Self::ReadOnly { .. } => "make .refiner writable for this user, or copy it to a writable folder".into(),
            Self::StorageUnavailable { .. } => "the outcome is unknown: call again with the same idempotency_key, or load_state first to see whether it was stored".into(),
            Self::StorageCorrupt { name, .. } => format!("every byte is kept and reading still works; a person can run: refiner doctor {name}"),
            Self::Internal(_) => "this is a bug in refiner: the server's log on stderr has details; other calls still work".into(),
        }
    }

    /// Returns the refusal as the JSON object of CONTRACT.md: code, message, hint, and the details
    /// of the situation.
    pub fn to_json(&self) -> Value {
        let mut object = json!({
            "code": self.code(),
            "message": short(&self.to_string()),
            "hint": short(&self.hint()),
        });
        if let (Some(object), Value::Object(details)) = (object.as_object_mut(), self.details()) {
            object.extend(details);
        }
        object
    }

    fn details(&self) -> Value {
        match self {
            Self::SchemaViolation { violations, .. } => {
                let named = violations.iter().take(VIOLATIONS_MAX).map(Violation::shortened);
                json!({ "violations": named.collect::<Vec<_>>() })
            }
            Self::Conflict { expected, current } => {
                json!({ "expected": expected, "current": current })
            }
            Self::InvalidTransition { from, event, allowed, .. } => {
                json!({ "from": from, "event": short(event), "allowed": allowed })
            }
            Self::GuardFailed { from, event, unmet } => {
                json!({ "from": from, "event": short(event), "unmet": unmet })
            }
            Self::TooLarge { actual, limit, .. } => json!({ "actual": actual, "limit": limit }),
            _ => Value::Null,
        }
    }
}

impl Unmet {
    /// Returns what a person reads: the sentence, else the condition.
    pub fn told(&self) -> &str {
        self.says.as_ref().unwrap_or(&self.needs)
    }
}

impl Violation {
    fn shortened(&self) -> Self {
        Self { pointer: short(&self.pointer), message: short(&self.message) }
    }
}

/// Shortens a text for a refusal.
fn short(text: &str) -> String {
    shortened(text, TEXT_CHARACTERS_MAX)
}

fn summary(violations: &[Violation]) -> String {
    let Some(first) = violations.first() else {
        return "unknown".into();
    };
    let place = if first.pointer.is_empty() { "/" } else { &first.pointer };
    match violations.len() - 1 {
        0 => format!("{place}: {}", first.message),
        more => format!("{place}: {} (and {more} more)", first.message),
    }
}

fn unmet_summary(unmet: &[Unmet]) -> String {
    unmet.iter().map(Unmet::told).collect::<Vec<_>>().join("; ")
}
