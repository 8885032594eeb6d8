//! HTTP+SSE of revision 2024-11-05, for old hosts: `GET /sse` opens a stream that names the path
//! for messages, and answers arrive on the stream.
//!
//! The SDK has no such transport. A connection is a session: it ends with its stream, belongs to
//! the client that opened it, and has bounded queues, so a client that does not read takes no more
//! memory than one that does.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::{Stream, StreamExt as _, stream};
use parking_lot::Mutex;
use rmcp::model::{ClientNotification, JsonRpcMessage, RequestId};
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage, serve_server_with_ct};
use rmcp::transport::Transport;
use rmcp::{RoleServer, ServerHandler};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::denial::Denial;
use super::door::{Call, Called, Door};
use super::endpoint::{accepted, faulty, is_json};
use super::metrics::counted_as;
use super::options::Client;
use super::slots::Slot;
use crate::mcp::wire;

/// The query parameter with the connection's id.
const SESSION: &str = "session_id";

/// The transport.
pub(super) struct Legacy<H> {
    make_handler: Arc<dyn Fn() -> H + Send + Sync>,
    door: Arc<Door>,
    end: CancellationToken,
    connections: Connections,
}

type Connections = Arc<Mutex<HashMap<String, Connection>>>;

/// The entry of an open connection.
#[derive(Clone)]
struct Connection {
    client: Option<Client>,
    incoming: mpsc::Sender<RxJsonRpcMessage<RoleServer>>,
    outgoing: mpsc::Sender<String>,
    pending: Arc<Pending>,
}

impl<H: ServerHandler> Legacy<H> {
    /// Creates the transport. Cancelling `end` ends every connection.
    pub(super) fn new(
        make_handler: Arc<dyn Fn() -> H + Send + Sync>,
        door: Arc<Door>,
        end: CancellationToken,
    ) -> Self {
        Self { make_handler, door, end, connections: Connections::default() }
    }

    /// Opens a connection, and returns its stream.
    fn begin(&self, client: Option<&Client>) -> Result<Response, Denial> {
        let slot = self.door.begin_stream(client)?;
        let id = unguessable();
        let (incoming, received) = mpsc::channel(self.door.limits.queued_messages);
        let (outgoing, sent) = mpsc::channel(self.door.limits.queued_messages);
        let pending = Arc::<Pending>::default();
        let queues = Queues {
            incoming: received,
            outgoing: outgoing.clone(),
            pending: Arc::clone(&pending),
        };
        let connection = Connection { client: client.cloned(), incoming, outgoing, pending };
        self.connections.lock().insert(id.clone(), connection);
        let open = Open { connections: Arc::clone(&self.connections), id: id.clone(), _slot: slot };
        tokio::spawn(serve(
            (self.make_handler)(),
            queues,
            self.end.child_token(),
            self.forget(&id),
        ));
        let events = events(format!("/messages?{SESSION}={id}"), sent, open);
        let keep_alive = KeepAlive::new().interval(self.door.limits.keep_alive);
        let events = events.take_until(self.end.clone().cancelled_owned());
        let mut response = Sse::new(events).keep_alive(keep_alive).into_response();
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let unbuffered = HeaderName::from_static("x-accel-buffering");
        headers.insert(unbuffered, HeaderValue::from_static("no"));
        Ok(response)
    }

    /// Returns a guard that removes a connection.
    fn forget(&self, id: &str) -> impl FnOnce() + Send + use<H> {
        let (connections, id) = (Arc::clone(&self.connections), id.to_owned());
        move || drop(connections.lock().remove(&id))
    }

    /// Returns the connection that a message names, if the same client opened it.
    fn connection(&self, parts: &Parts) -> Result<Connection, Denial> {
        let query = parts.uri.query().unwrap_or_default();
        let id = query.split('&').find_map(|pair| pair.strip_prefix(SESSION)?.strip_prefix('='));
        let connection = self.connections.lock().get(id.unwrap_or_default()).cloned();
        let is_own = |connection: &Connection| {
            connection.client.as_ref() == parts.extensions.get::<Client>()
        };
        connection.filter(is_own).ok_or(Denial::Session)
    }

    async fn message(&self, request: Request) -> Result<Response, Denial> {
        let (parts, body) = request.into_parts();
        if !is_json(&parts.headers) {
            return Err(Denial::ContentType);
        }
        let connection = self.connection(&parts)?;
        let (bytes, room) = self.door.read(body, connection.client.as_ref()).await?;
        let envelope = match wire::examine(&bytes) {
            Ok(envelope) => envelope,
            // The client expects the answer on the stream.
            Err(answer) if !answer["id"].is_null() => return connection.say(answer.to_string()),
            Err(answer) => return Ok(faulty(&answer)),
        };
        let method = counted_as(envelope.method.as_deref());
        let mut response = match serde_json::from_slice::<RxJsonRpcMessage<RoleServer>>(&bytes) {
            Ok(mut message) => {
                message.insert_extension(parts);
                let begin = || self.door.begin_call(method, connection.client.as_ref(), room);
                let handed = connection.hand_over(message, begin);
                handed.unwrap_or_else(|denial| denial.answer(envelope.id.as_ref()))
            }
            Err(_) if envelope.is_notification() => accepted(),
            Err(_) => Denial::Message.answer(envelope.id.as_ref()),
        };
        response.extensions_mut().insert(Called(method));
        Ok(response)
    }
}

