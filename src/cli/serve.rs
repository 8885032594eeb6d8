use std::sync::Arc;

use tokio::sync::Notify;

use super::{Context, Failure};
use crate::mcp::{ToolSet, stdio};

#[derive(Debug, clap::Args)]
pub(super) struct Serve {
    /// The tools that hosts see: all, core, pmpo, or their names with commas between them
    #[arg(long, value_name = "SET", default_value = "all")]
    tools: ToolSet,
}

impl Serve {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let stop = Arc::new(Notify::new());
        tokio::spawn(stop_on_signal(Arc::clone(&stop)));
        context.service.deliver_in_background();
        Ok(stdio::serve(context.service.clone(), self.tools, stop).await?)
    }
}

/// Returns a set of tools as it was given, if there is such a set.
pub(super) fn checked_tools(given: &str) -> Result<String, String> {
    given.parse::<ToolSet>().map(|_| given.to_owned())
}

/// Notifies when the process is asked to end.
async fn stop_on_signal(stop: Arc<Notify>) {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut terminate), Ok(mut interrupt)) =
            (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
        else {
            return;
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
    #[cfg(not(unix))]
    if tokio::signal::ctrl_c().await.is_err() {
        return;
    }
    stop.notify_one();
}
