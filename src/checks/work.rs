//! One run of a check: its files, and the evidence of what it read.

use std::collections::BTreeMap;
use std::io;

use super::pattern::PathPattern;
use super::{Context, Files, text};
use crate::model::{Digest, limits};

/// Why a check ends before it has measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The constraint does not hold, because a required file is missing or invalid.
    Violated(String),
    /// It is unknown whether the constraint holds.
    Unmeasured(String),
}

/// The files of one run of a check.
pub(super) struct Work<'a> {
    pub(super) context: &'a Context<'a>,
    files: &'a dyn Files,
    listing: BTreeMap<String, u64>,
    /// The files read so far.
    pub(super) evidence: BTreeMap<String, Digest>,
    bytes_read: u64,
}

/// How the evidence names all files together; no file has such a name.
const EVERYTHING: &str = "**";

/// Returns the evidence of a file that is too large to read: the digest of a text with its length,
/// which no content within the limit equals.
fn of_length(bytes: u64) -> Digest {
    Digest::of(format!("a file of {bytes} bytes that was not read").as_bytes())
}

impl<'a> Work<'a> {
    pub(super) fn begin(files: &'a dyn Files, context: &'a Context<'a>) -> Result<Self, Stop> {
        let listing = files.list().map_err(|error| unreadable("dist/", &error))?;
        let listing = listing.into_iter().map(|file| (file.path, file.bytes)).collect();
        Ok(Self { context, files, listing, evidence: BTreeMap::new(), bytes_read: 0 })
    }

    /// Returns the paths of the matching files, at least one.
    pub(super) fn matching(&self, pattern: &PathPattern) -> Result<Vec<String>, Stop> {
        let matching = |pattern: &PathPattern| -> Vec<String> {
            self.listing.keys().filter(|path| pattern.matches(path)).cloned().collect()
        };
        let mut paths = matching(pattern);
        // The work may have a folder dist/ of its own, so the literal path comes first.
        if let Some(below) = pattern.below_dist().filter(|_| paths.is_empty()) {
            paths = matching(&below);
        }
        let meant = pattern.as_str();
        match paths.len() {
            0 => Err(Stop::Violated(format!("there is no file {meant} in dist/"))),
            1..=limits::CHECKED_FILES_MAX => Ok(paths),
            many => Err(Stop::Unmeasured(format!(
                "{many} files are {meant}, and {} is the limit of one check",
                limits::CHECKED_FILES_MAX
            ))),
        }
    }

    /// Returns the size of a file, if there is one.
    pub(super) fn size(&self, path: &str) -> Option<u64> {
        self.listing.get(path).copied()
    }

    /// Returns a file below a folder, if there is one.
    pub(super) fn first_below(&self, folder: &str) -> Option<String> {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let mut from = self.listing.range(prefix.clone()..);
        from.next().map(|(path, _)| path).filter(|path| path.starts_with(&prefix)).cloned()
    }

    /// Adds a file of any size to the evidence.
    pub(super) fn look_at(&mut self, path: &str) -> Result<(), Stop> {
        match self.size(path) {
            _ if self.evidence.contains_key(path) => Ok(()),
            Some(bytes) if bytes > limits::CHECKED_FILE_BYTES_MAX => {
                self.evidence.insert(path.to_owned(), of_length(bytes));
                Ok(())
            }
            _ => self.bytes(path, limits::CHECKED_FILE_BYTES_MAX).map(drop),
        }
    }

    /// Reads a file of at most so many bytes.
    pub(super) fn bytes(&mut self, path: &str, bytes_max: u64) -> Result<Vec<u8>, Stop> {
        let gone = || Stop::Violated(format!("there is no file {path} in dist/"));
        let bytes = self.size(path).ok_or_else(gone)?;
        if bytes > bytes_max {
            return Err(too_large(bytes, bytes_max));
        }
        if self.evidence.len() >= limits::CHECKED_FILES_MAX && !self.evidence.contains_key(path) {
            let limit = limits::CHECKED_FILES_MAX;
            return Err(Stop::Unmeasured(format!("there are more than {limit} files to look at")));
        }
        if self.bytes_read + bytes > limits::CHECKED_BYTES_MAX {
            let limit = shown_bytes(limits::CHECKED_BYTES_MAX);
            return Err(Stop::Unmeasured(format!(
                "the files have more than {limit} in total: name fewer"
            )));
        }
        let content = self.files.read(path).map_err(|error| unreadable(path, &error))?;
        let content = content.ok_or_else(gone)?;
        let read = content.len() as u64;
        if read > bytes_max {
            return Err(too_large(read, bytes_max));
        }
        self.bytes_read += read;
        self.evidence.insert(path.to_owned(), Digest::of(&content));
        Ok(content)
    }

    /// Reads a file of at most so many bytes as text.
    pub(super) fn text(&mut self, path: &str, bytes_max: u64) -> Result<String, Stop> {
        let content = self.bytes(path, bytes_max)?;
        text::decode(&content).map(str::to_owned).map_err(Stop::Violated)
    }

    /// Adds every file to the evidence: each one, or all of them by one digest where it is known.
    pub(super) fn look_at_everything(&mut self) -> Result<(), Stop> {
        if let Some(digest) = self.files.everything() {
            self.evidence.insert(EVERYTHING.to_owned(), digest);
            return Ok(());
        }
        let paths: Vec<String> = self.listing.keys().cloned().collect();
        if paths.len() > limits::CHECKED_FILES_MAX {
            return Err(Stop::Unmeasured(format!("dist/ has {} files", paths.len())));
        }
        paths.iter().try_for_each(|path| self.look_at(path))
    }
}

/// Reports only the kind of an error: its text may contain paths outside the workspace.
fn unreadable(path: &str, error: &io::Error) -> Stop {
    Stop::Unmeasured(format!("{path} cannot be read: {}", error.kind()))
}

fn too_large(bytes: u64, bytes_max: u64) -> Stop {
    let (actual, limit) = (shown_bytes(bytes), shown_bytes(bytes_max));
    Stop::Unmeasured(format!("has {actual}; the limit for this check is {limit}"))
}

fn shown_bytes(bytes: u64) -> String {
    if bytes >= 1 << 20 {
        format!("{} MiB", bytes.div_ceil(1 << 20))
    } else {
        format!("{bytes} bytes")
    }
}
