//! What the server measured, as `verify` answers it.

use serde::{Deserialize, Serialize};

/// How the report stands.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Verified {
    /// The version that holds the evidence.
    pub(super) version: u64,
    /// Whether it made that version.
    pub(super) changed: bool,
    pub(super) constraints: Vec<VerifiedConstraint>,
    /// Files of the manifest that are not there, or are empty.
    pub(super) missing_files: Vec<String>,
    pub(super) manifest_valid: bool,
}

/// What was found of a constraint.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct VerifiedConstraint {
    pub(super) id: String,
    pub(super) status: String,
    /// Whether nobody measured it.
    pub(super) asserted: bool,
    #[serde(default)]
    pub(super) evidence: String,
}

impl VerifiedConstraint {
    /// Returns whether it was measured and holds.
    pub(super) fn holds(&self) -> bool {
        self.status == "satisfied" && !self.asserted
    }
}

impl Verified {
    /// Returns whether a constraint was measured and holds.
    pub(super) fn holds(&self, id: &str) -> bool {
        self.constraints.iter().any(|one| one.id == id && one.holds())
    }

    /// Returns whether every file of the manifest is there.
    pub(super) fn is_complete(&self) -> bool {
        self.manifest_valid && self.missing_files.is_empty()
    }

    /// Returns how many constraints hold, in words.
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
        assert!(!verified.is_complete(), "nobody looked at a manifest");
    }
}
