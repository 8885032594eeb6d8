use super::input::name;
use super::interrupt::interruptible;
use super::output::{BAD, GOOD, WARN, table};
use super::{Context, Failure};
use crate::model::document::constraint::Severity;
use crate::service;

#[derive(Debug, clap::Args)]
pub(super) struct Verify {
    /// The artifact
    name: String,
    /// The ids of constraints to measure [default: all]
    constraints: Vec<String>,
    /// Exit with 1 also while a constraint of this severity does not hold
    #[arg(long, value_enum, default_value = "blocking")]
    severity: Threshold,
}

/// The lightest severity that counts.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Threshold {
    Blocking,
    High,
    Medium,
    Low,
}

impl Threshold {
    fn severity(self) -> Severity {
        match self {
            Self::Blocking => Severity::Blocking,
            Self::High => Severity::High,
            Self::Medium => Severity::Medium,
            Self::Low => Severity::Low,
        }
    }
}

impl Verify {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let chosen = Some(self.constraints).filter(|chosen| !chosen.is_empty());
        let arguments = service::Verify { name: name(&self.name)?, constraints: chosen };
        let verify = async |caller| context.service.run(arguments, &caller).await;
        let answer = interruptible(context, verify).await?;
        context.output.warn(&answer.briefing);
        let least = self.severity.severity();
        let is_open =
            answer.constraints.iter().any(|one| one.severity >= least && one.status != "satisfied");
        let printed = context.output.answer(&answer, |page, answer| {
            let row = |one: &service::ConstraintStanding| {
                let how = if one.asserted { "asserted" } else { "measured" };
                let evidence = one.evidence.clone().unwrap_or_default();
                vec![one.id.clone(), one.status.clone(), how.to_owned(), evidence]
            };
            let rows: Vec<Vec<String>> = answer.constraints.iter().map(row).collect();
            if rows.is_empty() {
                writeln!(page, "{WARN}no constraints{WARN:#}: nothing was measured")?;
            } else {
                table(page, &["CONSTRAINT", "STATUS", "BY", "EVIDENCE"], &rows)?;
            }
            for file in &answer.missing_files {
                writeln!(page, "{BAD}missing{BAD:#} dist/{file}")?;
            }
            for violation in &answer.violations {
                writeln!(page, "{WARN}manifest{WARN:#} {violation}")?;
            }
            let all = answer.constraints.iter().all(|one| one.status == "satisfied");
            let complete = answer.missing_files.is_empty() && answer.manifest_valid;
            if all && complete && !rows.is_empty() {
                writeln!(page, "{GOOD}every constraint holds{GOOD:#}")?;
            }
            Ok(())
        });
        if is_open { printed.and(Err(Failure::BadNews)) } else { printed }
    }
}
