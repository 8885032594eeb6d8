//! What waits to be delivered: names only, since the events themselves are in the journal.

use std::collections::BTreeMap;

use crate::model::{Name, Version};

/// Names that may wait. With more of them it is cheaper to look at all artifacts.
const NAMES_MAX: usize = 1024;

/// Artifacts that have news.
#[derive(Debug, Default)]
pub(super) struct Pending {
    work: BTreeMap<Name, Version>,
    /// Whether any artifact may have.
    pub(super) everything: bool,
}

/// What was taken to be delivered.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// Each artifact with the version before its first event.
    pub(super) before: BTreeMap<Name, Version>,
    /// Whether any artifact may have news.
    pub(super) everything: bool,
}

impl Pending {
    /// Adds an artifact that has an event after a version.
    pub(super) fn add(&mut self, name: &Name, before: Version) {
        let known = self.work.entry(name.clone()).or_insert(before);
        *known = before.min(*known);
        if self.work.len() > NAMES_MAX {
            self.work.clear();
            self.everything = true;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.work.is_empty() && !self.everything
    }

    /// Takes everything that waits.
    pub(super) fn take(&mut self) -> Work {
        Work {
            before: std::mem::take(&mut self.work),
            everything: std::mem::take(&mut self.everything),
        }
    }
}

impl Work {
    pub(super) fn is_empty(&self) -> bool {
        self.before.is_empty() && !self.everything
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_version_of_each_artifact_counts_and_names_stay_bounded() {
        let name = |name: &str| Name::parse(name).unwrap();
        let mut pending = Pending::default();
        [7, 3, 5].into_iter().for_each(|before| pending.add(&name("a"), before));
        let work = pending.take();
        assert_eq!((work.before[&name("a")], work.everything), (3, false));
        assert!(pending.is_empty() && pending.take().is_empty());
        (0..=NAMES_MAX).for_each(|i| pending.add(&name(&format!("a{i}")), 0));
        let work = pending.take();
        assert!(work.everything && work.before.len() <= NAMES_MAX);
    }
}
