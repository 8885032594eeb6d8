//! Progress and cancellation of a call over MCP.
//!
//! Rules: specification 2026-07-28, *Progress* and *Cancellation*. The server sends progress only
//! to a client that gave a progress token, with increasing values, and none after the answer. A
//! cancelled call stops between two steps. A write that entered the queue is still stored, so a
//! call that writes takes effect completely or not at all.

use std::future::Future;

use rmcp::RoleServer;
use rmcp::model::{ProgressNotificationParam, ProgressToken};
use rmcp::service::{Peer, RequestContext};
use tokio::sync::watch;
use tokio_util::sync::DropGuard;

use crate::service::{Progress, Step};

/// Observes a call for its client.
pub(super) struct Attendance {
    /// Cancels the call when its future is dropped. Over HTTP a disconnecting client drops the
    /// future, while work in other threads would continue.
    _gone: DropGuard,
    telling: Option<(ProgressToken, Steps)>,
}

/// The newest step. It replaces earlier steps that are not sent yet.
type Steps = watch::Receiver<Option<Step>>;

/// Returns the progress of a call, and its observer.
pub(super) fn attended(context: &RequestContext<RoleServer>) -> (Progress, Attendance) {
    let cancelled = context.ct.child_token();
    let gone = cancelled.clone().drop_guard();
    let progress = Progress::until(cancelled);
    let Some(token) = context.meta.get_progress_token() else {
        return (progress, Attendance { _gone: gone, telling: None });
    };
    let (told, steps) = watch::channel(None);
    let progress = progress.told_to(move |step| drop(told.send_replace(Some(step))));
    (progress, Attendance { _gone: gone, telling: Some((token, steps)) })
}

impl Attendance {
    /// Runs a call to its end and sends its steps. The call owns its progress, and dropping it ends
    /// the notifications.
    pub(super) async fn until_answered<T>(
        self,
        call: impl Future<Output = T>,
        peer: &Peer<RoleServer>,
    ) -> T {
        match self.telling {
            None => call.await,
            Some((token, steps)) => tokio::join!(call, tell(token, steps, peer)).0,
        }
    }
}

async fn tell(token: ProgressToken, mut steps: Steps, peer: &Peer<RoleServer>) {
    while steps.changed().await.is_ok() {
        let step = steps.borrow_and_update().clone();
        let Some(Step { done, total, message }) = step else { continue };
        let told = ProgressNotificationParam::new(token.clone(), as_number(done))
            .with_total(as_number(total))
            .with_message(message);
        // The client may be gone, so an error is ignored.
        drop(peer.notify_progress(told).await);
    }
}

/// Converts a count to the protocol's number type.
fn as_number(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
