//! `refiner trust`: what a project brings does nothing until its user trusts it.

mod owner;
mod shown;

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::output::GOOD;
use super::writing::asked;
use super::{Context, Failure, Global, hooks, project, token, workspace};
use crate::hooks::{Hooks, ProjectTriggers};
use crate::model::Refusal;
use crate::service::Waiting;
use crate::storage::filesystem::Filesystem;
use crate::workspace::{self, Trusted, layout};

#[derive(Debug, clap::Args)]
pub(super) struct Trust {
    /// Trust the other user to whom the project's .refiner folder belongs
    #[arg(long)]
    owner: bool,
    /// Take back all that you trusted here; with --owner only that
    #[arg(long)]
    revoke: bool,
}

/// What a project brings that a person decides about.
struct Brought {
    triggers: Option<ProjectTriggers>,
    waiting: Waiting,
}

/// What a person agreed to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Agreed {
    triggers: bool,
    workflows: bool,
    commands: bool,
}

/// What `refiner trust` answers.
#[derive(Debug, Serialize)]
struct Answer {
    /// The project's folder.
    project: PathBuf,
    /// Its hooks, if it has any.
    hooks: Option<ProjectTriggers>,
    /// What is trusted now.
    trusted: Trusted,
    /// What still waits.
    waiting: Waiting,
}

/// What `refiner trust --revoke` answers.
#[derive(Debug, Serialize)]
struct Revoked {
    /// The project's folder.
    project: PathBuf,
    /// What was trusted before.
    revoked: Trusted,
}

impl Trust {
    /// Returns whether it is done without the workspace's files: they are not opened before their
    /// owner is trusted, and taking back needs none of them.
    pub(super) fn needs_no_workspace(&self) -> bool {
        self.owner || self.revoke
    }

    /// Trusts an owner, which a person at a terminal decides, or takes back what was trusted, which
    /// needs no decision.
    pub(super) fn run_without_workspace(
        &self,
        folder: &Path,
        context: &Context,
    ) -> Result<(), Failure> {
        let trust = workspace::Trust::new(project::user_folder(), folder);
        if !self.revoke {
            return owner::trust(&trust, folder, context);
        }
        let only_owner = self.owner;
        let mut revoked = Trusted::default();
        let revoke = |trusted: &mut Trusted| {
            revoked = trusted.clone();
            trusted.owner = None;
            if !only_owner {
                trusted.revoke();
            }
        };
        trust.change(revoke).map_err(unusable)?;
        let answer = Revoked { project: trust.project().map_err(unusable)?, revoked };
        context.output.answer(&answer, |page, answer| {
            let what = if only_owner { "the owner of" } else { "what" };
            let end = if only_owner { "" } else { " brings" };
            writeln!(page, "{what} {:?}{end} is not trusted", answer.project)
        })
    }

    /// Shows what waits, kind by kind, and trusts what a person at a terminal agrees to.
    pub(super) async fn run(self, global: &Global, context: &Context) -> Result<(), Failure> {
        let workspace = workspace(global)?;
        let trust = workspace::Trust::new(project::user_folder(), workspace.project());
        let provider = std::sync::Arc::new(Filesystem::new(&workspace));
        let hooks = hooks(workspace, provider);
        let brought = Brought {
            triggers: hooks.project_triggers().map_err(failure)?,
            waiting: context.service.waiting().await?,
        };
        context.output.warnings(&brought.waiting.warnings);
        if brought.waits() {
            let agreed = brought.ask(hooks.project(), context);
            if agreed == Agreed::default() {
                return Err(brought.not_agreed());
            }
            context.service.check_proven(token::proof(context)?.as_ref())?;
            trust.change(|trusted| brought.take_into(trusted, &agreed)).map_err(unusable)?;
            hooks.prepare().await;
        }
        answer(context, &hooks, trust.read().map_err(unusable)?).await
    }
}

