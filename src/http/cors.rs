//! Answers to browsers about cross-origin requests (Fetch standard, *HTTP-CORS protocol*).
//! `origin.rs` decides earlier which origins are allowed.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::Response;

/// The answer headers that clients need to read.
const EXPOSED: &str = "mcp-session-id, mcp-protocol-version, retry-after, www-authenticate";

/// Returns the answer to a preflight request, or `None` for any other request.
pub(super) fn preflight(request: &Request) -> Option<Response> {
    let headers = request.headers();
    let is_one = request.method() == Method::OPTIONS && headers.contains_key(ORIGIN);
    if !is_one || !headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
        return None;
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let answers = response.headers_mut();
    let methods = HeaderValue::from_static("GET, POST, DELETE");
    answers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
    answers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    let wanted = headers.get(ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    answers.extend(wanted.map(|wanted| (ACCESS_CONTROL_ALLOW_HEADERS, wanted)));
    Some(response)
}

/// Allows the requesting page to read the answer.
pub(super) fn expose(response: &mut Response, origin: Option<HeaderValue>) {
    let Some(origin) = origin else { return };
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    headers.append(VARY, HeaderValue::from_static("origin"));
}
