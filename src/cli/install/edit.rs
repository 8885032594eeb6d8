//! The edit of exactly one entry in a host's configuration file.

use serde_json::Value;

use super::document::{Document, Problem};
use super::entry::{Entry, NAME};
use super::hosts::Format;
use super::{json, toml};

/// The byte order mark, which some Windows editors write first.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// The wanted change of the entry.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted<'a> {
    Entry(&'a Entry),
    Nothing,
}

/// A file's content before and after an edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// The entry before the edit.
    pub(super) existing: Option<Value>,
    pub(super) old: String,
    pub(super) new: String,
}

/// Computes the edit of a file's content.
///
/// The new content is parsed again. If it differs from the old one in more than the entry, the edit
/// fails.
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
    if is_proven(before, after, section, wanted) {
        Ok(Change { existing, old: old.to_owned(), new: format!("{mark}{body}") })
    } else {
        Err(Problem::Unproven)
    }
}

/// Returns the first section that exists, else the last one.
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

/// Returns whether two values differ only in the entry, and the entry is as wanted.
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

/// Removes the entry from a value, and its section if that becomes empty.
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
