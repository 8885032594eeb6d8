//! The report that is refined, and the edits that mend it.

use std::io;
use std::path::{Path, PathBuf};

use super::measure::{self, Outline};

/// The report as it comes in, with its defects.
const DRAFT: &str = include_str!("report.md");
/// A file that the report means to link to.
const RUNBOOK: (&str, &str) = ("runbooks/failover.md", include_str!("failover.md"));
/// What the report calls it.
const RUNBOOK_MISSPELLED: &str = "runbook/failover.md";
/// A file that a section links to before it is there.
const ACTIONS: (&str, &str) = ("actions.md", include_str!("actions.md"));
const FOLLOW_UP: &str = include_str!("follow-up.md");
const SHORT_SUMMARY: &str = include_str!("summary.md");
/// The section that the missing one belongs before.
const AFTER_FOLLOW_UP: &str = "What went well";

/// The name of the report's file.
pub(super) const REPORT: &str = "report.md";

/// The folder in which the work is.
#[derive(Clone, Debug)]
pub(super) struct Dist(PathBuf);

/// What an edit did.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) file: &'static str,
    pub(super) action: String,
}

impl Dist {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Puts the draft there, and what lies beside it.
    pub(super) fn fill(&self) -> io::Result<()> {
        self.write(RUNBOOK.0, RUNBOOK.1)?;
        self.write(REPORT, DRAFT)
    }

    /// Returns the report as it is now.
    pub(super) fn report(&self) -> io::Result<String> {
        std::fs::read_to_string(self.0.join(REPORT))
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the work is an agent's, and no server's, to write"
    )]
    fn write(&self, file: &str, text: &str) -> io::Result<()> {
        let path = self.0.join(file);
        std::fs::create_dir_all(path.parent().unwrap_or(&self.0))?;
        std::fs::write(path, text)
    }

    /// Puts every heading a level below the one that it belongs to.
    pub(super) fn order_headings(&self) -> io::Result<Vec<Edit>> {
        let text = self.report()?;
        let (ordered, changed) = with_headings_in_order(&text);
        self.write(REPORT, &ordered)?;
        Ok(vec![Edit { file: REPORT, action: format!("put {changed} headings on their level") }])
    }

    /// Corrects links to what is somewhere else, and writes what is nowhere.
    pub(super) fn mend_links(&self) -> io::Result<Vec<Edit>> {
        let text = self.report()?;
        let outline = Outline::of(&text);
        let mut edits = Vec::new();
        for link in measure::broken_links(&outline, &self.0) {
            if link == RUNBOOK_MISSPELLED {
                self.write(REPORT, &text.replace(link, RUNBOOK.0))?;
                edits.push(Edit { file: REPORT, action: format!("linked to {}", RUNBOOK.0) });
            } else if link == ACTIONS.0 {
                self.write(ACTIONS.0, ACTIONS.1)?;
                edits.push(Edit { file: ACTIONS.0, action: format!("wrote {}", ACTIONS.0) });
            }
        }
        Ok(edits)
    }

    /// Adds the section that is missing.
    pub(super) fn add_follow_up(&self) -> io::Result<Vec<Edit>> {
        self.write(REPORT, &with_follow_up(&self.report()?))?;
        Ok(vec![Edit { file: REPORT, action: "added the section Follow-up actions".into() }])
    }

    /// Says the same in fewer words.
    pub(super) fn shorten_summary(&self) -> io::Result<Vec<Edit>> {
        self.write(REPORT, &with_short_summary(&self.report()?))?;
        Ok(vec![Edit { file: REPORT, action: "rewrote the summary".into() }])
    }
}