impl Connection {
    /// Sends a text on the stream.
    fn say(&self, text: String) -> Result<Response, Denial> {
        self.outgoing.try_send(text).map_err(|_| Denial::ClientBusy)?;
        Ok(accepted())
    }

    /// Passes a message to the SDK. A request counts as a call until it is answered or cancelled.
    fn hand_over(
        &self,
        message: RxJsonRpcMessage<RoleServer>,
        begin: impl FnOnce() -> Result<Call, Denial>,
    ) -> Result<Response, Denial> {
        let full = |error| match error {
            mpsc::error::TrySendError::Full(()) => Denial::ClientBusy,
            mpsc::error::TrySendError::Closed(()) => Denial::Session,
        };
        let permit = self.incoming.try_reserve().map_err(full)?;
        match &message {
            JsonRpcMessage::Request(request) => self.pending.begin(request.id.clone(), begin()?),
            JsonRpcMessage::Notification(notification) => {
                if let ClientNotification::CancelledNotification(cancelled) =
                    &notification.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    self.pending.end(id);
                }
            }
            JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_) => {}
        }
        permit.send(message);
        Ok(accepted())
    }
}

/// Opens a connection.
pub(super) async fn open<H: ServerHandler>(
    State(legacy): State<Arc<Legacy<H>>>,
    request: Request,
) -> Response {
    let client = request.extensions().get::<Client>();
    legacy.begin(client).unwrap_or_else(|denial| denial.answer(None))
}

/// Receives a message of a connection.
pub(super) async fn message<H: ServerHandler>(
    State(legacy): State<Arc<Legacy<H>>>,
    request: Request,
) -> Response {
    legacy.message(request).await.unwrap_or_else(|denial| denial.answer(None))
}

/// Serves a connection until the client disconnects or the server shuts down.
async fn serve<H: ServerHandler>(
    handler: H,
    queues: Queues,
    end: CancellationToken,
    forget: impl FnOnce() + Send,
) {
    match serve_server_with_ct(handler, queues, end).await {
        Ok(running) => drop(running.waiting().await),
        Err(error) => tracing::debug!(%error, "a connection ended before its initialization"),
    }
    forget();
}

/// Returns the events of a stream: the path for messages, then every message.
fn events(
    path: String,
    sent: mpsc::Receiver<String>,
    open: Open,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let endpoint = stream::iter([Event::default().event("endpoint").data(path)]);
    let messages = stream::unfold((sent, open), |(mut sent, open)| async {
        let text = sent.recv().await?;
        Some((Event::default().event("message").data(text), (sent, open)))
    });
    endpoint.chain(messages).map(Ok)
}

/// An open stream. Its end ends the connection.
struct Open {
    connections: Connections,
    id: String,
    _slot: Slot,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.connections.lock().remove(&self.id);
    }
}

/// The unanswered requests of a connection.
#[derive(Default)]
struct Pending(Mutex<HashMap<RequestId, Call>>);

impl Pending {
    fn begin(&self, id: RequestId, call: Call) {
        drop(self.0.lock().insert(id, call));
    }

    fn end(&self, id: &RequestId) {
        drop(self.0.lock().remove(id));
    }
}

/// The SDK's side of a connection.
struct Queues {
    incoming: mpsc::Receiver<RxJsonRpcMessage<RoleServer>>,
    outgoing: mpsc::Sender<String>,
    pending: Arc<Pending>,
}

impl Transport<RoleServer> for Queues {
    type Error = io::Error;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let (outgoing, pending) = (self.outgoing.clone(), Arc::clone(&self.pending));
        async move {
            let text = serde_json::to_string(&item).map_err(io::Error::other)?;
            let sent = outgoing.send(text).await;
            if let Some(id) = wire::answered_id(&item) {
                pending.end(id);
            }
            sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        self.incoming.recv().await
    }

    async fn close(&mut self) -> io::Result<()> {
        self.incoming.close();
        Ok(())
    }
}

/// Returns an unguessable id, because without identified clients the id alone allows sending
/// messages in the client's name.
fn unguessable() -> String {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    blake3::Hash::from_bytes(bytes).to_hex().to_string()
}
