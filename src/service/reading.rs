//! What operations read of an artifact: its newest state, its workflow, its briefing.

use std::sync::Arc;

use super::refusals::{deleted, no_such_artifact, refusal};
use super::{Service, catalog, inventory, trace};
use crate::model::journal::Snapshot;
use crate::model::workflow::briefing::{self, Briefing};
use crate::model::{Document, Entry, Name, Refusal, Version, Workflow, limits};
use crate::storage::{Newest, Tombstone};

impl Service {
    /// Returns the newest state of an artifact, or refuses if it does not exist.
    pub(super) async fn newest(&self, name: &Name) -> Result<Newest, Refusal> {
        let newest = self.provider.newest(name).await.map_err(|error| refusal(name, &error))?;
        let Some(newest) = newest else { return Err(self.absent(name).await?) };
        trace::saw(name, &newest);
        Ok(newest)
    }

    /// Returns the refusal of a call on an artifact that does not exist.
    pub(super) async fn absent(&self, name: &Name) -> Result<Refusal, Refusal> {
        Ok(match self.tombstone(name).await? {
            Some(tombstone) => deleted(name, &tombstone),
            None => no_such_artifact(name),
        })
    }

    /// Returns the tombstone of a deleted artifact.
    pub(super) async fn tombstone(&self, name: &Name) -> Result<Option<Tombstone>, Refusal> {
        self.provider.tombstone(name).await.map_err(|error| refusal(name, &error))
    }

    /// Gives each entry after a version, up to another one, to `take`, oldest first. Reads them in pages.
    pub(super) async fn each_entry(
        &self,
        name: &Name,
        mut after: Version,
        up_to: Version,
        mut take: impl FnMut(Entry) + Send,
    ) -> Result<(), Refusal> {
        while after < up_to {
            let page = self.provider.read(name, after, limits::PAGE_MAX).await;
            let page = page.map_err(|error| refusal(name, &error))?;
            let Some(last) = page.last() else { break };
            after = last.version;
            page.into_iter().filter(|entry| entry.version <= up_to).for_each(&mut take);
        }
        Ok(())
    }

    /// Returns the workflow of an artifact's present cycle. Refuses one that the user does not
    /// trust.
    pub(super) async fn workflow_of(&self, document: &Document) -> Result<Arc<Workflow>, Refusal> {
        self.catalog.check_usable(document)?;
        if let Some(workflow) = self.catalog.by_digest(document.definition) {
            return Ok(workflow);
        }
        let stored = self.stored_definition(document).await?;
        self.catalog.compile(document.definition, &stored)
    }

    /// Returns the stored text of the present cycle's workflow.
    pub(super) async fn stored_definition(&self, document: &Document) -> Result<Vec<u8>, Refusal> {
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
    pub(super) async fn brief(
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
        warnings.extend(inventory::not_kept(&snapshot.document));
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
