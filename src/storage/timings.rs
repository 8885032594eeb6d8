//! Where the time of a storage operation went.

use std::ops::AddAssign;
use std::time::{Duration, Instant};

/// How long an operation of a provider waited, and for what.
///
/// It is the time of the operation and not of a call: operations that were stored by one
/// [append](super::Provider::append) share its wait, its flush and its projections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// For others who held the artifact, in this process or another.
    pub lock: Duration,
    /// Until the journal was on the disk.
    pub flush: Duration,
    /// Until the readable copies had followed.
    pub projection: Duration,
}

impl AddAssign for Timings {
    fn add_assign(&mut self, other: Self) {
        self.lock += other.lock;
        self.flush += other.flush;
        self.projection += other.projection;
    }
}

/// Does something, and adds how long it took.
pub(super) fn timed<T>(timings: &mut Duration, work: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let done = work();
    *timings += began.elapsed();
    done
}
