//! A host's configuration file of one format, and why it is not edited.

use serde_json::Value;

use super::entry::Entry;
use super::hosts::Format;

/// Why a file is not edited.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Problem {
    /// The file has a syntax error.
    #[error("line {line}, column {column}: {what}")]
    Malformed { line: usize, column: usize, what: String },
    /// The file is not UTF-8.
    #[error("the file is not valid UTF-8")]
    NoText,
    /// Another value stands where a table is expected.
    #[error("{0} is not a table")]
    NoTable(String),
    /// A key occurs twice, and hosts disagree about which one counts.
    #[error("the key {0} occurs twice")]
    Twice(String),
    /// The new content differs from the old one in more than the entry.
    #[error("the edit would change more than refiner's entry")]
    Unproven,
}

/// A file of one format. An edit keeps the formatting of everything else.
///
/// Its sections are tables of named entries.
pub(super) trait Document: Sized {
    /// Parses a text. An empty text has no sections.
    fn parse(text: &str, format: Format) -> Result<Self, Problem>;
    /// Returns the whole content.
    fn value(&self) -> Value;
    /// Returns whether a section exists.
    fn has(&self, section: &[&str]) -> Result<bool, Problem>;
    /// Sets these fields of an entry and removes refiner's other fields. Creates a missing section
    /// or entry.
    fn put(&mut self, section: &[&str], entry: &Entry) -> Result<(), Problem>;
    /// Removes an existing entry.
    fn remove(&mut self, section: &[&str]) -> Result<(), Problem>;
    /// Returns the text to write.
    fn text(&self) -> String;
}
