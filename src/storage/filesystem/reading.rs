//! Reading what a journal keeps of earlier versions.

use super::Store;
use super::artifact::ArtifactState;
use super::fault::Fault;
use super::history::History;
use crate::model::journal::Snapshot;
use crate::model::journal::entry::Entry;
use crate::model::{Name, Version};
use crate::storage::Link;

impl Store {
    pub(super) fn read(
        &self,
        name: &Name,
        after: Version,
        limit: usize,
    ) -> Result<Vec<Entry>, Fault> {
        let Some(standing) = self.standing(name)? else {
            return Ok(Vec::new());
        };
        History::new(self.fs.as_ref(), name).read_good(after, standing.version(), limit)
    }

    pub(super) fn at(&self, name: &Name, version: Version) -> Result<Option<Snapshot>, Fault> {
        let Some(standing) = self.standing(name)? else {
            return Ok(None);
        };
        match &standing {
            ArtifactState::Alive(newest) if newest.snapshot.version == version => {
                Ok(Some(Snapshot::clone(&newest.snapshot)))
            }
            _ => History::new(self.fs.as_ref(), name).at(version, standing.version()),
        }
    }

    pub(super) fn link(&self, name: &Name, version: Version) -> Result<Option<Link>, Fault> {
        let Some(standing) = self.standing(name)? else {
            return Ok(None);
        };
        History::new(self.fs.as_ref(), name).link(version, standing.version())
    }
}
