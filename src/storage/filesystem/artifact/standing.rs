//! The present state of an artifact.

use super::super::registry::Registered;
use super::super::{Newest, Tombstone};
use crate::model::Version;

/// The present state of an artifact that has a journal.
#[derive(Clone, Debug)]
pub(in super::super) enum ArtifactState {
    /// The artifact exists.
    Alive(Newest),
    /// The artifact was deleted.
    Deleted(Tombstone),
}

impl ArtifactState {
    /// Returns the newest version.
    pub(in super::super) fn version(&self) -> Version {
        match self {
            Self::Alive(newest) => newest.snapshot.version,
            Self::Deleted(tombstone) => tombstone.removed.version,
        }
    }

    /// Returns the artifact's line in the registry, if the artifact exists.
    pub(in super::super) fn registered(&self) -> Option<Registered> {
        match self {
            Self::Alive(newest) => Some(Registered::of(&newest.snapshot.document)),
            Self::Deleted(_) => None,
        }
    }

    /// Returns the warnings about the stored data.
    pub(in super::super) fn into_warnings(self) -> Vec<String> {
        match self {
            Self::Alive(newest) => newest.warnings,
            Self::Deleted(tombstone) => tombstone.warnings,
        }
    }

    /// Returns the newest state, if the artifact exists.
    pub(in super::super) fn alive(self) -> Option<Newest> {
        match self {
            Self::Alive(newest) => Some(newest),
            Self::Deleted(_) => None,
        }
    }
}
