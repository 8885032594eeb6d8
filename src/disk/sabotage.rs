//! Planted bugs, by which the crash tests are tested: each turns one precaution of the store off,
//! and the crash tests must fail. Outside tests there are none, and the checks compile to nothing.

/// A precaution that a test can turn off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sabotage {
    /// Content is not flushed before it is acknowledged.
    NoFlush,
    /// Names are not flushed before what relies on them is acknowledged.
    NoNameFlush,
    /// A failed flush is repeated, and the success of the second one is believed.
    FlushRepeated,
    /// Lines of other processes count as flushed without the mark that says so.
    TrustPageCache,
    /// Every bad line is taken for a torn end.
    CutAnyBadLine,
    /// A torn end is left where it is.
    NoCut,
    /// A reader cuts what it takes for a torn end without holding the lock.
    CutWithoutLock,
    /// A projection is replaced by an older one.
    OlderProjection,
    /// `state.json` is believed without a look at the journal.
    TrustProjections,
    /// Files are taken away before the entry that does so is on the disk.
    TakenBeforeEntry,
    /// That files were taken away is noted before they are.
    MarkedBefore,
    /// What was purged is destroyed before the segment that keeps the count is there.
    DestroyedBefore,
    /// What was locked and written to is not compared with what is at its path.
    NoComparison,
    /// Whether a segment is still there is looked at before whether another follows it.
    OwnBeforeNext,
}

#[cfg(not(test))]
#[inline]
pub(crate) const fn planted(_: Sabotage) -> bool {
    false
}

#[cfg(test)]
pub(crate) use self::testing::planted;

#[cfg(test)]
pub(crate) mod testing {
    use std::cell::Cell;

    use super::Sabotage;

    thread_local! {
        static PLANTED: Cell<Option<Sabotage>> = const { Cell::new(None) };
    }

    /// Turns a precaution off in this thread, or all on.
    pub(crate) fn sabotage(sabotage: Option<Sabotage>) {
        PLANTED.set(sabotage);
    }

    pub(crate) fn planted(sabotage: Sabotage) -> bool {
        PLANTED.get() == Some(sabotage)
    }
}
