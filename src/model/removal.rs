//! Removals: entries that take away what was there before them.

use serde::{Deserialize, Serialize};

use super::{Time, Version};

/// What an entry takes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Removal {
    /// Everything that the artifact was about: a cycle begins with nothing in it.
    Reset,
    /// The artifact. Its versions can still be read, and go on if the name is taken again.
    Delete,
    /// The artifact, and everything that was ever stored of it. Only the count goes on.
    Purge,
}

impl Removal {
    /// Returns whether there is no artifact any more after it.
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
