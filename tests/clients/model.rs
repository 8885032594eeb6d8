//! What stands in for a model: an endpoint on this machine that speaks the streaming form of OpenAI's
//! Responses API. It answers each turn with the next tool call of a script, and the last with a text.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::Call;

/// A model. Gone when dropped.
pub(super) struct Model {
    serving: JoinHandle<()>,
    url: String,
    turns: Turns,
}

#[derive(Clone)]
struct Turns {
    script: Arc<Vec<Call>>,
    /// What the tool calls so far gave, as the newest request has it.
    outputs: Arc<Mutex<Vec<String>>>,
}

impl Model {
    pub(super) async fn start(script: Vec<Call>) -> Self {
        let turns = Turns { script: Arc::new(script), outputs: Arc::default() };
        let routes = Router::new().route("/v1/responses", post(answer)).with_state(turns.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { serving, url, turns }
    }

    /// Returns what a host calls the base URL.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Returns what each tool call gave.
    pub(super) fn outputs(&self) -> Vec<String> {
        self.turns.outputs.lock().unwrap().clone()
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Answers a turn. The conversation comes whole with each request, and tells which turn it is.
async fn answer(State(turns): State<Turns>, body: Bytes) -> Response {
    let Ok(request) = serde_json::from_slice::<Value>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let items = request["input"].as_array().into_iter().flatten();
    let outputs = items.filter(|item| item["type"] == "function_call_output");
    let outputs: Vec<String> = outputs.map(|item| item["output"].to_string()).collect();
    let turn = outputs.len();
    *turns.outputs.lock().unwrap() = outputs;
    let item = match turns.script.get(turn) {
        Some((tool, arguments)) => call(&request["tools"], turn, tool, arguments),
        None => json!({
            "type": "message", "id": "message", "role": "assistant", "status": "completed",
            "content": [{ "type": "output_text", "text": "It is done.", "annotations": [] }],
        }),
    };
    let events = [
        json!({ "type": "response.created", "response": { "id": format!("response-{turn}") } }),
        json!({ "type": "response.output_item.done", "output_index": 0, "item": item }),
        json!({ "type": "response.completed", "response": {
            "id": format!("response-{turn}"), "status": "completed", "output": [item],
            "usage": { "input_tokens": 1, "output_tokens": 1, "total_tokens": 2 },
        } }),
    ];
    ([(header::CONTENT_TYPE, "text/event-stream")], stream_of(&events)).into_response()
}

/// Returns a call of a tool as the host has it on offer: by itself, or in the namespace of its server.
fn call(offered: &Value, turn: usize, tool: &str, arguments: &Value) -> Value {
    let mut call = json!({
        "type": "function_call", "id": format!("item-{turn}"), "call_id": format!("call-{turn}"),
        "name": tool, "arguments": arguments.to_string(), "status": "completed",
    });
    let is_it = |one: &&Value| one["name"].as_str().is_some_and(|name| name.ends_with(tool));
    for one in offered.as_array().into_iter().flatten() {
        if one["type"] == "namespace" {
            let tools = one["tools"].as_array().into_iter().flatten();
            if let Some(found) = tools.into_iter().find(is_it) {
                call["name"] = found["name"].clone();
                call["namespace"] = one["name"].clone();
            }
        } else if is_it(&one) {
            call["name"] = one["name"].clone();
        }
    }
    call
}

/// Returns events in the form in which they are sent.
fn stream_of(events: &[Value]) -> String {
    let event = |event: &Value| {
        let kind = event["type"].as_str().unwrap();
        format!("event: {kind}\ndata: {event}\n\n")
    };
    events.iter().map(event).collect()
}
