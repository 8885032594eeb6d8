//! The limits on the size, number and duration of clients' requests. README.md lists them, and each
//! answer names its limit. `model/limits.rs` limits the content of a message.

use std::time::Duration;

/// The limits of a server. `refiner serve` uses the default; tests use lower limits.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Open connections. Further ones get 503 and are closed.
    pub connections: usize,
    /// Calls in flight. Further ones get 503.
    pub calls: usize,
    /// Calls in flight per client, if clients are identified. Further ones get 429.
    pub calls_of_a_client: usize,
    /// Open streams: GET, `/sse` and `subscriptions/listen`. Further ones get 503.
    pub streams: usize,
    /// Open streams per client, if clients are identified. Further ones get 429.
    pub streams_of_a_client: usize,
    /// Sessions of revisions before 2026-07-28. Each takes about 160 KB.
    pub sessions: usize,
    /// Queued messages of one `/sse` connection, in each direction.
    pub queued_messages: usize,
    /// Bytes of a request's body. A larger one gets 413.
    pub body_bytes: usize,
    /// Bytes of all bodies in flight. Above this a request gets 503.
    pub body_bytes_at_once: usize,
    /// Bytes of bodies in flight per client, if clients are identified. Above this: 429.
    pub body_bytes_of_a_client: usize,
    /// Time limit for the first request of a connection.
    pub first_request: Duration,
    /// Time limit for an idle connection, and for the head of its next request.
    pub idle: Duration,
    /// Time limit for a request's body. A slower one gets 408.
    pub body: Duration,
    /// Interval of keep-alives on an idle stream.
    pub keep_alive: Duration,
    /// How long a server that shuts down waits for accepted calls.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            calls: 512,
            calls_of_a_client: 128,
            streams: 2048,
            streams_of_a_client: 1536,
            sessions: 1024,
            queued_messages: 64,
            body_bytes: crate::model::limits::MESSAGE_BYTES_MAX,
            body_bytes_at_once: 256 << 20,
            body_bytes_of_a_client: 128 << 20,
            first_request: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            body: Duration::from_secs(30),
            keep_alive: Duration::from_secs(15),
            drain: Duration::from_secs(10),
        }
    }
}
