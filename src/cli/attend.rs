//! What subcommands that may take long have in common: they show how far they have come, and Ctrl-C
//! stops them with nothing half done.

use tokio_util::sync::CancellationToken;

use super::{Context, Failure};
use crate::model::Refusal;
use crate::service::{Caller, Progress};

/// What is said after the first Ctrl-C.
const STOPPING: &str = "Stopping where nothing is half done. Ctrl-C again does not wait for that.";

/// Does something that may take long. The first Ctrl-C stops it where nothing is half done; the second
/// one does not wait for that, and leaves what a kill would leave.
pub(super) async fn attended<T>(
    context: &Context,
    operation: impl AsyncFnOnce(Caller) -> Result<T, Refusal>,
) -> Result<T, Failure> {
    let cancelled = CancellationToken::new();
    let progress = context.output.progress(Progress::until(cancelled.clone()));
    let operation = operation(context.caller.clone().attended_by(progress));
    tokio::pin!(operation);
    tokio::select! {
        // Waited for before anything begins: until then it would end the process.
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

/// Waits for Ctrl-C. Where it cannot be waited for it ends the process, as it does by itself.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn killed() -> Refusal {
    Refusal::Cancelled { outcome: "what was under way was not waited for".into() }
}
