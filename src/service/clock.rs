//! Time and ids: the only place where the program reads them from the system.

use std::fmt::Debug;

use crate::model::Time;

/// The source of time and new ids.
pub trait Clock: Debug + Send + Sync + 'static {
    /// Returns the present time.
    fn now(&self) -> Time;

    /// Returns a new id: a UUID of version 7.
    fn new_id(&self) -> String;
}

/// The system's clock.
#[derive(Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one door")]
    fn now(&self) -> Time {
        Time::from_millis(chrono::Utc::now().timestamp_millis())
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one door")]
    fn new_id(&self) -> String {
        uuid::Uuid::now_v7().to_string()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    /// A clock that advances one second at each reading.
    #[derive(Debug, Default)]
    pub(crate) struct ManualClock(AtomicI64);

    impl Clock for ManualClock {
        fn now(&self) -> Time {
            Time::from_millis(self.0.fetch_add(1000, Ordering::Relaxed))
        }

        fn new_id(&self) -> String {
            format!("id-{}", self.0.fetch_add(1000, Ordering::Relaxed) / 1000)
        }
    }
}
