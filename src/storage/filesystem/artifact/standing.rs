//! Where an artifact stands.

use super::super::registry::Registered;
use super::super::{Newest, Tombstone};
use crate::model::Version;

/// Where an artifact stands that has a journal.
#[derive(Clone, Debug)]
pub(in super::super) enum ArtifactState {
    /// It is there.
    Alive(Newest),
    /// It was deleted.
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

    /// Returns what the registry says of the artifact, if it is there.
    pub(in super::super) fn registered(&self) -> Option<Registered> {
        match self {
            Self::Alive(newest) => Some(Registered::of(&newest.snapshot.document)),
            Self::Deleted(_) => None,
        }
    }

    /// Returns the newest state, if the artifact is there.
    pub(in super::super) fn alive(self) -> Option<Newest> {
        match self {
            Self::Alive(newest) => Some(newest),
            Self::Deleted(_) => None,
        }
    }
}
