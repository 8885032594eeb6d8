//! The sessions of revisions before 2026-07-28: limited in number, each bound to the client that
//! opened it.
//!
//! A session that its client does not end stays for five minutes, so sessions of absent clients
//! fill the table. If it is full, a new session replaces the one that was idle for longest.
//! Refusing new clients instead would lock them out in favour of absent ones, and a client that
//! gets 404 begins a new session, as the specification requires. Sessions with a request in flight
//! or an open stream never end this way. If all sessions are in use, new ones are refused.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use axum::http::request::Parts;
use futures_util::{Stream, StreamExt as _};
use parking_lot::{Mutex, MutexGuard};
use rmcp::model::{ClientJsonRpcMessage, GetExtensions as _, ServerJsonRpcMessage};
use rmcp::transport::streamable_http_server::session::local::{
    LocalSessionManager, LocalSessionManagerError,
};
use rmcp::transport::streamable_http_server::session::{
    ServerSseMessage, SessionId, SessionManager,
};

use super::options::Client;

/// The open sessions.
#[derive(Debug)]
pub(super) struct Sessions {
    max: usize,
    local: LocalSessionManager,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    sessions: HashMap<SessionId, Session>,
    /// Slots for sessions that are about to begin.
    reserved: usize,
}

#[derive(Debug)]
struct Session {
    client: Option<Client>,
    used: Instant,
    /// Shared with every request and stream of the session.
    in_use: Arc<()>,
}

/// A slot for a session that is about to begin.
#[derive(Debug)]
pub(super) struct Reservation(Arc<Sessions>);

impl Drop for Reservation {
    fn drop(&mut self) {
        self.0.table().reserved -= 1;
    }
}

impl Sessions {
    pub(super) fn new(max: usize) -> Arc<Self> {
        let (local, table) = (LocalSessionManager::default(), Mutex::default());
        Arc::new(Self { max, local, table })
    }

    /// Returns the number of sessions.
    pub(super) fn count(&self) -> usize {
        self.table().sessions.len()
    }

    /// Returns whether this client opened a session with this id.
    pub(super) fn is_of(&self, id: &str, client: Option<&Client>) -> bool {
        self.table().sessions.get(id).is_some_and(|session| session.client.as_ref() == client)
    }

    /// Returns whether a session with this id exists.
    pub(super) fn contains(&self, id: &str) -> bool {
        self.table().sessions.contains_key(id)
    }

    /// Reserves a slot for a new session. If the table is full, ends the session that was idle for
    /// longest. Returns `None` if all are in use.
    pub(super) async fn reserve(self: &Arc<Self>) -> Option<Reservation> {
        let idle = {
            let mut table = self.table();
            let is_full = table.sessions.len() + table.reserved >= self.max;
            let idle = if is_full { Some(table.take_longest_idle()?) } else { None };
            table.reserved += 1;
            idle
        };
        let reservation = Reservation(Arc::clone(self));
        if let Some(id) = idle
            && let Err(error) = self.local.close_session(&id).await
        {
            tracing::debug!(%error, "cannot end an idle session");
        }
        Some(reservation)
    }

    /// Marks a session as in use until the returned guard is dropped.
    fn enter(&self, id: &SessionId) -> Option<Arc<()>> {
        let mut table = self.table();
        let session = table.sessions.get_mut(id)?;
        session.used = Instant::now();
        Some(Arc::clone(&session.in_use))
    }

    /// Locks the table for a short section.
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock()
    }
}

impl Table {
    fn take_longest_idle(&mut self) -> Option<SessionId> {
        let idle = self.sessions.iter().filter(|(_, session)| session.is_idle());
        let id = idle.min_by_key(|(_, session)| session.used).map(|(id, _)| Arc::clone(id))?;
        self.sessions.remove(&id);
        Some(id)
    }
}

impl Session {
    fn is_idle(&self) -> bool {
        Arc::strong_count(&self.in_use) == 1
    }
}

/// Marks a session as in use while one of its streams is open.
fn held<S: Stream>(stream: S, in_use: Option<Arc<()>>) -> impl Stream<Item = S::Item> {
    stream.map(move |item| {
        let _open = &in_use;
        item
    })
}

/// The SDK's own sessions, counted.
impl SessionManager for Sessions {
    type Error = LocalSessionManagerError;
    type Transport = <LocalSessionManager as SessionManager>::Transport;

    async fn create_session(&self) -> Result<(SessionId, Self::Transport), Self::Error> {
        let (id, transport) = self.local.create_session().await?;
        let session = Session { client: None, used: Instant::now(), in_use: Arc::default() };
        self.table().sessions.insert(Arc::clone(&id), session);
        Ok((id, transport))
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, Self::Error> {
        let _in_use = self.enter(id);
        if let Some(session) = self.table().sessions.get_mut(id) {
            session.client = client_of(&message);
        }
        self.local.initialize_session(id, message).await
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool, Self::Error> {
        self.local.has_session(id).await
    }

    async fn close_session(&self, id: &SessionId) -> Result<(), Self::Error> {
        self.table().sessions.remove(id);
        self.local.close_session(id).await
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        let in_use = self.enter(id);
        Ok(held(self.local.create_stream(id, message).await?, in_use))
    }

    async fn accept_message(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<(), Self::Error> {
        let _in_use = self.enter(id);
        self.local.accept_message(id, message).await
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        let in_use = self.enter(id);
        Ok(held(self.local.create_standalone_stream(id).await?, in_use))
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        let in_use = self.enter(id);
        Ok(held(self.local.resume(id, last_event_id).await?, in_use))
    }
}

/// Returns the client of a message, which the authorization check identified.
fn client_of(message: &ClientJsonRpcMessage) -> Option<Client> {
    let ClientJsonRpcMessage::Request(request) = message else {
        return None;
    };
    request.request.extensions().get::<Parts>()?.extensions.get::<Client>().cloned()
}
