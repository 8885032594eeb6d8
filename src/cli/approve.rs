use super::consent::{PendingDecision, with_person};
use super::input::name;
use super::output::briefing;
use super::write_options::WriteOptions;
use super::{Context, Failure};
use crate::service;

/// A decision that the loop waits for: approve or reject.
#[derive(Debug, clap::Args)]
pub(super) struct Decision {
    /// The artifact
    name: String,
    /// The reason, recorded in decisions.md
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    writing: WriteOptions,
}

impl Decision {
    /// Shows at the terminal what is decided, then sends the event.
    pub(super) async fn run(self, event: &str, context: &Context) -> Result<(), Failure> {
        let arguments = service::Transition {
            name: name(&self.name)?,
            event: event.to_owned(),
            phase: None,
            result: None,
            reason: self.reason,
            cost: None,
            time_seconds: None,
            dry_run: None,
            expected_version: self.writing.expected_version,
            idempotency_key: self.writing.idempotency_key,
        };
        let pending = PendingDecision {
            name: &arguments.name,
            event: Some(event),
            words: arguments.reason.as_deref(),
        };
        let send = async |caller: &_| context.service.run(arguments.clone(), caller).await;
        let answer = with_person(context, &pending, send).await?;
        context.output.warn(&answer.briefing);
        context.output.answer(&answer, |page, answer| {
            writeln!(page, "{} → {}", answer.from, answer.to)?;
            briefing(page, &answer.briefing)
        })
    }
}
