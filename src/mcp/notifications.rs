//! Delivers resource updates to subscribers, in both eras of the protocol: `resources/subscribe` of
//! sessions (2024-11-05 to 2025-11-25) and streams of `subscriptions/listen` (2026-07-28).
//!
//! It does not depend on the kinds of resources, so any server can use it. The mailbox of a
//! subscriber is a set of URIs, not a list of events, because an update carries no data. A slow
//! subscriber gets fewer and later updates, takes no more memory, and does not delay others.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use rmcp::model::{
    ErrorCode, ResourceListChangedNotification, ResourceUpdatedNotification,
    ResourceUpdatedNotificationParam, ServerNotification,
};
use rmcp::service::{Peer, SubscriptionContext, SubscriptionSink};
use rmcp::{ErrorData, RoleServer};
use serde_json::json;
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

/// Limit on the resources that one session or stream subscribes to.
pub const RESOURCES_OF_ONE_MAX: usize = 1000;
/// Limit on concurrent sessions and streams with updates.
const SUBSCRIBERS_MAX: usize = 4096;
/// Limit on the subscriptions of all sessions and streams together.
const SUBSCRIPTIONS_MAX: usize = 20_000;
/// Limit on the bytes of a subscription's URI.
const URI_BYTES_MAX: usize = 2048;
/// The pause after an update to a subscriber. Changes during the pause are sent together.
const PAUSE: Duration = Duration::from_millis(20);

/// The error code of an exceeded limit. MCP leaves codes outside of -32768 to -32000 to servers
/// (2026-07-28, *Error Codes*). This is HTTP's code for it.
pub const TOO_MANY: ErrorCode = ErrorCode(429);

/// The subscribers and their resources. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    hub: Arc<Mutex<Hub>>,
}

#[derive(Debug, Default)]
struct Hub {
    subscribers: HashMap<u64, Subscribed>,
    by_uri: BTreeMap<String, BTreeSet<u64>>,
    subscriptions: usize,
    /// The id of the last subscriber.
    last: u64,
}

#[derive(Debug)]
struct Subscribed {
    mailbox: Arc<Mailbox>,
    uris: BTreeSet<String>,
}

/// The unsent updates of one subscriber.
#[derive(Debug, Default)]
struct Mailbox {
    /// Whether the subscriber wants changes of the resource list.
    wants_list: bool,
    pending: Mutex<Pending>,
    woken: Notify,
}

#[derive(Debug, Default)]
struct Pending {
    uris: BTreeSet<String>,
    list: bool,
}

/// A registered subscriber. Dropping it unregisters.
#[derive(Debug)]
struct Subscriber {
    changes: Changes,
    number: u64,
    mailbox: Arc<Mailbox>,
}

/// The channel to a client.
#[derive(Debug)]
enum Way {
    Session(Peer<RoleServer>),
    Stream(SubscriptionSink),
}

/// The subscriptions of a session. Dropping it ends them.
#[derive(Debug)]
pub struct Session {
    subscriber: Arc<Subscriber>,
    _delivering: AbortOnDropHandle<()>,
}

impl Changes {
    /// Queues an update of a resource for its subscribers.
    pub fn updated(&self, uri: &str) {
        let hub = self.hub();
        let Some(numbers) = hub.by_uri.get(uri) else { return };
        hub.put(uri, numbers);
    }

    /// Queues updates for the subscribers of all resources whose URI has this prefix.
    pub fn updated_below(&self, prefix: &str) {
        let hub = self.hub();
        let from = hub.by_uri.range(prefix.to_owned()..);
        for (uri, numbers) in from.take_while(|(uri, _)| uri.starts_with(prefix)) {
            hub.put(uri, numbers);
        }
    }

    /// Queues a change of the resource list for all sessions, and for the streams that want it.
    pub fn list_changed(&self) {
        let hub = self.hub();
        hub.subscribers.values().for_each(|subscribed| subscribed.mailbox.put_list());
    }

    /// Starts the updates of a session: of the resource list, and of its subscriptions.
    ///
    /// Fails with [`TOO_MANY`] if a limit is reached.
    pub fn session(&self, peer: Peer<RoleServer>) -> Result<Session, ErrorData> {
        let subscriber = Arc::new(self.subscriber(true)?);
        let delivering = Arc::clone(&subscriber);
        let delivering = tokio::spawn(async move { delivering.deliver(&Way::Session(peer)).await });
        Ok(Session { subscriber, _delivering: AbortOnDropHandle::new(delivering) })
    }

