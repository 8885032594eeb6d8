//! One span for each call, whichever face it comes through: what was called on which artifact, which
//! version it left, how it ended, and where its time went.
//!
//! A face makes the span ([`span`]) and lets the call run in it ([`traced`]); operations say what they
//! meet (`saw`, `stored`). Where nobody listens the span is disabled, and all of it is a look at
//! two words of memory.

use std::cell::RefCell;
use std::future::Future;
use std::time::Duration;

use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use super::queue::Committed;
use crate::model::{Name, Version};
use crate::storage::{Newest, Timings};

tokio::task_local! {
    /// What the present call has met so far.
    static CALL: RefCell<Met>;
}

#[derive(Debug, Default)]
struct Met {
    artifact: Option<Name>,
    version: Option<Version>,
    timings: Timings,
    queue: Duration,
    together: Option<usize>,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With an answer.
    Answered,
    /// With a question to the person behind the client.
    Asked,
    /// With a refusal of this code.
    Refused(&'static str),
}

/// Makes the span of a call. `method` is what the face calls it, `tool` one of the names that the
/// program knows.
pub fn span(method: &'static str, tool: &str) -> Span {
    tracing::info_span!(
        "call",
        method,
        tool,
        artifact = Empty,
        version = Empty,
        outcome = Empty,
        code = Empty,
        queue_us = Empty,
        lock_us = Empty,
        flush_us = Empty,
        projection_us = Empty,
        stored_together = Empty,
    )
}

/// Lets a call run in its span, and records what it met once it has ended. A call whose client went
/// away before that has no outcome.
pub async fn traced<T>(
    span: Span,
    call: impl Future<Output = T>,
    ending: impl FnOnce(&T) -> Ending,
) -> T {
    if span.is_disabled() {
        return call.await;
    }
    let recorded = span.clone();
    let call = async move {
        let done = call.await;
        CALL.with(|met| met.borrow().record(&recorded));
        record_ending(&recorded, ending(&done));
        done
    };
    CALL.scope(RefCell::default(), call).instrument(span).await
}

fn record_ending(span: &Span, ending: Ending) {
    match ending {
        Ending::Answered => span.record("outcome", "answered"),
        Ending::Asked => span.record("outcome", "asked"),
        Ending::Refused(code) => span.record("outcome", "refused").record("code", code),
    };
}

/// Notes that a call looked at an artifact.
pub(super) fn saw(name: &Name, newest: &Newest) {
    note(|met| {
        met.artifact = Some(name.clone());
        met.version = Some(newest.snapshot.version);
        met.timings += newest.timings;
    });
}

/// Notes that a call asked for something to be stored, and the version after it.
pub(super) fn stored(name: &Name, version: Version, committed: &Committed) {
    note(|met| {
        met.artifact = Some(name.clone());
        met.version = Some(version);
        met.timings += committed.timings;
        met.queue += committed.waited;
        met.together = Some(committed.together);
    });
}

/// Outside of a call, and in one that nobody traces, nothing is noted.
fn note(note: impl FnOnce(&mut Met)) {
    CALL.try_with(|met| note(&mut met.borrow_mut())).ok();
}

impl Met {
    fn record(&self, span: &Span) {
        if let Some(artifact) = &self.artifact {
            span.record("artifact", artifact.as_str());
        }
        if let Some(version) = self.version {
            span.record("version", version);
        }
        if self.together.is_none() && self.timings == Timings::default() {
            return;
        }
        span.record("queue_us", micros(self.queue))
            .record("lock_us", micros(self.timings.lock))
            .record("flush_us", micros(self.timings.flush))
            .record("projection_us", micros(self.timings.projection));
        if let Some(together) = self.together {
            span.record("stored_together", together);
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
