use super::consent::{PendingDecision, with_person};
use super::input::name;
use super::output::briefing;
use super::write_options::WriteOptions;
use super::{Context, Failure, input};
use crate::service;

#[derive(Debug, clap::Args)]
pub(super) struct Transition {
    /// The artifact
    name: String,
    /// The event, such as complete or stop
    event: String,
    /// The phase that you expect; another phase is refused
    #[arg(long)]
    phase: Option<String>,
    /// What the phase produced: JSON, @FILE or -
    #[arg(long, value_name = "JSON")]
    result: Option<String>,
    /// The reason, recorded in the history
    #[arg(long)]
    reason: Option<String>,
    /// The cost of the phase
    #[arg(long)]
    cost: Option<f64>,
    /// The duration of the phase
    #[arg(long, value_name = "SECONDS")]
    time_seconds: Option<f64>,
    /// Show what would happen, and write nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    writing: WriteOptions,
}

impl Transition {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let arguments = service::Transition {
            name: name(&self.name)?,
            event: self.event,
            phase: self.phase,
            result: self.result.map(|result| input::object("--result", &result)).transpose()?,
            reason: self.reason,
            cost: self.cost,
            time_seconds: self.time_seconds,
            dry_run: self.dry_run.then_some(true),
            expected_version: self.writing.expected_version,
            idempotency_key: self.writing.idempotency_key,
        };
        let send = async |caller: &_| context.service.run(arguments.clone(), caller).await;
        let pending = PendingDecision {
            name: &arguments.name,
            event: Some(&arguments.event),
            words: arguments.reason.as_deref(),
        };
        let answer = with_person(context, &pending, send).await?;
        context.output.warn(&answer.briefing);
        context.output.answer(&answer, |page, answer| {
            let would = if answer.dry_run == Some(true) { "dry run: " } else { "" };
            writeln!(page, "{would}{} → {}", answer.from, answer.to)?;
            if let Some(decision) = &answer.decision {
                writeln!(page, "{}: {}", decision.decision, decision.reason)?;
            }
            briefing(page, &answer.briefing)
        })
    }
}
