//! The result of a demo, and the files and commands that show more.

use std::fmt::{self, Display};
use std::io;

use serde::Serialize;
use serde_json::Value;

use super::burst::{Audit, SAVES};
use super::constraints::CONSTRAINTS;
use super::record::{Iteration, Journal, Record};
use crate::cli::output::{BAD, BOLD, DIM, GOOD, Page};

/// The result of a demo.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Account {
    pub(super) artifact: String,
    /// The folder of the workspace.
    pub(super) folder: String,
    pub(super) protocol: String,
    /// The status that the loop ended with.
    pub(super) status: String,
    pub(super) version: u64,
    pub(super) killed: Kill,
    pub(super) saves: Audit,
    #[serde(flatten)]
    pub(super) record: Record,
    pub(super) files: Files,
    pub(super) seconds: f64,
}

/// The end of the first server, and the state that the second server found.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Kill {
    /// The exit status of the process.
    pub(super) ended: String,
    pub(super) phase: String,
    pub(super) iteration: u32,
    /// The phase that `load_state` of the second server reported.
    pub(super) resumed_phase: String,
    pub(super) resumed_iteration: u32,
    pub(super) resumed_version: u64,
}

/// The files that show more.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Files {
    pub(super) report: String,
    pub(super) decisions: String,
    pub(super) refinement_log: String,
    pub(super) archive: String,
}

impl Kill {
    fn was_remembered(&self) -> bool {
        (&self.phase, self.iteration) == (&self.resumed_phase, self.resumed_iteration)
    }
}

impl Account {
    /// Returns whether the server lost nothing and the loop converged.
    pub(super) fn is_good(&self) -> bool {
        self.status == "converged" && self.lost_nothing() && self.all_holds()
    }

    fn all_holds(&self) -> bool {
        let Record { verified, manifest, .. } = &self.record;
        let all = CONSTRAINTS.iter().all(|one| verified.holds(one.id));
        all && verified.is_complete() && !manifest.is_empty()
    }

    fn lost_nothing(&self) -> bool {
        let Journal { gaps, saves, .. } = self.record.journal;
        self.saves.is_clean() && self.killed.was_remembered() && gaps == 0 && saves == SAVES
    }

    /// Writes the result for people.
    pub(super) fn write(&self, page: Page<'_>) -> io::Result<()> {
        writeln!(page)?;
        self.write_losses(page)?;
        writeln!(page)?;
        self.write_chart(page)?;
        writeln!(page)?;
        self.write_evidence(page)?;
        writeln!(page)?;
        self.write_places(page)?;
        self.write_commands(page)
    }

    fn write_losses(&self, page: Page<'_>) -> io::Result<()> {
        let Audit { sent, acknowledged, found, lost, kept_unanswered, written_twice, missing } =
            &self.saves;
        let (lost, twice, missing) = (lost.len(), written_twice.len(), missing.len());
        let Journal { entries, gaps, saves } = self.record.journal;
        let (style, word) =
            if self.lost_nothing() { (GOOD, "nothing") } else { (BAD, "SOMETHING") };
        writeln!(
            page,
            "{BOLD}Data lost when the server was killed:{BOLD:#} {style}{word}{style:#}"
        )?;
        [
            (*acknowledged, format!("saves acknowledged: {found} found, {lost} lost")),
            (
                sent - acknowledged,
                format!("saves not acknowledged: {kept_unanswered} stored anyway"),
            ),
            (
                *sent,
                format!(
                    "saves sent again with their keys: {twice} written twice, {missing} missing"
                ),
            ),
            (entries, format!("versions in the journal: {saves} by saves, {gaps} gaps")),
        ]
        .iter()
        .try_for_each(|(count, what)| writeln!(page, "  {count:>4} {what}"))
    }

    /// Writes a row for each constraint and a column for each iteration.
    fn write_chart(&self, page: Page<'_>) -> io::Result<()> {
        let legend = "● holds  ○ violated  → continue  ■ terminate";
        writeln!(
            page,
            "{BOLD}Constraints and decisions by iteration{BOLD:#}  {DIM}{legend}{DIM:#}"
        )?;
        let numbers = self.row(|one| format!("{:>4}", one.iteration));
        writeln!(page, "  {DIM}{:<29}draft{numbers}{DIM:#}", "")?;
        for constraint in &CONSTRAINTS {
            let start = cell(&self.record.start, constraint.id);
            let marks = self.row(|one| cell(&one.constraints, constraint.id));
            writeln!(page, "  {:<19}{:<11}{start}{marks}", constraint.id, constraint.severity)?;
        }
        let decisions = self.row(|one| format!("   {}", arrow(&one.decision)));
        writeln!(page, "  {:<34}{decisions}", "decision")
    }

