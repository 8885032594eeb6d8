//! Measuring a report: what a Markdown parser sees of it, held against what it should be.

use std::ops::Range;
use std::path::Path;

use pulldown_cmark::{Event, Parser, Tag, TagEnd};

/// The sections that a report of an incident needs.
const SECTIONS: [&str; 5] = ["Summary", "Impact", "Timeline", "Root cause", "Follow-up actions"];
/// Words that a summary may have.
const SUMMARY_WORDS_MAX: usize = 80;

/// What was found about a constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) holds: bool,
    pub(super) details: String,
}

/// A report as a parser sees it.
#[derive(Debug, Default)]
pub(super) struct Outline {
    pub(super) headings: Vec<Heading>,
    /// Where its links lead, in their order.
    pub(super) links: Vec<String>,
}

/// A heading and what is below it, up to the next one.
#[derive(Debug)]
pub(super) struct Heading {
    pub(super) level: usize,
    pub(super) title: String,
    /// The line that it is on, from 1.
    line: usize,
    /// Where it is in the text.
    pub(super) place: Range<usize>,
    words: usize,
}

impl Outline {
    /// Reads a report.
    pub(super) fn of(text: &str) -> Self {
        let mut outline = Self::default();
        let mut in_heading = false;
        for (event, place) in Parser::new(text).into_offset_iter() {
            match event {
                Event::Start(Tag::Heading { level, .. }) => {
                    in_heading = true;
                    outline.begin(level as usize, text, place);
                }
                Event::End(TagEnd::Heading(_)) => in_heading = false,
                Event::Start(Tag::Link { dest_url, .. }) => outline.links.push(dest_url.into()),
                Event::Text(words) | Event::Code(words) => outline.add(&words, in_heading),
                _ => {}
            }
        }
        outline
    }

    fn begin(&mut self, level: usize, text: &str, place: Range<usize>) {
        let line = text[..place.start].matches('\n').count() + 1;
        self.headings.push(Heading { level, title: String::new(), line, place, words: 0 });
    }

    fn add(&mut self, words: &str, in_heading: bool) {
        let Some(heading) = self.headings.last_mut() else { return };
        match in_heading {
            true => heading.title.push_str(words),
            false => heading.words += words.split_whitespace().count(),
        }
    }

    /// Returns the place of a section: its heading, and where the next one begins.
    pub(super) fn section(&self, title: &str) -> Option<(&Heading, Option<&Heading>)> {
        let at = self.headings.iter().position(|heading| heading.title == title)?;
        Some((&self.headings[at], self.headings.get(at + 1)))
    }
}

/// The first heading is the title, and no other one is more than a level below the one before it.
pub(super) fn headings_in_order(outline: &Outline, _dist: &Path) -> Finding {
    let before = std::iter::once(0).chain(outline.headings.iter().map(|heading| heading.level));
    let skipped: Vec<String> = before
        .zip(&outline.headings)
        .filter(|(before, heading)| heading.level > before + 1)
        .map(|(before, heading)| {
            format!("{} to {} in line {}", before, heading.level, heading.line)
        })
        .collect();
    match skipped.is_empty() {
        true => holds(format!("{} headings, none skips a level", outline.headings.len())),
        false => violated(format!("skipped levels: {}", skipped.join(", "))),
    }
}

/// Every link to a file leads to a file.
pub(super) fn links_resolve(outline: &Outline, dist: &Path) -> Finding {
    let broken = broken_links(outline, dist);
    match broken.is_empty() {
        true => holds(format!("{} links, each resolves", outline.links.len())),
        false => violated(format!("leads nowhere: {}", broken.join(", "))),
    }
}

/// Returns the links that lead to no file. Those to other hosts are not followed.
pub(super) fn broken_links<'a>(outline: &'a Outline, dist: &Path) -> Vec<&'a str> {
    let to_files = outline.links.iter().filter(|link| !link.contains("://"));
    let file = |link: &str| dist.join(link.split('#').next().unwrap_or_default());
    to_files.map(String::as_str).filter(|link| !file(link).exists()).collect()
}

/// No section is missing.
pub(super) fn sections_present(outline: &Outline, _dist: &Path) -> Finding {
    let missing = SECTIONS.iter().filter(|section| outline.section(section).is_none());
    let missing: Vec<&str> = missing.copied().collect();
    match missing.is_empty() {
        true => holds(format!("all {} are there", SECTIONS.len())),
        false => violated(format!("missing: {}", missing.join(", "))),
    }
}

/// The summary is short.
pub(super) fn summary_short(outline: &Outline, _dist: &Path) -> Finding {
    match outline.section("Summary").map(|(summary, _)| summary.words) {
        None => violated("there is no summary".to_owned()),
        Some(words) if words > SUMMARY_WORDS_MAX => {
            violated(format!("{words} words, {SUMMARY_WORDS_MAX} at most"))
        }
        Some(words) => holds(format!("{words} words")),
    }
}

fn holds(details: String) -> Finding {
    Finding { holds: true, details }
}

fn violated(details: String) -> Finding {
    Finding { holds: false, details }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Measure = fn(&Outline, &Path) -> Finding;

    fn measured(measure: Measure, text: &str) -> Finding {
        let dist = tempfile::tempdir().unwrap();
        std::fs::File::create(dist.path().join("there.md")).unwrap();
        measure(&Outline::of(text), dist.path())
    }

    #[test]
    fn a_heading_that_skips_a_level_is_found_with_its_line() {
        let good = "# a\n\n## b\n\n### c\n\n## d\n\n```\n#### no heading\n```\n";
        assert_eq!(measured(headings_in_order, good).details, "4 headings, none skips a level");
        let bad = measured(headings_in_order, "# a\n\n### b\n\n## c\n\n##### d\n");
        assert!(!bad.holds);
        assert_eq!(bad.details, "skipped levels: 1 to 3 in line 3, 2 to 5 in line 7");
        assert!(!measured(headings_in_order, "## no title\n").holds);
    }

    #[test]
    fn a_link_to_no_file_is_found_however_it_is_written() {
        let good = "[a](there.md#part) [b](https://example.com/x) `[c](gone.md)`\n";
        assert!(measured(links_resolve, good).holds);
        let bad = measured(links_resolve, "[a](gone.md) and [b][1]\n\n[1]: lost.md\n");
        assert_eq!(bad, violated("leads nowhere: gone.md, lost.md".to_owned()));
    }

    #[test]
    fn a_missing_section_is_named() {
        let text = "# r\n\n## Summary\n\n## Impact\n\n## Root cause\n\nTimeline\n";
        let found = measured(sections_present, text);
        assert_eq!(found, violated("missing: Timeline, Follow-up actions".to_owned()));
    }

    #[test]
    fn the_words_of_the_summary_are_those_below_its_heading() {
        let words =
            |count: usize| format!("# r\n\n## Summary\n\n{}\n## Next\n", "word ".repeat(count));
        assert!(measured(summary_short, &words(SUMMARY_WORDS_MAX)).holds);
        assert!(!measured(summary_short, &words(SUMMARY_WORDS_MAX + 1)).holds);
        let marked = measured(summary_short, "## Summary\n\n*one* [two](x) `three`\nfour\n");
        assert_eq!(marked.details, "4 words");
        assert!(!measured(summary_short, "# r\n").holds);
    }
}
