//! What one connection subscribed to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use rmcp::model::SubscriptionFilter;
use rmcp::service::{Peer, SubscriptionContext};
use rmcp::{ErrorData, RoleServer};
use serde_json::json;
use tokio::sync::{Semaphore, watch};

use super::feed::Feed;
use super::read_error;
use super::target::Target;
use crate::mcp::changes::{RESOURCES_OF_ONE_MAX, Session, TOO_MANY};
use crate::mcp::server::protocol_error;
use crate::service::Followed;

/// Streams of `subscriptions/listen` that one connection may have open. Each is a request in flight,
/// and others need room beside them.
const STREAMS_MAX: usize = 64;

/// What one connection subscribed to. Forgotten with it.
#[derive(Debug)]
pub(in crate::mcp) struct Subscriptions {
    feed: Feed,
    session: OnceLock<Session>,
    /// The artifacts of what the session subscribed to, by URI.
    followed: Mutex<BTreeMap<String, Option<Followed>>>,
    streams: Semaphore,
    /// Becomes true when the client will send nothing more.
    ended: watch::Receiver<bool>,
}

impl Subscriptions {
    /// Makes those of a connection, whose end is told by `ended`.
    pub(in crate::mcp) fn new(feed: Feed, ended: watch::Receiver<bool>) -> Self {
        Self {
            feed,
            session: OnceLock::new(),
            followed: Mutex::default(),
            streams: Semaphore::new(STREAMS_MAX),
            ended,
        }
    }

    /// Returns those of another connection of the same server.
    pub(in crate::mcp) fn of_another(&self, ended: watch::Receiver<bool>) -> Self {
        Self::new(self.feed.clone(), ended)
    }

    /// Begins to tell a session that the list of resources changed.
    pub(in crate::mcp) async fn greeted(&self, peer: Peer<RoleServer>) {
        let watching = self.feed.start().await.map_err(|refusal| protocol_error(&refusal));
        if let Err(error) = self.session(peer).and(watching.map(drop)) {
            tracing::warn!(%error, "a session is not told of changes");
        }
    }

    /// Subscribes a session to a resource: what changes it after this returned is told of.
    pub(in crate::mcp) async fn subscribe(
        &self,
        uri: &str,
        peer: Peer<RoleServer>,
    ) -> Result<(), ErrorData> {
        let target = Target::parse(uri).map_err(|refusal| read_error(uri, &refusal))?;
        self.session(peer)?.subscribe(uri)?;
        let followed = self.feed.follow(&target).await;
        let followed = followed.map_err(|refusal| protocol_error(&refusal))?;
        self.followed().insert(uri.to_owned(), followed);
        Ok(())
    }

    /// Ends a session's subscription, if there is one.
    pub(in crate::mcp) fn unsubscribe(&self, uri: &str) {
        if let Some(session) = self.session.get() {
            session.unsubscribe(uri);
        }
        let followed = self.followed().remove(uri);
        drop(followed);
    }

    /// Runs a stream of `subscriptions/listen`. It ends with the connection at once, for which the
    /// SDK would wait.
    pub(in crate::mcp) async fn listen(
        &self,
        context: &SubscriptionContext,
    ) -> Result<(), ErrorData> {
        let Ok(_stream) = self.streams.try_acquire() else {
            let message = format!("too many streams: a connection may have {STREAMS_MAX}");
            return Err(ErrorData::new(TOO_MANY, message, Some(json!({ "limit": STREAMS_MAX }))));
        };
        let mut followed = Vec::new();
        for uri in context.accepted().resource_subscriptions.iter().flatten() {
            let target = Target::parse(uri).map_err(|refusal| read_error(uri, &refusal))?;
            let one = self.feed.follow(&target).await;
            followed.push(one.map_err(|refusal| protocol_error(&refusal))?);
        }
        self.feed.start().await.map_err(|refusal| protocol_error(&refusal))?;
        self.feed.changes().listen(context, self.end()).await
    }

    async fn end(&self) {
        let mut ended = self.ended.clone();
        if ended.wait_for(|ended| *ended).await.is_err() {
            // Nobody will say so.
            std::future::pending::<()>().await;
        }
    }

    fn session(&self, peer: Peer<RoleServer>) -> Result<&Session, ErrorData> {
        if let Some(session) = self.session.get() {
            return Ok(session);
        }
        let session = self.feed.changes().session(peer)?;
        // Whoever came first counts; the other is forgotten again.
        Ok(self.session.get_or_init(|| session))
    }

    /// Locks for a section that cannot panic half-way.
    fn followed(&self) -> MutexGuard<'_, BTreeMap<String, Option<Followed>>> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns what of a stream's request can be told: changes of the list, and of what a URI of ours
/// names. A stream that asks for too much gets nothing of it, and hears why.
pub(in crate::mcp) fn accepted(requested: &SubscriptionFilter) -> SubscriptionFilter {
    let uris = requested.resource_subscriptions.as_deref().unwrap_or_default();
    let uris = if uris.len() > RESOURCES_OF_ONE_MAX { &[] } else { uris };
    let known: BTreeSet<&String> = uris.iter().filter(|uri| Target::parse(uri).is_ok()).collect();
    SubscriptionFilter::builder().resources_list_changed().resource_subscriptions(known).build()
}
