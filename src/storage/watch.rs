//! Watching the storage: notifications of changes by this process and by others.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use async_trait::async_trait;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use crate::model::Name;

/// A stream of changes to the followed artifacts.
///
/// # Contract
///
/// `storage/conformance.rs` checks each sentence, as it does for [`super::Provider`].
///
/// - A change is reported after it happened, at least once. Changes between two calls of
///   [`Watch::next`] are merged. Artifacts without a follower are not reported.
/// - When a change is reported, [`super::Provider::newest`] already returns that version or a
///   later one. The report does not say what changed.
///
/// Dropping it ends the watch.
#[async_trait]
pub trait Watch: Debug + Send + Sync {
    /// Follows an artifact, which need not exist: [`Watch::next`] reports every version that is
    /// stored after this returns. Two calls need two calls of [`Watch::unfollow`].
    async fn follow(&self, name: &Name);

    /// Ends one following of an artifact. Returns whether no follower remains.
    fn unfollow(&self, name: &Name) -> bool;

    /// Waits for the next change. Dropping the future loses no change. Only one caller may wait at
    /// a time.
    async fn next(&self) -> Change;
}

/// Something that may have changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A followed artifact.
    Artifact(Name),
    /// The listing: an artifact was created or removed, or entered another phase.
    Listing,
}

/// Pending changes: at most one for each followed artifact, so a slow reader costs no memory and
/// blocks no writer.
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
    /// Adds a follower of an artifact.
    pub(super) fn follow(&self, name: &Name) {
        *self.state().followed.entry(name.clone()).or_default() += 1;
    }

    /// Removes a follower. Returns whether it was the last one.
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

    /// Returns the followed artifacts.
    pub(super) fn followed(&self) -> Vec<Name> {
        self.state().followed.keys().cloned().collect()
    }

    /// Records a change of an artifact if it has a follower.
    pub(super) fn artifact(&self, name: &Name) {
        let mut state = self.state();
        if state.followed.contains_key(name) && state.changed.insert(name.clone()) {
            self.woken.notify_one();
        }
    }

    /// Records a possible change of every followed artifact.
    pub(super) fn artifacts(&self) {
        let mut state = self.state();
        state.changed = state.followed.keys().cloned().collect();
        self.woken.notify_one();
    }

    /// Records a change of the listing.
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
        self.state.lock()
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
        assert!(!signals.unfollow(&name("a")), "it had no follower");
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
