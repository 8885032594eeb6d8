//! Options that subcommands share which write.

use super::consent::PendingDecision;
use crate::model::{Name, Version};

/// Options of each subcommand that writes.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct WriteOptions {
    /// Refuse the call if the newest version is another one
    #[arg(long, value_name = "VERSION")]
    pub(super) expected_version: Option<Version>,
    /// A repeated call with this key takes effect once
    #[arg(long, value_name = "KEY")]
    pub(super) idempotency_key: Option<String>,
}

/// Options of the subcommands that remove an artifact's work.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct RemovalOptions {
    /// The artifact
    pub(super) name: String,
    /// The name again, as a safeguard; you still have to confirm at the terminal
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
    /// The reason, recorded with the decision
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    pub(super) writing: WriteOptions,
}

impl RemovalOptions {
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