    /// Runs a stream of `subscriptions/listen` until the client cancels it or disconnects, or until
    /// `end` is true, which ends the stream gracefully.
    ///
    /// The SDK acknowledges the stream before it calls this. A test lost 2 of 61 changes in
    /// between, so the stream first sends one update for every resource.
    ///
    /// Fails with [`TOO_MANY`] if a limit is reached, or if the client asked for more than
    /// [`RESOURCES_OF_ONE_MAX`].
    pub async fn listen(
        &self,
        context: &SubscriptionContext,
        end: impl Future<Output = ()> + Send,
    ) -> Result<(), ErrorData> {
        let requested = context.requested().resource_subscriptions.as_ref();
        if requested.is_some_and(|uris| uris.len() > RESOURCES_OF_ONE_MAX) {
            return Err(too_many("resources of one stream", RESOURCES_OF_ONE_MAX));
        }
        let accepted = context.accepted();
        let subscriber = self.subscriber(accepted.resources_list_changed == Some(true))?;
        for uri in accepted.resource_subscriptions.iter().flatten() {
            subscriber.subscribe(uri)?;
            subscriber.mailbox.put(uri);
        }
        subscriber.mailbox.put_list();
        let way = Way::Stream(context.sink().clone());
        tokio::select! {
            () = context.cancelled() => {}
            () = end => {}
            () = subscriber.deliver(&way) => {}
        }
        Ok(())
    }

    fn subscriber(&self, wants_list: bool) -> Result<Subscriber, ErrorData> {
        let mut hub = self.hub();
        if hub.subscribers.len() >= SUBSCRIBERS_MAX {
            return Err(too_many("sessions and streams", SUBSCRIBERS_MAX));
        }
        hub.last += 1;
        let mailbox = Arc::new(Mailbox { wants_list, ..Mailbox::default() });
        let number = hub.last;
        let subscribed = Subscribed { mailbox: Arc::clone(&mailbox), uris: BTreeSet::new() };
        hub.subscribers.insert(number, subscribed);
        drop(hub);
        Ok(Subscriber { changes: self.clone(), number, mailbox })
    }

    /// Locks the state for a section that cannot panic half-way.
    fn hub(&self) -> MutexGuard<'_, Hub> {
        self.hub.lock()
    }
}

impl Session {
    /// Subscribes to a resource. A repetition has no effect.
    ///
    /// Fails with [`TOO_MANY`] if a limit is reached.
    pub fn subscribe(&self, uri: &str) -> Result<(), ErrorData> {
        self.subscriber.subscribe(uri)
    }

    /// Ends a subscription, if it exists.
    pub fn unsubscribe(&self, uri: &str) {
        self.subscriber.changes.hub().unsubscribe(self.subscriber.number, uri);
        self.subscriber.mailbox.pending().uris.remove(uri);
    }
}

impl Hub {
    fn put(&self, uri: &str, numbers: &BTreeSet<u64>) {
        let subscribed = numbers.iter().filter_map(|number| self.subscribers.get(number));
        subscribed.for_each(|subscribed| subscribed.mailbox.put(uri));
    }

    fn subscribe(&mut self, number: u64, uri: &str) -> Result<(), ErrorData> {
        let Some(subscribed) = self.subscribers.get_mut(&number) else { return Ok(()) };
        if subscribed.uris.contains(uri) {
            return Ok(());
        }
        if subscribed.uris.len() >= RESOURCES_OF_ONE_MAX {
            return Err(too_many("resources of one subscriber", RESOURCES_OF_ONE_MAX));
        }
        if self.subscriptions >= SUBSCRIPTIONS_MAX {
            return Err(too_many("subscriptions", SUBSCRIPTIONS_MAX));
        }
        subscribed.uris.insert(uri.to_owned());
        self.by_uri.entry(uri.to_owned()).or_default().insert(number);
        self.subscriptions += 1;
        Ok(())
    }

    fn unsubscribe(&mut self, number: u64, uri: &str) {
        let subscribed = self.subscribers.get_mut(&number);
        if subscribed.is_some_and(|subscribed| subscribed.uris.remove(uri)) {
            self.forget(number, uri);
        }
    }

    fn remove(&mut self, number: u64) {
        let uris = self.subscribers.remove(&number).map(|subscribed| subscribed.uris);
        uris.iter().flatten().for_each(|uri| self.forget(number, uri));
    }

    fn forget(&mut self, number: u64, uri: &str) {
        self.subscriptions -= 1;
        if let Some(numbers) = self.by_uri.get_mut(uri) {
            numbers.remove(&number);
            if numbers.is_empty() {
                self.by_uri.remove(uri);
            }
        }
    }
}

impl Subscriber {
    fn subscribe(&self, uri: &str) -> Result<(), ErrorData> {
        if uri.len() > URI_BYTES_MAX {
            Err(too_many("bytes of a URI", URI_BYTES_MAX))
        } else {
            self.changes.hub().subscribe(self.number, uri)
        }
    }

