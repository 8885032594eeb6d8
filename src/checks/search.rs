//! Regular expressions with bounded cost.

use regex::{Regex, RegexBuilder};

use crate::model::invisible::is_zero_width;

/// Characters of a regular expression.
const PATTERN_CHARACTERS_MAX: usize = 1000;
/// Bytes of a compiled regular expression. Time grows with it and with the text.
pub(super) const COMPILED_BYTES_MAX: usize = 256 << 10;
/// The limit of counted matches. Each may scan the rest of the text again.
const MATCHES_MAX: usize = 500;
/// Bytes of a text that is searched.
pub(super) const SEARCHED_BYTES_MAX: u64 = 1 << 20;

/// Compiles a regular expression, in which `^` and `$` are the ends of a line, or returns the
/// problem.
pub(super) fn compile(pattern: &str, ignore_case: bool) -> Result<Regex, String> {
    if pattern.chars().count() > PATTERN_CHARACTERS_MAX {
        return Err(format!("has more than {PATTERN_CHARACTERS_MAX} characters"));
    }
    RegexBuilder::new(pattern)
        .case_insensitive(ignore_case)
        .multi_line(true)
        .crlf(true)
        .size_limit(COMPILED_BYTES_MAX)
        .nest_limit(50)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => {
                "is too large when compiled: repeat less, or write [a-z] for \\w".to_owned()
            }
            other => last_line(&other.to_string()),
        })
}

/// Returns the last line of the crate's message, which has the problem; the others draw an arrow.
fn last_line(message: &str) -> String {
    let last = message.lines().last().unwrap_or_default();
    let reason = last.strip_prefix("error: ").unwrap_or(last);
    format!("is not a supported regular expression (no look-around): {reason}")
}

/// The matches of a regular expression.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Matches {
    /// Their number, at most [`MATCHES_MAX`].
    pub(super) count: usize,
    /// The lines of the first matches, each once.
    pub(super) lines: Vec<usize>,
}

/// Finds a regular expression in a text. Characters that no reader sees are no match by themselves.
pub(super) fn matches(regex: &Regex, text: &str) -> Matches {
    const LINES_MAX: usize = 5;
    let mut lines = super::text::Lines::of(text);
    let mut found = Matches { count: 0, lines: Vec::new() };
    let unseen = |one: &str| !one.is_empty() && one.chars().all(is_zero_width);
    let seen = regex.find_iter(text).take(MATCHES_MAX).filter(|one| !unseen(one.as_str()));
    for one in seen {
        found.count += 1;
        if found.lines.len() < LINES_MAX {
            found.lines.push(lines.line_at(one.start()));
            found.lines.dedup();
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_are_counted_with_the_lines_of_the_first() {
        let found = |pattern, text| {
            let Matches { count, lines } = matches(&compile(pattern, false).unwrap(), text);
            (count, lines)
        };
        assert_eq!(found("^b$", "a\r\nb\r\nc\r\nb"), (2, vec![2, 4]));
        assert_eq!(found("ü", "üü\nx\nü"), (3, vec![1, 3]));
        assert_eq!(found("x", ""), (0, vec![]));
        assert_eq!(found(r"\S", "\u{200b}\0\n"), (0, vec![]));
        assert_eq!(found("x", &"x".repeat(2000)), (500, vec![1]));
    }

    #[test]
    fn what_would_cost_too_much_is_refused() {
        for wrong in
            ["(", "a{1000}{1000}", "(?=a)", &"x".repeat(1001), &"(".repeat(500), r"\w{500}"]
        {
            assert!(compile(wrong, false).is_err(), "{wrong}");
        }
        for good in [r"\b\w+@\w+\.\w+\b", r"\s+\p{Greek}", r"\bTBD\b", "a{100}"] {
            assert!(compile(good, true).is_ok(), "{good}");
        }
    }

    /// Goal: the costliest searches that are let through end soon. The first looks at the whole rest
    /// of the text for each match; the second has many states at each place.
    #[test]
    fn a_hostile_expression_ends() {
        let letters = "A".repeat(1 << 16);
        let regex = compile(".*[^A-Z]|[A-Z]", false).unwrap();
        assert_eq!(matches(&regex, &letters).count, MATCHES_MAX);
        let digits = "0110100110010110".repeat(1 << 9);
        assert_eq!(
            matches(&compile("(?:[01]{1,40}){1,40}[01x]", false).unwrap(), &digits).count,
            6
        );
        assert!(compile("(?:[01]{1,60}){1,60}x", false).is_err());
    }
}
