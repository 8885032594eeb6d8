//! The way from what is new in a workspace to those who subscribed to its resources.

use std::sync::Arc;

use tokio::sync::OnceCell;
use tokio_util::task::AbortOnDropHandle;

use super::parts::ARTIFACTS;
use super::target::Target;
use crate::mcp::changes::Changes;
use crate::model::Refusal;
use crate::service::{Followed, News, Service, Watching};

/// Brings what is new in one workspace to all connections of a server. It watches from the first
/// session or subscription on. Clones are the same.
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
    /// Makes the feed of a service.
    pub(in crate::mcp) fn new(service: Service) -> Self {
        let (changes, running) = (Changes::default(), OnceCell::new());
        Self { inner: Arc::new(Inner { service, changes, running }) }
    }

    /// Returns who is told.
    pub(super) fn changes(&self) -> &Changes {
        &self.inner.changes
    }

    /// Begins to watch, unless it does already.
    pub(super) async fn start(&self) -> Result<&Arc<Watching>, Refusal> {
        let running = self.inner.running.get_or_try_init(|| async {
            let watching = self.inner.service.watch().await?;
            let telling = tokio::spawn(tell(Arc::clone(&watching), self.changes().clone()));
            Ok(Running { watching, _telling: AbortOnDropHandle::new(telling) })
        });
        running.await.map(|running| &running.watching)
    }

    /// Follows what a resource is made of. `None` for what no version changes.
    pub(super) async fn follow(&self, target: &Target) -> Result<Option<Followed>, Refusal> {
        let watching = self.start().await?;
        match target.artifact() {
            Some(name) => Ok(Some(watching.follow(name).await)),
            None => Ok(None),
        }
    }
}

/// Tells of what is new.
///
/// A version is told of to those who subscribed to any part of its artifact: which parts it changed
/// would have to be read from the journal, for each version, and who is told reads anyway.
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
