//! The checks that every request passes: host and origin, authorization, limits on concurrency.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, ORIGIN};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use futures_util::{FutureExt as _, StreamExt as _};

use super::body;
use super::cors;
use super::denial::{Denial, Reason};
use super::limits::Limits;
use super::metrics::Metrics;
use super::options::{Authorize, Client};
use super::origin::Origins;
use super::slots::{Slot, Slots};

/// The state shared by all requests.
pub(super) struct Door {
    origins: Origins,
    authorize: Option<Authorize>,
    draining: AtomicBool,
    body_bytes: Arc<Slots>,
    pub(super) calls: Arc<Slots>,
    pub(super) streams: Arc<Slots>,
    pub(super) connections: Arc<Slots>,
    pub(super) limits: Limits,
    pub(super) metrics: Metrics,
}

impl Door {
    pub(super) fn new(origins: Origins, authorize: Option<Authorize>, limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            origins,
            authorize,
            draining: AtomicBool::new(false),
            body_bytes: Slots::new(limits.body_bytes_at_once, limits.body_bytes_of_a_client),
            calls: Slots::new(limits.calls, limits.calls_of_a_client),
            streams: Slots::new(limits.streams, limits.streams_of_a_client),
            connections: Slots::new(limits.connections, limits.connections),
            limits,
            metrics: Metrics::new(),
        })
    }

    /// Stops admitting calls.
    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    /// Reads a body, and returns it with the space that it takes. The body counts in bytes but not
    /// as a call: a message that is not a request, such as a person's answer, must arrive even at
    /// the call limit.
    pub(super) async fn read(
        &self,
        body: Body,
        client: Option<&Client>,
    ) -> Result<(Vec<u8>, Slot), Denial> {
        let mut room = self.body_bytes.none(client);
        let bytes = body::read(body, self.limits.body_bytes, self.limits.body, &mut room).await?;
        self.metrics.received(bytes.len());
        Ok((bytes, room))
    }

    /// Begins a call, which a draining server still finishes. The call holds the space of its body
    /// until its end.
    pub(super) fn begin_call(
        self: &Arc<Self>,
        method: &'static str,
        client: Option<&Client>,
        room: Slot,
    ) -> Result<Call, Denial> {
        let slot = self.calls.take(client)?;
        if self.is_draining() {
            Err(Denial::Draining)
        } else {
            let (door, since) = (Arc::clone(self), Instant::now());
            Ok(Call { _slot: slot, _room: room, door, since, method })
        }
    }

    /// Begins a stream.
    pub(super) fn begin_stream(&self, client: Option<&Client>) -> Result<Slot, Denial> {
        let slot = self.streams.take(client)?;
        if self.is_draining() { Err(Denial::Draining) } else { Ok(slot) }
    }

    fn count(&self, path: &str, response: &Response) {
        let extensions = response.extensions();
        let method = extensions.get::<Called>().map_or("", |called| called.0);
        if let Some(Reason(reason)) = extensions.get() {
            self.metrics.refused(reason);
        }
        self.metrics.answered(path, method, response.status().as_u16());
        self.metrics.sent(response.body().size_hint().exact().unwrap_or(0));
    }
}

/// A call in flight.
pub(super) struct Call {
    _slot: Slot,
    _room: Slot,
    door: Arc<Door>,
    since: Instant,
    method: &'static str,
}

impl Drop for Call {
    fn drop(&mut self) {
        self.door.metrics.called(self.method, self.since);
    }
}

/// The method of a call, in the answer's extensions, for the metrics.
#[derive(Clone, Copy, Debug)]
pub(super) struct Called(pub(super) &'static str);

/// Checks host and origin, counts the answer, and answers even if a handler panics.
pub(super) async fn enter(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let response = match door.origins.check(request.uri(), request.headers()) {
        Ok(()) => pass(request, next).await,
        Err(denial) => denial.answer(None),
    };
    door.count(&path, &response);
    response
}

/// Forwards a request of an allowed origin, and allows that origin to read the answer.
async fn pass(request: Request, next: Next) -> Response {
    let origin = request.headers().get(ORIGIN).cloned();
    let mut response = match cors::preflight(&request) {
        Some(response) => response,
        None => {
            let answered = AssertUnwindSafe(next.run(request)).catch_unwind().await;
            answered.unwrap_or_else(|_| Denial::Internal.answer(None))
        }
    };
    cors::expose(&mut response, origin);
    response
}

/// Authorizes a request, and identifies the client.
pub(super) async fn identify(
    State(door): State<Arc<Door>>,
    request: Request,
    next: Next,
) -> Response {
    let Some(authorize) = &door.authorize else {
        return next.run(request).await;
    };
    let (mut parts, body) = request.into_parts();
    match authorize(&parts) {
        Ok(admitted) => {
            let asked = parts.clone();
            // The handlers do not need the secret.
            parts.headers.remove(AUTHORIZATION);
            parts.extensions.extend(admitted.extensions);
            if let Some(client) = admitted.client {
                parts.extensions.insert(client);
            }
            let response = next.run(Request::from_parts(parts, body)).await;
            while_admitted(response, Arc::clone(authorize), asked)
        }
        Err(mut response) => {
            response.extensions_mut().insert(Reason("unauthorized"));
            *response
        }
    }
}

/// Ends a stream when its client is no longer authorized: the check runs before each event, also
/// before a keep-alive.
fn while_admitted(response: Response, authorize: Authorize, asked: Parts) -> Response {
    let form = response.headers().get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    if !form.starts_with(b"text/event-stream") {
        return response;
    }
    let (head, body) = response.into_parts();
    let told = body.into_data_stream();
    let told = told.take_while(move |_| std::future::ready(authorize(&asked).is_ok()));
    Response::from_parts(head, Body::from_stream(told))
}
