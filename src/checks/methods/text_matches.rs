//! A text says something.

use regex::Regex;

use super::{Built, Found, Kind, MeasureFile, Method, PATH, Param, Params, Stop, Work, each_file};
use crate::checks::search::{self, Matches};

pub(super) static METHOD: Method = Method {
    name: "text_matches",
    description: "the regular expression is found",
    params: PARAMS,
    metrics: &["matches"],
    build,
};

pub(super) const PARAMS: &[Param] = &[
    PATH,
    Param::required("pattern", Kind::Pattern, "the expression; ^ and $ are the ends of a line"),
    Param::optional("ignore_case", Kind::Flag, "whether large and small letters are the same"),
];

fn build(params: &Params<'_>) -> Built {
    each_file(params, TextMatches { regex: compiled(params)? })
}

/// Compiles the expression of the params.
pub(super) fn compiled(
    params: &Params<'_>,
) -> Result<Regex, Vec<crate::model::refusal::Violation>> {
    let pattern = params.text("pattern").unwrap_or_default();
    search::compile(pattern, params.flag("ignore_case"))
        .map_err(|message| params.wrong("pattern", message))
}

/// Returns the lines of matches in words.
pub(super) fn lines(found: &Matches) -> String {
    let lines: Vec<String> = found.lines.iter().map(usize::to_string).collect();
    let word = if lines.len() == 1 { "line" } else { "lines" };
    format!("{word} {}", lines.join(", "))
}

#[derive(Debug)]
struct TextMatches {
    regex: Regex,
}

impl MeasureFile for TextMatches {
    fn measure_file(&self, path: &str, work: &mut Work<'_>) -> Result<Found, Stop> {
        let text = work.text(path, search::SEARCHED_BYTES_MAX)?;
        let matches = search::matches(&self.regex, &text);
        let found = match matches.count {
            0 => Found::violated("does not match"),
            count => Found::satisfied(format!("{count} matches, first in {}", lines(&matches))),
        };
        Ok(found.with("matches", matches.count))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::checks::testing::{check_one, refused};

    #[test]
    fn a_pattern_is_found_line_by_line() {
        for (pattern, text, says) in [
            ("^Größe: \\d+$", "a\r\nGröße: 12\r\n", "+ 1 matches, first in line 2"),
            ("a", "a\nb\na", "+ 2 matches, first in lines 1, 3"),
            ("(?s)a.*b", "a\nb", "+ 1 matches, first in line 1"),
            ("x", "", "- does not match"),
            ("X", "x", "- does not match"),
        ] {
            let found = check_one(
                "text_matches",
                json!({"path": "f", "pattern": pattern}),
                text.as_bytes(),
            );
            assert_eq!(found, says, "{pattern}");
        }
        let any_case = json!({"path": "f", "pattern": "ÄX", "ignore_case": true});
        assert_eq!(
            check_one("text_matches", any_case, "äx".as_bytes()),
            "+ 1 matches, first in line 1"
        );
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for wrong in [json!("("), json!(""), json!(1), json!("(?=a)"), json!("x".repeat(2000))] {
            assert_eq!(
                refused("text_matches", &json!({"path": "f", "pattern": wrong})),
                ["pattern"]
            );
        }
    }
}
