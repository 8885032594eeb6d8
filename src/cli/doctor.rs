use super::input::name;
use super::interrupt::interruptible;
use super::output::{BAD, DIM, GOOD, WARN};
use super::{Context, Failure};
use crate::service;
use crate::storage::{Finding, FindingSeverity};

#[derive(Debug, clap::Args)]
pub(super) struct Doctor {
    /// Check only this artifact
    name: Option<String>,
}

impl Doctor {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let arguments = service::Doctor { name: self.name.as_deref().map(name).transpose()? };
        let doctor = async |caller| context.service.doctor(arguments, &caller).await;
        let diagnosis = interruptible(context, doctor).await?;
        context.output.answer(&diagnosis, |page, diagnosis| {
            for finding in &diagnosis.findings {
                self::finding(page, finding)?;
            }
            if diagnosis.findings.is_empty() {
                writeln!(
                    page,
                    "{GOOD}healthy{GOOD:#}: {}, no findings",
                    counted(diagnosis.artifacts, "artifact")
                )
            } else {
                writeln!(
                    page,
                    "{}, {}",
                    counted(diagnosis.artifacts, "artifact"),
                    counted(diagnosis.findings.len(), "finding")
                )
            }
        })?;
        if diagnosis.healthy { Ok(()) } else { Err(Failure::BadNews) }
    }
}

fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

fn finding(page: super::output::Page<'_>, finding: &Finding) -> std::io::Result<()> {
    let (style, word) = match finding.severity {
        FindingSeverity::Error => (BAD, "error"),
        FindingSeverity::Warning => (WARN, "warning"),
        FindingSeverity::Note => (DIM, "note"),
    };
    writeln!(page, "{style}{word}{style:#} {}: {}", finding.place, finding.problem)?;
    writeln!(page, "  {}", finding.advice)
}
