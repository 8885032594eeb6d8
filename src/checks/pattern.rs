//! The files of a check: a path, or a glob for several.

use globset::{GlobBuilder, GlobMatcher};

/// A path within `dist/`, or a glob such as `*.svg` or `**/*.md`.
#[derive(Clone, Debug)]
pub(super) struct PathPattern {
    text: String,
    /// Compiled if the text has special characters of a glob.
    glob: Option<GlobMatcher>,
}

impl PathPattern {
    /// Parses a path or a glob, or returns the problem.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        const CHARACTERS_MAX: usize = 400;
        let text = text.strip_prefix("./").unwrap_or(text);
        let wrong = match text {
            "" => Some("is empty"),
            _ if text.chars().count() > CHARACTERS_MAX => Some("has more than 400 characters"),
            _ if text.starts_with('/') => Some("begins with /"),
            _ if text.contains('\\') => Some("has a \\: write / between folders"),
            _ if text.split('/').any(|part| part == "..") => Some("leads out of dist/"),
            _ => None,
        };
        if let Some(wrong) = wrong {
            return Err(format!("the path {wrong}; it is relative to dist/, such as \"*.svg\""));
        }
        let glob = if text.contains(['*', '?', '[', '{']) { Some(compile(text)?) } else { None };
        Ok(Self { text: text.to_owned(), glob })
    }

    /// Returns whether a file matches. A file whose name is the text itself always does.
    pub(super) fn matches(&self, path: &str) -> bool {
        self.text == path || self.glob.as_ref().is_some_and(|glob| glob.is_match(path))
    }

    /// Returns the same without a leading `dist/`, as people write paths within `dist/`.
    pub(super) fn below_dist(&self) -> Option<Self> {
        self.text.strip_prefix("dist/").and_then(|below| Self::parse(below).ok())
    }

    /// Returns whether several files may match.
    pub(super) fn is_glob(&self) -> bool {
        self.glob.is_some()
    }

    /// Returns the text of the pattern.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }
}

fn compile(text: &str) -> Result<GlobMatcher, String> {
    let glob = GlobBuilder::new(text).literal_separator(true).build();
    glob.map(|glob| glob.compile_matcher()).map_err(|error| format!("not a glob: {}", error.kind()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stays_within_a_folder_and_two_do_not() {
        for (pattern, path, matches) in [
            ("report.md", "report.md", true),
            ("./report.md", "report.md", true),
            ("report.md", "a/report.md", false),
            ("*.svg", "logo.svg", true),
            ("*.svg", "a/logo.svg", false),
            ("**/*.svg", "a/b/logo.svg", true),
            ("**/*.svg", "logo.svg", true),
            ("{a,b}.md", "b.md", true),
            ("[id].tsx", "[id].tsx", true),
            ("kapitel-*.md", "kapitel-ü.md", true),
        ] {
            let parsed = PathPattern::parse(pattern).unwrap();
            assert_eq!(parsed.matches(path), matches, "{pattern} {path}");
        }
    }

    #[test]
    fn what_leads_out_or_is_no_glob_is_refused() {
        for wrong in
            ["", "/etc/passwd", "../x", "a/../../x", "a\\b", "{a", "[z-a]", &"x".repeat(401)]
        {
            assert!(PathPattern::parse(wrong).is_err(), "{wrong}");
        }
    }
}
