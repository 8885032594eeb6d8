//! Progress of a call over MCP, and its cancellation.
//!
//! Where the rules come from: specification 2026-07-28, *Progress* and *Cancellation*. Steps are told
//! only to a client that gave a progress token, each further than the one before, and none after the
//! answer. A cancelled call stops between two steps; what entered the queue is stored all the same, so
//! a call that writes is done wholly or not at all.

use std::future::Future;

use rmcp::RoleServer;
use rmcp::model::{ProgressNotificationParam, ProgressToken};
use rmcp::service::{Peer, RequestContext};
use tokio::sync::watch;
use tokio_util::sync::DropGuard;

use crate::service::{Progress, Step};

/// Listens to a call on behalf of its client.
pub(super) struct Attendance {
    /// Cancels the call when nobody waits for it any more: over HTTP a client that goes away takes
    /// the call's future with it, and what it began in a thread of its own would go on.
    _gone: DropGuard,
    telling: Option<(ProgressToken, Steps)>,
}

/// The newest step. One that comes while another is on its way takes the place of those before.
type Steps = watch::Receiver<Option<Step>>;

/// Returns the progress of a call, and who listens to it.
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
    /// Lets a call come to its end, and tells its steps until then. The call owns its progress: the
    /// telling ends when that is dropped.
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
        // Who went away need not hear it.
        drop(peer.notify_progress(told).await);
    }
}

/// Returns a count as the protocol's number.
fn as_number(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
