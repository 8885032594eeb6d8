use super::input::name;
use super::output::table;
use super::{Context, Failure};
use crate::model::Version;
use crate::service;

#[derive(Debug, clap::Args)]
pub(super) struct History {
    /// The artifact
    name: String,
    /// Only versions after this one
    #[arg(long, value_name = "VERSION")]
    after: Option<Version>,
    /// Entries per page, at most 100
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

impl History {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let arguments = service::History {
            name: name(&self.name)?,
            after: self.after,
            limit: self.limit,
            diff: None,
        };
        let answer = context.service.run(arguments, &context.caller).await?;
        answer.briefing.iter().for_each(|briefing| context.output.warn(briefing));
        context.output.answer(&answer, |page, answer| {
            let row = |entry: &service::HistoryEntry| {
                vec![
                    entry.version.to_string(),
                    entry.at.clone(),
                    entry.operation.clone(),
                    entry.phase.clone(),
                    entry.actor.clone(),
                    entry.note.clone().unwrap_or_default(),
                    entry.changed.join(" "),
                ]
            };
            let rows: Vec<_> = answer.entries.iter().flatten().map(row).collect();
            table(page, &["version", "at", "operation", "phase", "by", "note", "changed"], &rows)
        })?;
        if let Some(deleted_at) = &answer.deleted_at {
            context.output.say(format_args!("The artifact was deleted at {deleted_at}."));
        }
        if let Some(after) = answer.next_after {
            let name = &self.name;
            context.output.say(format_args!("More: refiner history {name} --after {after}"));
        }
        Ok(())
    }
}
