use super::writing::{Asking, Writing, name, with_person};
use super::{Context, Failure};
use crate::service;

#[derive(Debug, clap::Args)]
pub(super) struct Delete {
    /// The artifact
    name: String,
    /// Destroy everything that was ever stored of it
    #[arg(long)]
    purge: bool,
    /// The name again, to be sure; you are asked all the same
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
    /// Why; kept with the decision
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    writing: Writing,
}

impl Delete {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let arguments = service::Delete {
            name: name(&self.name)?,
            confirm: self.confirm.unwrap_or(self.name),
            purge: self.purge.then_some(true),
            expected_version: self.writing.expected_version,
            idempotency_key: self.writing.idempotency_key,
        };
        let asking = Asking { name: &arguments.name, event: None, words: self.reason.as_deref() };
        let delete = async |caller: &_| context.service.delete(arguments.clone(), caller).await;
        let answer = with_person(context, &asking, delete).await?;
        context.output.warnings(&answer.warnings);
        context.output.answer(&answer, |page, answer| match &answer.kept_in {
            Some(kept_in) => {
                writeln!(page, "{} is deleted; its files are in {kept_in}", answer.name)
            }
            None if self.purge => writeln!(page, "{} is deleted for good", answer.name),
            None => writeln!(page, "{} is deleted", answer.name),
        })
    }
}
