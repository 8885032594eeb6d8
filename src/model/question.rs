//! The human gate: the question to a person about a decision that only a person may make, and the
//! binding of their answer to what they saw.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::constraint::{Severity, Status};
use super::journal::Snapshot;
use super::output::OutputPath;
use super::step::ahead;
use super::text::shortened;
use super::workflow::Workflow;
use super::{Digest, Document, Name, Refusal, Version, limits};

/// The status of an [`Approval`](super::document::Approval) before the decision.
pub const OPEN: &str = "open";

/// Shown characters of one text of the caller.
const TEXT_CHARACTERS_MAX: usize = 600;
/// Shown characters of the decision. Every listed way of loosening fits.
const WHAT_CHARACTERS_MAX: usize = 6000;
/// Shown constraints and files. A count stands for the rest.
const LINES_MAX: usize = 40;

/// The warning to a person when the files changed after the reflection.
const CHANGED: &str =
    "The files have CHANGED since the reflection: the reflection did not judge what you see now.";

/// What a person saw when they decided. The decision is valid for nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalBinding {
    /// An open gate. It does not change when the caller saves other parts of the document.
    Gate {
        /// Its id, used once in an artifact.
        id: String,
        /// The digest of what the person saw.
        shown: Digest,
        /// The version that the person saw.
        version: Version,
    },
    /// The artifact at one version, for decisions without a gate.
    Version {
        /// The id of the cycle.
        cycle: String,
        /// The version.
        version: Version,
    },
    /// Anything. Only tests use it.
    #[cfg(test)]
    Anything,
}

impl ApprovalBinding {
    /// Refuses a decision about anything but the present state.
    pub fn check(&self, document: &Document, current: Version) -> Result<(), Refusal> {
        let (same, expected) = match self {
            Self::Gate { id, shown, version } => {
                let same = open_gate(document) == Some(id) && *shown == decided_on(document);
                (same, *version)
            }
            Self::Version { cycle, version } => {
                (*version == current && *cycle == document.refinement_id, *version)
            }
            #[cfg(test)]
            Self::Anything => (true, current),
        };
        if same { Ok(()) } else { Err(Refusal::Conflict { expected, current }) }
    }
}

/// Returns the digest of what a person decides on at a gate: everything that the question shows,
/// and the cycle, so that no two gates have the same digest.
pub fn decided_on(document: &Document) -> Digest {
    Digest::of_json(&json!([
        document.refinement_id,
        document.current_iteration,
        document.goals,
        document.constraints,
        document.results,
        document.manifest,
        document.reflected_files,
    ]))
}

/// Returns whether a gate is open.
pub fn is_open(document: &Document) -> bool {
    open_gate(document).is_some()
}

/// Returns the id of the gate that is open.
fn open_gate(document: &Document) -> Option<&String> {
    document.approval.as_ref().filter(|one| one.status == OPEN).map(|one| &one.id)
}

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
        let gate = open_gate(document).filter(|_| !ahead.is_empty());
        let binding = match gate {
            Some(id) => ApprovalBinding::Gate {
                id: id.clone(),
                shown: decided_on(document),
                version: snapshot.version,
            },
            None => ApprovalBinding::Version {
                cycle: document.refinement_id.clone(),
                version: snapshot.version,
            },
        };
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
            what: shortened(&one_line(what), WHAT_CHARACTERS_MAX),
            choices: if gate.is_some() { ahead } else { Vec::new() },
            lines,
            binding,
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
    let summary = document.results.get("reflection").and_then(|result| result.get("summary"));
    lines.extend(summary.map(|summary| format!("Reflection: {}", plain(&text_of(summary)))));
    if !document.constraints.is_empty() {
        listed(&mut lines, "Constraints:", document.constraints.iter().map(constraint_line));
    }
    listed(&mut lines, &files_heading(&files.list), files.list.iter().map(file_line));
    lines.extend(files.changed.then(|| CHANGED.to_owned()));
    lines
}

