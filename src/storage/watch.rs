//! Watching what is stored: being told of changes, whoever makes them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::Notify;

use crate::model::Name;

/// What tells of changes to the artifacts that it follows.
///
/// # Contract
///
/// Every sentence has a check in `storage/conformance.rs`, as those of [`super::Provider`] have.
///
/// - A change is told after it happened, once or more often; what happens while nobody asks is
///   told together. Nothing is told of artifacts that nobody follows.
/// - That a version is told of says that [`super::Provider::newest`] has it by then, or a later one.
///   What exactly changed is for that to say.
///
/// It watches until it is dropped.
#[async_trait]
pub trait Watch: Debug + Send + Sync {
    /// Follows an artifact, which need not exist: of every version that is stored after this
    /// returned, [`Watch::next`] tells. Whoever follows twice has to unfollow twice.
    async fn follow(&self, name: &Name);

    /// Ends one following of an artifact. Returns whether nobody follows it any more.
    fn unfollow(&self, name: &Name) -> bool;

    /// Waits for the next change. Nothing is lost when the future is dropped. For one caller at a
    /// time.
    async fn next(&self) -> Change;
}

/// What may look different from before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// An artifact that is followed.
    Artifact(Name),
    /// The listing: an artifact came, went, or is in another phase.
    Listing,
}

/// Changes that were not asked for yet: at most one of each artifact that is followed, so that who
/// asks seldom costs no memory and keeps no writer waiting.
#[derive(Debug, Default)]
pub(super) struct Signals {
    state: Mutex<State>,
    woken: Notify,
}

#[derive(Debug, Default)]
struct State {
    followed: BTreeMap<Name, usize>,
    changed: BTreeSet<Name>,
    listing: bool,
}

impl Signals {
    /// Counts one more who follows an artifact.
    pub(super) fn follow(&self, name: &Name) {
        *self.state().followed.entry(name.clone()).or_default() += 1;
    }

    /// Counts one less. Returns whether that was the last one.
    pub(super) fn unfollow(&self, name: &Name) -> bool {
        let mut state = self.state();
        let Some(followers) = state.followed.get_mut(name) else { return false };
        *followers -= 1;
        let ended = *followers == 0;
        if ended {
            state.followed.remove(name);
            state.changed.remove(name);
        }
        ended
    }

    /// Returns the artifacts that are followed.
    pub(super) fn followed(&self) -> Vec<Name> {
        self.state().followed.keys().cloned().collect()
    }

    /// Notes that an artifact changed, if anybody follows it.
    pub(super) fn artifact(&self, name: &Name) {
        let mut state = self.state();
        if state.followed.contains_key(name) && state.changed.insert(name.clone()) {
            self.woken.notify_one();
        }
    }

    /// Notes that any artifact may have changed.
    pub(super) fn artifacts(&self) {
        let mut state = self.state();
        state.changed = state.followed.keys().cloned().collect();
        self.woken.notify_one();
    }

    /// Notes that the listing changed.
    pub(super) fn listing(&self) {
        self.state().listing = true;
        self.woken.notify_one();
    }

    /// Waits for the next change.
    pub(super) async fn next(&self) -> Change {
        loop {
            if let Some(change) = self.take() {
                return change;
            }
            self.woken.notified().await;
        }
    }

    fn take(&self) -> Option<Change> {
        let mut state = self.state();
        if std::mem::take(&mut state.listing) {
            return Some(Change::Listing);
        }
        state.changed.pop_first().map(Change::Artifact)
    }

    /// Locks for a section that cannot panic half-way.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    #[test]
    fn what_happens_while_nobody_asks_is_told_once_for_each_artifact() {
        let signals = Signals::default();
        for artifact in ["a", "b"] {
            signals.follow(&name(artifact));
        }
        for _ in 0..1000 {
            ["b", "a", "c"].iter().for_each(|artifact| signals.artifact(&name(artifact)));
            signals.listing();
        }
        let told: Vec<Change> = std::iter::from_fn(|| signals.take()).collect();
        let artifact = |text| Change::Artifact(name(text));
        assert_eq!(told, [Change::Listing, artifact("a"), artifact("b")]);
    }

    #[test]
    fn what_is_not_followed_any_more_is_not_told_though_it_changed_before() {
        let signals = Signals::default();
        signals.follow(&name("a"));
        signals.follow(&name("a"));
        signals.artifact(&name("a"));
        assert!(!signals.unfollow(&name("a")));
        assert!(signals.unfollow(&name("a")));
        assert!(!signals.unfollow(&name("a")), "nobody followed it");
        signals.artifacts();
        assert_eq!(signals.take(), None);
    }

    #[tokio::test]
    async fn a_change_wakes_whoever_waits_also_after_an_earlier_wait_was_given_up() {
        let signals = Signals::default();
        signals.follow(&name("a"));
        let given_up = tokio::select! {
            biased;
            _ = signals.next() => false,
            () = std::future::ready(()) => true,
        };
        assert!(given_up);
        let (told, ()) = tokio::join!(signals.next(), async { signals.artifact(&name("a")) });
        assert_eq!(told, Change::Artifact(name("a")));
    }
}