    /// Writes what the server measured after the loop.
    fn write_evidence(&self, page: Page<'_>) -> io::Result<()> {
        let Record { verified, manifest, .. } = &self.record;
        writeln!(page, "{BOLD}Measured by the server at the end{BOLD:#}")?;
        for one in &verified.constraints {
            writeln!(page, "  {:<17}{}  {}", one.id, mark(one.holds()), one.evidence)?;
        }
        let complete = mark(verified.is_complete());
        let (files, missing) = (manifest.len(), verified.missing_files.len());
        writeln!(page, "  {:<17}{complete}  files: {files}, missing: {missing}", "manifest")
    }

    fn row<T: Display>(&self, cell: impl Fn(&Iteration) -> T) -> Row<T> {
        Row(self.record.iterations.iter().map(cell).collect())
    }

    fn write_places(&self, page: Page<'_>) -> io::Result<()> {
        let Self { status, version, seconds, files, .. } = self;
        let style = if self.is_good() { GOOD } else { BAD };
        let iterations = self.record.iterations.len();
        writeln!(
            page,
            "{style}{status}{style:#} after {iterations} iterations, at version {version}, in \
             {seconds:.1} s. {BOLD}Where to look:{BOLD:#}"
        )?;
        [
            (&files.report, "the final report"),
            (&files.decisions, "each decision with its reason"),
            (&files.refinement_log, "actions and measurements of each iteration"),
            (&files.archive, "the archived cycle"),
        ]
        .iter()
        .try_for_each(|(path, what)| writeln!(page, "  {path}  {DIM}{what}{DIM:#}"))
    }

    fn write_commands(&self, page: Page<'_>) -> io::Result<()> {
        let (folder, artifact) = (quoted(&self.folder), &self.artifact);
        let (from, to) = self.last_iteration();
        [
            format!("history {artifact}"),
            format!("show {artifact} --select /constraints"),
            format!("diff {artifact} {from} {to}"),
        ]
        .iter()
        .try_for_each(|command| writeln!(page, "  refiner --dir {folder} {command}"))
    }

    /// Returns the two versions between which the last violated constraint came to hold.
    fn last_iteration(&self) -> (u64, u64) {
        let mut versions = self.record.iterations.iter().rev().map(|one| one.version);
        let to = versions.next().unwrap_or(self.version);
        (versions.next().unwrap_or(1), to)
    }
}

/// A row of cells of the chart.
struct Row<T>(Vec<T>);

impl<T: Display> Display for Row<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|cell| cell.fmt(f))
    }
}

/// Whether a constraint holds, if known. Readable without colour.
struct Mark(Option<bool>);

impl Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(true) => write!(f, "   {GOOD}●{GOOD:#}"),
            Some(false) => write!(f, "   {BAD}○{BAD:#}"),
            None => f.write_str("   ?"),
        }
    }
}

/// Returns one cell of the chart.
fn cell(constraints: &Value, id: &str) -> Mark {
    let known = constraints.as_array().and_then(|list| list.iter().find(|one| one["id"] == id));
    Mark(known.map(|one| one["status"] == "satisfied"))
}

fn mark(holds: bool) -> Mark {
    Mark(Some(holds))
}

fn arrow(decision: &str) -> &str {
    match decision {
        "continue" => "→",
        "terminate" => "■",
        other => other,
    }
}

