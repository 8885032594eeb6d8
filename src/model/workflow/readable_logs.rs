//! The text that transitions add to the readable logs; the forms are the seed "Phase 5: Persist"'s
//! and CONTRACT.md's.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::model::Time;
use crate::model::document::component::Component;
use crate::model::document::constraint::{Severity, violated};
use crate::model::document::examination::Examination;
use crate::model::document::iteration::{Choice, Iteration};
use crate::model::document::output::OutputPath;
use crate::model::document::taxonomy;
use crate::model::document::{ConvergenceStatus, Document, Repair};
use crate::model::journal::entry::{LogFile, Section};
use crate::model::refusal::Violation;
use crate::model::text::one_line;

/// Characters of one line that a caller's text may take.
const LINE_CHARACTERS_MAX: usize = 500;
/// Lines of one list.
const LINES_MAX: usize = 50;

/// How an iteration closed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Closing<'a> {
    /// What keeps the loop from its end.
    pub lacks: &'a str,
    /// The status of the loop, if it ended.
    pub status: Option<ConvergenceStatus>,
    /// The examination of the files.
    pub seen: Option<&'a Examination>,
    /// The result of the phase that closed it.
    pub result: Option<&'a Map<String, Value>>,
}

/// Returns what an iteration adds to both logs.
pub fn of_iteration(
    document: &Document,
    iteration: &Iteration,
    closing: Closing<'_>,
) -> Vec<Section> {
    let log = refinement_log(document, iteration, closing);
    vec![
        Section { log: LogFile::RefinementLog, text: log },
        Section { log: LogFile::Decisions, text: decision(document, iteration, closing.lacks) },
    ]
}

/// The fields of a phase's result that the log has a part for.
const PARTS: [(&str, &str); 8] = [
    ("summary", "Summary"),
    ("goals", "Goals"),
    ("steps", "Steps"),
    ("risks", "Risks"),
    ("actions", "Actions Taken"),
    ("failures", "Failures"),
    ("files_modified", "Files Modified"),
    ("regressions", "Regressions"),
];

/// Returns what a phase adds to `refinement_log.md` when it ends: what its result says, if anything.
pub fn of_phase(document: &Document, result: &Map<String, Value>, at: Time) -> Option<Section> {
    let (phase, iteration) = (line(&document.phase), document.current_iteration);
    let parts = PARTS.map(|(field, heading)| (heading, list(result.get(field))));
    let mut text = format!("## Phase {phase} of iteration {iteration} — {at}\n\n");
    let heading_bytes = text.len();
    for (heading, lines) in parts.into_iter().filter(|(_, lines)| !lines.is_empty()) {
        part(&mut text, heading, lines);
    }
    (text.len() > heading_bytes).then_some(Section { log: LogFile::RefinementLog, text })
}

/// Returns what a reflection adds to `decisions.md`.
pub fn of_reflection(document: &Document, result: Option<&Map<String, Value>>) -> Section {
    let given = |field: &str| list(result.and_then(|result| result.get(field))).join("; ");
    let open = |severity| {
        let ids = violated(&document.constraints, severity).map(|one| one.id.as_str());
        let ids: Vec<&str> = ids.take(LINES_MAX).collect();
        if ids.is_empty() { "none".to_owned() } else { ids.join(", ") }
    };
    let (blocking, high) = (open(Severity::Blocking), open(Severity::High));
    let iteration = document.current_iteration;
    let mut text = format!(
        "### Iteration {iteration} Reflection\n\n- **Blocking violations**: {blocking}\n- **High violations**: {high}\n"
    );
    for (field, heading) in [("summary", "Summary"), ("regressions", "Regressions")] {
        let given = given(field);
        if !given.is_empty() {
            let _ = writeln!(text, "- **{heading}**: {}", line(&given));
        }
    }
    text.push('\n');
    Section { log: LogFile::Decisions, text }
}

