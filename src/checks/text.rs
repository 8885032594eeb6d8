//! Texts: decoding bytes, line numbers, comments and words.

use crate::model::invisible::{is_blank, is_blank_file, is_space, is_zero_width};

/// Decodes bytes as text without a byte order mark, or returns the invalid place.
pub(super) fn decode(bytes: &[u8]) -> Result<&str, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let line = newlines(&bytes[..error.valid_up_to()]) + 1;
        format!("is not UTF-8, in line {line}")
    })
}

/// Returns whether a file shows nothing: it is blank, or markup of comments alone.
pub(super) fn shows_nothing(path: &str, content: &[u8]) -> bool {
    let text = || decode(content).ok().filter(|_| is_markup(path));
    is_blank_file(content) || text().is_some_and(|text| is_blank(&without_comments(text)))
}

/// Returns whether a file by its name has comments between `<!--` and `-->`.
fn is_markup(path: &str) -> bool {
    const EXTENSIONS: [&str; 7] = ["md", "markdown", "html", "htm", "xhtml", "svg", "xml"];
    let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
    EXTENSIONS.iter().any(|one| extension.eq_ignore_ascii_case(one))
}

/// Returns markup without its comments. A comment without an end is kept.
fn without_comments(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some((before, comment)) = rest.split_once("<!--") {
        let Some((_, after)) = comment.split_once("-->") else { break };
        kept.push_str(before);
        rest = after;
    }
    kept + rest
}

fn newlines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

/// Line numbers of offsets in ascending order.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self { text, at: 0, line: 1 }
    }

    /// Returns the line of an offset, from 1. An offset before the previous one counts as the
    /// previous one.
    pub(super) fn line_at(&mut self, place: usize) -> usize {
        if let Some(between) = self.text.as_bytes().get(self.at..place) {
            self.line += newlines(between);
            self.at = place;
        }
        self.line
    }
}

/// Counts words, which what looks like a space separates. A word has a character that is seen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Words {
    pub(super) count: usize,
    within: bool,
}

impl Words {
    /// Adds a part of a text. A word may continue from the part before.
    pub(super) fn add(&mut self, text: &str) {
        for c in text.chars().filter(|c| !is_zero_width(*c)) {
            let within = !is_space(c);
            self.count += usize::from(within && !self.within);
            self.within = within;
        }
    }

    /// Ends the word, if one is open.
    pub(super) fn end(&mut self) {
        self.within = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_named_by_its_line() {
        assert_eq!(decode(b"\xef\xbb\xbfa"), Ok("a"));
        assert_eq!(decode(b""), Ok(""));
        assert_eq!(decode(b"a\n\xff").unwrap_err(), "is not UTF-8, in line 2");
    }

    #[test]
    fn a_word_that_comes_in_parts_is_one() {
        let mut words = Words::default();
        for part in ["Grö", "ße ", "  und", "\u{a0}mehr\r\n"] {
            words.add(part);
        }
        words.add("end");
        words.end();
        words.add("new");
        assert_eq!(words.count, 5);
        words.add(" \u{200b} \u{feff} a\u{200b}b c\u{2800}d");
        assert_eq!(words.count, 8);
    }

    #[test]
    fn comments_alone_show_nothing() {
        for (path, content, nothing) in [
            ("a.md", "<!-- a --> \n<!--b-->", true),
            ("a.HTML", "<!-- a -->x", false),
            ("a.svg", "<!-- a", false),
            ("a.txt", "<!-- a -->", false),
            ("a.txt", "\u{feff}\u{200b}", true),
        ] {
            assert_eq!(shows_nothing(path, content.as_bytes()), nothing, "{content}");
        }
    }

    #[test]
    fn lines_are_counted_once() {
        let mut lines = Lines::of("a\r\nb\n\nc");
        assert_eq!([0, 3, 4, 6, 2, 99].map(|place| lines.line_at(place)), [1, 2, 2, 4, 4, 4]);
    }
}
