//! The progress of a call, and its cancellation.

use std::fmt::{self, Display};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::model::Refusal;

/// The least time between two reported steps.
const PAUSE: Duration = Duration::from_millis(100);

/// A step of a long call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The number of finished steps, including this one.
    pub done: u64,
    /// The number of known steps.
    pub total: u64,
    /// The finished work.
    pub message: String,
}

/// Reports the steps of a call to its listener, and tells the call whether its client still waits.
/// Clones belong to the same call.
///
/// It reports the first and the last step, and at most ten steps a second in between, each with a
/// higher count than the one before. Without a listener a step costs only a comparison.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    telling: Option<Arc<Telling>>,
    cancelled: CancellationToken,
}

struct Telling {
    listener: Box<dyn Fn(Step) + Send + Sync>,
    pause: Duration,
    /// Held while a step is reported, so that steps arrive in order.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    done: u64,
    total: u64,
    told_at: Option<Instant>,
}

impl Progress {
    /// Makes the progress of a call that `cancelled` ends.
    pub fn until(cancelled: CancellationToken) -> Self {
        Self { telling: None, cancelled }
    }

    /// Reports the steps to a listener, which must not block.
    #[must_use]
    pub fn told_to(self, listener: impl Fn(Step) + Send + Sync + 'static) -> Self {
        self.told_every(PAUSE, listener)
    }

    /// Reports every step without a pause.
    #[cfg(test)]
    pub(super) fn told_at_once(self, listener: impl Fn(Step) + Send + Sync + 'static) -> Self {
        self.told_every(Duration::ZERO, listener)
    }

    fn told_every(self, pause: Duration, listener: impl Fn(Step) + Send + Sync + 'static) -> Self {
        let telling = Telling { listener: Box::new(listener), pause, state: Mutex::default() };
        Self { telling: Some(Arc::new(telling)), ..self }
    }

    /// Adds steps to the total. Refuses when the call was cancelled.
    pub(super) fn begin(&self, steps: usize) -> Result<(), Refusal> {
        if let Some(telling) = &self.telling {
            telling.state.lock().total += steps as u64;
        }
        self.check()
    }

    /// Reports a finished step, unless the call was cancelled.
    pub(super) fn step(&self, what: impl Display) {
        if let Some(telling) = self.telling.as_ref().filter(|_| !self.cancelled.is_cancelled()) {
            telling.step(&what);
        }
    }

    /// Refuses when the call was cancelled.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        if self.cancelled.is_cancelled() {
            Err(Refusal::Cancelled { outcome: "nothing was written".into() })
        } else {
            Ok(())
        }
    }
}

impl Telling {
    fn step(&self, what: &dyn Display) {
        let mut state = self.state.lock();
        state.done += 1;
        // The count never exceeds the total, even if an operation announced too few steps.
        state.total = state.total.max(state.done);
        let now = Instant::now();
        let is_due = state.told_at.is_none_or(|told_at| now - told_at >= self.pause);
        if is_due || state.done == state.total {
            state.told_at = Some(now);
            let (done, total) = (state.done, state.total);
            (self.listener)(Step { done, total, message: what.to_string() });
        }
    }
}

impl fmt::Debug for Telling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Telling").field(&self.state).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A progress with a pause, and its reported steps.
    fn told(pause: Duration) -> (Progress, Arc<Mutex<Vec<Step>>>) {
        let steps = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&steps);
        let listener = move |step| heard.lock().push(step);
        (Progress::default().told_every(pause, listener), steps)
    }

    fn step(done: u64, total: u64, message: &str) -> Step {
        Step { done, total, message: message.to_owned() }
    }

    #[test]
    fn steps_are_told_with_how_many_there_are_and_never_go_back() {
        let (progress, steps) = told(Duration::ZERO);
        progress.begin(2).unwrap();
        progress.step("one");
        progress.begin(1).unwrap();
        progress.step("two");
        progress.clone().step("three");
        progress.step("an unannounced step");
        let expected = [
            step(1, 2, "one"),
            step(2, 3, "two"),
            step(3, 3, "three"),
            step(4, 4, "an unannounced step"),
        ];
        assert_eq!(*steps.lock(), expected);
    }

    #[test]
    fn of_many_steps_at_once_the_first_and_the_last_are_told() {
        let (progress, steps) = told(Duration::from_secs(3600));
        progress.begin(1000).unwrap();
        (1..=1000).for_each(|number| progress.step(number));
        assert_eq!(*steps.lock(), [step(1, 1000, "1"), step(1000, 1000, "1000")]);
    }

    #[test]
    fn a_cancelled_call_takes_no_further_step_and_tells_none() {
        let cancelled = CancellationToken::new();
        let heard = Arc::new(Mutex::new(0));
        let count = Arc::clone(&heard);
        let progress = Progress::until(cancelled.clone())
            .told_every(Duration::ZERO, move |_| *count.lock() += 1);
        progress.begin(3).unwrap();
        progress.step("one");
        cancelled.cancel();
        for refused in [progress.begin(1), progress.check()] {
            assert_eq!(refused.unwrap_err().code(), "cancelled");
        }
        progress.step("two");
        assert_eq!(*heard.lock(), 1);
    }
}
