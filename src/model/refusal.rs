//! Why an operation was not done, in a form that tells a person or a model what to do next.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::text::shortened;
use super::{Time, Version};

/// Characters of one text of a refusal. What a caller sent may be in it, however long that was.
const TEXT_CHARACTERS_MAX: usize = 600;
/// Places of a value that one refusal names.
const VIOLATIONS_MAX: usize = 20;

/// A reason for which an operation was refused. Nothing was written.
///
/// Every variant is a situation that a caller may want to handle by itself; its code does not
/// change. Each answers three questions: which situation ([`Refusal::code`]), what was wrong
/// ([`std::fmt::Display`]) and what to do next ([`Refusal::hint`]).
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The name cannot be an artifact's name.
    #[error("{given:?} cannot be a name: {rule}")]
    InvalidName {
        /// What was given, cut to 80 characters.
        given: String,
        /// The rule that it breaks.
        rule: String,
    },
    /// An argument is missing, unknown, of the wrong type or out of bounds.
    #[error("{message}")]
    InvalidArgument {
        /// What is wrong, naming the argument.
        message: String,
        /// What to pass instead.
        hint: String,
    },
    /// There is no such thing in this workspace.
    #[error("there is no {what}")]
    NotFound {
        /// The kind and the name of what was asked for.
        what: String,
        /// Where to look instead.
        hint: String,
    },
    /// The artifact exists and is another than the one asked for.
    #[error("{message}")]
    AlreadyExists {
        /// What exists already.
        message: String,
    },
    /// A value does not have the form that its schema asks for.
    #[error("{what} does not match its schema: {}", summary(violations))]
    SchemaViolation {
        /// What was checked.
        what: String,
        /// Every place that is wrong.
        violations: Vec<Violation>,
    },
    /// Somebody else wrote since the caller read.
    #[error("expected version {expected}, but the newest version is {current}")]
    Conflict {
        /// The version that the caller expected.
        expected: Version,
        /// The newest version.
        current: Version,
    },
    /// The present phase does not know the event, or is not the phase that the caller believes.
    #[error("{message}")]
    InvalidTransition {
        /// The present phase.
        from: String,
        /// The event that was sent.
        event: String,
        /// The events that the present phase knows.
        allowed: Vec<String>,
        /// What is wrong.
        message: String,
    },
    /// The event is known, but what it needs does not hold.
    #[error("{event} is not possible in phase {from} yet: {}", unmet_summary(unmet))]
    GuardFailed {
        /// The present phase.
        from: String,
        /// The event that was sent.
        event: String,
        /// Every part of a guard that did not hold.
        unmet: Vec<Unmet>,
    },
    /// No domain goes by that name.
    #[error("Unknown artifact_type: {given}")]
    UnknownArtifactType {
        /// What was given.
        given: String,
        /// The types there are.
        known: Vec<String>,
    },
    /// No workflow goes by that name.
    #[error("unknown workflow: {given}")]
    UnknownWorkflow {
        /// What was given.
        given: String,
        /// The workflows there are.
        known: Vec<String>,
    },
    /// Only a person may do this.
    #[error("{what} needs a person's decision")]
    ApprovalRequired {
        /// What was asked for.
        what: String,
        /// The command that a person can run.
        command: String,
    },
    /// A person was asked and did not agree, or could not be asked.
    #[error("{message}")]
    NotApproved {
        /// What came of asking.
        message: String,
        /// What to do instead.
        hint: String,
    },
    /// Something claims a right that it does not have.
    #[error("{message}")]
    Forbidden {
        /// What is wrong with the claim.
        message: String,
        /// How the right would be had.
        hint: String,
    },
    /// Whoever called wants the answer no more.
    #[error("the call was cancelled: {outcome}")]
    Cancelled {
        /// What came of it.
        outcome: String,
    },
    /// The cycle is closed.
    #[error("the cycle of {name} was finalized at {at}")]
    Finalized {
        /// The artifact.
        name: String,
        /// When.
        at: Time,
    },
    /// Something is larger than its limit.
    #[error("{what} is too large: {actual} {unit}; the limit is {limit}")]
    TooLarge {
        /// What is too large.
        what: String,
        /// Its size.
        actual: usize,
        /// The limit.
        limit: usize,
        /// What is counted.
        unit: &'static str,
    },
    /// This program or this storage cannot do that by its nature.
    #[error("{what}")]
    Unsupported {
        /// What cannot be done, and by whom.
        what: String,
        /// What can.
        hint: String,
    },
    /// The workspace can be read but not written.
    #[error("the workspace is read-only: {reason}")]
    ReadOnly {
        /// Why.
        reason: String,
    },
    /// The storage did not do what it was asked to. Whether the operation was stored is unknown.
    #[error("the storage is unavailable: {reason}")]
    StorageUnavailable {
        /// What failed.
        reason: String,
    },
    /// The journal is damaged. It is kept as it is, and nothing is written to it.
    #[error("the journal of {name} is damaged: {damage}")]
    StorageCorrupt {
        /// The artifact.
        name: String,
        /// Where, and in what way.
        damage: String,
    },
    /// A bug of ours.
    #[error("internal error: {0}")]
    Internal(String),
}

/// One place of a value that is not as its schema asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// The place, as a JSON Pointer.
    pub pointer: String,
    /// What was expected there.
    pub message: String,
}

/// One part of a guard that did not hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Unmet {
    /// The guard's name.
    pub guard: String,
    /// The part, as it is written in the workflow.
    pub needs: String,
    /// The values that it saw.
    pub saw: serde_json::Map<String, Value>,
}

impl Refusal {
    /// Returns a refusal of one argument.
    pub fn argument(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::InvalidArgument { message: message.into(), hint: hint.into() }
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

    /// Returns what to do next.
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
            Self::InvalidTransition { allowed, .. } => match allowed.is_empty() {
                true => "the loop has ended: call finalize, or init_state to begin a new cycle".into(),
                false => format!("call load_state to see the present phase; allowed events: {}", allowed.join(", ")),
            },
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

    /// Returns the refusal as the object that CONTRACT.md fixes: code, message, hint, and what
    /// belongs to the situation.
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

impl Violation {
    fn shortened(&self) -> Self {
        Self { pointer: short(&self.pointer), message: short(&self.message) }
    }
}

/// Returns a text as a refusal repeats it.
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
    unmet.iter().map(|part| part.needs.as_str()).collect::<Vec<_>>().join("; ")
}
