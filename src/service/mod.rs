//! Layer 4: the operations.
//!
//! Each operation has one file. It reads the state, calls the model to decide, and writes through
//! the queue. The interfaces only translate its arguments and its answer.

mod artifact_parts;
mod caller;
mod catalog;
mod checkpoint;
mod clock;
mod delete;
mod doctor;
mod examination;
mod export;
mod finalize;
mod gate;
mod history;
mod import;
mod init;
mod list;
mod load;
mod measures;
mod outputs;
mod progress;
mod prompts;
mod queue;
mod removal;
mod reset;
mod restore;
mod save;
mod tokens;
pub mod trace;
mod transition;
mod trust;
mod verify;
mod watch;
mod write;

use std::sync::Arc;

pub use self::artifact_parts::{ArtifactParts, Part};
pub use self::caller::Caller;
use self::catalog::Catalog;
pub use self::catalog::built_in_prompts;
pub use self::checkpoint::{Checkpoint, Checkpointed};
pub use self::clock::{Clock, SystemClock};
pub use self::delete::{Delete, Deleted};
pub use self::doctor::{Diagnosis, Doctor};
pub use self::export::{Export, Exported};
pub use self::finalize::{FinalStatus, Finalize, Finalized};
pub use self::gate::{Approvals, Consent};
pub(crate) use self::gate::{lacks_approve, unproven};
pub use self::history::{History, HistoryEntry, Recorded};
pub use self::import::{Import, Imported, ImportedArtifact, Remark};
pub use self::init::{Init, Initialized, Opened};
pub use self::list::{List, Listed, Summary};
pub use self::load::{Detail, Load, Loaded};
pub use self::outputs::{OutputContent, ReadOutput, WriteOutput, WrittenOutput};
pub use self::progress::{Progress, Step};
use self::queue::{Failure, Queues};
pub use self::reset::{Reset, WasReset};
pub use self::restore::{Restore, Restored};
pub use self::save::{Save, Saved};
pub use self::tokens::{NewToken, Tokens};
pub use self::transition::{Transition, Transitioned};
pub use self::trust::{OwnWorkflow, PromptSize, Waiting, WantedCommand};
pub use self::verify::{ConstraintStanding, Verified, Verify};
pub use self::watch::{Followed, News, Watching};
use crate::checks::CommandPolicy;
use crate::hooks::Hooks;
use crate::model::briefing::{self, Briefing};
use crate::model::journal::Snapshot;
use crate::model::removal::Removal;
use crate::model::{Document, Name, Refusal, Workflow};
use crate::storage::{self, Newest, Provider, Tombstone};
use crate::workspace::{Trust, Workspace};

/// The operations on a workspace.
#[derive(Clone, Debug)]
pub struct Service {
    provider: Arc<dyn Provider>,
    clock: Arc<dyn Clock>,
    catalog: Arc<Catalog>,
    queues: Arc<Queues>,
    /// The commands that the user's configuration allows checks to run.
    commands: Option<Arc<CommandPolicy>>,
    hooks: Option<Hooks>,
    /// The required proof that a person decides.
    approvals: Approvals,
}

impl Service {
    /// Makes a service over a provider, with the built-in workflows.
    pub fn new(provider: Arc<dyn Provider>, clock: Arc<dyn Clock>) -> Self {
        let queues = Arc::new(Queues::new(Arc::clone(&provider)));
        Self {
            provider,
            clock,
            catalog: Arc::new(Catalog::new(None, None)),
            queues,
            commands: None,
            hooks: None,
            approvals: Approvals::Person,
        }
    }

    /// Adds the workflows of a project's own folder, as far as [`Service::with_trust`] says that
    /// the user trusts them.
    #[must_use]
    pub fn with_workspace(self, workspace: Workspace) -> Self {
        let catalog = Catalog::new(Some(workspace), self.catalog.trust().cloned());
        Self { catalog: Arc::new(catalog), ..self }
    }

    /// Lets checks run the commands that the user's configuration allows or that the user trusts.
    /// `None` allows no command, because the configuration is unknown.
    #[must_use]
    pub fn with_commands(self, commands: Option<CommandPolicy>) -> Self {
        Self { commands: commands.map(Arc::new), ..self }
    }

    /// Uses the workflows and commands of the project that the user trusts.
    #[must_use]
    pub fn with_trust(self, trust: Trust) -> Self {
        let catalog = Catalog::new(self.catalog.workspace().cloned(), Some(trust));
        Self { catalog: Arc::new(catalog), ..self }
    }

    /// Reports lifecycle events to hooks.
    #[must_use]
    pub fn with_hooks(self, hooks: Hooks) -> Self {
        Self { hooks: Some(hooks), ..self }
    }

    /// Sets the required proof that a person decides.
    #[must_use]
    pub fn with_approvals(self, approvals: Approvals) -> Self {
        Self { approvals, ..self }
    }

    /// Starts to deliver events to hooks in the background.
    pub fn deliver_in_background(&self) {
        self.hooks.iter().for_each(Hooks::start);
    }

    /// Returns the provider, whose display text names the storage.
    pub fn provider(&self) -> &dyn Provider {
        self.provider.as_ref()
    }

    /// Finishes deferred work. The process must call this before it ends.
    pub async fn settle(&self) {
        self.provider.settle().await;
        if let Some(hooks) = &self.hooks {
            hooks.finish().await;
        }
    }

