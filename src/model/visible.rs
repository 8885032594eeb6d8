//! Characters that a terminal obeys instead of showing them, made visible.
//!
//! A control sequence in a state could clear the screen, set the clipboard or hide what a person is
//! asked to approve. A change of direction (U+202A to U+202E, U+2066 to U+2069) shows a text in another
//! order than the one in which programs read it.

use std::borrow::Cow;
use std::fmt::Write as _;

/// How such a character is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// In text: `\u{202e}`.
    Text,
    /// In JSON, where it can only be in a string, and means the same: `\u202e`.
    Json,
}

/// Returns whether a character controls a terminal: a control other than newline and tab, or a
/// change of direction.
pub fn is_obeyed(character: char) -> bool {
    match character {
        '\n' | '\t' => false,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        other => other.is_control(),
    }
}

/// Returns the bytes with each such character, and each byte that is not UTF-8, as one can see it.
/// Bytes that are not UTF-8 become `\x9b`: some terminals obey single ones.
pub fn bytes(bytes: &[u8], form: Form) -> Cow<'_, [u8]> {
    let is_plain = std::str::from_utf8(bytes).is_ok_and(|text| !text.contains(is_obeyed));
    if is_plain {
        return Cow::Borrowed(bytes);
    }
    let mut visible = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        chunk.valid().chars().for_each(|character| push(&mut visible, character, form));
        for byte in chunk.invalid() {
            write!(visible, "\\x{byte:02x}").expect("a string takes any text");
        }
    }
    Cow::Owned(visible.into_bytes())
}

/// Returns the text with each such character as one can see it.
pub fn text(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    text.chars().for_each(|character| push(&mut visible, character, Form::Text));
    visible
}

fn push(visible: &mut String, character: char, form: Form) {
    let code = u32::from(character);
    let written = match form {
        _ if !is_obeyed(character) => return visible.push(character),
        Form::Text => write!(visible, "\\u{{{code:x}}}"),
        Form::Json => write!(visible, "\\u{code:04x}"),
    };
    written.expect("a string takes any text");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_that_is_obeyed_is_seen_and_no_other_changes() {
        for code in 0..=0x0010_FFFF {
            let Some(character) = char::from_u32(code) else { continue };
            let expected = match code {
                0x09 | 0x0A => None,
                0..=0x1F | 0x7F..=0x9F | 0x202A..=0x202E | 0x2066..=0x2069 => Some(code),
                _ => None,
            };
            let expected = expected.map(|code| format!("\\u{{{code:x}}}"));
            assert_eq!(text(&character.to_string()), expected.unwrap_or(character.into()));
        }
    }

    #[test]
    fn what_is_made_visible_in_json_still_says_the_same() {
        let hostile: String = "a\u{7f}\u{9b}\u{202e}\u{2069}\u{1b}ä".into();
        let json = serde_json::to_vec(&hostile).unwrap();
        let visible = bytes(&json, Form::Json);
        assert!(!std::str::from_utf8(&visible).unwrap().contains(is_obeyed));
        assert_eq!(serde_json::from_slice::<String>(&visible).unwrap(), hostile);
    }

    #[test]
    fn bytes_that_are_no_text_are_seen_too() {
        assert_eq!(&*bytes(b"a\x9b31m\xff\n\tb\r", Form::Text), b"a\\x9b31m\\xff\n\tb\\u{d}");
        assert!(matches!(bytes("plain ä\n".as_bytes(), Form::Text), Cow::Borrowed(_)));
    }
}
