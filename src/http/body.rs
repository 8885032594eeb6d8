//! Bodies: requests are read with limits on size and time, and the bytes of answers are counted.

use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::StreamExt as _;

use super::denial::Denial;
use super::slots::Slot;

/// Reads a request's body. Its bytes take up `room` as they arrive.
pub(super) async fn read(
    body: Body,
    limit: usize,
    within: Duration,
    room: &mut Slot,
) -> Result<Vec<u8>, Denial> {
    let read = tokio::time::timeout(within, whole(body, limit, room)).await;
    read.unwrap_or(Err(Denial::Slow))
}

async fn whole(body: Body, limit: usize, room: &mut Slot) -> Result<Vec<u8>, Denial> {
    let mut whole = Vec::new();
    let mut parts = body.into_data_stream();
    while let Some(part) = parts.next().await {
        let part = part.map_err(|_| Denial::CutShort)?;
        if part.len() > limit - whole.len() {
            return Err(Denial::TooLarge { limit });
        }
        room.take_more(part.len())?;
        whole.extend_from_slice(&part);
    }
    Ok(whole)
}

/// Returns the same body, which drops `held` at its end or when its reader stops.
pub(super) fn holding<T: Send + 'static>(
    body: Body,
    held: T,
    mut sent: impl FnMut(&Bytes) + Send + 'static,
) -> Body {
    let held = std::sync::Mutex::new(Some(held));
    let parts = body.into_data_stream().map(move |part| {
        let _held = &held;
        if let Ok(part) = &part {
            sent(part);
        }
        part
    });
    Body::from_stream(parts)
}
