//! The panic guard around request handlers.

use std::fmt;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use rmcp::ErrorData;

use crate::model::Refusal;

/// A handler panicked. The panic message goes to standard error only, never to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Panicked;

/// Runs a handler and catches a panic. Without this, rmcp would send no answer and the client would
/// wait for ever.
///
/// # Errors
///
/// If the handler panicked, which is a bug in refiner. Its work in memory may be half done. A
/// commit is whole or absent, because it does not depend on the waiting handler.
pub async fn guarded<T>(handler: impl Future<Output = T> + Send) -> Result<T, Panicked> {
    AssertUnwindSafe(handler).catch_unwind().await.map_err(|_| Panicked)
}

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a handler panicked")
    }
}

impl std::error::Error for Panicked {}

impl From<Panicked> for Refusal {
    fn from(panicked: Panicked) -> Self {
        Self::Internal(panicked.to_string())
    }
}

impl From<Panicked> for ErrorData {
    fn from(panicked: Panicked) -> Self {
        let refusal = Refusal::from(panicked);
        Self::internal_error(refusal.to_string(), Some(refusal.to_json()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_panics_at_once_or_later_is_an_error_and_what_does_not_is_let_through() {
        assert_eq!(guarded(async { 7 }).await, Ok(7));
        for later in [false, true] {
            let panics = guarded(async {
                if later {
                    tokio::task::yield_now().await;
                }
                panic!("a bug that a test planted")
            });
            let panicked: Result<(), Panicked> = panics.await;
            assert_eq!(panicked, Err(Panicked), "later: {later}");
        }
        let error = ErrorData::from(Panicked);
        assert_eq!(error.code.0, -32603);
        assert!(!error.message.contains("planted"), "{error}");
    }
}
