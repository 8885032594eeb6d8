//! The times of a storage operation.

use std::ops::AddAssign;
use std::time::{Duration, Instant};

/// How long an operation of a provider waited for each resource.
///
/// The times belong to the operation and not to a call: calls that share one
/// [append](super::Provider::append) share its wait, its flush and its projections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// Waiting for other holders of the artifact's lock, in this process or another.
    pub lock: Duration,
    /// Flushing the journal to the disk.
    pub flush: Duration,
    /// Writing the projections.
    pub projection: Duration,
}

impl AddAssign for Timings {
    fn add_assign(&mut self, other: Self) {
        self.lock += other.lock;
        self.flush += other.flush;
        self.projection += other.projection;
    }
}

/// Runs `work` and adds its duration.
pub(super) fn timed<T>(timings: &mut Duration, work: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let done = work();
    *timings += began.elapsed();
    done
}
