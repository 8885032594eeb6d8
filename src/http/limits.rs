//! The limits on what clients of the network can make large, many or slow. Each is named in the
//! answer that it causes, and in README.md. What a message may contain is in `model/limits.rs`.

use std::time::Duration;

/// How much a server takes on. The default is what `refiner serve` uses; tests use less.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Connections that may be open. Further ones are told 503 and closed.
    pub connections: usize,
    /// Calls that may be worked on at once. Further ones are told 503.
    pub calls: usize,
    /// Calls of one client, where clients are told apart. Further ones are told 429.
    pub calls_of_a_client: usize,
    /// Streams that may be open: GET, `/sse` and `subscriptions/listen`. Further ones are told 503.
    pub streams: usize,
    /// Streams of one client, where clients are told apart. Further ones are told 429.
    pub streams_of_a_client: usize,
    /// Sessions of revisions before 2026-07-28, each of which keeps about 160 KB.
    pub sessions: usize,
    /// Messages of one `/sse` connection that wait for their turn, in each direction.
    pub queued_messages: usize,
    /// Bytes of a request's body. More is told 413.
    pub body_bytes: usize,
    /// Bytes of bodies that are read or worked on at once. More is told 503.
    pub body_bytes_at_once: usize,
    /// The same of one client, where clients are told apart. More is told 429.
    pub body_bytes_of_a_client: usize,
    /// How long a new connection may take to ask for something.
    pub first_request: Duration,
    /// How long a connection may stay without a request, or take to send the head of its next one.
    pub idle: Duration,
    /// How long a request's body may take to arrive. A slower one is told 408.
    pub body: Duration,
    /// How often a stream on which nothing happens shows that it lives.
    pub keep_alive: Duration,
    /// How long a server that ends waits for the calls that it has accepted.
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
