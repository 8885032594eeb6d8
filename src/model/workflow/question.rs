//! The question to a person about a decision that only a person may make.

use serde_json::Value;

use crate::model::document::constraint::{self, Constraint, Status};
use crate::model::document::output::OutputPath;
use crate::model::document::output_place::OutputPlace;
use crate::model::journal::Snapshot;
use crate::model::text;
use crate::model::workflow::Workflow;
use crate::model::workflow::approval_binding::ApprovalBinding;
use crate::model::workflow::step::ahead;
use crate::model::{Document, Name, Version, limits};

/// Shown characters of one text of the caller.
const TEXT_CHARACTERS_MAX: usize = 600;
/// Shown characters of the decision. Every listed way of loosening fits.
const WHAT_CHARACTERS_MAX: usize = 6000;
/// Shown constraints and files. A count stands for the rest.
const LINES_MAX: usize = 40;

/// The warning to a person when the files changed after the reflection.
const CHANGED: &str =
    "The files have CHANGED since the reflection: the reflection did not judge what you see now.";

/// A question to a person.
#[derive(Clone, Debug)]
pub struct Question {
    /// The artifact.
    pub artifact: Name,
    /// The requested call, in a few words.
    pub what: String,
    /// The events to choose from. Empty for a yes-or-no question.
    pub choices: Vec<Choice>,
    /// The other lines of the question.
    pub lines: Vec<String>,
    /// The binding of the answer.
    pub binding: ApprovalBinding,
}

/// A call that needs a person's decision.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// Its effect, in a few words.
    pub what: &'a str,
    /// The event that it sends, if any.
    pub event: Option<&'a str>,
    /// The caller's reason.
    pub why: Option<&'a str>,
}

/// The files of an artifact at the time of the question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilesNow {
    /// The files of the result, then the other files.
    pub list: Vec<FileNow>,
    /// Whether the files of the result changed since the reflection.
    pub changed: bool,
}

/// A file of an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileNow {
    /// Its path.
    pub path: OutputPath,
    /// Its length; `None` for a missing file of the result.
    pub bytes: Option<u64>,
}

/// An event that a person may choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Its name.
    pub event: String,
    /// The phase that it leads to.
    pub to: String,
}

impl Question {
    /// Makes the question for a refused call.
    pub fn of(
        workflow: &Workflow,
        snapshot: &Snapshot,
        asking: Asking<'_>,
        files: &FilesNow,
    ) -> Self {
        let Asking { what, event, why } = asking;
        let document = &snapshot.document;
        let ahead = event.map_or_else(Vec::new, |_| choices(workflow, document));
        let gate = ApprovalBinding::of_gate(document, snapshot.version);
        let gate = gate.filter(|_| !ahead.is_empty());
        let sent = ahead.iter().find(|choice| Some(choice.event.as_str()) == event);
        let effect = sent.map(|choice| format!("It leads to the phase {}.", choice.to));
        let why = why.map(|why| format!("The caller's reason: {}", plain(why)));
        let lines = effect
            .into_iter()
            .chain(why)
            .chain(standing(document, snapshot.version, files))
            .collect();
        Self {
            artifact: document.artifact_name.clone(),
            what: text::plain(what, WHAT_CHARACTERS_MAX),
            choices: if gate.is_some() { ahead } else { Vec::new() },
            lines,
            binding: gate
                .unwrap_or_else(|| ApprovalBinding::of_version(document, snapshot.version)),
        }
    }
}

impl std::fmt::Display for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{} needs your decision: {}.", self.artifact, self.what)?;
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Returns the events that only a person may send now.
fn choices(workflow: &Workflow, document: &Document) -> Vec<Choice> {
    let Some(phase) = workflow.phase(&document.phase) else {
        return Vec::new();
    };
    let prospects = workflow
        .events(phase)
        .map(|(event, candidates)| (event, ahead(workflow, document, candidates, event)));
    prospects
        .filter(|(_, prospect)| prospect.allowed && prospect.candidate.needs_human)
        .map(|(event, prospect)| Choice {
            event: event.to_owned(),
            to: prospect.candidate.target.clone(),
        })
        .collect()
}