    /// Sends updates to a client until it disconnects.
    async fn deliver(&self, way: &Way) {
        loop {
            let pending = self.mailbox.next().await;
            if pending.list && !way.send(list_changed()).await {
                return;
            }
            for uri in pending.uris {
                if !way.send(updated(uri)).await {
                    return;
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.changes.hub().remove(self.number);
    }
}

impl Mailbox {
    fn put(&self, uri: &str) {
        let mut pending = self.pending();
        if !pending.uris.contains(uri) {
            pending.uris.insert(uri.to_owned());
            self.woken.notify_one();
        }
    }

    fn put_list(&self) {
        if self.wants_list {
            self.pending().list = true;
            self.woken.notify_one();
        }
    }

    /// Waits for updates, and takes all of them.
    async fn next(&self) -> Pending {
        loop {
            let pending = std::mem::take(&mut *self.pending());
            if pending.list || !pending.uris.is_empty() {
                return pending;
            }
            self.woken.notified().await;
        }
    }

    /// Locks the state for a section that cannot panic half-way.
    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock()
    }
}

impl Way {
    /// Returns whether the client is still connected.
    async fn send(&self, notification: ServerNotification) -> bool {
        match self {
            Self::Session(peer) => peer.send_notification(notification).await.is_ok(),
            Self::Stream(sink) => sink.send(notification).await.is_ok(),
        }
    }
}

fn updated(uri: String) -> ServerNotification {
    let params = ResourceUpdatedNotificationParam::new(uri);
    ServerNotification::ResourceUpdatedNotification(ResourceUpdatedNotification::new(params))
}

fn list_changed() -> ServerNotification {
    ServerNotification::ResourceListChangedNotification(ResourceListChangedNotification {
        method: Default::default(),
        extensions: Default::default(),
    })
}

fn too_many(what: &str, limit: usize) -> ErrorData {
    let message = format!("too many {what}: the limit is {limit}");
    ErrorData::new(TOO_MANY, message, Some(json!({ "limit": limit })))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the updates that a subscriber would get now.
    fn told(subscriber: &Subscriber) -> (Vec<String>, bool) {
        let pending = std::mem::take(&mut *subscriber.mailbox.pending());
        (pending.uris.into_iter().collect(), pending.list)
    }

    #[test]
    fn one_who_is_not_listening_is_told_once_of_each_resource_however_often_it_changed() {
        let changes = Changes::default();
        let slow = changes.subscriber(true).unwrap();
        ["x://a", "x://b", "x://c"].iter().for_each(|uri| slow.subscribe(uri).unwrap());
        for _ in 0..1000 {
            ["x://b", "x://a", "x://d"].iter().for_each(|uri| changes.updated(uri));
            changes.list_changed();
        }
        assert_eq!(told(&slow), (vec!["x://a".to_owned(), "x://b".to_owned()], true));
        assert_eq!(told(&slow), (vec![], false));
    }

    #[test]
    fn each_is_told_of_what_it_subscribed_to_only() {
        let changes = Changes::default();
        let [one, other] = [true, false].map(|list| changes.subscriber(list).unwrap());
        ["x://a/1", "x://a/2", "x://a-b/1"].iter().for_each(|uri| one.subscribe(uri).unwrap());
        ["x://a/2", "x://b/1"].iter().for_each(|uri| other.subscribe(uri).unwrap());
        changes.updated_below("x://a/");
        changes.list_changed();
        assert_eq!(told(&one), (vec!["x://a/1".to_owned(), "x://a/2".to_owned()], true));
        assert_eq!(told(&other), (vec!["x://a/2".to_owned()], false));
    }

    #[test]
    fn who_is_gone_leaves_nothing_behind() {
        let changes = Changes::default();
        let stays = changes.subscriber(false).unwrap();
        stays.subscribe("x://a").unwrap();
        for _ in 0..SUBSCRIBERS_MAX * 2 {
            let goes = changes.subscriber(true).unwrap();
            (0..10).for_each(|number| goes.subscribe(&format!("x://{number}")).unwrap());
            goes.subscribe("x://a").unwrap();
        }
        let hub = changes.hub();
        assert_eq!((hub.subscribers.len(), hub.by_uri.len(), hub.subscriptions), (1, 1, 1));
    }

    #[test]
    fn one_too_many_is_refused_and_the_others_are_told_as_before() {
        let changes = Changes::default();
        let greedy = changes.subscriber(false).unwrap();
        let uri = |number: usize| format!("x://{number}");
        (0..RESOURCES_OF_ONE_MAX).for_each(|number| greedy.subscribe(&uri(number)).unwrap());
        greedy.subscribe(&uri(0)).unwrap();
        let error = greedy.subscribe(&uri(RESOURCES_OF_ONE_MAX)).unwrap_err();
        assert_eq!((error.code, &error.data.unwrap()["limit"]), (TOO_MANY, &json!(1000)));
        assert_eq!(greedy.subscribe(&"x".repeat(URI_BYTES_MAX + 1)).unwrap_err().code, TOO_MANY);

        let others: Vec<Subscriber> =
            (1..SUBSCRIBERS_MAX).map(|_| changes.subscriber(false).unwrap()).collect();
        assert_eq!(changes.subscriber(false).unwrap_err().code, TOO_MANY);
        let room = SUBSCRIPTIONS_MAX - RESOURCES_OF_ONE_MAX;
        let subscribed = others
            .iter()
            .cycle()
            .enumerate()
            .map(|(number, other)| other.subscribe(&uri(number / others.len())));
        assert_eq!(subscribed.take_while(Result::is_ok).count(), room);
        changes.updated(&uri(7));
        assert_eq!(told(&greedy).0, [uri(7)]);
        drop(greedy);
        others[0].subscribe("x://room again").unwrap();
    }
}
