//! The report that the demo refines, and the edits that mend it.

use std::io;
use std::path::PathBuf;

use crate::checks::Outline;
use crate::disk::regular;
use crate::model::limits;

/// The draft, with its defects.
const DRAFT: &str = include_str!("report.md");
/// The file that the report should link to.
const RUNBOOK: (&str, &str) = ("runbooks/failover.md", include_str!("failover.md"));
/// The wrong path in the report's link.
const RUNBOOK_MISSPELLED: &str = "runbook/failover.md";
/// A file that a section links to before it exists.
const ACTIONS: (&str, &str) = ("actions.md", include_str!("actions.md"));
const FOLLOW_UP: &str = include_str!("follow-up.md");
const SHORT_SUMMARY: &str = include_str!("summary.md");
/// The section that is missing.
const MISSING: &str = "Follow-up actions";
/// The section that follows the missing one.
const AFTER_FOLLOW_UP: &str = "What went well";

/// The sections that an incident report needs.
pub(super) const SECTIONS: [&str; 5] = ["Summary", "Impact", "Timeline", "Root cause", MISSING];

/// The name of the report's file.
pub(super) const REPORT: &str = "report.md";

/// The folder of the report.
#[derive(Clone, Debug)]
pub(super) struct Dist(PathBuf);

/// New content of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) file: &'static str,
    pub(super) text: String,
    /// A few words about the change.
    pub(super) action: String,
}

impl Edit {
    fn of_report(text: String, action: impl Into<String>) -> Self {
        Self { file: REPORT, text, action: action.into() }
    }
}

impl Dist {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// Writes the draft and the runbook.
    pub(super) fn fill(&self) -> io::Result<()> {
        self.write(RUNBOOK.0, RUNBOOK.1)?;
        self.write(REPORT, DRAFT)
    }

    /// Returns the report's present text.
    pub(super) fn report(&self) -> io::Result<String> {
        let report = regular::read(&self.0.join(REPORT), limits::OUTPUT_BYTES_MAX as u64)?;
        String::from_utf8(report.ok_or(io::ErrorKind::NotFound)?).map_err(io::Error::other)
    }

    /// Writes a file as an agent with access to the disk does.
    #[expect(
        clippy::disallowed_methods,
        reason = "the work is an agent's, and no server's, to write"
    )]
    pub(super) fn write(&self, file: &str, text: &str) -> io::Result<()> {
        let path = self.0.join(file);
        std::fs::create_dir_all(path.parent().unwrap_or(&self.0))?;
        std::fs::write(path, text)
    }
}

/// Puts every heading one level below its parent.
pub(super) fn order_headings(text: &str) -> Vec<Edit> {
    let (ordered, changed) = with_headings_in_order(text);
    vec![Edit::of_report(ordered, format!("corrected the level of {changed} headings"))]
}

/// Corrects links with a wrong path, and writes linked files that do not exist.
pub(super) fn mend_links(text: &str) -> Vec<Edit> {
    let links = outline(text).links;
    let leads_to = |target: &str| links.iter().any(|link| link.target == target);
    let mut edits = Vec::new();
    if leads_to(RUNBOOK_MISSPELLED) {
        let mended = text.replace(RUNBOOK_MISSPELLED, RUNBOOK.0);
        edits.push(Edit::of_report(mended, format!("linked to {}", RUNBOOK.0)));
    }
    if leads_to(ACTIONS.0) {
        let (file, text) = (ACTIONS.0, ACTIONS.1.to_owned());
        edits.push(Edit { file, text, action: format!("wrote {file}") });
    }
    edits
}

/// Adds the missing section in its place, once.
pub(super) fn add_follow_up(text: &str) -> Vec<Edit> {
    if cut_at(text, MISSING).is_some() {
        return Vec::new();
    }
    let [before, section, after] = cut_at(text, AFTER_FOLLOW_UP).unwrap_or([text, "", ""]);
    let added = format!("{before}{FOLLOW_UP}\n{section}{after}");
    vec![Edit::of_report(added, format!("added the section {MISSING}"))]
}

