//! What subcommands that write have in common.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use super::{Context, Failure, screen, token};
use crate::model::gate::{Asking, Question};
use crate::model::{Name, Refusal, Version};
use crate::service::{Caller, Consent};

/// Options of every subcommand that writes.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Writing {
    /// Refuse if another version is the newest
    #[arg(long, value_name = "VERSION")]
    pub(super) expected_version: Option<Version>,
    /// The same key with the same call is done once
    #[arg(long, value_name = "KEY")]
    pub(super) idempotency_key: Option<String>,
}

/// Options of the subcommands that take an artifact's work away.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Removing {
    /// The artifact
    pub(super) name: String,
    /// The name again, to be sure; you are asked all the same
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
    /// Why; kept with the decision
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    pub(super) writing: Writing,
}

impl Removing {
    /// Returns the name that confirms it: whoever sits there is asked, and need not type it twice.
    pub(super) fn confirm(&self) -> String {
        self.confirm.as_ref().unwrap_or(&self.name).clone()
    }

    /// Returns what is to be decided.
    pub(super) fn pending<'a>(&'a self, name: &'a Name) -> PendingDecision<'a> {
        PendingDecision { name, event: None, words: self.reason.as_deref() }
    }
}

/// Parses an artifact's name.
pub(super) fn name(given: &str) -> Result<Name, Failure> {
    Name::parse(given).map_err(Failure::from)
}

/// What somebody is about to do, which may need a person's decision.
#[derive(Debug)]
pub(super) struct PendingDecision<'a> {
    /// The artifact.
    pub(super) name: &'a Name,
    /// The event that is sent, if one is.
    pub(super) event: Option<&'a str>,
    /// What whoever sits there gave as the reason.
    pub(super) words: Option<&'a str>,
}

/// Does something, and where that needs a person's decision, asks for it at the terminal.
///
/// Without a terminal nobody is asked, and the refusal stands: a script is no person.
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

/// Returns the caller with what a person agreed to, and with the token that proves it where the
/// user's configuration wants one.
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

/// Shows what is decided and asks at the terminal. Only a typed `yes` counts.
pub(super) fn asked(question: &dyn std::fmt::Display) -> bool {
    if !at_a_terminal() {
        return false;
    }
    let (stdin, mut stderr) = (std::io::stdin(), screen::plain_errors());
    let mut answer = String::new();
    let asked = write!(stderr, "{question}\nType yes to go on: ").and_then(|()| stderr.flush());
    asked.and_then(|()| stdin.lock().read_line(&mut answer)).is_ok() && answer.trim() == "yes"
}

fn declined(question: &Question) -> Refusal {
    Refusal::NotApproved {
        message: format!("you did not agree to this: {}", question.what),
        hint: "nothing was written: run it again and type yes to agree".into(),
    }
}