impl Brought {
    fn waits(&self) -> bool {
        self.triggers_wait() || !self.waiting.is_empty()
    }

    fn triggers_wait(&self) -> bool {
        self.triggers.as_ref().is_some_and(|triggers| !triggers.trusted)
    }

    /// Shows each kind that waits and asks about it. Without a terminal it is only shown.
    fn ask(&self, project: &Path, context: &Context) -> Agreed {
        let Waiting { workflows, commands, .. } = &self.waiting;
        let mut agreed = Agreed::default();
        if let Some(triggers) = self.triggers.as_ref().filter(|triggers| !triggers.trusted) {
            shown::triggers(triggers, project, context);
            agreed.triggers = asked(&format_args!("Let {} do this?", layout::TRIGGERS));
        }
        if !workflows.is_empty() {
            shown::workflows(workflows, project, context);
            agreed.workflows = asked(&"Let artifacts of this project run these workflows?");
        }
        if !commands.is_empty() {
            shown::commands(commands, project, context);
            agreed.commands = asked(&"Let checks of this project run these commands?");
        }
        agreed
    }

    fn not_agreed(&self) -> Failure {
        let Waiting { workflows, commands, .. } = &self.waiting;
        let kinds = [
            (self.triggers_wait(), layout::TRIGGERS),
            (!workflows.is_empty(), "the project's workflows"),
            (!commands.is_empty(), "the commands of its checks"),
        ];
        let kinds: Vec<&str> =
            kinds.into_iter().filter_map(|(waits, kind)| waits.then_some(kind)).collect();
        Failure::Refused(Refusal::ApprovalRequired {
            what: format!("to trust {}", kinds.join(" and ")),
            command: "refiner trust".into(),
        })
    }

    /// Adds what a person agreed to: what they were shown, and nothing that came since.
    fn take_into(&self, trusted: &mut Trusted, agreed: &Agreed) {
        if let Some(triggers) = self.triggers.as_ref().filter(|_| agreed.triggers) {
            trusted.triggers = Some(triggers.digest);
        }
        if agreed.workflows {
            let workflows = self.waiting.workflows.iter();
            trusted.workflows.extend(workflows.map(|own| (own.digest, own.name.clone())));
        }
        if agreed.commands {
            let commands = self.waiting.commands.iter().map(|wanted| &wanted.command);
            let new: Vec<_> =
                commands.filter(|one| !trusted.commands.contains(one)).cloned().collect();
            trusted.commands.extend(new);
        }
    }
}

async fn answer(context: &Context, hooks: &Hooks, trusted: Trusted) -> Result<(), Failure> {
    let answer = Answer {
        project: hooks.project().to_owned(),
        hooks: hooks.project_triggers().map_err(failure)?,
        trusted,
        waiting: context.service.waiting().await?,
    };
    if answer.hooks.is_none() && answer.waiting.is_empty() && !answer.trusted.is_something() {
        return Err(Failure::Refused(Refusal::NotFound {
            what: "hook, workflow or command of the project's own to trust".into(),
            hint: "what the project brings later does nothing until refiner trust shows it".into(),
        }));
    }
    context.output.answer(&answer, |page, answer| {
        let trusted = &answer.trusted;
        let hooks = answer.hooks.as_ref().filter(|hooks| hooks.trusted);
        let hooks = hooks.map_or(0, |hooks| hooks.would_do.len());
        writeln!(
            page,
            "{GOOD}trusted{GOOD:#}: {hooks} triggers until {} changes, {} workflows, {} commands",
            layout::TRIGGERS,
            trusted.workflows.len(),
            trusted.commands.len()
        )?;
        let waits = answer.waiting.workflows.len() + answer.waiting.commands.len();
        if waits > 0 {
            writeln!(page, "{waits} more wait: refiner trust shows them again")?;
        }
        Ok(())
    })
}

fn unusable(error: io::Error) -> Failure {
    Failure::Other(anyhow::Error::from(error).context("what you trust cannot be kept or read"))
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