fn files_heading(files: &[FileNow]) -> String {
    let there: Vec<u64> = files.iter().filter_map(|file| file.bytes).collect();
    let count = match there.len() {
        0 => return "No files in dist/.".to_owned(),
        1 => "1 file".to_owned(),
        limits::OUTPUTS_MAX => format!("{} files or more", limits::OUTPUTS_MAX),
        count => format!("{count} files"),
    };
    format!("{count} in dist/ with {} bytes:", there.iter().sum::<u64>())
}

fn file_line(file: &FileNow) -> String {
    match file.bytes {
        Some(bytes) => format!("  {}, {bytes} bytes", file.path),
        None => format!("  {} is MISSING", file.path),
    }
}

fn constraint_line(one: &super::constraint::Constraint) -> String {
    let details = one.details.as_deref().unwrap_or(&one.description);
    let asserted = if one.asserted { ", asserted by the caller" } else { "" };
    format!(
        "  {} ({}): {}{asserted} — {}",
        plain(&one.id),
        severity_word(one.severity),
        status_word(one.status),
        plain(details)
    )
}

fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Blocking => "blocking",
        Severity::High => "high",
        Severity::Medium => "medium",
        Severity::Low => "low",
    }
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

/// Returns a caller's text for display to a person: on one line, without control characters of a
/// terminal and without characters that change the reading direction. The text comes from a model,
/// which may try to influence the decision.
pub fn plain(text: &str) -> String {
    shortened(&one_line(text), TEXT_CHARACTERS_MAX)
}

fn one_line(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let shown: String = text
        .chars()
        .map(|c| if c.is_control() || c.is_whitespace() { ' ' } else { c })
        .filter(|c| !turns(*c))
        .collect();
    shown.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::Time;
    use super::super::document::Approval;
    use super::super::document::tests::empty;
    use super::*;

    fn waiting() -> Document {
        let mut document = empty("logo");
        document.approval = Some(Approval {
            id: "gate-5".into(),
            shown: Digest::ZERO,
            status: OPEN.into(),
            at: Time::from_millis(0),
            reason: None,
        });
        document
    }

    #[test]
    fn a_decision_holds_for_the_gate_that_was_seen_and_only_while_it_is_open() {
        let document = waiting();
        let seen = |document: &Document| ApprovalBinding::Gate {
            id: "gate-5".into(),
            shown: decided_on(document),
            version: 5,
        };
        let binding = seen(&document);
        assert_eq!(binding.check(&document, 5), Ok(()));
        let saved = Document { data: json!({"x": 1}).as_object().unwrap().clone(), ..waiting() };
        assert_eq!(binding.check(&saved, 6), Ok(()), "what a person does not decide on may change");

        let conflict = Err(Refusal::Conflict { expected: 5, current: 6 });
        let mut decided = waiting();
        decided.approval.as_mut().unwrap().status = "approve".into();
        let mut next = waiting();
        next.approval.as_mut().unwrap().id = "gate-9".into();
        let others = [
            decided,
            next,
            Document { approval: None, ..waiting() },
            Document { goals: vec!["another".into()], ..waiting() },
            Document { current_iteration: 3, ..waiting() },
            Document { refinement_id: "0194".into(), ..waiting() },
        ];
        for other in others {
            assert_eq!(binding.check(&other, 6), conflict, "{other:?}");
        }
    }

    #[test]
    fn a_decision_without_a_gate_holds_for_one_version_of_one_cycle() {
        let document = waiting();
        let binding = ApprovalBinding::Version { cycle: "0193".into(), version: 5 };
        assert_eq!(binding.check(&document, 5), Ok(()));
        assert!(binding.check(&document, 6).is_err());
        let recreated = Document { refinement_id: "0194".into(), ..waiting() };
        assert!(binding.check(&recreated, 5).is_err());
    }

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

    #[test]
    fn what_a_model_wrote_neither_steers_the_terminal_nor_makes_lines_of_its_own() {
        let text = "fine\u{1b}[2K\r\nDecision: approved\u{202e}txt.exe\u{200b}";
        assert_eq!(plain(text), "fine [2K Decision: approvedtxt.exe");
        assert_eq!(plain(&"x".repeat(5000)).chars().count(), TEXT_CHARACTERS_MAX + 1);
    }
}
