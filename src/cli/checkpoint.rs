use super::input::name;
use super::write_options::WriteOptions;
use super::{Context, Failure};
use crate::service;

#[derive(Debug, clap::Args)]
pub(super) struct Checkpoint {
    /// The artifact
    name: String,
    /// A label for this version
    #[arg(long)]
    label: Option<String>,
    #[command(flatten)]
    writing: WriteOptions,
}

impl Checkpoint {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let arguments = service::Checkpoint {
            name: name(&self.name)?,
            label: self.label,
            expected_version: self.writing.expected_version,
            idempotency_key: self.writing.idempotency_key,
        };
        let answer = context.service.run(arguments, &context.caller).await?;
        context.output.warn(&answer.briefing);
        context.output.answer(&answer, |page, answer| {
            writeln!(
                page,
                "{} names version {}, in {}",
                answer.checkpoint_id, answer.version, answer.phase
            )
        })
    }
}