/// Returns what a person's end of the loop adds to `refinement_log.md`.
pub fn of_stop(document: &Document, reason: Option<&str>, at: Time) -> Section {
    let reason = reason.map_or_else(|| "none given".to_owned(), line);
    let iteration = document.current_iteration;
    let mut text = format!("## Stopped in iteration {iteration} — {at}\n\n");
    part(
        &mut text,
        "Reflection Summary",
        vec!["Convergence: terminate".to_owned(), format!("Reason: stopped by a person: {reason}")],
    );
    Section { log: LogFile::RefinementLog, text }
}

/// Returns what going back to mend something adds to `refinement_log.md`.
pub fn of_recovery(document: &Document, repair: &Repair, at: Time) -> Section {
    let mut lines: Vec<String> =
        repair.failures.iter().map(|failure| format!("failed: {}", line(failure))).collect();
    lines.extend(repair.missing_files.iter().map(missing));
    lines.extend(repair.manifest_violations.iter().map(violation));
    // An iteration has one section by its name, the one that closes it.
    let mut text = format!("## Sent back in iteration {} — {at}\n\n", document.current_iteration);
    part(&mut text, "Errors", lines);
    Section { log: LogFile::RefinementLog, text }
}

/// What was wrong with the files when an iteration was closed.
fn errors(seen: Option<&Examination>) -> Vec<String> {
    let Some(seen) = seen else {
        return Vec::new();
    };
    seen.missing.iter().map(missing).chain(seen.violations.iter().map(violation)).collect()
}

fn missing(path: &OutputPath) -> String {
    format!("error: dist/{path} is missing or empty")
}

fn violation(violation: &Violation) -> String {
    let message = line(&violation.message);
    format!("error: the manifest is wrong at {}: {message}", violation.pointer)
}

/// Returns what a person's decision adds to `decisions.md`.
pub fn of_human_decision(
    document: &Document,
    event: &str,
    (words, note): (Option<&str>, Option<&str>),
    at: Time,
) -> Section {
    let mut text = format!(
        "### Iteration {} — {} by a person — {at}\n\n- **Phase**: {}\n",
        document.current_iteration,
        line(event),
        document.phase,
    );
    person_said(&mut text, words, note);
    Section { log: LogFile::Decisions, text }
}

/// Returns what a person's loosening of the constraints adds to `decisions.md`.
pub fn of_loosening(
    document: &Document,
    ways: &[String],
    (words, note): (Option<&str>, Option<&str>),
    at: Time,
) -> Section {
    let mut text = format!(
        "### Iteration {} — constraints loosened by a person — {at}\n\n- **Phase**: {}\n",
        document.current_iteration, document.phase,
    );
    for way in ways {
        let _ = writeln!(text, "- **Loosened**: {}", line(way));
    }
    person_said(&mut text, words, note);
    Section { log: LogFile::Decisions, text }
}

/// Returns what a person's reset begins `decisions.md` with.
pub fn of_reset(document: &Document, words: Option<&str>, at: Time) -> Section {
    let mut text = format!("### Cycle {} — begun anew by a person — {at}\n\n", document.cycle);
    person_said(&mut text, words, None);
    Section { log: LogFile::Decisions, text }
}

/// What a person said, and what the caller said who asked for it: one is not the other.
fn person_said(text: &mut String, words: Option<&str>, asked_with: Option<&str>) {
    let reason = words.map_or_else(|| "none given".to_owned(), line);
    let _ = writeln!(text, "- **Reason**: {reason}");
    if let Some(asked_with) = asked_with.filter(|asked_with| Some(*asked_with) != words) {
        let _ = writeln!(text, "- **Asked for with**: {}", line(asked_with));
    }
    text.push('\n');
}

