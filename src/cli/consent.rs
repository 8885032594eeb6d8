//! A person's consent at the terminal: the question, the typed answer, and the token that proves it.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use super::{Context, Failure, screen};
use crate::model::token::Grant;
use crate::model::workflow::question::{Asking, Question};
use crate::model::{Name, Refusal};
use crate::service::{Caller, Consent};

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
            let account = whoami::username().ok();
            let consent = Consent::new(question.binding, pending.words)
                .given_by(account.as_deref(), "at the terminal");
            Ok(attempt(&proven(context, consent)?).await?)
        }
        refusal => Err(refusal.into()),
    }
}

/// Returns the caller with the person's consent, and with the token that proves it if the user's
/// configuration requires one.
fn proven(context: &Context, consent: Consent) -> Result<Caller, Failure> {
    let caller = context.caller.clone();
    Ok(match proof(context)? {
        Some(grant) => caller.bearing(&grant).confirmed_for(consent.proven_by(grant)),
        None => caller.confirmed_for(consent),
    })
}

/// Asks for the token that proves a decision, if the user's configuration requires one.
///
/// The person types it at the terminal without echo. No option, variable or file can contain it,
/// because an agent with a shell could read it there. Each run allows one try, and a token has 256
/// random bits.
pub(super) fn proof(context: &Context) -> Result<Option<Grant>, Failure> {
    let Some(tokens) = context.tokens.as_ref().filter(|_| context.service.wants_a_token()) else {
        return Ok(None);
    };
    let typed = rpassword::prompt_password("Token with the scope approve (input is hidden): ");
    let typed = typed.map_err(|error| Refusal::NotApproved {
        message: format!("cannot read the token: {error}"),
        hint: "nothing was written: run the command again at a terminal".into(),
    })?;
    Ok(Some(tokens.check(typed.trim())?))
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