/// Returns a path quoted for a shell.
fn quoted(path: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    if path.bytes().all(is_plain) {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::demo::verified::{Verified, VerifiedConstraint};

    fn verified() -> Verified {
        let finding = |id: &str| VerifiedConstraint {
            id: id.to_owned(),
            status: "satisfied".into(),
            asserted: false,
            evidence: "looked at".into(),
        };
        Verified {
            constraints: CONSTRAINTS.iter().map(|one| finding(one.id)).collect(),
            manifest_valid: true,
            ..Verified::default()
        }
    }

    /// Returns a demo without any failure.
    fn good() -> Account {
        let all = |status: &str| -> Value {
            CONSTRAINTS.iter().map(|one| json!({ "id": one.id, "status": status })).collect()
        };
        let (open, met) = (all("violated"), all("satisfied"));
        let iteration = |iteration, decision: &str, version, constraints: &Value| Iteration {
            iteration,
            decision: decision.to_owned(),
            reason: "because".to_owned(),
            version,
            constraints: constraints.clone(),
        };
        let path = |file: &str| format!("demo-1/{file}");
        Account {
            artifact: "report".into(),
            folder: "demo-1".into(),
            protocol: "2026-07-28".into(),
            status: "converged".into(),
            version: 215,
            killed: Kill {
                ended: "signal: 9 (SIGKILL)".into(),
                phase: "execute".into(),
                iteration: 2,
                resumed_phase: "execute".into(),
                resumed_iteration: 2,
                resumed_version: 100,
            },
            saves: Audit { sent: SAVES, acknowledged: 90, found: 90, ..Audit::default() },
            record: Record {
                start: open.clone(),
                iterations: vec![
                    iteration(1, "continue", 5, &open),
                    iteration(2, "terminate", 213, &met),
                ],
                journal: Journal { entries: 215, gaps: 0, saves: SAVES },
                verified: verified(),
                manifest: [("report.md".to_owned(), json!({}))].into_iter().collect(),
            },
            files: Files {
                report: path("report.md"),
                decisions: path("decisions.md"),
                refinement_log: path("refinement_log.md"),
                archive: path("1"),
            },
            seconds: 0.52,
        }
    }

    #[test]
    fn the_account_is_readable_without_colour() {
        let mut page = Vec::new();
        good().write(&mut page).unwrap();
        let text = anstream::adapter::strip_bytes(&page).into_vec();
        insta::assert_snapshot!(String::from_utf8(text).unwrap(), @r"
        Data lost when the server was killed: nothing
            90 saves acknowledged: 90 found, 0 lost
           110 saves not acknowledged: 0 stored anyway
           200 saves sent again with their keys: 0 written twice, 0 missing
           215 versions in the journal: 200 by saves, 0 gaps

        Constraints and decisions by iteration  ● holds  ○ violated  → continue  ■ terminate
                                       draft   1   2
          headings-in-order  blocking      ○   ○   ●
          links-resolve      blocking      ○   ○   ●
          sections-present   blocking      ○   ○   ●
          summary-short      high          ○   ○   ●
          decision                             →   ■

        Measured by the server at the end
          headings-in-order   ●  looked at
          links-resolve       ●  looked at
          sections-present    ●  looked at
          summary-short       ●  looked at
          manifest            ●  files: 1, missing: 0

        converged after 2 iterations, at version 215, in 0.5 s. Where to look:
          demo-1/report.md  the final report
          demo-1/decisions.md  each decision with its reason
          demo-1/refinement_log.md  actions and measurements of each iteration
          demo-1/1  the archived cycle
          refiner --dir demo-1 history report
          refiner --dir demo-1 show report --select /constraints
          refiner --dir demo-1 diff report 5 213
        ");
    }

    #[test]
    fn a_demo_with_any_loss_or_violation_is_not_good() {
        assert!(good().is_good());
        let spoiled: [fn(&mut Account); 9] = [
            |account| account.status = "max_iterations_exceeded".into(),
            |account| account.saves.lost.push("note-001".into()),
            |account| account.saves.written_twice.push("note-001".into()),
            |account| account.killed.resumed_phase = "plan".into(),
            |account| account.record.journal.gaps = 1,
            |account| account.record.journal.saves += 1,
            |account| account.record.verified.constraints[0].asserted = true,
            |account| account.record.verified.missing_files.push("report.md".into()),
            |account| account.record.manifest.clear(),
        ];
        for spoil in spoiled {
            let mut account = good();
            spoil(&mut account);
            assert!(!account.is_good());
        }
    }

    #[test]
    fn a_folder_with_a_blank_is_quoted() {
        assert_eq!(quoted("a/demo-1"), "a/demo-1");
        assert_eq!(quoted("it's here"), "'it'\\''s here'");
    }
}