/// Returns the text with its headings on the level of their depth, and how many had another one.
fn with_headings_in_order(text: &str) -> (String, usize) {
    let outline = Outline::of(text);
    let mut ordered = text.to_owned();
    let mut above: Vec<usize> = Vec::new();
    let mut changes = Vec::new();
    for heading in &outline.headings {
        above.retain(|level| *level < heading.level);
        above.push(heading.level);
        let is_marked = text[heading.place.clone()].starts_with('#');
        if is_marked && above.len() != heading.level {
            let start = heading.place.start;
            changes.push((start..start + heading.level, "#".repeat(above.len())));
        }
    }
    // From the end, so that no change moves the place of the next one.
    for (place, marks) in changes.iter().rev() {
        ordered.replace_range(place.clone(), marks);
    }
    (ordered, changes.len())
}

/// Returns the text with the missing section in its place, once.
fn with_follow_up(text: &str) -> String {
    let outline = Outline::of(text);
    if outline.section("Follow-up actions").is_some() {
        return text.to_owned();
    }
    let next = outline.section(AFTER_FOLLOW_UP).map(|(heading, _)| heading.place.start);
    let (before, after) = text.split_at(next.unwrap_or(text.len()));
    format!("{before}{FOLLOW_UP}\n{after}")
}

fn with_short_summary(text: &str) -> String {
    let outline = Outline::of(text);
    let Some((summary, next)) = outline.section("Summary") else { return text.to_owned() };
    let end = next.map_or(text.len(), |next| next.place.start);
    format!("{}\n{SHORT_SUMMARY}\n{}", &text[..summary.place.end], &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::demo::constraints::CONSTRAINTS;

    fn draft() -> (tempfile::TempDir, Dist) {
        let folder = tempfile::tempdir().unwrap();
        let dist = Dist::new(folder.path().join("dist"));
        dist.fill().unwrap();
        (folder, dist)
    }

    fn violated(dist: &Dist) -> Vec<&'static str> {
        let outline = Outline::of(&dist.report().unwrap());
        let violated = CONSTRAINTS.iter().filter(|one| !(one.measure)(&outline, dist.path()).holds);
        violated.map(|one| one.id).collect()
    }

    #[test]
    fn the_draft_violates_every_constraint() {
        let (_folder, dist) = draft();
        assert_eq!(violated(&dist).len(), CONSTRAINTS.len());
    }

    #[test]
    fn the_mended_report_violates_none_and_mending_it_again_changes_nothing() {
        let (_folder, dist) = draft();
        let mut texts = Vec::new();
        for _ in 0..3 {
            for constraint in &CONSTRAINTS {
                (constraint.mend)(&dist).unwrap();
            }
            texts.push(dist.report().unwrap());
        }
        assert_eq!(violated(&dist), Vec::<&str>::new());
        assert_eq!(texts[1], texts[2]);
    }

    #[test]
    fn the_section_that_is_added_breaks_a_link_until_its_file_is_written() {
        let (_folder, dist) = draft();
        dist.mend_links().unwrap();
        assert!(!violated(&dist).contains(&"links-resolve"));
        dist.add_follow_up().unwrap();
        assert!(violated(&dist).contains(&"links-resolve"));
        assert_eq!(dist.mend_links().unwrap()[0].file, "actions.md");
        assert!(!violated(&dist).contains(&"links-resolve"));
    }

    #[test]
    fn siblings_stay_siblings_when_headings_are_put_in_order() {
        let text = "# a\n\n### b\n\n##### c\n\n##### d\n\n### e\n\n## f\n";
        let (ordered, changed) = with_headings_in_order(text);
        assert_eq!(ordered, "# a\n\n## b\n\n### c\n\n### d\n\n## e\n\n## f\n");
        assert_eq!(changed, 4);
    }

    #[test]
    fn nothing_but_the_summary_is_rewritten() {
        let short = with_short_summary(DRAFT);
        let rest = |text: &str| text[text.find("## Impact").unwrap()..].to_owned();
        assert_eq!(rest(&short), rest(DRAFT));
        assert_eq!(short.split("## Summary").next(), DRAFT.split("## Summary").next());
    }
}
