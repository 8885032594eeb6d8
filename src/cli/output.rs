//! All writing to standard output and standard error.

use std::io::{self, Write};

use serde::Serialize;

use super::Failure;
use super::hints::in_commands;
use super::screen::{self, Color, Screen};
pub(super) use super::screen::{BAD, BOLD, DIM, GOOD, WARN};
use crate::model::Refusal;
use crate::model::text::plain;
use crate::model::visible::Form;
use crate::model::workflow::briefing::Briefing;
use crate::service::{Progress, Step};

/// The output settings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Output {
    json: bool,
    quiet: bool,
    color: Color,
}

/// The writer of an answer for people.
pub(super) type Page<'a> = &'a mut dyn Write;

impl Output {
    pub(super) fn new(json: bool, quiet: bool, color: Color) -> Self {
        Self { json, quiet, color }
    }

    /// Prints an answer as JSON, or in the form that `page` writes.
    pub(super) fn answer<T: Serialize>(
        &self,
        answer: &T,
        page: impl FnOnce(Page<'_>, &T) -> io::Result<()>,
    ) -> Result<(), Failure> {
        let form = if self.json { Form::Json } else { Form::Text };
        let mut stdout = Screen::of(io::stdout().lock(), self.color, form);
        let written = if self.json {
            serde_json::to_string_pretty(answer)
                .map_err(io::Error::from)
                .and_then(|text| writeln!(stdout, "{text}"))
        } else {
            page(&mut stdout, answer)
        };
        written.and_then(|()| stdout.flush()).map_err(broken_pipe)
    }

    /// Prints bytes that are for another program.
    pub(super) fn bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut stdout = Screen::of(io::stdout().lock(), self.color, Form::Text);
        stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(broken_pipe)
    }

    /// Shows progress on a terminal, in one line that is overwritten and cleared at the end. Shows
    /// none with `--json` or `--quiet`.
    pub(super) fn progress(&self, progress: Progress) -> Progress {
        if self.json || self.quiet || !screen::shows_errors() {
            progress
        } else {
            let line = ProgressLine;
            progress.told_to(move |step| line.show(&step))
        }
    }

    /// Returns whether answers are printed as JSON.
    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// Prints a message, unless `--quiet` is set.
    pub(super) fn say(&self, text: impl std::fmt::Display) {
        if !self.quiet {
            self.complain(format_args!("{text}"));
        }
    }

    /// Prints the warnings of a briefing.
    pub(super) fn warn(&self, briefing: &Briefing) {
        self.warnings(&briefing.warnings);
    }

    /// Prints warnings.
    pub(super) fn warnings(&self, warnings: &[String]) {
        for warning in warnings {
            let warning = if self.json { warning.clone() } else { in_commands(warning) };
            self.complain(format_args!("{WARN}warning{WARN:#}: {warning}"));
        }
    }

    /// Prints why a subcommand failed, and what to do.
    pub(super) fn failure(&self, failure: &Failure) {
        match failure {
            Failure::Refused(refusal) => self.refusal(refusal),
            Failure::Usage(message) => self.complain(format_args!("{BAD}error{BAD:#}: {message}")),
            Failure::Other(error) => self.complain(format_args!("{BAD}error{BAD:#}: {error:#}")),
            Failure::BrokenPipe | Failure::BadNews => {}
        }
    }

    fn refusal(&self, refusal: &Refusal) {
        if self.json {
            // An error here has no other place to be reported.
            drop(self.answer(&refusal.to_json(), |_, _| Ok(())));
            return;
        }
        self.complain(format_args!(
            "{BAD}error{BAD:#}: {refusal}\n{BOLD}hint{BOLD:#}: {}",
            in_commands(&refusal.hint())
        ));
    }

    /// Prints a line on standard error. Ignores a closed standard error.
    pub(super) fn complain(&self, text: std::fmt::Arguments<'_>) {
        screen::write_errors(self.color, format_args!("{text}\n"));
    }
}

/// Width of the progress line. Unused columns are cleared.
const PROGRESS_COLUMNS: usize = 72;

/// The progress line on standard error. Dropping it clears the line.
struct ProgressLine;

impl ProgressLine {
    /// Shows a step. Ignores a closed standard error.
    fn show(&self, step: &Step) {
        let text = format!("{} of {}: {}", step.done, step.total, step.message);
        let text = plain(&text, PROGRESS_COLUMNS - 1);
        drop(write!(io::stderr(), "\r{text:PROGRESS_COLUMNS$}"));
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        drop(write!(io::stderr(), "\r{:PROGRESS_COLUMNS$}\r", ""));
    }
}

fn broken_pipe(error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::BrokenPipe,
        _ => {
            Failure::Other(anyhow::Error::new(error).context(
                "the command is done, and its answer cannot be written to standard output",
            ))
        }
    }
}

/// Writes an artifact's phase, status and next step.
pub(super) fn briefing(page: Page<'_>, briefing: &Briefing) -> io::Result<()> {
    let Briefing { name, workflow, version, cycle, phase, status, iteration, next, .. } = briefing;
    writeln!(
        page,
        "{BOLD}{name}{BOLD:#}  {DIM}{workflow}, cycle {cycle}, version {version}{DIM:#}"
    )?;
    match iteration.current {
        0 => writeln!(page, "phase  {phase}, {status}")?,
        current => {
            writeln!(page, "phase  {phase}, iteration {current} of {}, {status}", iteration.max)?;
        }
    }
    if !next.instruction.is_empty() {
        writeln!(page, "next   {}", in_commands(&next.instruction))?;
    }
    for event in &next.events {
        let who = if event.needs_human { " (a person decides)" } else { "" };
        writeln!(page, "       {} → {}{who}", event.event, event.to)?;
        for unmet in &event.unmet {
            match &unmet.says {
                Some(says) => writeln!(page, "         {BAD}but{BAD:#} {says}")?,
                None => writeln!(page, "         {BAD}needs{BAD:#} {}", unmet.needs)?,
            }
        }
    }
    Ok(())
}

/// Writes rows in columns as wide as their widest cell. Each row stays on one line.
pub(super) fn table(page: Page<'_>, header: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| on_one_line(cell)).collect()).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([header[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let line = |cells: &[String]| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let header: Vec<String> = header.iter().map(|cell| (*cell).to_owned()).collect();
    writeln!(page, "{DIM}{}{DIM:#}", line(&header))?;
    rows.iter().try_for_each(|row| writeln!(page, "{}", line(row)))
}

/// Returns a text on one line, with control characters replaced by spaces.
fn on_one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}
