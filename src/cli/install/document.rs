//! A host's file as something in which one entry can be changed, and nothing else.

use serde_json::Value;

use super::entry::{Entry, NAME};
use super::hosts::Format;
use super::{json, toml};

/// What a byte order mark is in a text. Some editors of Windows begin files with it.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Why a file is left alone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Problem {
    /// It is not written as its format asks.
    #[error("line {line}, column {column}: {what}")]
    Malformed { line: usize, column: usize, what: String },
    /// It is not what a text is.
    #[error("the file is not UTF-8")]
    NoText,
    /// Something has the place of a table.
    #[error("{0} is not a table")]
    NoTable(String),
    /// A key is there twice, and hosts do not agree which of them counts.
    #[error("{0} is there twice")]
    Twice(String),
    /// What would be written says more or less than it should.
    #[error("the edit would change more than refiner's entry")]
    Unproven,
}

/// A file of one format, which keeps the form of everything that is not changed.
///
/// Its sections are tables in which entries have names.
pub(super) trait Document: Sized {
    /// Reads a text. An empty one has no sections.
    fn parse(text: &str, format: Format) -> Result<Self, Problem>;
    /// Returns all of it.
    fn value(&self) -> Value;
    /// Returns whether a section is there.
    fn has(&self, section: &[&str]) -> Result<bool, Problem>;
    /// Makes an entry have these fields and none other of ours. Section and entry are made where
    /// they are missing.
    fn put(&mut self, section: &[&str], entry: &Entry) -> Result<(), Problem>;
    /// Takes an entry out that is there.
    fn remove(&mut self, section: &[&str]) -> Result<(), Problem>;
    /// Returns it as it is written.
    fn text(&self) -> String;
}

/// What is to become of the entry.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted<'a> {
    Entry(&'a Entry),
    Nothing,
}

/// What a file says, and what it would say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// The entry as it was.
    pub(super) existing: Option<Value>,
    pub(super) old: String,
    pub(super) new: String,
}

/// Works out a change of a file's content.
///
/// What comes of it is read again, and differs in the entry and in nothing else; or else it is not
/// returned.
pub(super) fn change(
    content: &[u8],
    format: Format,
    sections: &[&[&str]],
    wanted: Wanted<'_>,
) -> Result<Change, Problem> {
    match format {
        Format::Json | Format::JsonWithComments => {
            changed::<json::Json>(content, format, sections, wanted)
        }
        Format::Toml => changed::<toml::Toml>(content, format, sections, wanted),
    }
}

fn changed<D: Document>(
    content: &[u8],
    format: Format,
    sections: &[&[&str]],
    wanted: Wanted<'_>,
) -> Result<Change, Problem> {
    let old = std::str::from_utf8(content).map_err(|_| Problem::NoText)?;
    let (mark, body) = match old.strip_prefix(BYTE_ORDER_MARK) {
        Some(body) => (&old[..BYTE_ORDER_MARK.len_utf8()], body),
        None => ("", old),
    };
    let mut document = D::parse(body, format)?;
    let section = section(&document, sections)?;
    let before = document.value();
    let existing = at(&before, section).and_then(|section| section.get(NAME)).cloned();
    match (wanted, &existing) {
        (Wanted::Entry(entry), _) => document.put(section, entry)?,
        (Wanted::Nothing, Some(_)) => document.remove(section)?,
        (Wanted::Nothing, None) => {}
    }
    let body = document.text();
    let after = D::parse(&body, format)?.value();
    match is_proven(before, after, section, wanted) {
        true => Ok(Change { existing, old: old.to_owned(), new: format!("{mark}{body}") }),
        false => Err(Problem::Unproven),
    }
}

/// Returns the first section that is there, else the last.
fn section<'a>(
    document: &impl Document,
    sections: &[&'a [&'a str]],
) -> Result<&'a [&'a str], Problem> {
    for section in sections {
        if document.has(section)? {
            return Ok(section);
        }
    }
    Ok(sections.last().copied().unwrap_or_default())
}

fn at<'a>(value: &'a Value, section: &[&str]) -> Option<&'a Value> {
    section.iter().try_fold(value, |value, key| value.get(*key))
}

/// Returns whether two values differ in the entry alone, which is as it is wanted.
fn is_proven(mut before: Value, mut after: Value, section: &[&str], wanted: Wanted<'_>) -> bool {
    let entry = at(&after, section).and_then(|section| section.get(NAME));
    let is_there = match (wanted, entry) {
        (Wanted::Entry(wanted), Some(entry)) => super::entry::agrees(entry, wanted),
        (Wanted::Nothing, None) => true,
        _ => false,
    };
    forget(&mut before, section);
    forget(&mut after, section);
    is_there && before == after
}

/// Takes the entry out of a value, and its section if that is empty then.
fn forget(value: &mut Value, section: &[&str]) {
    match section.split_first() {
        None => drop(value.as_object_mut().and_then(|section| section.remove(NAME))),
        Some((key, rest)) => {
            let Some(table) = value.as_object_mut() else { return };
            if let Some(inner) = table.get_mut(*key) {
                forget(inner, rest);
            }
            if table.get(*key).and_then(Value::as_object).is_some_and(serde_json::Map::is_empty) {
                table.remove(*key);
            }
        }
    }
}
