//! The result of a check.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::{Digest, limits};

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

/// Puts a text into one short line: paths and links come from files and may contain anything.
pub(super) fn one_line(text: &str) -> String {
    abridged(text, limits::FINDING_CHARACTERS_MAX)
}

/// Shortens a name or a link, so that several fit into a line.
pub(super) fn named(text: &str) -> String {
    const CHARACTERS_MAX: usize = 80;
    abridged(text, CHARACTERS_MAX)
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

fn abridged(text: &str, characters_max: usize) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let mut short: String = text.chars().take(characters_max).map(plain).collect();
    if text.chars().nth(characters_max).is_some() {
        short.pop();
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_one_short_line_whatever_it_was() {
        assert_eq!(one_line("a\r\nb\u{1b}c"), "a  b c");
        assert_eq!(named(&"ü".repeat(80)), "ü".repeat(80));
        assert_eq!(named(&"ü".repeat(81)), format!("{}…", "ü".repeat(79)));
        let found: Vec<String> = (1..=10).map(|i| i.to_string()).collect();
        assert_eq!(listed(&found[..8], ", "), "1, 2, 3, 4, 5, 6, 7, 8");
        assert_eq!(listed(&found, ", "), "1, 2, 3, 4, 5, 6, 7, 8, and 2 more");
    }
}
