//! How far a call has come, and whether anybody still waits for it.

use std::fmt::{self, Display};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::model::Refusal;

/// The least time between two steps that are told.
const PAUSE: Duration = Duration::from_millis(100);

/// A step of a call that takes several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// How many are done, this one among them.
    pub done: u64,
    /// How many there are, as far as is known.
    pub total: u64,
    /// What was done.
    pub message: String,
}

/// Goes along with a call: tells its steps to whoever wants to hear of them, and tells the call
/// whether anybody still waits for it. Clones are of the same call.
///
/// The first step and the last one are told, and of those between at most ten a second, each further
/// than the one before. The one that is nobody's costs an operation nothing but a look.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    telling: Option<Arc<Telling>>,
    cancelled: CancellationToken,
}

struct Telling {
    listener: Box<dyn Fn(Step) + Send + Sync>,
    pause: Duration,
    /// Held while a step is told, so that none overtakes another.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    done: u64,
    total: u64,
    told_at: Option<Instant>,
}

impl Progress {
    /// Makes the progress of a call that nobody waits for any more once the token is cancelled.
    pub fn until(cancelled: CancellationToken) -> Self {
        Self { telling: None, cancelled }
    }

    /// Tells the steps to a listener, which must not block.
    #[must_use]
    pub fn told_to(self, listener: impl Fn(Step) + Send + Sync + 'static) -> Self {
        self.told_every(PAUSE, listener)
    }

    /// Tells every step, however fast they come.
    #[cfg(test)]
    pub(super) fn told_at_once(self, listener: impl Fn(Step) + Send + Sync + 'static) -> Self {
        self.told_every(Duration::ZERO, listener)
    }

    fn told_every(self, pause: Duration, listener: impl Fn(Step) + Send + Sync + 'static) -> Self {
        let telling = Telling { listener: Box::new(listener), pause, state: Mutex::default() };
        Self { telling: Some(Arc::new(telling)), ..self }
    }

    /// Announces steps, on top of those that were announced before. Refuses to begin them when the
    /// call was cancelled.
    pub(super) fn begin(&self, steps: usize) -> Result<(), Refusal> {
        if let Some(telling) = &self.telling {
            telling.state.lock().unwrap_or_else(PoisonError::into_inner).total += steps as u64;
        }
        self.check()
    }

    /// Tells that a step is done, unless the call was cancelled.
    pub(super) fn step(&self, what: impl Display) {
        if let Some(telling) = self.telling.as_ref().filter(|_| !self.cancelled.is_cancelled()) {
            telling.step(&what);
        }
    }

    /// Refuses to go on when the call was cancelled.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        match self.cancelled.is_cancelled() {
            true => Err(Refusal::Cancelled { outcome: "nothing was written".into() }),
            false => Ok(()),
        }
    }
}

impl Telling {
    fn step(&self, what: &dyn Display) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.done += 1;
        // Never more than there are, whoever announced too few.
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

    /// A progress that is told every so often, and what was told.
    fn told(pause: Duration) -> (Progress, Arc<Mutex<Vec<Step>>>) {
        let steps = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&steps);
        let listener = move |step| heard.lock().unwrap().push(step);
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
        progress.step("one that nobody announced");
        let expected = [
            step(1, 2, "one"),
            step(2, 3, "two"),
            step(3, 3, "three"),
            step(4, 4, "one that nobody announced"),
        ];
        assert_eq!(*steps.lock().unwrap(), expected);
    }

    #[test]
    fn of_many_steps_at_once_the_first_and_the_last_are_told() {
        let (progress, steps) = told(Duration::from_secs(3600));
        progress.begin(1000).unwrap();
        (1..=1000).for_each(|number| progress.step(number));
        assert_eq!(*steps.lock().unwrap(), [step(1, 1000, "1"), step(1000, 1000, "1000")]);
    }

    #[test]
    fn a_cancelled_call_takes_no_further_step_and_tells_none() {
        let cancelled = CancellationToken::new();
        let heard = Arc::new(Mutex::new(0));
        let count = Arc::clone(&heard);
        let progress = Progress::until(cancelled.clone())
            .told_every(Duration::ZERO, move |_| *count.lock().unwrap() += 1);
        progress.begin(3).unwrap();
        progress.step("one");
        cancelled.cancel();
        for refused in [progress.begin(1), progress.check()] {
            assert_eq!(refused.unwrap_err().code(), "cancelled");
        }
        progress.step("two");
        assert_eq!(*heard.lock().unwrap(), 1);
    }
}
