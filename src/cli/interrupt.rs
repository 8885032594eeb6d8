//! What long-running subcommands share: they show their progress, and Ctrl-C stops them between two
//! complete steps.

use tokio_util::sync::CancellationToken;

use super::{Context, Failure};
use crate::model::Refusal;
use crate::service::{Caller, Progress};

/// The message after the first Ctrl-C.
const STOPPING: &str = "Stopping after the current step. Press Ctrl-C again to stop at once.";

/// Runs a call that may take long. The first Ctrl-C stops it after the current step. The second one
/// stops it at once and leaves what a killed process would leave.
pub(super) async fn interruptible<T>(
    context: &Context,
    operation: impl AsyncFnOnce(Caller) -> Result<T, Refusal>,
) -> Result<T, Failure> {
    let cancelled = CancellationToken::new();
    let progress = context.output.progress(Progress::until(cancelled.clone()));
    let operation = operation(context.caller.clone().attended_by(progress));
    tokio::pin!(operation);
    tokio::select! {
        // Installed before the call begins: until then Ctrl-C ends the process.
        biased;
        () = interrupted() => {
            cancelled.cancel();
            context.output.say(STOPPING);
        }
        done = &mut operation => return Ok(done?),
    }
    tokio::select! {
        done = operation => Ok(done?),
        () = interrupted() => Err(killed().into()),
    }
}

/// Waits for Ctrl-C. If no handler can be installed, Ctrl-C ends the process as usual.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn killed() -> Refusal {
    Refusal::Cancelled { outcome: "the current step was not waited for".into() }
}
