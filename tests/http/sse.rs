//! HTTP+SSE of 2024-11-05.

use serde_json::{Value, json};

use super::fixture::{Fixture, call, greeting};
use super::program::Program;
use super::wire::{Answer, Connection, MESSAGE};
use crate::common::{Project, told};

/// A client: the stream, and the path for its messages.
pub(super) struct Session {
    pub(super) stream: Connection,
    pub(super) path: String,
    address: std::net::SocketAddr,
    client: String,
}

impl Session {
    async fn open(address: std::net::SocketAddr, client: &str) -> Self {
        let mut stream = Connection::open(address).await;
        let opened = stream.ask("GET", "/sse", &[("x-client", client)], b"").await;
        assert_eq!(opened.header("content-type"), Some("text/event-stream"), "{opened:?}");
        assert_eq!(opened.header("cache-control"), Some("no-store"));
        assert_eq!(opened.header("x-accel-buffering"), Some("no"));
        let (name, path) = stream.named_event().await.unwrap();
        assert_eq!(name, "endpoint");
        Self { stream, path, address, client: client.to_owned() }
    }

    /// Sends a body, and returns what is told at once.
    pub(super) async fn post(&self, body: &[u8]) -> Answer {
        let headers = [MESSAGE[0], ("x-client", self.client.as_str())];
        Connection::open(self.address).await.ask("POST", &self.path, &headers, body).await
    }

    /// Sends a message, and returns what the stream says next.
    async fn told(&mut self, message: &Value) -> Value {
        let accepted = self.post(message.to_string().as_bytes()).await;
        assert_eq!(accepted.status, 202, "{accepted:?}");
        let (name, said) = self.stream.named_event().await.unwrap();
        assert_eq!(name, "message");
        serde_json::from_str(&said).unwrap()
    }

    async fn greet(&mut self) {
        let mut greeting = greeting();
        greeting["params"]["protocolVersion"] = "2024-11-05".into();
        assert_eq!(self.told(&greeting).await["result"]["protocolVersion"], "2024-11-05");
        let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        assert_eq!(self.post(initialized.to_string().as_bytes()).await.status, 202);
    }
}

/// Begins a session with a server.
pub(super) async fn begin(server: &Fixture, client: &str) -> Session {
    let mut session = Session::open(server.address, client).await;
    session.greet().await;
    session
}

#[tokio::test]
async fn a_host_that_knows_nothing_newer_is_served_when_the_server_is_told_to() {
    let project = Project::new();
    let server = Program::start(project.path(), &["--sse"]).await;
    let mut session = Session::open(server.address(), "").await;
    session.greet().await;
    let arguments = json!({ "name": "a", "workflow": "document" });
    let mut open = call("init_state");
    open["params"]["arguments"] = arguments;
    assert_eq!(told(&session.told(&open).await).unwrap()["outcome"], "created");
    assert_eq!(session.told(&call("no_such_tool")).await["error"]["code"], -32602);
    let path = session.path.clone();
    drop(session);
    let mut client = server.connect().await;
    let body = call("load_state").to_string();
    crate::common::soon("the session's end", async {
        while client.ask("POST", &path, &MESSAGE, body.as_bytes()).await.status != 404 {}
    })
    .await;
    let silent = Program::start(project.path(), &[]).await;
    for (method, path) in [("GET", "/sse"), ("POST", "/messages")] {
        let refused = silent.connect().await.ask(method, path, &[], b"").await;
        assert_eq!((refused.status, refused.refusal().as_str()), (404, "not_found"));
    }
}

#[tokio::test]
async fn what_is_no_message_is_answered_where_the_sender_waits_for_it() {
    let server = Fixture::start(|_| {});
    let mut session = begin(&server, "").await;
    let refused = session.post(b"{nonsense").await;
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (400, &json!(-32700)));
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    let deep = format!(r#"{{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{deep}}}"#);
    assert_eq!(session.post(deep.as_bytes()).await.status, 202);
    let said = session.stream.event().await.unwrap();
    assert_eq!((&said["id"], &said["result"]["isError"]), (&json!(9), &json!(true)));
    let unknown = session.post(br#"{"id":5}"#).await;
    assert_eq!((unknown.status, unknown.refusal().as_str()), (400, "invalid_message"));
    assert_eq!(unknown.json()["id"], 5);
    let own = json!({ "jsonrpc": "2.0", "method": "window/log", "params": 1 });
    assert_eq!(session.post(own.to_string().as_bytes()).await.status, 202);
    assert_eq!(told_by(&session.told(&call("who")).await), "nobody");
}

#[tokio::test]
async fn a_connection_is_only_for_who_opened_it() {
    let server = Fixture::start_guarded(|_| {});
    let mut session = begin(&server, "one").await;
    session.client = "other".to_owned();
    let refused = session.post(call("who").to_string().as_bytes()).await;
    assert_eq!((refused.status, refused.refusal().as_str()), (404, "unknown_session"));
    session.client = "one".to_owned();
    assert_eq!(told_by(&session.told(&call("who")).await), "one");
}

#[tokio::test]
async fn a_call_keeps_its_place_until_it_is_answered_or_cancelled() {
    let mut server = Fixture::start(|limits| limits.calls = 1);
    let mut session = begin(&server, "").await;
    for is_cancelled in [true, false] {
        assert_eq!(session.post(call("wait").to_string().as_bytes()).await.status, 202);
        server.entered().await;
        let refused = session.post(call("who").to_string().as_bytes()).await;
        assert_eq!((refused.status, refused.refusal().as_str()), (503, "busy"));
        if is_cancelled {
            let params = json!({ "requestId": 7 });
            let cancel =
                json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params });
            assert_eq!(session.post(cancel.to_string().as_bytes()).await.status, 202);
        } else {
            server.release();
            assert_eq!(session.stream.event().await.unwrap()["id"], 7);
        }
        server.has("calls_in_flight", 0).await;
    }
}

fn told_by(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap()
}
