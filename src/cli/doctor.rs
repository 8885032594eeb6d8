use super::consent::{PendingDecision, with_person};
use super::input::name;
use super::interrupt::interruptible;
use super::output::{BAD, DIM, GOOD, WARN};
use super::{Context, Failure};
use crate::model::Name;
use crate::service;
use crate::storage::{Finding, FindingSeverity};

#[derive(Debug, clap::Args)]
pub(super) struct Doctor {
    /// Check only this artifact
    name: Option<String>,
    /// Go on with its journal as it is, where lines at its end are missing or other ones
    #[arg(long, requires = "name")]
    accept: bool,
}

impl Doctor {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let name = self.name.as_deref().map(name).transpose()?;
        if let Some(name) = name.clone().filter(|_| self.accept) {
            return accept(context, name).await;
        }
        let arguments = service::Doctor { name };
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

async fn accept(context: &Context, name: Name) -> Result<(), Failure> {
    let pending = PendingDecision { name: &name, event: None, words: None };
    let arguments = service::Accept { name: name.clone() };
    let accept = async |caller: &_| context.service.accept(arguments.clone(), caller).await;
    let answer = with_person(context, &pending, accept).await?;
    context.output.warn(&answer.briefing);
    context.output.answer(&answer, |page, answer| {
        let service::Accepted { name, after, up_to, version, .. } = answer;
        writeln!(
            page,
            "{name} goes on at version {version}: what came after version {after}, up to {up_to}, is lost"
        )
    })
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
