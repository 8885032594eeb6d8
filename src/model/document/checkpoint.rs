//! Checkpoints: versions with a name.

use serde::{Deserialize, Serialize};

use crate::model::{Time, Version};

/// A version with a name.
///
/// The id contains the version, so it stays usable after the document no longer lists the
/// checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// `cp-<version>`.
    pub id: String,
    /// The caller's label, or the completed phase.
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

/// Parses a version number or a checkpoint id.
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
