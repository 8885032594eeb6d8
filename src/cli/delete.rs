use super::consent::with_person;
use super::input::name;
use super::write_options::RemovalOptions;
use super::{Context, Failure};
use crate::service;

#[derive(Debug, clap::Args)]
pub(super) struct Delete {
    #[command(flatten)]
    removing: RemovalOptions,
    /// Also destroy every version and file of the artifact; this cannot be undone
    #[arg(long)]
    purge: bool,
}

impl Delete {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let Self { removing, purge } = self;
        let arguments = service::Delete {
            name: name(&removing.name)?,
            confirm: removing.confirm(),
            purge: purge.then_some(true),
            expected_version: removing.writing.expected_version,
            idempotency_key: removing.writing.idempotency_key.clone(),
        };
        let delete = async |caller: &_| context.service.run(arguments.clone(), caller).await;
        let answer = with_person(context, &removing.pending(&arguments.name), delete).await?;
        context.output.warnings(&answer.warnings);
        context.output.answer(&answer, |page, answer| match &answer.kept_in {
            Some(kept_in) => {
                writeln!(page, "{} is deleted; its files were moved to {kept_in}", answer.name)
            }
            None if purge => writeln!(page, "{} is destroyed, with every version", answer.name),
            None => writeln!(page, "{} is deleted", answer.name),
        })
    }
}
