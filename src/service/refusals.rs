//! Refusals for errors of the storage and for artifacts that do not exist.

use crate::model::journal::removal::Removal;
use crate::model::{Name, Refusal};
use crate::storage::{self, Tombstone};

pub(super) fn no_such_artifact(name: &Name) -> Refusal {
    Refusal::NotFound {
        what: format!("artifact named {name}"),
        hint: "call init_state to create it, or list_artifacts to see the existing artifacts"
            .into(),
    }
}

pub(super) fn deleted(name: &Name, tombstone: &Tombstone) -> Refusal {
    let removed = tombstone.removed;
    let hint = match removed.removal {
        Removal::Purge => "it was purged: call init_state to create a new one".to_owned(),
        Removal::Reset | Removal::Delete => format!(
            "version {} deleted it at {}: history shows its versions; call init_state to create it again, then restore to bring a version back",
            removed.version, removed.at
        ),
    };
    Refusal::NotFound { what: format!("artifact named {name} any more"), hint }
}

/// Turns an error of the storage into a refusal.
pub(super) fn refusal(name: &Name, error: &storage::Error) -> Refusal {
    let reason = chain(error);
    match error {
        storage::Error::Distrusted { hint, .. } => distrusted(reason, hint),
        storage::Error::ReadOnly { .. } => Refusal::ReadOnly { reason },
        storage::Error::Corrupt { .. } => {
            Refusal::StorageCorrupt { name: name.to_string(), damage: reason }
        }
        storage::Error::NewerFormat(_) => Refusal::Unsupported {
            what: format!("the artifact {name} cannot be read: {reason}"),
            hint: "a newer refiner wrote it: update this program; nothing was changed".into(),
        },
        storage::Error::Unsupported { what, hint } => {
            Refusal::Unsupported { what: (*what).to_owned(), hint: (*hint).into() }
        }
        storage::Error::Unavailable { .. } | storage::Error::Stopped => {
            Refusal::StorageUnavailable { reason }
        }
    }
}

/// Turns an error of listing the workspace into a refusal.
pub(super) fn listing_refusal(error: &storage::Error) -> Refusal {
    match error {
        storage::Error::Distrusted { reason, hint } => distrusted(reason.clone(), hint),
        error => Refusal::StorageUnavailable { reason: chain(error) },
    }
}

fn distrusted(reason: String, hint: &str) -> Refusal {
    Refusal::Forbidden { message: reason, hint: format!("{hint}; nothing was written") }
}

/// Returns an error with its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