/// Describes an artifact for a person: the iteration, the reflection, the constraints and the
/// files.
fn standing(document: &Document, version: Version, files: &FilesNow) -> Vec<String> {
    let (current, max) = (document.current_iteration, document.max_iterations);
    let phase = &document.phase;
    let mut lines =
        vec![format!("Phase {phase}, iteration {current} of {max}, version {version}.")];
    let summary = document.results.at(&["reflection", "summary"]);
    lines.extend(summary.map(|summary| format!("Reflection: {}", plain(&text_of(&summary)))));
    if !document.goals.is_empty() {
        let goals = document.goals.iter().map(|goal| format!("  {}", plain(goal)));
        listed(&mut lines, "Goals:", goals);
    }
    if !document.constraints.is_empty() {
        let mut constraints: Vec<&Constraint> = document.constraints.iter().collect();
        constraints.sort_by_key(|one| (one.holds(), std::cmp::Reverse(one.severity)));
        listed(&mut lines, "Constraints:", constraints.into_iter().map(constraint_line));
    }
    listed(
        &mut lines,
        &files_heading(&files.list, &document.output_place()),
        files.list.iter().map(file_line),
    );
    lines.extend(files.changed.then(|| CHANGED.to_owned()));
    lines
}

fn files_heading(files: &[FileNow], place: &OutputPlace) -> String {
    let folder = place.shown();
    let there: Vec<u64> = files.iter().filter_map(|file| file.bytes).collect();
    let count = match there.len() {
        0 => return format!("No files in {folder}."),
        1 => "1 file".to_owned(),
        limits::OUTPUTS_MAX if place.is_dist() => format!("{} files or more", limits::OUTPUTS_MAX),
        count => format!("{count} files"),
    };
    format!("{count} in {folder} with {} bytes:", there.iter().sum::<u64>())
}

fn file_line(file: &FileNow) -> String {
    match file.bytes {
        Some(bytes) => format!("  {}, {bytes} bytes", file.path),
        None => format!("  {} is MISSING", file.path),
    }
}

fn constraint_line(one: &Constraint) -> String {
    let details = match &one.details {
        Some(details) => details.clone(),
        None => format!("{} [{}]", one.description, constraint::measure(one)),
    };
    let asserted = if one.asserted { ", asserted by the caller" } else { "" };
    format!(
        "  {} ({}): {}{asserted} — {}",
        plain(&one.id),
        one.severity,
        status_word(one.status),
        plain(&details)
    )
}

fn status_word(status: Status) -> &'static str {
    match status {
        Status::Unchecked => "unchecked",
        Status::Satisfied => "satisfied",
        Status::Violated => "VIOLATED",
        Status::PartiallySatisfied => "partially satisfied",
        Status::Stale => "stale, the files have changed since",
    }
}

fn listed(lines: &mut Vec<String>, heading: &str, items: impl Iterator<Item = String>) {
    let items: Vec<String> = items.collect();
    lines.push(heading.to_owned());
    let more = items.len().saturating_sub(LINES_MAX);
    lines.extend(items.into_iter().take(LINES_MAX));
    if more > 0 {
        lines.push(format!("  … and {more} more"));
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn plain(text: &str) -> String {
    text::plain(text, TEXT_CHARACTERS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::workflow::approval_binding::tests::waiting;

    #[test]
    fn files_are_shown_as_they_are_and_the_missing_ones_by_name() {
        let file = |path: &str, bytes| FileNow { path: OutputPath::parse(path).unwrap(), bytes };
        let standing = |files: &[FileNow]| {
            let files = FilesNow { list: files.to_vec(), changed: files.is_empty() };
            standing(&waiting(), 7, &files)
        };
        let shown = standing(&[file("a.md", Some(3)), file("b.md", None)]);
        assert!(shown[0].ends_with("version 7."), "{shown:?}");
        assert_eq!(
            shown[1..],
            ["1 file in dist/ with 3 bytes:", "  a.md, 3 bytes", "  b.md is MISSING"]
        );
        assert_eq!(standing(&[])[1..], ["No files in dist/.", CHANGED]);
        let many: Vec<FileNow> = (0..50).map(|n| file(&format!("{n}.md"), Some(1))).collect();
        assert_eq!(standing(&many).last().unwrap(), "  … and 10 more");
    }
}
