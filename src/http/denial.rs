//! Every reason why the HTTP layer rejects a request, with its answer.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};

use super::slots::Full;

/// Seconds in `Retry-After`.
const RETRY_SECONDS: &str = "1";

/// Why a request is rejected.
///
/// The answer is a JSON-RPC error, even if no message could be read, since clients of these paths
/// expect one. `data` contains the code and the hint, and never repeats the client's input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Denial {
    /// `Host` names another host: DNS rebinding, or a name that is not configured.
    Host,
    /// `Origin` is not allowed.
    Origin,
    /// The path does not exist.
    Path,
    /// The path does not support the method.
    Method(String),
    /// `Accept` lacks a media type that the server may answer with.
    Accept(String),
    /// `Content-Type` is not JSON.
    ContentType,
    /// The body exceeds the size limit.
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The body exceeded the time limit.
    Slow,
    /// The body was truncated.
    CutShort,
    /// The server's request limit is reached.
    Busy,
    /// The client's request limit is reached.
    ClientBusy,
    /// The session limit is reached, and no session is idle.
    SessionsFull,
    /// The server is shutting down.
    Draining,
    /// The session does not exist or belongs to another client.
    Session,
    /// The SDK rejected the request.
    Request(String),
    /// The message is not a request, notification or response that the server supports.
    Message,
    /// The server failed.
    Internal,
}

impl From<Full> for Denial {
    fn from(full: Full) -> Self {
        match full {
            Full::All => Self::Busy,
            Full::OfClient => Self::ClientBusy,
        }
    }
}

/// The code of a denial, in the answer's extensions, for the metrics.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reason(pub(super) &'static str);

impl Denial {
    /// Returns the HTTP status.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Host | Self::Origin => StatusCode::FORBIDDEN,
            Self::Path | Self::Session => StatusCode::NOT_FOUND,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Accept(_) => StatusCode::NOT_ACCEPTABLE,
            Self::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::CutShort | Self::Request(_) | Self::Message => StatusCode::BAD_REQUEST,
            Self::ClientBusy => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy | Self::SessionsFull | Self::Draining => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Returns the code, which is also the label in the metrics.
    fn code(&self) -> &'static str {
        match self {
            Self::Host => "host_not_allowed",
            Self::Origin => "origin_not_allowed",
            Self::Path => "not_found",
            Self::Method(_) => "method_not_allowed",
            Self::Accept(_) => "not_acceptable",
            Self::ContentType => "unsupported_media_type",
            Self::TooLarge { .. } => "too_large",
            Self::Slow => "body_timeout",
            Self::CutShort => "body_cut_short",
            Self::Busy => "busy",
            Self::ClientBusy => "client_busy",
            Self::SessionsFull => "sessions_full",
            Self::Draining => "shutting_down",
            Self::Session => "unknown_session",
            Self::Request(_) => "invalid_request",
            Self::Message => "invalid_message",
            Self::Internal => "internal",
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Host => "this server does not answer for the host in the Host header".into(),
            Self::Origin => "the origin is not allowed".into(),
            Self::Path => "the path does not exist".into(),
            Self::Method(said) | Self::Accept(said) | Self::Request(said) => said.clone(),
            Self::ContentType => "the request body must be application/json".into(),
            Self::TooLarge { limit } => format!("the request body exceeds {limit} bytes"),
            Self::Slow => "the request body did not arrive in time".into(),
            Self::CutShort => "the request body was truncated".into(),
            Self::Busy => "request limit reached".into(),
            Self::ClientBusy => "request limit of this client reached".into(),
            Self::SessionsFull => "session limit reached, and no session is idle".into(),
            Self::Draining => "the server is shutting down".into(),
            Self::Session => "session not found".into(),
            Self::Message => {
                "the message is not a JSON-RPC message that this server supports".into()
            }
            Self::Internal => "internal server error".into(),
        }
    }

    fn hint(&self) -> &'static str {
        match self {
            Self::Host => "use localhost, or start the server with --allow-host NAME",
            Self::Origin => "to allow the origin, start the server with --allow-origin ORIGIN",
            Self::Path => "use /mcp; /sse exists only if the server runs with --sse",
            Self::Method(_) => "use a method from the Allow header",
            Self::Accept(_) => "send Accept: application/json, text/event-stream",
            Self::ContentType => "send Content-Type: application/json",
            Self::TooLarge { .. } => "send less at once; nothing was written",
            Self::Slow | Self::CutShort => "send the request again; nothing was written",
            Self::Busy | Self::ClientBusy => "wait a moment and send the request again",
            Self::SessionsFull => "wait a moment, or end unused sessions with DELETE",
            Self::Draining => "send the request again after the server has restarted",
            Self::Session => "begin a new session with initialize",
            Self::Request(_) | Self::Message => "see the MCP specification, Transports",
            Self::Internal => "see the server's log",
        }
    }

    /// Returns the JSON-RPC code: the common code of other servers for the status if one exists,
    /// else a code from the range for servers.
    fn rpc_code(&self) -> i32 {
        match self {
            Self::Session => -32001,
            Self::Message | Self::TooLarge { .. } => -32600,
            Self::Internal => -32603,
            _ => -32000,
        }
    }

    /// Returns the answer to the request with this id.
    pub(super) fn answer(&self, id: Option<&Value>) -> Response {
        let data = json!({ "code": self.code(), "hint": self.hint() });
        let error = json!({ "code": self.rpc_code(), "message": self.message(), "data": data });
        let body = json!({ "jsonrpc": "2.0", "id": id, "error": error });
        let mut response = json_answer(self.status(), &body);
        response.extensions_mut().insert(Reason(self.code()));
        let status = self.status();
        if status == StatusCode::SERVICE_UNAVAILABLE || status == StatusCode::TOO_MANY_REQUESTS {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(RETRY_SECONDS));
        }
        response
    }
}

/// Returns a JSON answer that must not be cached.
pub(super) fn json_answer(status: StatusCode, body: &Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
