//! The service: a provider, and everything else that the operations need.

use std::sync::Arc;

use serde_json::Value;

use super::catalog::Catalog;
use super::outlines::Outlines;
use super::queue::Queues;
use super::{Approvals, Clock};
use crate::checks::CommandPolicy;
use crate::hooks::Hooks;
use crate::model::{Name, Refusal};
use crate::storage::{Finding, Provider};
use crate::workspace::{Trust, Workspace};

/// The operations on a workspace.
#[derive(Clone, Debug)]
pub struct Service {
    pub(super) provider: Arc<dyn Provider>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) catalog: Arc<Catalog>,
    pub(super) queues: Arc<Queues>,
    pub(super) outlines: Arc<Outlines>,
    /// The commands that the user's configuration allows checks to run.
    pub(super) commands: Option<Arc<CommandPolicy>>,
    pub(super) hooks: Option<Hooks>,
    /// The required proof that a person decides.
    pub(super) approvals: Approvals,
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
            outlines: Arc::default(),
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

    /// Returns what is wrong with the project's own workflows, trusted or not.
    pub fn workflow_findings(&self) -> Vec<Finding> {
        self.catalog.findings()
    }

    /// Returns the names of all workflows, in order.
    pub fn workflow_names(&self) -> Vec<String> {
        self.catalog.names()
    }

    /// Returns the definition of a workflow, or the reason why it cannot be used.
    pub fn workflow(&self, name: &Name) -> Result<Value, Refusal> {
        self.catalog.find(name).map(|known| known.bundle.workflow)
    }

    /// Finishes deferred work. The process must call this before it ends.
    pub async fn settle(&self) {
        self.provider.settle().await;
        if let Some(hooks) = &self.hooks {
            hooks.finish().await;
        }
    }
}