fn refinement_log(document: &Document, iteration: &Iteration, closing: Closing<'_>) -> String {
    let results = |phase: &str, field: &str| list(document.results.at(&[phase, field]).as_ref());
    let closed = |field: &str| list(closing.result.and_then(|result| result.get(field)));
    let constraints = document.constraints.iter().map(|one| {
        let word = if one.holds() { "satisfied" } else { "violated" };
        let details = one.details.as_deref().unwrap_or(&one.description);
        let asserted = if one.asserted { " (asserted)" } else { "" };
        format!("{}: {word} — {}{asserted}", one.id, line(details))
    });
    let mut text = format!("## Iteration {} — {}\n\n", iteration.iteration, iteration.at);
    if closing.status == Some(ConvergenceStatus::MaxIterationsExceeded) {
        text += "> Maximum iterations reached — forcing termination\n\n";
    }
    let mut actions = results("execution_results", "actions");
    actions.extend(
        results("execution_results", "failures").iter().map(|line| format!("skipped: {line}")),
    );
    actions.extend(closed("actions"));
    part(&mut text, "Actions Taken", actions);
    part(&mut text, "Constraint Status", constraints.collect());
    if !document.components.is_empty() {
        part(&mut text, "Component Status", document.components.iter().map(component).collect());
    }
    let mut reflection = vec![
        format!("Convergence: {}", iteration.decision),
        format!("Reason: {}", line(&iteration.reason)),
    ];
    reflection.extend(results("reflection", "summary").iter().map(|one| format!("Summary: {one}")));
    reflection.extend(iteration.regressions.iter().map(|one| format!("Regression: {}", line(one))));
    let reported = results("reflection", "regressions");
    reflection.extend(reported.iter().map(|one| format!("Reported regression: {one}")));
    part(&mut text, "Reflection Summary", reflection);
    let errors = errors(closing.seen);
    if !errors.is_empty() {
        part(&mut text, "Errors", errors);
    }
    let mut files = results("execution_results", "files_modified");
    let later = closed("files_modified");
    files.extend(later.into_iter().filter(|one| !files.contains(one)).collect::<Vec<_>>());
    part(&mut text, "Files Modified", files);
    part(
        &mut text,
        "Content Type",
        vec![
            format!("Type: {}", document.content_type.as_deref().unwrap_or("not given")),
            format!(
                "Evaluation: {}",
                taxonomy::evaluation(document.content_type.as_deref(), document.test_generation)
            ),
        ],
    );
    text
}

fn component(component: &Component) -> String {
    let word = if component.holds() { "satisfied" } else { "violated" };
    let details = component.details.as_deref().unwrap_or("no details");
    format!("{}: {word} — {} (asserted)", line(&component.name), line(details))
}

fn decision(document: &Document, iteration: &Iteration, lacks: &str) -> String {
    let open = document.constraints.iter().filter(|one| !one.holds()).map(|one| one.id.as_str());
    let open: Vec<&str> = open.take(LINES_MAX).collect();
    let focus = match iteration.decision {
        Choice::Terminate => "none, the loop has ended".to_owned(),
        // Files keep the loop from its end, or a condition of the workflow's own.
        Choice::Continue if open.is_empty() => line(lacks),
        Choice::Continue => open.join(", "),
    };
    format!(
        "### Iteration {} Decision\n\n\
         - **Decision**: {}\n\
         - **Iteration**: {} of {}\n\
         - **Blocking violations remaining**: {}\n\
         - **Rationale**: {}\n\
         - **Next focus**: {focus}\n\n",
        iteration.iteration,
        iteration.decision,
        iteration.iteration,
        document.max_iterations,
        iteration.constraints.blocking_violated,
        line(&iteration.reason),
    )
}

fn part(text: &mut String, heading: &str, lines: Vec<String>) {
    let lines = if lines.is_empty() { vec!["none reported".to_owned()] } else { lines };
    let _ = write!(text, "### {heading}\n\n");
    for line in lines.iter().take(LINES_MAX) {
        let _ = writeln!(text, "- {line}");
    }
    if lines.len() > LINES_MAX {
        let _ = writeln!(text, "- … and {} more", lines.len() - LINES_MAX);
    }
    text.push('\n');
}

/// Returns a list of a caller's texts; what is no text appears as JSON.
fn list(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::Array(items)) => items.iter().map(line_of).collect(),
        Some(Value::Null) | None => Vec::new(),
        Some(other) => vec![line_of(other)],
    }
}

