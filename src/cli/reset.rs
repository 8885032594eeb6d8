use super::output::briefing;
use super::writing::{Asking, Writing, name, with_person};
use super::{Context, Failure};
use crate::service;

#[derive(Debug, clap::Args)]
pub(super) struct Reset {
    /// The artifact
    name: String,
    /// The name again, to be sure; you are asked all the same
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
    /// Why; kept with the decision
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    writing: Writing,
}

impl Reset {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let arguments = service::Reset {
            name: name(&self.name)?,
            confirm: self.confirm.unwrap_or(self.name),
            expected_version: self.writing.expected_version,
            idempotency_key: self.writing.idempotency_key,
        };
        let asking = Asking { name: &arguments.name, event: None, words: self.reason.as_deref() };
        let reset = async |caller: &_| context.service.reset(arguments.clone(), caller).await;
        let answer = with_person(context, &asking, reset).await?;
        context.output.warn(&answer.briefing);
        context.output.answer(&answer, |page, answer| {
            match &answer.kept_in {
                Some(kept_in) => writeln!(page, "begun anew; what it had is kept in {kept_in}")?,
                None => writeln!(page, "begun anew")?,
            }
            briefing(page, &answer.briefing)
        })
    }
}