    /// Returns the newest state of an artifact, or refuses if it does not exist.
    async fn newest(&self, name: &Name) -> Result<Newest, Refusal> {
        let newest = self.provider.newest(name).await.map_err(|error| refusal(name, &error))?;
        let Some(newest) = newest else { return Err(self.absent(name).await?) };
        trace::saw(name, &newest);
        Ok(newest)
    }

    /// Returns the refusal of a call on an artifact that does not exist.
    async fn absent(&self, name: &Name) -> Result<Refusal, Refusal> {
        Ok(match self.tombstone(name).await? {
            Some(tombstone) => deleted(name, &tombstone),
            None => no_such_artifact(name),
        })
    }

    /// Returns the tombstone of a deleted artifact.
    async fn tombstone(&self, name: &Name) -> Result<Option<Tombstone>, Refusal> {
        self.provider.tombstone(name).await.map_err(|error| refusal(name, &error))
    }

    /// Returns the workflow of an artifact's present cycle. Refuses one that the user does not
    /// trust.
    async fn workflow_of(&self, document: &Document) -> Result<Arc<Workflow>, Refusal> {
        self.catalog.check_usable(document)?;
        if let Some(workflow) = self.catalog.by_digest(document.definition) {
            return Ok(workflow);
        }
        let stored = self.stored_definition(document).await?;
        self.catalog.compile(document.definition, &stored)
    }

    /// Returns the stored text of the present cycle's workflow.
    async fn stored_definition(&self, document: &Document) -> Result<Vec<u8>, Refusal> {
        let name = &document.artifact_name;
        let stored = self
            .provider
            .blob(name, document.definition)
            .await
            .map_err(|error| refusal(name, &error))?;
        stored.ok_or_else(|| Refusal::StorageCorrupt {
            name: name.to_string(),
            damage: format!(
                "the workflow that its cycle began with ({}) is missing",
                document.definition
            ),
        })
    }

    /// Returns the briefing of an artifact. For an untrusted workflow it evaluates no guard and
    /// includes no text of the workflow.
    async fn brief(
        &self,
        snapshot: &Snapshot,
        mut warnings: Vec<String>,
    ) -> Result<Briefing, Refusal> {
        if let Err(refusal) = self.catalog.check_usable(&snapshot.document) {
            let why = format!("{refusal}. {}", refusal.hint());
            return Ok(briefing::withheld(snapshot, why, warnings));
        }
        let workflow = self.workflow_of(&snapshot.document).await?;
        warnings.extend(self.newer_definition(snapshot, &workflow));
        if let Some(hooks) = &self.hooks {
            warnings.extend(hooks.requests(snapshot).await);
        }
        Ok(briefing::briefing(&workflow, snapshot, warnings))
    }

    /// Returns a warning if a newer definition of the cycle's workflow exists.
    fn newer_definition(&self, snapshot: &Snapshot, running: &Workflow) -> Option<String> {
        let built_in = catalog::built_in(&snapshot.document.workflow)?;
        let (newer, old) = (built_in.definition.version, running.definition.version);
        (newer > old).then(|| {
            format!(
                "this cycle uses version {old} of {}; the next cycle will use version {newer}",
                running.definition.id
            )
        })
    }
}

fn no_such_artifact(name: &Name) -> Refusal {
    Refusal::NotFound {
        what: format!("artifact named {name}"),
        hint: "call init_state to create it, or list_artifacts to see the existing artifacts"
            .into(),
    }
}

fn deleted(name: &Name, tombstone: &Tombstone) -> Refusal {
    let removed = tombstone.removed;
    let hint = match removed.removal {
        Removal::Purge => "it was purged: call init_state to create a new one".to_owned(),
        Removal::Reset | Removal::Delete => format!(
            "version {} deleted it at {}: history shows its versions; call init_state to create it again, then restore to bring a version back",
            removed.version, removed.at
        ),
    };
    Refusal::NotFound { what: format!("artifact named {name} any more"), hint }
}

/// Turns an error of the storage into a refusal.
fn refusal(name: &Name, error: &storage::Error) -> Refusal {
    let reason = chain(error);
    match error {
        storage::Error::Distrusted { hint, .. } => distrusted(reason, hint),
        storage::Error::ReadOnly { .. } => Refusal::ReadOnly { reason },
        storage::Error::Corrupt { .. } => {
            Refusal::StorageCorrupt { name: name.to_string(), damage: reason }
        }
        storage::Error::NewerFormat(_) => Refusal::Unsupported {
            what: format!("the artifact {name} cannot be read: {reason}"),
            hint: "a newer refiner wrote it: update this program; nothing was changed".into(),
        },
        storage::Error::Unavailable { .. } | storage::Error::Stopped => {
            Refusal::StorageUnavailable { reason }
        }
    }
}

/// Turns an error of listing the workspace into a refusal.
fn listing_refusal(error: &storage::Error) -> Refusal {
    match error {
        storage::Error::Distrusted { reason, hint } => distrusted(reason.clone(), hint),
        error => Refusal::StorageUnavailable { reason: chain(error) },
    }
}

fn distrusted(reason: String, hint: &str) -> Refusal {
    Refusal::Forbidden { message: reason, hint: format!("{hint}; nothing was written") }
}

/// Returns an error with its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

impl Failure {
    fn into_refusal(self, name: &Name) -> Refusal {
        match self {
            Self::Refused(refused) => refused,
            Self::Storage(error) => refusal(name, &error),
        }
    }
}

#[cfg(test)]
mod tests;
