use std::io;

use super::output::{BOLD, GOOD, WARN};
use super::writing::asked;
use super::{Context, Failure, Global, hooks, token, workspace};
use crate::hooks::{Hooks, ProjectTriggers};
use crate::model::Refusal;
use crate::storage::filesystem::layout;

#[derive(Debug, clap::Args)]
pub(super) struct Trust {
    /// Trust the project's hooks no longer
    #[arg(long)]
    revoke: bool,
}

impl Trust {
    /// Only a person at a terminal can trust. Whoever can, can take it back.
    pub(super) fn run(self, global: &Global, context: &Context) -> Result<(), Failure> {
        let hooks = hooks(workspace(global)?);
        if self.revoke {
            hooks.trust(None).map_err(failure)?;
            context.output.say(format_args!("{} is not trusted", layout::TRIGGERS));
            return Ok(());
        }
        let Some(mut triggers) = hooks.project_triggers().map_err(failure)? else {
            return Err(Failure::Refused(Refusal::NotFound {
                what: layout::TRIGGERS.to_owned(),
                hint: "a project without one has no hooks of its own to trust".into(),
            }));
        };
        if !triggers.trusted {
            show(&hooks, &triggers, context);
            if !asked(&format_args!("Let {} do this?", layout::TRIGGERS)) {
                return Err(Failure::Refused(Refusal::ApprovalRequired {
                    what: format!("to trust {}", layout::TRIGGERS),
                    command: "refiner trust".into(),
                }));
            }
            context.service.check_proven(token::proof(context)?.as_ref())?;
            hooks.trust(Some(triggers.digest)).map_err(failure)?;
            triggers.trusted = true;
        }
        context.output.answer(&triggers, |page, triggers| {
            writeln!(
                page,
                "{GOOD}trusted{GOOD:#}: {} triggers, until {} changes",
                triggers.would_do.len(),
                layout::TRIGGERS
            )
        })
    }
}

/// Shows what would be done, on standard error and even when told to be quiet: it is part of the
/// question.
fn show(hooks: &Hooks, triggers: &ProjectTriggers, context: &Context) {
    let (output, project) = (&context.output, hooks.project().display().to_string());
    output.complain(format_args!("The hooks of {BOLD}{project:?}{BOLD:#} would, as you:"));
    triggers.would_do.iter().for_each(|trigger| output.complain(format_args!("{trigger}")));
    output.complain(format_args!(
        "{WARN}note{WARN:#}: files that they run are not looked at, and may change"
    ));
}

fn failure(error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::InvalidData => Failure::Refused(Refusal::argument(
            format!("{}: {error}", layout::TRIGGERS),
            "mend the file first",
        )),
        _ => Failure::Other(error.into()),
    }
}