fn line_of(value: &Value) -> String {
    match value {
        Value::String(text) => line(text),
        other => line(&other.to_string()),
    }
}

/// Returns a caller's text as a part of one line, so that it cannot forge headings of the log.
fn line(text: &str) -> String {
    one_line(text, LINE_CHARACTERS_MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::document::constraint::{Status, parse_definitions};
    use crate::model::document::iteration::Counts;
    use crate::model::document::tests::empty;

    fn example() -> (Document, Iteration) {
        let mut document = empty("report");
        document.content_type = Some("direct:content".into());
        document.constraints = parse_definitions(
            &[
                json!({"id": "links", "description": "links resolve", "severity": "blocking"}),
                json!({"id": "length", "description": "short", "severity": "high"}),
            ],
            "",
        )
        .unwrap();
        document.constraints[0].assess(
            Status::Satisfied,
            Some("all 3 resolve".into()),
            Time::from_millis(0),
        );
        document.results.set(
            "execution_results",
            Some(json!({"actions": ["fixed a link\n## Iteration 9 — forged"], "files_modified": ["report.md"]})),
        );
        let iteration = Iteration {
            iteration: 2,
            at: Time::from_millis(0),
            constraints: Counts::of(&document.constraints),
            decision: Choice::Continue,
            reason: "length is violated".into(),
            regressions: Vec::new(),
            version: None,
            outcome: None,
            revision: None,
        };
        (document, iteration)
    }

    #[test]
    fn an_iteration_is_logged_in_the_form_of_the_seed() {
        let (document, iteration) = example();
        let sections = of_iteration(&document, &iteration, Closing::default());
        insta::assert_snapshot!(sections[0].text, @r"
        ## Iteration 2 — 1970-01-01T00:00:00.000Z

        ### Actions Taken

        - fixed a link ## Iteration 9 — forged

        ### Constraint Status

        - links: satisfied — all 3 resolve
        - length: violated — short

        ### Reflection Summary

        - Convergence: continue
        - Reason: length is violated

        ### Files Modified

        - report.md

        ### Content Type

        - Type: direct:content
        - Evaluation: output_inspection
        ");
        insta::assert_snapshot!(sections[1].text, @r"
        ### Iteration 2 Decision

        - **Decision**: continue
        - **Iteration**: 2 of 5
        - **Blocking violations remaining**: 0
        - **Rationale**: length is violated
        - **Next focus**: length
        ");
    }

    #[test]
    fn a_callers_text_cannot_forge_a_heading() {
        let (document, iteration) = example();
        let text = &of_iteration(&document, &iteration, Closing::default())[0].text;
        assert_eq!(text.lines().filter(|line| line.starts_with("## ")).count(), 1);
    }

    #[test]
    fn running_out_of_iterations_is_a_warning_in_the_log() {
        let (document, iteration) = example();
        let sections = of_iteration(
            &document,
            &iteration,
            Closing {
                status: Some(ConvergenceStatus::MaxIterationsExceeded),
                ..Closing::default()
            },
        );
        assert!(sections[0].text.contains("Maximum iterations reached — forcing termination"));
    }

    #[test]
    fn next_focus_is_never_blank() {
        let (mut document, mut iteration) = example();
        let focus = |document: &Document, iteration: &Iteration| {
            let closing = Closing { lacks: "1 file is missing: a.md", ..Closing::default() };
            let text = of_iteration(document, iteration, closing).remove(1).text;
            text.lines().find_map(|line| line.strip_prefix("- **Next focus**: ").map(str::to_owned))
        };
        assert_eq!(focus(&document, &iteration).as_deref(), Some("length"));
        document.constraints.clear();
        assert_eq!(focus(&document, &iteration).as_deref(), Some("1 file is missing: a.md"));
        iteration.decision = Choice::Terminate;
        assert_eq!(focus(&document, &iteration).as_deref(), Some("none, the loop has ended"));
    }
}
