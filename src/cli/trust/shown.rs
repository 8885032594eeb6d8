//! Shows a person what they are about to trust: on standard error, even with `--quiet`, because it
//! is part of the question. The texts may be hostile, so each is quoted with control characters
//! escaped.

use std::path::Path;

use super::super::Context;
use super::super::output::{BOLD, WARN};
use crate::hooks::ProjectTriggers;
use crate::service::{OwnWorkflow, WantedCommand};

/// Number of phases or prompts that are named per workflow.
const NAMED_MAX: usize = 20;

pub(super) fn triggers(triggers: &ProjectTriggers, project: &Path, context: &Context) {
    heading(context, "The hooks of", project, "would, as you:");
    triggers.would_do.iter().for_each(|trigger| say(context, trigger));
    note(context, "refiner does not check the files that they run; these may change later");
}

pub(super) fn workflows(workflows: &[OwnWorkflow], project: &Path, context: &Context) {
    heading(context, "The workflows of", project, "would decide what a model is asked to do:");
    for own in workflows {
        say(context, &format!("{}: {:?} ({}…)", own.name, own.title, own.short_digest()));
        say(
            context,
            &format!("  phases {}", named(own.phases.iter().map(|one| format!("{one:?}")))),
        );
        let prompts = own.prompts.iter().map(|one| format!("{:?} ({} bytes)", one.name, one.bytes));
        if !own.prompts.is_empty() {
            say(context, &format!("  prompts {}", named(prompts)));
        }
        own.places.iter().for_each(|place| say(context, &format!("  in {place}")));
    }
    note(context, "read their prompts first; a changed workflow needs trust again");
}

pub(super) fn commands(commands: &[WantedCommand], project: &Path, context: &Context) {
    heading(context, "The checks of", project, "would run, as you:");
    for wanted in commands {
        say(context, &format!("{:?}", wanted.command));
        let by = named(wanted.wanted_by.iter().map(|one| format!("{one:?}")));
        say(context, &format!("  for {by}"));
        if !wanted.files.is_empty() {
            let files = named(wanted.files.iter().map(|one| format!("{one:?}")));
            say(context, &format!("  with the project's {files}"));
        }
    }
    note(context, "read these files first: they, and the files that they use, may change later");
}

fn heading(context: &Context, what: &str, project: &Path, would: &str) {
    context.output.complain(format_args!("{what} {BOLD}{project:?}{BOLD:#} {would}"));
}

fn say(context: &Context, line: &str) {
    context.output.complain(format_args!("{line}"));
}

fn note(context: &Context, text: &str) {
    context.output.complain(format_args!("{WARN}note{WARN:#}: {text}"));
}

/// Returns a list with the number of omitted items.
fn named(items: impl ExactSizeIterator<Item = String>) -> String {
    let more = items.len().saturating_sub(NAMED_MAX);
    let shown: Vec<String> = items.take(NAMED_MAX).collect();
    if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { shown.join(", ") }
}
