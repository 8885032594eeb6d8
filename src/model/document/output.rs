//! Outputs: the files that a loop makes, in the `dist/` folder of its artifact or where the project
//! keeps them ([`crate::model::document::output_place`]).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::text::{NAMED_CHARACTERS_MAX, shortened};
use crate::model::{Digest, Refusal};

const LENGTH_MAX: usize = 240;
/// Folders below each other, the file included.
pub const DEPTH_MAX: usize = 32;
/// Folders above a file in `dist/`, itself included.
pub const DIST_DEPTH_MAX: usize = 8;
/// Characters that one system or another refuses in file names, or takes for something else.
const FORBIDDEN: [char; 9] = ['\\', ':', '*', '?', '"', '<', '>', '|', '\u{7f}'];

/// The path of an output below the folder of the work, with `/` between its parts, safe on every
/// system.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OutputPath(String);

/// A file as it is at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Where it is.
    pub path: OutputPath,
    /// Its length.
    pub bytes: u64,
    /// The digest of its content.
    pub digest: Digest,
    /// The digest of the content that it replaces, in a work where the project keeps it: other
    /// content is a person's, and stays. `None` for a file that was not there, and in `dist/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<Digest>,
}

impl OutputPath {
    /// Returns a path in `dist/`, or a refusal that names the rule that it breaks. A leading `dist/`
    /// is dropped, since that is how manifests and people write it.
    pub fn parse(given: &str) -> Result<Self, Refusal> {
        let path = given.strip_prefix(DIST).unwrap_or(given);
        let is_deep = path.split('/').count() > DIST_DEPTH_MAX;
        let parsed = if is_deep { Err(TOO_DEEP) } else { Self::new(path) };
        parsed.map_err(|rule| {
            refused(given, rule, "pass a path below dist/, such as report.md or previews/logo.png")
        })
    }

    /// Returns the path without a change, or the rule that it breaks.
    pub fn new(path: &str) -> Result<Self, &'static str> {
        match broken_rule(path) {
            None => Ok(Self(path.to_owned())),
            Some(rule) => Err(rule),
        }
    }

    /// Returns the path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

const TOO_DEEP: &str = "it must be at most 8 folders deep";

/// How people write the folder of an artifact's own outputs.
pub const DIST: &str = "dist/";

/// Returns the refusal of a path.
pub(super) fn refused(given: &str, rule: &str, hint: impl Into<String>) -> Refusal {
    let shown = shortened(given, NAMED_CHARACTERS_MAX);
    Refusal::argument(format!("{shown:?} cannot be the path of an output: {rule}"), hint)
}

fn broken_rule(path: &str) -> Option<&'static str> {
    if path.is_empty() || path.len() > LENGTH_MAX {
        return Some("it must have 1 to 240 bytes");
    }
    let parts: Vec<&str> = path.split('/').collect();
    if parts.len() > DEPTH_MAX {
        return Some("it must be at most 32 folders deep");
    }
    if path.chars().any(|c| c.is_control() || FORBIDDEN.contains(&c)) {
        return Some("it contains a character that some systems forbid");
    }
    parts.into_iter().find_map(broken_rule_of_part)
}

fn broken_rule_of_part(part: &str) -> Option<&'static str> {
    if part.is_empty() {
        return Some("it must be relative, with one slash between its parts");
    }
    if part == "." || part == ".." {
        return Some("it must stay below the folder of the work");
    }
    if part.ends_with('.') || part.ends_with(' ') || part.starts_with(' ') {
        return Some("no part may begin with a blank or end with a blank or a dot");
    }
    crate::model::name::is_reserved(&part.to_ascii_lowercase())
        .then_some("Windows reserves a part of it for a device")
}

impl fmt::Display for OutputPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for OutputPath {
    type Error = &'static str;
    fn try_from(given: String) -> Result<Self, Self::Error> {
        Self::new(&given)
    }
}

impl From<OutputPath> for String {
    fn from(path: OutputPath) -> Self {
        path.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_below_dist_on_every_system() {
        for good in ["report.md", "dist/report.md", "previews/a b.png", "größe/日本.svg", ".well"]
        {
            assert!(OutputPath::parse(good).is_ok(), "{good}");
        }
        let long = "a".repeat(241);
        let deep = ["a"; 9].join("/");
        for bad in [
            "",
            "/etc/passwd",
            "../x",
            "a/../b",
            "a//b",
            "a/",
            "./a",
            "a\\b",
            "C:x",
            "a\nb",
            "con",
            "a/NUL.txt",
            "a.",
            "a /b",
            "dist/",
            &long,
            &deep,
        ] {
            assert!(OutputPath::parse(bad).is_err(), "{bad}");
        }
    }
}
