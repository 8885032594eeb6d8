//! The artifacts with undelivered events. Only names are stored, since the journal has the events.

use std::collections::BTreeMap;

use crate::model::{Name, Version};

/// Limit on stored names. Above it, checking all artifacts is cheaper.
const NAMES_MAX: usize = 1024;

/// The artifacts with undelivered events.
#[derive(Debug, Default)]
pub(super) struct Pending {
    work: BTreeMap<Name, Version>,
    /// Whether any artifact may have undelivered events.
    pub(super) everything: bool,
}

/// The artifacts to deliver.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// Each artifact with the version before its first event.
    pub(super) before: BTreeMap<Name, Version>,
    /// Whether any artifact may have undelivered events.
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

    /// Takes all waiting artifacts.
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