/// Shortens the summary.
pub(super) fn shorten_summary(text: &str) -> Vec<Edit> {
    let Some([before, summary, after]) = cut_at(text, "Summary") else { return Vec::new() };
    let heading = summary.lines().next().unwrap_or_default();
    let short = format!("{before}{heading}\n\n{SHORT_SUMMARY}\n{after}");
    vec![Edit::of_report(short, "rewrote the summary")]
}

/// Returns the text with corrected heading levels, and the number of corrections.
fn with_headings_in_order(text: &str) -> (String, usize) {
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    let mut above: Vec<usize> = Vec::new();
    let mut changed = 0;
    for heading in outline(text).headings {
        above.retain(|level| *level < heading.level);
        above.push(heading.level);
        let line = &mut lines[heading.line - 1];
        if line.starts_with('#') && above.len() != heading.level {
            line.replace_range(..heading.level, &"#".repeat(above.len()));
            changed += 1;
        }
    }
    (lines.concat(), changed)
}

/// Splits a text at a section: the text before it, the section up to the next heading, the rest.
fn cut_at<'a>(text: &'a str, title: &str) -> Option<[&'a str; 3]> {
    let headings = outline(text).headings;
    let at = headings.iter().position(|heading| heading.title == title)?;
    let begin = |line: usize| text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let start: usize = begin(headings[at].line);
    let end = headings.get(at + 1).map_or(text.len(), |next| begin(next.line));
    Some([&text[..start], &text[start..end], &text[end..]])
}

/// Parses a text as the server's checks do. A text with too deep nesting has no headings or links.
fn outline(text: &str) -> Outline {
    Outline::of_markdown(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::checks::Outcome;
    use crate::checks::testing::{self, check};
    use crate::cli::demo::constraints::{CONSTRAINTS, Constraint};

    type Files = BTreeMap<&'static str, String>;

    fn draft() -> Files {
        Files::from([(RUNBOOK.0, RUNBOOK.1.to_owned()), (REPORT, DRAFT.to_owned())])
    }

    fn mend(files: &mut Files, mend: fn(&str) -> Vec<Edit>) {
        files.extend(mend(&files[REPORT]).into_iter().map(|edit| (edit.file, edit.text)));
    }

    /// Returns the constraints that the server's checks find violated.
    fn violated(files: &Files) -> Vec<&'static str> {
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, &**text)).collect();
        let dist = testing::Dist::of(&files);
        let is_violated = |one: &&Constraint| {
            check(one.method, &(one.params)(), None, &dist).outcome == Outcome::Violated
        };
        let violated = CONSTRAINTS.iter().filter(is_violated);
        violated.map(|one| one.id).collect()
    }

    #[test]
    fn the_draft_violates_every_constraint() {
        assert_eq!(violated(&draft()).len(), CONSTRAINTS.len());
    }

    #[test]
    fn the_mended_report_violates_none_and_mending_it_again_changes_nothing() {
        let mut files = draft();
        let mut rounds = Vec::new();
        for _ in 0..3 {
            for constraint in &CONSTRAINTS {
                mend(&mut files, constraint.mend);
            }
            rounds.push(files.clone());
        }
        assert_eq!(violated(&files), Vec::<&str>::new());
        assert_eq!(rounds[1], rounds[2]);
    }

    #[test]
    fn the_section_that_is_added_breaks_a_link_until_its_file_is_written() {
        let mut files = draft();
        mend(&mut files, mend_links);
        assert!(!violated(&files).contains(&"links-resolve"));
        mend(&mut files, add_follow_up);
        assert!(violated(&files).contains(&"links-resolve"));
        assert_eq!(mend_links(&files[REPORT])[0].file, "actions.md");
        mend(&mut files, mend_links);
        assert!(!violated(&files).contains(&"links-resolve"));
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
        let short = &shorten_summary(DRAFT)[0].text;
        let rest = |text: &str| text[text.find("## Impact").unwrap()..].to_owned();
        assert_eq!(rest(short), rest(DRAFT));
        assert_eq!(short.split("## Summary").next(), DRAFT.split("## Summary").next());
    }
}
