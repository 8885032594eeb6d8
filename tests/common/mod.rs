//! What several tests need: the program as a server and as a command, and a look at its files.

mod client;
mod host;
mod journal;
mod listening;
#[cfg(target_os = "linux")]
mod memory;
mod older;
mod program;
mod raw;
mod strace;
mod terminal;
mod token;
mod workspace;

use std::future::Future;
use std::time::Duration;

pub(crate) use self::client::{Caller, Server};
pub(crate) use self::host::{ERAS, Era, Host, Person, accepts, answers};
pub(crate) use self::journal::{Journal, entries, framed};
pub(crate) use self::listening::Listening;
#[cfg(target_os = "linux")]
pub(crate) use self::memory::{memory_kib, peak_kib};
pub(crate) use self::older::older_program;
pub(crate) use self::program::{
    Finished, command, copy_program, finish, program, refiner, refiner_with_input,
};
pub(crate) use self::raw::{Raw, told};
pub(crate) use self::strace::{Call, Trace, traced};
pub(crate) use self::terminal::{HIDDEN, conversation, ends_of_a_terminal, on_terminal};
pub(crate) use self::token::{Token, YES};
pub(crate) use self::workspace::{Project, copy_folder};

/// Far more than anything here takes: what has not happened by then never will.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a process may take to end: far more than it does, and less than the five seconds for which rmcp
/// by itself would wait for open streams and for what never comes.
pub(crate) const AT_ONCE: Duration = Duration::from_millis(4_500);

/// Awaits something that has to happen, and fails instead of hanging when it does not.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let result = tokio::time::timeout(PATIENCE, future).await;
    result.unwrap_or_else(|_| panic!("{what} did not happen within {PATIENCE:?}"))
}

/// A row of numbers that looks random and is the same for the same seed.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns a number below a limit (SplitMix64).
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % limit
    }
}
