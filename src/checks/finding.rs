//! The result of a check.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::Digest;

/// Whether a constraint holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was measured and holds.
    Satisfied,
    /// It was measured and does not hold.
    Violated,
    /// It could not be measured; the details say why, and what to do.
    Unmeasured,
}

/// The result of a check, and the files and contents that it is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// Whether the constraint holds.
    pub outcome: Outcome,
    /// The measured values and the failing places, in one line for people and models.
    pub details: String,
    /// The numbers by name. Of several files, the least and the greatest of each.
    pub measured: Value,
    /// Every file that the check read, with the digest of its content.
    pub files: BTreeMap<String, Digest>,
}

/// Joins the first texts, and says how many more there are.
pub(super) fn listed(found: &[String], separator: &str) -> String {
    const LISTED_MAX: usize = 8;
    let shown = found[..found.len().min(LISTED_MAX)].join(separator);
    match found.len().checked_sub(LISTED_MAX) {
        None | Some(0) => shown,
        Some(more) => format!("{shown}{separator}and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_many_are_listed_and_the_others_counted() {
        let found: Vec<String> = (1..=10).map(|i| i.to_string()).collect();
        assert_eq!(listed(&found[..8], ", "), "1, 2, 3, 4, 5, 6, 7, 8");
        assert_eq!(listed(&found, ", "), "1, 2, 3, 4, 5, 6, 7, 8, and 2 more");
    }
}
