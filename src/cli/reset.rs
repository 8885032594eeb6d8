use super::consent::with_person;
use super::input::name;
use super::output::briefing;
use super::write_options::RemovalOptions;
use super::{Context, Failure};
use crate::service;

#[derive(Debug, clap::Args)]
pub(super) struct Reset {
    #[command(flatten)]
    removing: RemovalOptions,
}

impl Reset {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let Self { removing } = self;
        let arguments = service::Reset {
            name: name(&removing.name)?,
            confirm: removing.confirm(),
            expected_version: removing.writing.expected_version,
            idempotency_key: removing.writing.idempotency_key.clone(),
        };
        let reset = async |caller: &_| context.service.run(arguments.clone(), caller).await;
        let answer = with_person(context, &removing.pending(&arguments.name), reset).await?;
        context.output.warn(&answer.briefing);
        context.output.answer(&answer, |page, answer| {
            match &answer.kept_in {
                Some(kept_in) => writeln!(page, "reset; the old content is kept in {kept_in}")?,
                None => writeln!(page, "reset")?,
            }
            briefing(page, &answer.briefing)
        })
    }
}
