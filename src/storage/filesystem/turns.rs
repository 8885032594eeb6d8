//! Turns: how many operations work on the disk at once.

use std::num::NonZero;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Operations for each processor that work on the disk at once. More are not faster, and each
/// thread keeps memory: 64 writers took 97 threads and twice the memory.
const AT_ONCE_PER_PROCESSOR: usize = 4;

/// How long an operation waits for its turn. After it, the operations before it may be waiting for
/// another process's lock, and this one must not wait with them.
const TURN_TIMEOUT: Duration = Duration::from_millis(100);

/// The turns of operations that work on the disk.
#[derive(Clone, Debug)]
pub(super) struct Turns(Arc<Semaphore>);

impl Turns {
    pub(super) fn new() -> Self {
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        Self(Arc::new(Semaphore::new(AT_ONCE_PER_PROCESSOR * processors)))
    }

    /// Waits for a turn, and returns `None` where it does not come in time.
    pub(super) async fn wait(&self) -> Option<OwnedSemaphorePermit> {
        timeout(TURN_TIMEOUT, Arc::clone(&self.0).acquire_owned()).await.ok()?.ok()
    }

    /// Takes every turn and never gives one back.
    #[cfg(test)]
    pub(super) fn take_all(&self) {
        self.0.forget_permits(usize::MAX);
    }
}
