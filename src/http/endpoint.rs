//! `/mcp`: Streamable HTTP, in both eras.
//!
//! The SDK implements the protocol. This module corrects it before and after: a body that is not
//! JSON gets a JSON-RPC parse error instead of an unsupported media type, depth, duplicate keys and
//! size are limited as on stdio, and every error body is JSON.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;
use rmcp::ServerHandler;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::body;
use super::denial::{Denial, Reason, json_answer};
use super::door::{Called, Door};
use super::metrics::counted_as;
use super::options::Client;
use super::sessions::Sessions;
use super::slots::Slot;
use crate::mcp::wire::{self, Envelope};

/// The header that names a session.
const SESSION: &str = "mcp-session-id";

/// Limit on the bytes of an SDK error text that are read.
const SAID_BYTES_MAX: usize = 4096;

/// The endpoint.
pub(super) struct Endpoint<H: ServerHandler> {
    service: StreamableHttpService<H, Sessions>,
    sessions: Arc<Sessions>,
    door: Arc<Door>,
}

impl<H: ServerHandler> Endpoint<H> {
    /// Creates the endpoint. Cancelling `end` aborts requests in flight.
    pub(super) fn new(
        make_handler: Arc<dyn Fn() -> H + Send + Sync>,
        sessions: Arc<Sessions>,
        door: Arc<Door>,
        end: CancellationToken,
    ) -> Self {
        // `door.rs` checks Host and Origin, for every path.
        let config = StreamableHttpServerConfig::default()
            .disable_allowed_hosts()
            .with_json_response(true)
            .with_sse_keep_alive(Some(door.limits.keep_alive))
            .with_max_request_body_bytes(door.limits.body_bytes)
            .with_cancellation_token(end);
        let service =
            StreamableHttpService::new(move || Ok(make_handler()), Arc::clone(&sessions), config);
        Self { service, sessions, door }
    }

    async fn post(&self, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        if !is_json(&parts.headers) {
            return Denial::ContentType.answer(None);
        }
        match self.door.read(body, parts.extensions.get()).await {
            Ok(received) => self.message(parts, received).await,
            Err(denial) => denial.answer(None),
        }
    }

    async fn message(&self, parts: Parts, (bytes, room): (Vec<u8>, Slot)) -> Response {
        let envelope = match wire::examine(&bytes) {
            Ok(envelope) => envelope,
            Err(answer) => return faulty(&answer),
        };
        let method = counted_as(envelope.method.as_deref());
        let answered = self.pass_on(parts, (bytes, room), &envelope, method).await;
        let mut response = answered.unwrap_or_else(|denial| denial.answer(envelope.id.as_ref()));
        response.extensions_mut().insert(Called(method));
        response
    }

    /// Forwards a message to the SDK.
    async fn pass_on(
        &self,
        parts: Parts,
        (bytes, room): (Vec<u8>, Slot),
        envelope: &Envelope,
        method: &'static str,
    ) -> Result<Response, Denial> {
        let client = parts.extensions.get::<Client>();
        self.check_session(&parts.headers, client)?;
        let held: Held = match method {
            _ if !envelope.is_request() => Box::new(room),
            // An open stream is not a call, because a draining server would wait for it.
            "subscriptions/listen" => Box::new(self.door.begin_stream(client)?),
            _ => Box::new(self.door.begin_call(method, client, room)?),
        };
        let _place = match method {
            "initialize" => Some(self.sessions.reserve().await.ok_or(Denial::SessionsFull)?),
            _ => None,
        };
        let session = session(&parts.headers).map(str::to_owned);
        let request = Request::from_parts(parts, Body::from(bytes));
        let response = self.service.handle(request).await.map(Body::new);
        self.dressed(response, envelope, session.as_deref(), held).await
    }

