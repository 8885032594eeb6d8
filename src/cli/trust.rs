//! `refiner trust`: a project's own hooks, workflows and commands run only after the user trusts
//! them.

mod owner;
mod shown;

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::consent::asked;
use super::output::GOOD;
use super::{Context, Failure, Global, consent, hooks, project, workspace};
use crate::hooks::{Hooks, ProjectTriggers};
use crate::model::Refusal;
use crate::service::Waiting;
use crate::storage::filesystem::Filesystem;
use crate::workspace::{self, Trusted, layout};

#[derive(Debug, clap::Args)]
pub(super) struct Trust {
    /// Trust the other user who owns the project's .refiner folder
    #[arg(long)]
    owner: bool,
    /// Revoke all trust for this project; with --owner, only trust in the owner
    #[arg(long)]
    revoke: bool,
}

/// The parts of a project that need a person's trust.
struct Brought {
    triggers: Option<ProjectTriggers>,
    waiting: Waiting,
}

/// The kinds that a person agreed to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Agreed {
    triggers: bool,
    workflows: bool,
    commands: bool,
}

/// The answer of `refiner trust`.
#[derive(Debug, Serialize)]
struct Answer {
    /// The project's folder.
    project: PathBuf,
    /// The project's hooks, if it has any.
    hooks: Option<ProjectTriggers>,
    /// The trusted parts.
    trusted: Trusted,
    /// The parts that are not trusted.
    waiting: Waiting,
}

/// The answer of `refiner trust --revoke`.
#[derive(Debug, Serialize)]
struct Revoked {
    /// The project's folder.
    project: PathBuf,
    /// The formerly trusted parts.
    revoked: Trusted,
}

impl Trust {
    /// Returns whether the subcommand opens no workspace files. They stay closed until their owner
    /// is trusted, and revoking needs none of them.
    pub(super) fn needs_no_workspace(&self) -> bool {
        self.owner || self.revoke
    }

    /// Trusts an owner after a person agrees at a terminal, or revokes trust, which needs no
    /// decision.
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
            let what = if only_owner { "the owner of" } else { "the content of" };
            writeln!(page, "{what} {:?} is no longer trusted", answer.project)
        })
    }

    /// Shows each kind that is not trusted, and trusts what a person at a terminal agrees to.
    pub(super) async fn run(self, global: &Global, context: &Context) -> Result<(), Failure> {
        if let Some(fault) = context.service.workflow_findings().first() {
            return Err(broken(&fault.place, &fault.problem));
        }
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
            context.service.check_proven(consent::proof(context)?.as_ref())?;
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

    /// Shows each kind that is not trusted and asks about it. Without a terminal, only shows it.
    fn ask(&self, project: &Path, context: &Context) -> Agreed {
        let Waiting { workflows, commands, .. } = &self.waiting;
        let mut agreed = Agreed::default();
        if let Some(triggers) = self.triggers.as_ref().filter(|triggers| !triggers.trusted) {
            shown::triggers(triggers, project, context);
            agreed.triggers =
                asked(&format_args!("Allow the hooks in {} to do this?", layout::TRIGGERS));
        }
        if !workflows.is_empty() {
            shown::workflows(workflows, project, context);
            agreed.workflows = asked(&"Allow artifacts of this project to use these workflows?");
        }
        if !commands.is_empty() {
            shown::commands(commands, project, context);
            agreed.commands = asked(&"Allow checks of this project to run these commands?");
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

    /// Adds what a person agreed to: only what was shown, not later changes.
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
            what: "hook, workflow or command of this project that needs trust".into(),
            hint: "if the project adds one later, run refiner trust to review it".into(),
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
            writeln!(page, "{waits} more are not trusted: run refiner trust to review them again")?;
        }
        Ok(())
    })
}

fn unusable(error: io::Error) -> Failure {
    Failure::Other(
        anyhow::Error::from(error).context("the list of trusted content cannot be read or written"),
    )
}

fn failure(error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::InvalidData => broken(layout::TRIGGERS, &error),
        _ => Failure::Other(error.into()),
    }
}

/// Returns the refusal of a file that no trust can make usable.
fn broken(file: &str, problem: &dyn std::fmt::Display) -> Failure {
    Failure::Refused(Refusal::argument(format!("{file}: {problem}"), "correct the file first"))
}
