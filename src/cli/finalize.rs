use super::input::name;
use super::write_options::WriteOptions;
use super::{Context, Failure};
use crate::service::{self, FinalStatus};

#[derive(Debug, clap::Args)]
pub(super) struct Finalize {
    /// The artifact
    name: String,
    /// The expected status of the loop; another status is refused
    #[arg(long, value_parser = ["converged", "max_iterations_exceeded", "user_terminated", "closed"])]
    status: Option<String>,
    /// A short summary for the history
    #[arg(long)]
    summary: Option<String>,
    #[command(flatten)]
    writing: WriteOptions,
}

impl Finalize {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let arguments = service::Finalize {
            name: name(&self.name)?,
            status: self.status.as_deref().and_then(FinalStatus::parse),
            summary: self.summary,
            expected_version: self.writing.expected_version,
            idempotency_key: self.writing.idempotency_key,
        };
        let answer = context.service.run(arguments, &context.caller).await?;
        context.output.warn(&answer.briefing);
        context.output.answer(&answer, |page, answer| {
            let status = answer.briefing.status;
            writeln!(
                page,
                "cycle {} is closed ({status}) and archived in {}",
                answer.cycle, answer.archived_to
            )
        })
    }
}
