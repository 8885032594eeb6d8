//! Headings do not skip a level.

use super::{Built, Found, MeasureFile, Method, PATH, Params, Stop, Work, each_file};
use crate::checks::finding::listed;
use crate::checks::outline;

pub(super) static METHOD: Method = Method {
    name: "headings_in_order",
    description: "the first heading is the title, and no heading skips a level",
    params: &[PATH],
    metrics: &["headings", "skipped"],
    build,
};

fn build(params: &Params<'_>) -> Built {
    each_file(params, HeadingsInOrder)
}

#[derive(Debug)]
struct HeadingsInOrder;

impl MeasureFile for HeadingsInOrder {
    fn measure_file(&self, path: &str, work: &mut Work<'_>) -> Result<Found, Stop> {
        let headings = outline::read(path, work)?.headings;
        let before = std::iter::once(0).chain(headings.iter().map(|heading| heading.level));
        let skipped: Vec<String> = before
            .zip(&headings)
            .filter(|(before, heading)| heading.level > before + 1)
            .map(|(before, heading)| {
                format!("{before} to {} in line {}", heading.level, heading.line)
            })
            .collect();
        let found = if headings.is_empty() {
            Found::violated("has no heading")
        } else if skipped.is_empty() {
            Found::satisfied(format!("{} headings, none skips a level", headings.len()))
        } else {
            Found::violated(format!("skipped levels: {}", listed(&skipped, ", ")))
        };
        Ok(found.with("headings", headings.len()).with("skipped", skipped.len()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::checks::testing::{Dist, table};

    #[test]
    fn a_heading_that_skips_a_level_is_found_with_its_line() {
        let dist = Dist::of(&[
            ("good.md", "# a\n\n## b\n\n### c\n\n## d\n\n```\n#### no heading\n```\n"),
            ("bad.md", "# a\r\n\r\n### ü\r\n\r\n## c\r\n\r\n##### d\r\n"),
            ("untitled.md", "## no title\n"),
            ("empty.md", ""),
            ("setext.md", "a\n=\n\nb\n-\n"),
            ("bad.html", "<h1>a</h1>\n<h3>b</h3>"),
        ]);
        table(
            &dist,
            "headings_in_order",
            &[
                (json!({"path": "good.md"}), "+ 4 headings, none skips a level"),
                (json!({"path": "bad.md"}), "- skipped levels: 1 to 3 in line 3, 2 to 5 in line 7"),
                (json!({"path": "untitled.md"}), "- skipped levels: 0 to 2 in line 1"),
                (json!({"path": "empty.md"}), "- has no heading"),
                (json!({"path": "setext.md"}), "+ 2 headings, none skips a level"),
                (json!({"path": "bad.html"}), "- skipped levels: 1 to 3 in line 2"),
            ],
        );
    }
}
