//! The answer of `verify`.

use serde::{Deserialize, Serialize};

/// The measured constraints and files.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Verified {
    /// The version that contains the evidence.
    pub(super) version: u64,
    /// Whether this call made that version.
    pub(super) changed: bool,
    pub(super) constraints: Vec<VerifiedConstraint>,
    /// Files of the manifest that are missing or empty.
    pub(super) missing_files: Vec<String>,
    pub(super) manifest_valid: bool,
}

/// The state of one constraint.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct VerifiedConstraint {
    pub(super) id: String,
    pub(super) status: String,
    /// Whether the model asserts the status instead of a measurement.
    pub(super) asserted: bool,
    #[serde(default)]
    pub(super) evidence: String,
}

impl VerifiedConstraint {
    /// Returns whether the constraint was measured and holds.
    pub(super) fn holds(&self) -> bool {
        self.status == "satisfied" && !self.asserted
    }
}

impl Verified {
    /// Returns whether a constraint was measured and holds.
    pub(super) fn holds(&self, id: &str) -> bool {
        self.constraints.iter().any(|one| one.id == id && one.holds())
    }

    /// Returns whether every file of the manifest exists.
    pub(super) fn is_complete(&self) -> bool {
        self.manifest_valid && self.missing_files.is_empty()
    }

    /// Returns the number of constraints that hold, as a phrase.
    pub(super) fn counted(&self) -> String {
        let hold = self.constraints.iter().filter(|one| one.holds()).count();
        format!("{hold} of {} hold", self.constraints.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_only_asserted_does_not_hold() {
        let finding = |id: &str, status: &str, asserted| VerifiedConstraint {
            id: id.to_owned(),
            status: status.to_owned(),
            asserted,
            evidence: String::new(),
        };
        let verified = Verified {
            constraints: vec![
                finding("measured", "satisfied", false),
                finding("asserted", "satisfied", true),
                finding("open", "violated", false),
            ],
            ..Verified::default()
        };
        let held = ["measured", "asserted", "open", "unknown"].map(|id| verified.holds(id));
        assert_eq!(held, [true, false, false, false]);
        assert_eq!(verified.counted(), "1 of 3 hold");
        assert!(!verified.is_complete(), "the manifest was not checked");
    }
}
