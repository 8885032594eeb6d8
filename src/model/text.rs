//! Texts of callers, cut to a length that what repeats them can bear.

use super::visible::is_obeyed;

/// Returns the beginning of a text, with an ellipsis where it was cut.
pub fn shortened(text: &str, characters_max: usize) -> String {
    match text.char_indices().nth(characters_max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Returns the beginning of a text that has more than so many bytes, with an ellipsis where it was cut.
pub fn cut(text: &str, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let ends = text.char_indices().map(|(end, _)| end);
    let end = ends.take_while(|end| *end <= bytes_max).last().unwrap_or(0);
    format!("{}…", &text[..end])
}

/// Returns the beginning of a text on one line, so that it can neither forge headings of what it
/// becomes a part of nor fill it.
pub fn one_line(text: &str, characters_max: usize) -> String {
    line_of(text.chars(), characters_max)
}

/// Returns the beginning of a text for display to a person: on one line, without control characters
/// of a terminal and without characters that change the reading direction. The text comes from a
/// model, which may try to influence a decision.
pub fn plain(text: &str, characters_max: usize) -> String {
    let is_unseen = |c: char| is_obeyed(c) || matches!(c, '\u{200b}'..='\u{200f}');
    let shown = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let shown = shown.filter(|c| !is_unseen(*c));
    line_of(shown, characters_max)
}

/// Characters of a name in a message that repeats it.
pub const NAMED_CHARACTERS_MAX: usize = 80;

/// Returns the beginning of a name that a caller or a file gave, for a message that repeats it.
pub fn named(text: &str) -> String {
    plain(text, NAMED_CHARACTERS_MAX)
}

/// Joins the words, up to a length. What comes after it is not read.
fn line_of(characters: impl Iterator<Item = char>, characters_max: usize) -> String {
    let mut line = String::new();
    let (mut room, mut is_between_words) = (characters_max, false);
    for character in characters {
        if character.is_whitespace() {
            is_between_words = !line.is_empty();
            continue;
        }
        let blank = is_between_words.then_some(' ');
        is_between_words = false;
        for shown in blank.into_iter().chain([character]) {
            if room == 0 {
                return line + "…";
            }
            line.push(shown);
            room -= 1;
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters_and_says_so() {
        assert_eq!(cut("äöü", 6), "äöü");
        assert_eq!(cut("äöü", 5), "äö…");
        assert_eq!(cut("äöü", 1), "…");
        assert_eq!(shortened("größe", 5), "größe");
        assert_eq!(shortened("größe", 4), "größ…");
        assert_eq!(one_line(" a\n## b\t c ", 80), "a ## b c");
        assert_eq!(one_line(&"ö ".repeat(100), 3), "ö ö…");
        assert_eq!(one_line(&"wort ".repeat(1000), 9), "wort wort…");
        assert_eq!(one_line("wort wort  ", 9), "wort wort");
    }

    #[test]
    fn a_long_text_is_cut_and_stays_on_one_line() {
        assert_eq!(one_line("a\n# b", 10), "a # b");
        assert_eq!(one_line("äöüß", 2), "äö…");
        assert!(one_line(&"x".repeat(1 << 20), 200).len() < 300);
        assert!(one_line(&"x ".repeat(1 << 20), 200).len() < 300);
    }

    #[test]
    fn what_a_model_wrote_neither_steers_the_terminal_nor_makes_lines_of_its_own() {
        let text = "fine\u{1b}[2K\r\nDecision: approved\u{202e}txt.exe\u{200b}";
        assert_eq!(plain(text, 600), "fine [2K Decision: approvedtxt.exe");
        assert_eq!(plain(&"x".repeat(5000), 600).chars().count(), 601);
        assert_eq!(named("a\r\nb\u{1b}c"), "a b c");
        assert_eq!(named(&"ü".repeat(80)), "ü".repeat(80));
        assert_eq!(named(&"ü".repeat(81)), format!("{}…", "ü".repeat(80)));
    }
}
