//! Every reason for which the network's side does not pass a request on, with its answer.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};

use super::slots::Full;

/// Seconds after which a client that was told to come back may do so.
const RETRY_SECONDS: &str = "1";

/// Why a request is not passed on.
///
/// Its answer is a JSON-RPC error, also where no message could be read, since that is what clients
/// of these paths understand; `data` has the code, the hint and nothing of what the client sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Denial {
    /// `Host` names somebody else: DNS rebinding, or a name that was not configured.
    Host,
    /// `Origin` names another site.
    Origin,
    /// There is nothing at this path.
    Path,
    /// The path does not take this method.
    Method(String),
    /// The client does not accept what the server may answer with.
    Accept(String),
    /// The body is no JSON by its own account.
    ContentType,
    /// The body is larger than what is taken.
    TooLarge {
        /// Bytes that are taken.
        limit: usize,
    },
    /// The body did not arrive in time.
    Slow,
    /// The body ended before its end.
    CutShort,
    /// As much is going on as can be.
    Busy,
    /// The client itself has as much going on as it may have.
    ClientBusy,
    /// Every session is in use.
    SessionsFull,
    /// The server ends.
    Draining,
    /// There is no such session, or it is somebody else's.
    Session,
    /// The SDK found the request wrong.
    Request(String),
    /// The message is no request, notification or answer that the server knows.
    Message,
    /// Something broke.
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

/// The code of a denial, in the answer's extensions for whoever counts answers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reason(pub(super) &'static str);

impl Denial {
    /// Returns the status of the answer.
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

    /// Returns the code, which the metrics count too.
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
            Self::Host => {
                "the Host header names a host that this server does not answer for".into()
            }
            Self::Origin => "pages of this origin may not use this server".into(),
            Self::Path => "there is nothing at this path".into(),
            Self::Method(said) | Self::Accept(said) | Self::Request(said) => said.clone(),
            Self::ContentType => "the body has to be application/json".into(),
            Self::TooLarge { limit } => format!("the body has more than {limit} bytes"),
            Self::Slow => "the body did not arrive in time".into(),
            Self::CutShort => "the body ended before its end".into(),
            Self::Busy => "the server has as much to do as it takes on".into(),
            Self::ClientBusy => "this client has as much going on as one client may".into(),
            Self::SessionsFull => "every session that the server keeps is in use".into(),
            Self::Draining => "the server is shutting down".into(),
            Self::Session => "session not found".into(),
            Self::Message => "the message is no JSON-RPC message that this server knows".into(),
            Self::Internal => "the server failed".into(),
        }
    }

    fn hint(&self) -> &'static str {
        match self {
            Self::Host => "ask for localhost, or start the server with --allow-host NAME",
            Self::Origin => "start the server with --allow-origin ORIGIN if that page may use it",
            Self::Path => "MCP is at /mcp; /sse is there when the server runs with --sse",
            Self::Method(_) => "use a method of the Allow header",
            Self::Accept(_) => "send Accept: application/json, text/event-stream",
            Self::ContentType => "send Content-Type: application/json",
            Self::TooLarge { .. } => "send less at once; nothing was written",
            Self::Slow | Self::CutShort => "send the request again; nothing was written",
            Self::Busy | Self::ClientBusy => "wait a moment and send the request again",
            Self::SessionsFull => "wait a moment, or DELETE sessions that are not needed",
            Self::Draining => "send the request again when the server is back",
            Self::Session => "begin a new session with initialize",
            Self::Request(_) | Self::Message => "see the MCP specification, Transports",
            Self::Internal => "see the server's log",
        }
    }

    /// Returns the JSON-RPC code: those that other servers use for these statuses where there are
    /// such, else one of those that the specification leaves to servers.
    fn rpc_code(&self) -> i32 {
        match self {
            Self::Session => -32001,
            Self::Message | Self::TooLarge { .. } => -32600,
            Self::Internal => -32603,
            _ => -32000,
        }
    }

    /// Returns the answer to the request of this id.
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

/// Returns an answer of JSON, which nobody is to keep.
pub(super) fn json_answer(status: StatusCode, body: &Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
