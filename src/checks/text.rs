//! Texts: decoding bytes, line numbers and words.

/// Decodes bytes as text without a byte order mark, or returns the invalid place.
pub(super) fn decode(bytes: &[u8]) -> Result<&str, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let line = newlines(&bytes[..error.valid_up_to()]) + 1;
        format!("is not UTF-8, in line {line}")
    })
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

/// Counts words, which white space separates.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Words {
    pub(super) count: usize,
    within: bool,
}

impl Words {
    /// Adds a part of a text. A word may continue from the part before.
    pub(super) fn add(&mut self, text: &str) {
        for c in text.chars() {
            let within = !c.is_whitespace();
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
    }

    #[test]
    fn lines_are_counted_once() {
        let mut lines = Lines::of("a\r\nb\n\nc");
        assert_eq!([0, 3, 4, 6, 2, 99].map(|place| lines.line_at(place)), [1, 2, 2, 4, 4, 4]);
    }
}
