use super::output::table;
use super::{Context, Failure};
use crate::service;

#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// Only names with this prefix
    prefix: Option<String>,
    /// Only artifacts of this workflow
    #[arg(long)]
    workflow: Option<String>,
    /// Only artifacts in this phase
    #[arg(long)]
    phase: Option<String>,
    /// Artifacts per page, at most 100
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// The cursor that the previous page ended with
    #[arg(long)]
    cursor: Option<String>,
}

impl List {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let Self { prefix, workflow, phase, limit, cursor } = self;
        let arguments = service::List { prefix, workflow, phase, limit, cursor };
        let answer = context.service.run(arguments, &context.caller).await?;
        for warning in &answer.warnings {
            context.output.say(format_args!("warning: {warning}"));
        }
        if answer.artifacts.is_empty() {
            context.output.say("No artifacts here. Create one with `refiner init NAME`.");
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
            if rows.is_empty() {
                Ok(())
            } else {
                table(page, &["name", "workflow", "phase", "status", "version", "updated"], &rows)
            }
        })?;
        if let Some(cursor) = &answer.next_cursor {
            context.output.say(format_args!("More: the same with --cursor {cursor}"));
        }
        Ok(())
    }
}
