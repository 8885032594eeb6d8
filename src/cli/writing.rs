//! What subcommands that write have in common.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use super::{Context, Failure};
use crate::model::{Name, Refusal, Version};
use crate::service::Caller;

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

/// Parses an artifact's name.
pub(super) fn name(given: &str) -> Result<Name, Failure> {
    Name::parse(given).map_err(Failure::from)
}

/// Does something, and where that needs a person's decision, asks for it at the terminal.
///
/// Without a terminal nobody is asked, and the refusal stands: a script is no person.
pub(super) async fn with_person<T>(
    context: &Context,
    mut attempt: impl AsyncFnMut(&Caller) -> Result<T, Refusal>,
) -> Result<T, Failure> {
    match attempt(&context.caller).await {
        Err(Refusal::ApprovalRequired { what, .. }) if asked(&what) => {
            Ok(attempt(&context.caller.clone().confirmed()).await?)
        }
        result => Ok(result?),
    }
}

/// Asks at the terminal. Only a typed `yes` counts.
pub(super) fn asked(what: &str) -> bool {
    let (stdin, mut stderr) = (std::io::stdin(), std::io::stderr());
    if !stdin.is_terminal() || !stderr.is_terminal() {
        return false;
    }
    let mut answer = String::new();
    let asked = write!(stderr, "{what} needs your decision. Type yes to go on: ")
        .and_then(|()| stderr.flush());
    asked.and_then(|()| stdin.lock().read_line(&mut answer)).is_ok() && answer.trim() == "yes"
}
