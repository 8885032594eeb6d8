//! One span for each call of every interface: the operation, the artifact, the new version, the
//! outcome and the times.
//!
//! An interface makes the span ([`span`]) and runs the call in it ([`traced`]); operations record
//! what they read and store (`saw`, `stored`). Without a subscriber the span is disabled, and all
//! of this costs a comparison of two words of memory.

use std::cell::RefCell;
use std::future::Future;
use std::time::Duration;

use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use super::queue::Committed;
use crate::model::{Name, Version};
use crate::storage::{Newest, Timings};

tokio::task_local! {
    /// The records of the present call so far.
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

/// Makes the span of a call. `method` is the interface's name of it, `tool` a known tool name.
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

/// Runs a call in its span, and records its results at the end. A call whose client disconnects
/// before that has no outcome.
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

/// Records that a call read an artifact.
pub(super) fn saw(name: &Name, newest: &Newest) {
    note(|met| {
        met.artifact = Some(name.clone());
        met.version = Some(newest.snapshot.version);
        met.timings += newest.timings;
    });
}

/// Records that a call stored something, and the version after it.
pub(super) fn stored(name: &Name, version: Version, committed: &Committed) {
    note(|met| {
        met.artifact = Some(name.clone());
        met.version = Some(version);
        met.timings += committed.timings;
        met.queue += committed.waited;
        met.together = Some(committed.together);
    });
}

/// Records something, unless there is no call or its span is disabled.
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
