//! Forwards news of a workspace to the subscribers of its resources.

use std::sync::Arc;

use tokio::sync::OnceCell;
use tokio_util::task::AbortOnDropHandle;

use super::artifacts::ARTIFACTS;
use super::target::Target;
use crate::mcp::notifications::Changes;
use crate::model::Refusal;
use crate::service::{Followed, News, Service, Watching};

/// Forwards news of one workspace to all connections of a server. It starts to watch with the first
/// session or subscription. Clones share the watch.
#[derive(Clone, Debug)]
pub(in crate::mcp) struct Feed {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    service: Service,
    changes: Changes,
    running: OnceCell<Running>,
}

#[derive(Debug)]
struct Running {
    watching: Arc<Watching>,
    _telling: AbortOnDropHandle<()>,
}

impl Feed {
    /// Creates the feed of a service.
    pub(in crate::mcp) fn new(service: Service) -> Self {
        let (changes, running) = (Changes::default(), OnceCell::new());
        Self { inner: Arc::new(Inner { service, changes, running }) }
    }

    /// Returns the subscribers.
    pub(super) fn changes(&self) -> &Changes {
        &self.inner.changes
    }

    /// Starts to watch, unless already started.
    pub(super) async fn start(&self) -> Result<&Arc<Watching>, Refusal> {
        let running = self.inner.running.get_or_try_init(|| async {
            let watching = self.inner.service.watch().await?;
            let telling = tokio::spawn(tell(Arc::clone(&watching), self.changes().clone()));
            Ok(Running { watching, _telling: AbortOnDropHandle::new(telling) })
        });
        running.await.map(|running| &running.watching)
    }

    /// Watches the artifact of a resource. `None` for resources that no version changes.
    pub(super) async fn follow(&self, target: &Target) -> Result<Option<Followed>, Refusal> {
        let watching = self.start().await?;
        match target.artifact() {
            Some(name) => Ok(Some(watching.follow(name).await)),
            None => Ok(None),
        }
    }
}

/// Forwards one piece of news.
///
/// A new version notifies the subscribers of every part of its artifact. Finding the changed parts
/// would need a journal read for each version, and subscribers read the part anyway.
async fn tell(watching: Arc<Watching>, changes: Changes) {
    loop {
        match watching.next().await {
            News::Version { name, .. } => changes.updated_below(&format!("{ARTIFACTS}/{name}/")),
            News::Names => {
                changes.updated(ARTIFACTS);
                changes.list_changed();
            }
            News::Phases => changes.updated(ARTIFACTS),
        }
    }
}
