//! Shared code of subcommands that write.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use super::{Context, Failure, screen, token};
use crate::model::question::{Asking, Question};
use crate::model::{Name, Refusal, Version};
use crate::service::{Caller, Consent};

/// Options of each subcommand that writes.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Writing {
    /// Refuse the call if the newest version is another one
    #[arg(long, value_name = "VERSION")]
    pub(super) expected_version: Option<Version>,
    /// A repeated call with this key takes effect once
    #[arg(long, value_name = "KEY")]
    pub(super) idempotency_key: Option<String>,
}

/// Options of the subcommands that remove an artifact's work.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Removing {
    /// The artifact
    pub(super) name: String,
    /// The name again, as a safeguard; you still have to confirm at the terminal
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
    /// The reason, recorded with the decision
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    pub(super) writing: Writing,
}

impl Removing {
    /// Returns the name that confirms the removal. It is optional, because the person at the
    /// terminal is asked anyway.
    pub(super) fn confirm(&self) -> String {
        self.confirm.as_ref().unwrap_or(&self.name).clone()
    }

    /// Returns the decision that the call needs.
    pub(super) fn pending<'a>(&'a self, name: &'a Name) -> PendingDecision<'a> {
        PendingDecision { name, event: None, words: self.reason.as_deref() }
    }
}

/// Parses an artifact's name.
pub(super) fn name(given: &str) -> Result<Name, Failure> {
    Name::parse(given).map_err(Failure::from)
}

/// A call that may need a person's decision.
#[derive(Debug)]
pub(super) struct PendingDecision<'a> {
    /// The artifact.
    pub(super) name: &'a Name,
    /// The event to send, if any.
    pub(super) event: Option<&'a str>,
    /// The reason that the person gave.
    pub(super) words: Option<&'a str>,
}

/// Makes a call, and if it needs a person's decision, asks for it at the terminal.
///
/// Without a terminal it does not ask and returns the refusal, because a script is not a person.
pub(super) async fn with_person<T>(
    context: &Context,
    pending: &PendingDecision<'_>,
    mut attempt: impl AsyncFnMut(&Caller) -> Result<T, Refusal>,
) -> Result<T, Failure> {
    let refusal = match attempt(&context.caller).await {
        Err(refusal) => refusal,
        Ok(done) => return Ok(done),
    };
    match refusal {
        Refusal::ApprovalRequired { what, .. } if at_a_terminal() => {
            let about = Asking { what: &what, event: pending.event, why: None };
            let question = context.service.question(pending.name, about).await?;
            if !asked(&question) {
                return Err(declined(&question).into());
            }
            let consent = Consent::new(question.binding, pending.words);
            Ok(attempt(&proven(context, consent)?).await?)
        }
        refusal => Err(refusal.into()),
    }
}

/// Returns the caller with the person's consent, and with the token that proves it if the user's
/// configuration requires one.
fn proven(context: &Context, consent: Consent) -> Result<Caller, Failure> {
    let caller = context.caller.clone();
    Ok(match token::proof(context)? {
        Some(grant) => caller.bearing(&grant).confirmed_for(consent.proven_by(grant)),
        None => caller.confirmed_for(consent),
    })
}

fn at_a_terminal() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Shows the question at the terminal. Only a typed `yes` counts as consent.
pub(super) fn asked(question: &dyn std::fmt::Display) -> bool {
    if !at_a_terminal() {
        return false;
    }
    let (stdin, mut stderr) = (std::io::stdin(), screen::plain_errors());
    let mut answer = String::new();
    let asked = write!(stderr, "{question}\nType yes to continue: ").and_then(|()| stderr.flush());
    asked.and_then(|()| stdin.lock().read_line(&mut answer)).is_ok() && answer.trim() == "yes"
}

fn declined(question: &Question) -> Refusal {
    Refusal::NotApproved {
        message: format!("you did not agree to this: {}", question.what),
        hint: "nothing was written: run the command again and type yes to agree".into(),
    }
}
