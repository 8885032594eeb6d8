//! Removals: entries that remove earlier data.

use serde::{Deserialize, Serialize};

use crate::model::{Time, Version};

/// What an entry takes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Removal {
    /// All content of the artifact: an empty cycle begins.
    Reset,
    /// The artifact. Its versions stay readable, and a new artifact of its name continues them.
    Delete,
    /// The artifact and all its stored data, except the version count.
    Purge,
}

impl Removal {
    /// Returns whether it deletes the artifact.
    pub fn ends_life(self) -> bool {
        self != Self::Reset
    }
}

/// The last entry of a journal that took something away. What is derived from it, such as moving
/// files, is repeated until it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// Its version.
    pub version: Version,
    /// When it was accepted.
    pub at: Time,
    /// What it took away.
    pub removal: Removal,
}
