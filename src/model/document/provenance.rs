//! Where an artifact's history comes from, and what of it is lost.

use serde::{Deserialize, Serialize};

use crate::model::{Time, Version};

/// Losses that a document names, the newest ones.
const LOST_MAX: usize = 32;

/// Where an artifact's history comes from, and what of it is lost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// The copy from which the journal began, if it began from one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted: Option<Adopted>,
    /// The losses, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<Lost>,
}

/// A copy from which a journal began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adopted {
    /// The id of the journal that the copy is from. Programs that knew no ids of journals wrote none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal: Option<String>,
    /// The version of the copy.
    pub version: Version,
    /// When the journal began.
    pub at: Time,
    /// A newer version that was given, until a person accepts that it is lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newer: Option<Version>,
}

/// A loss of versions that were given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lost {
    /// The version after which they are lost; 0 when nothing was left.
    pub after: Version,
    /// The newest version that is known to have been given.
    pub up_to: Version,
    /// What was found.
    pub found: String,
    /// When it was recorded.
    pub at: Time,
    /// The person who accepted it and how, such as `anna at the terminal`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_by: Option<String>,
}

impl Provenance {
    /// Returns whether the journal began by itself and has all of its entries.
    pub fn is_whole(&self) -> bool {
        *self == Self::default()
    }

    /// Records a loss.
    pub fn lose(&mut self, lost: Lost) {
        self.lost.push(lost);
        let surplus = self.lost.len().saturating_sub(LOST_MAX);
        self.lost.drain(..surplus);
    }

    /// Returns the newer version that was given and that no person accepted as lost.
    pub fn doubted(&self) -> Option<Version> {
        self.adopted.as_ref()?.newer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_names_the_newest_losses() {
        let mut provenance = Provenance::default();
        for up_to in 1..=40 {
            let (found, at) = (String::new(), Time::from_millis(0));
            provenance.lose(Lost { after: 0, up_to, found, at, accepted_by: None });
        }
        assert_eq!(provenance.lost.len(), LOST_MAX);
        assert_eq!(provenance.lost.last().unwrap().up_to, 40);
    }
}
