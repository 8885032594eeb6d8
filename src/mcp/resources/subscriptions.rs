//! The subscriptions of one connection.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use parking_lot::{Mutex, MutexGuard};
use rmcp::model::SubscriptionFilter;
use rmcp::service::{Peer, SubscriptionContext};
use rmcp::{ErrorData, RoleServer};
use serde_json::json;
use tokio::sync::{Semaphore, watch};

use super::feed::Feed;
use super::read_error;
use super::target::Target;
use crate::mcp::notifications::{RESOURCES_OF_ONE_MAX, Session, TOO_MANY};
use crate::mcp::protocol_error::protocol_error;
use crate::service::Followed;

/// Limit on open streams of `subscriptions/listen` per connection. Each is a request in flight, and
/// other requests need room too.
const STREAMS_MAX: usize = 64;

/// The subscriptions of one connection. They end with it.
#[derive(Debug)]
pub(in crate::mcp) struct Subscriptions {
    feed: Feed,
    session: OnceLock<Session>,
    /// The artifacts of the session's subscriptions, by URI.
    followed: Mutex<BTreeMap<String, Option<Followed>>>,
    streams: Semaphore,
    /// True when the client will send nothing more.
    ended: watch::Receiver<bool>,
}

impl Subscriptions {
    /// Creates the subscriptions of a connection. `ended` becomes true at the connection's end.
    pub(in crate::mcp) fn new(feed: Feed, ended: watch::Receiver<bool>) -> Self {
        Self {
            feed,
            session: OnceLock::new(),
            followed: Mutex::default(),
            streams: Semaphore::new(STREAMS_MAX),
            ended,
        }
    }

    /// Creates the subscriptions of another connection of the same server.
    pub(in crate::mcp) fn of_another(&self, ended: watch::Receiver<bool>) -> Self {
        Self::new(self.feed.clone(), ended)
    }

    /// Starts to notify a session of changes of the resource list.
    pub(in crate::mcp) async fn greeted(&self, peer: Peer<RoleServer>) {
        let watching = self.feed.start().await.map_err(|refusal| protocol_error(&refusal));
        if let Err(error) = self.session(peer).and(watching.map(drop)) {
            tracing::warn!(%error, "a session gets no change notifications");
        }
    }

    /// Subscribes a session to a resource. The session is notified of every change made after this
    /// returns.
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

    /// Ends a session's subscription, if it exists.
    pub(in crate::mcp) fn unsubscribe(&self, uri: &str) {
        if let Some(session) = self.session.get() {
            session.unsubscribe(uri);
        }
        let followed = self.followed().remove(uri);
        drop(followed);
    }

    /// Runs a stream of `subscriptions/listen`. It ends at once with the connection, while the SDK
    /// would wait.
    pub(in crate::mcp) async fn listen(
        &self,
        context: &SubscriptionContext,
    ) -> Result<(), ErrorData> {
        let Ok(_stream) = self.streams.try_acquire() else {
            let message = format!("too many streams: the limit of a connection is {STREAMS_MAX}");
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
            // The sender is gone, so no end will be reported.
            std::future::pending::<()>().await;
        }
    }

    fn session(&self, peer: Peer<RoleServer>) -> Result<&Session, ErrorData> {
        if let Some(session) = self.session.get() {
            return Ok(session);
        }
        let session = self.feed.changes().session(peer)?;
        // Another call was faster: keep its subscription and drop this one.
        Ok(self.session.get_or_init(|| session))
    }

    /// Locks the state for a section that cannot panic half-way.
    fn followed(&self) -> MutexGuard<'_, BTreeMap<String, Option<Followed>>> {
        self.followed.lock()
    }
}

/// Returns the supported part of a stream's request: changes of the list, and of resources with a
/// refiner URI. A request above the limits is refused as a whole, with the reason.
pub(in crate::mcp) fn accepted(requested: &SubscriptionFilter) -> SubscriptionFilter {
    let uris = requested.resource_subscriptions.as_deref().unwrap_or_default();
    let uris = if uris.len() > RESOURCES_OF_ONE_MAX { &[] } else { uris };
    let known: BTreeSet<&String> = uris.iter().filter(|uri| Target::parse(uri).is_ok()).collect();
    SubscriptionFilter::builder().resources_list_changed().resource_subscriptions(known).build()
}
