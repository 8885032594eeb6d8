//! Checkpoints: versions with a name.

use serde::{Deserialize, Serialize};

use super::{Time, Version};

/// A version that somebody wants to find again.
///
/// The id holds the version, so that a checkpoint leads to its version even after the document has
/// stopped listing it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// `cp-<version>`.
    pub id: String,
    /// What the caller called it, or the phase whose completion made it.
    pub label: String,
    /// The version.
    pub version: Version,
    /// The phase at that version.
    pub phase: String,
    /// The iteration at that version.
    pub iteration: u32,
    /// When it was made.
    pub at: Time,
}

/// Returns the id of the checkpoint that a version makes.
pub fn checkpoint_id(version: Version) -> String {
    format!("cp-{version}")
}

/// Returns the version that a caller means by a number or by a checkpoint's id.
pub fn version_of(reference: &str) -> Option<Version> {
    reference.strip_prefix("cp-").unwrap_or(reference).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_id_leads_to_its_version() {
        assert_eq!(version_of(&checkpoint_id(17)), Some(17));
        assert_eq!(version_of("17"), Some(17));
        for wrong in ["", "cp-", "cp--1", "v17", "-1", "1.5"] {
            assert_eq!(version_of(wrong), None, "{wrong}");
        }
    }
}
