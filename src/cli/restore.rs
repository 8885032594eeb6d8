use super::input::name;
use super::output::briefing;
use super::write_options::WriteOptions;
use super::{Context, Failure};
use crate::service;

#[derive(Debug, clap::Args)]
pub(super) struct Restore {
    /// The artifact
    name: String,
    /// The version or checkpoint id to restore
    to: String,
    /// Leave the files as they are
    #[arg(long)]
    no_files: bool,
    #[command(flatten)]
    writing: WriteOptions,
}

impl Restore {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let arguments = service::Restore {
            name: name(&self.name)?,
            to: self.to,
            files: self.no_files.then_some(false),
            expected_version: self.writing.expected_version,
            idempotency_key: self.writing.idempotency_key,
        };
        let answer = context.service.run(arguments, &context.caller).await?;
        context.output.warn(&answer.briefing);
        context.output.answer(&answer, |page, answer| {
            writeln!(
                page,
                "version {} has the content of version {}",
                answer.version, answer.restored_from
            )?;
            briefing(page, &answer.briefing)
        })
    }
}
