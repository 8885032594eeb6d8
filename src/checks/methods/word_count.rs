//! A text, or a section of it, is as long as it should be.

use super::{
    Bounds, Built, Found, Kind, MeasureFile, Method, PATH, Param, Params, Stop, Work, each_file,
};
use crate::checks::outline;
use crate::model::text::named;

pub(super) static METHOD: Method = Method {
    name: "word_count",
    description: "the text, or what is below one heading, has at least `min` and at most `max` words",
    params: &[
        PATH,
        Param::optional(
            "section",
            Kind::Text,
            "the heading of the section whose words are counted",
        ),
        Param::optional("min", Kind::Whole, "the least number of words"),
        Param::optional("max", Kind::Whole, "the greatest number of words"),
    ],
    metrics: &["words"],
    build,
};

fn build(params: &Params<'_>) -> Built {
    let section = params.text("section").map(|section| section.trim().to_owned());
    each_file(params, WordCount { section, bounds: params.needed_bounds()? })
}

#[derive(Debug)]
struct WordCount {
    section: Option<String>,
    bounds: Bounds,
}

impl MeasureFile for WordCount {
    fn measure_file(&self, path: &str, work: &mut Work<'_>) -> Result<Found, Stop> {
        let outline = outline::read(path, work)?;
        let words = match &self.section {
            None => outline.words(),
            Some(section) => outline
                .words_below(section)
                .ok_or_else(|| Stop::Violated(format!("there is no section {}", named(section))))?,
        };
        let found = match self.bounds.broken_by(words as u64) {
            Some(bound) => Found::violated(format!("{words} words, {bound}")),
            None => Found::satisfied(format!("{words} words")),
        };
        Ok(found.with("words", words))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::checks::testing::{Dist, check, refused, table};

    #[test]
    fn the_words_of_a_section_are_those_below_its_heading() {
        let eighty = format!("# r\n\n## Summary\n\n{}\n## Next\n\nmore", "word ".repeat(80));
        let dist = Dist::of(&[
            ("r.md", &eighty),
            ("marked.md", "## Summary\r\n\r\n*one* [two](x) `three`\r\nfour\r\n"),
            ("unicode.md", "größer – не 世界\n"),
            ("empty.md", ""),
        ]);
        let summary =
            |path: &str, max: u64| json!({"path": path, "section": "Summary", "max": max});
        table(
            &dist,
            "word_count",
            &[
                (summary("r.md", 80), "+ 80 words"),
                (summary("r.md", 79), "- 80 words, 79 at most"),
                (summary("marked.md", 9), "+ 4 words"),
                (summary("empty.md", 9), "- there is no section Summary"),
                (json!({"path": "r.md", "min": 85}), "- 84 words, 85 at least"),
                (json!({"path": "unicode.md", "min": 4, "max": 4}), "+ 4 words"),
                (json!({"path": "empty.md", "min": 1}), "- 0 words, 1 at least"),
            ],
        );
    }

    #[test]
    fn a_target_may_stand_for_the_bounds() {
        let dist = Dist::of(&[("a.md", "one two"), ("b.md", "one two three")]);
        let target = json!({"metric": "words", "operator": "at_most", "value": 2});
        let finding = check("word_count", &json!({"path": "*.md"}), Some(&target), &dist);
        assert_eq!(finding.details, "b.md: 3 words; words is 3, and the target is words at most 2");
        assert_eq!(finding.measured, json!({"files": 2, "words": {"min": 2, "max": 3}}));
        assert_eq!(refused("word_count", &json!({"path": "a.md"})), ["max"]);
    }
}
