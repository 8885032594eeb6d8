use super::output::table;
use super::{Context, Failure};
use crate::service;

#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// Only names that begin with this
    prefix: Option<String>,
    /// Only of this workflow
    #[arg(long)]
    workflow: Option<String>,
    /// Only in this phase
    #[arg(long)]
    phase: Option<String>,
    /// Artifacts of a page, 100 at most
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Where the page before ended
    #[arg(long)]
    cursor: Option<String>,
}

impl List {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let Self { prefix, workflow, phase, limit, cursor } = self;
        let arguments = service::List { prefix, workflow, phase, limit, cursor };
        let answer = context.service.list(arguments).await?;
        for warning in &answer.warnings {
            context.output.say(format_args!("warning: {warning}"));
        }
        if answer.artifacts.is_empty() {
            context.output.say("No artifacts here. `refiner init NAME` makes one.");
        }
        context.output.answer(&answer, |page, answer| {
            let row = |one: &service::Summary| {
                let status =
                    if one.finalized { "finalized".to_owned() } else { one.status.to_string() };
                vec![
                    one.name.clone(),
                    one.workflow.clone(),
                    one.phase.clone(),
                    status,
                    one.version.to_string(),
                    one.updated_at.clone(),
                ]
            };
            let rows: Vec<_> = answer.artifacts.iter().map(row).collect();
            match rows.is_empty() {
                true => Ok(()),
                false => table(
                    page,
                    &["name", "workflow", "phase", "status", "version", "updated"],
                    &rows,
                ),
            }
        })?;
        if let Some(cursor) = &answer.next_cursor {
            context.output.say(format_args!("More: the same with --cursor {cursor}"));
        }
        Ok(())
    }
}
