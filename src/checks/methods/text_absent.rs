//! A text does not say something.

use std::borrow::Cow;

use regex::Regex;

use super::text_matches::{PARAMS, compiled, lines};
use super::{Built, Found, MeasureFile, Method, Params, Stop, Work, each_file};
use crate::checks::search;
use crate::model::invisible::seen;

pub(super) static METHOD: Method = Method {
    name: "text_absent",
    description: "the regular expression is not found",
    params: PARAMS,
    metrics: &["matches"],
    build,
};

fn build(params: &Params<'_>) -> Built {
    each_file(params, TextAbsent { regex: compiled(params)? })
}

#[derive(Debug)]
struct TextAbsent {
    regex: Regex,
}

impl MeasureFile for TextAbsent {
    fn measure_file(&self, path: &str, work: &mut Work<'_>) -> Result<Found, Stop> {
        let text = work.text(path, search::SEARCHED_BYTES_MAX)?;
        let matches = search::matches(&self.regex, &text);
        // An invisible character within a word hides it from a search, and from no reader.
        let matches = match seen(&text) {
            Cow::Owned(seen) if matches.count == 0 => search::matches(&self.regex, &seen),
            _ => matches,
        };
        let found = match matches.count {
            0 => Found::satisfied("does not match"),
            count => Found::violated(format!("{count} matches, first in {}", lines(&matches))),
        };
        Ok(found.with("matches", matches.count))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::checks::testing::{Dist, table};

    #[test]
    fn what_must_not_be_there_is_found_with_its_lines() {
        let dist =
            Dist::of(&[("good.md", "done"), ("bad.md", "TBD\r\nx\r\nTBD"), ("empty.md", "")]);
        let hidden = Dist::of(&[("a.md", "x\nT\u{200b}BD")]);
        let todo = |path: &str| json!({"path": path, "pattern": r"\bTBD\b"});
        table(&hidden, "text_absent", &[(todo("a.md"), "- 1 matches, first in line 2")]);
        table(
            &dist,
            "text_absent",
            &[
                (todo("good.md"), "+ does not match"),
                (todo("bad.md"), "- 2 matches, first in lines 1, 3"),
                (todo("empty.md"), "+ does not match"),
                (todo("gone.md"), "- there is no file gone.md in dist/"),
            ],
        );
    }
}
