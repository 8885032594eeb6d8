//! Webhooks: the event as JSON, posted to a URL.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::time::Duration;

use serde_json::json;
use ureq::Agent;

use super::attempt::{Attempted, OUTPUT_BYTES_MAX, tail};
use super::event::Event;

/// The header with the event's id, by which a receiver recognizes a repeated delivery.
const ID_HEADER: &str = "refiner-event-id";

/// Posts an event. Only a 2xx status counts as received. Redirects are not followed.
pub(super) async fn post(
    url: &str,
    headers: &BTreeMap<String, String>,
    event: &Event,
    timeout: Duration,
) -> Attempted {
    let (url, headers) = (url.to_owned(), headers.clone());
    let (id, body) = (event.id.clone(), json!(event).to_string());
    let posted = tokio::task::spawn_blocking(move || send(&url, &headers, &id, &body, timeout));
    match posted.await {
        Ok(Ok(attempted)) => attempted,
        Ok(Err(ureq::Error::Timeout(_))) => Attempted::timed_out(timeout),
        Ok(Err(error)) => Attempted::failed(error.to_string()),
        Err(_) => Attempted::failed("the request was interrupted"),
    }
}

fn send(
    url: &str,
    headers: &BTreeMap<String, String>,
    id: &str,
    body: &str,
    timeout: Duration,
) -> Result<Attempted, ureq::Error> {
    let agent: Agent = Agent::config_builder()
        .timeout_global(Some(timeout))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .user_agent(concat!("refiner/", env!("CARGO_PKG_VERSION")))
        .build()
        .into();
    let request = agent.post(url).header("content-type", "application/json").header(ID_HEADER, id);
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(name, value));
    let mut response = request.send(body)?;
    let mut answer = Vec::new();
    let reader = response.body_mut().as_reader();
    // The body of the answer only goes into the log.
    drop(reader.take(OUTPUT_BYTES_MAX as u64).read_to_end(&mut answer));
    Ok(Attempted {
        done: response.status().is_success(),
        status: Some(response.status().as_u16()),
        output: tail(&answer),
        ..Attempted::default()
    })
}
