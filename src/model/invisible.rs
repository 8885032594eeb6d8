//! Characters that a reader does not see. A text of nothing else is blank, however many bytes it has.

use std::borrow::Cow;

/// Returns whether a character has no width: a control other than white space, or one that Unicode
/// calls ignorable, such as a zero-width space or a soft hyphen.
pub fn is_zero_width(character: char) -> bool {
    match character {
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{fff0}'..='\u{fff8}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}' => true,
        other => other.is_control() && !other.is_whitespace(),
    }
}

/// Returns whether a character looks like a space: white space, or a letter or pattern without ink.
pub fn is_space(character: char) -> bool {
    let without_ink =
        matches!(character, '\u{115f}' | '\u{1160}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}');
    without_ink || character.is_whitespace()
}

/// Returns whether a text shows nothing.
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|character| is_space(character) || is_zero_width(character))
}

/// Returns whether a file shows nothing. Bytes that are no text are content.
pub fn is_blank_file(content: &[u8]) -> bool {
    std::str::from_utf8(content).is_ok_and(is_blank)
}

/// Returns a text as a reader sees it: without characters that have no width.
pub fn seen(text: &str) -> Cow<'_, str> {
    if text.contains(is_zero_width) {
        Cow::Owned(text.replace(is_zero_width, ""))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_without_ink_is_blank() {
        for blank in
            ["", " \r\n\t\u{a0}", "\u{feff}\u{200b}", "\0\0", "\u{2800}\u{3164}", "\u{ad}\u{e0041}"]
        {
            assert!(is_blank(blank) && is_blank_file(blank.as_bytes()), "{blank:?}");
        }
        for shown in ["x", "–", "\u{200b}.", "世", "\u{1f600}"] {
            assert!(!is_blank(shown) && !is_blank_file(shown.as_bytes()), "{shown:?}");
        }
        assert!(!is_blank_file(b"\xff"));
    }

    #[test]
    fn a_word_is_seen_without_what_splits_it() {
        assert_eq!(seen("T\u{200b}B\u{2060}D\0\n"), "TBD\n");
        assert!(matches!(seen("größe 世界\r\n"), Cow::Borrowed(_)));
    }
}