    /// Opens the stream of a session's server messages, or ends a session.
    async fn other(&self, request: Request) -> Response {
        let method = request.method().clone();
        let client = request.extensions().get::<Client>();
        let checked = self.check_session(request.headers(), client);
        let held: Result<Held, Denial> = checked.and_then(|()| {
            if method == Method::GET {
                Ok(Box::new(self.door.begin_stream(client)?) as Held)
            } else {
                Ok(Box::new(()) as Held)
            }
        });
        let session = session(request.headers()).map(str::to_owned);
        let answered = match held {
            Ok(held) => {
                let response = self.service.handle(request).await.map(Body::new);
                self.dressed(response, &Envelope::default(), session.as_deref(), held).await
            }
            Err(denial) => Err(denial),
        };
        answered.unwrap_or_else(|denial| denial.answer(None))
    }

    /// Checks that the client opened the session. For other clients it does not exist.
    fn check_session(&self, headers: &HeaderMap, client: Option<&Client>) -> Result<(), Denial> {
        match session(headers) {
            Some(id) if !self.sessions.is_of(id, client) => Err(Denial::Session),
            _ => Ok(()),
        }
    }

    /// Converts the SDK's answer to the one for the client.
    async fn dressed(
        &self,
        response: Response,
        envelope: &Envelope,
        session: Option<&str>,
        held: Held,
    ) -> Result<Response, Denial> {
        let (mut parts, body) = response.into_parts();
        parts.headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let form = parts.headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
        if form.starts_with(b"text/event-stream") {
            let door = Arc::clone(&self.door);
            let body = body::holding(body, held, move |part| door.metrics.sent(part.len() as u64));
            return Ok(Response::from_parts(parts, body));
        }
        if parts.status.as_u16() < 400 || form.starts_with(b"application/json") {
            return Ok(Response::from_parts(parts, body));
        }
        let said = axum::body::to_bytes(body, SAID_BYTES_MAX).await.unwrap_or_default();
        let said = String::from_utf8_lossy(&said).into_owned();
        match self.denial(parts.status, said, session) {
            // A notification that the SDK does not know needs no answer.
            Denial::Message if envelope.is_notification() => Ok(accepted()),
            Denial::Method(said) => {
                let mut response = Denial::Method(said).answer(None);
                let allowed = parts.headers.remove(ALLOW);
                response.headers_mut().extend(allowed.map(|allowed| (ALLOW, allowed)));
                Ok(response)
            }
            denial => Err(denial),
        }
    }

    /// Returns the denial for an SDK answer that is not JSON.
    fn denial(&self, status: StatusCode, said: String, session: Option<&str>) -> Denial {
        match status {
            StatusCode::NOT_FOUND => Denial::Session,
            StatusCode::METHOD_NOT_ALLOWED => Denial::Method(said),
            StatusCode::NOT_ACCEPTABLE => Denial::Accept(said),
            // The media type was checked earlier, so here the SDK could not parse the message.
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Denial::Message,
            status if status.is_client_error() => Denial::Request(said),
            _ if self.door.is_draining() => Denial::Draining,
            // The session ended between the check and the call.
            _ if session.is_some_and(|id| !self.sessions.contains(id)) => Denial::Session,
            _ => {
                tracing::error!(%status, said, "unexpected error answer of the SDK");
                Denial::Internal
            }
        }
    }
}

/// The guards that live until the answer is sent.
type Held = Box<dyn Send>;

/// Answers a request to `/mcp`.
pub(super) async fn answer<H: ServerHandler>(
    State(endpoint): State<Arc<Endpoint<H>>>,
    request: Request,
) -> Response {
    match *request.method() {
        Method::POST => endpoint.post(request).await,
        _ => endpoint.other(request).await,
    }
}

/// Returns the answer to a message that the SDK does not see: a tool call gets a result, any other
/// message an error.
pub(super) fn faulty(answer: &Value) -> Response {
    let is_error = answer["error"].is_object();
    let status = if is_error { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let mut response = json_answer(status, answer);
    response.extensions_mut().insert(Reason("malformed"));
    response
}

/// Returns the answer to a message that needs none: 202 without a body.
pub(super) fn accepted() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

/// Returns whether `Content-Type` is JSON.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let form = headers.get(CONTENT_TYPE).and_then(|form| form.to_str().ok());
    let essence = form.and_then(|form| form.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

fn session(headers: &HeaderMap) -> Option<&str> {
    headers.get(SESSION).and_then(|id| id.to_str().ok())
}
