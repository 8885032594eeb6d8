//! Streamable HTTP in both eras.

use rustix::process::Signal;
use serde_json::{Value, json};

use super::fixture::{Fixture, call, greeting, meta, stateless, stateless_call};
use super::program::Program;
use crate::common::{Project, told};

fn request(id: u64, method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

fn tool(id: u64, name: &str, arguments: &Value) -> Value {
    request(id, "tools/call", &json!({ "name": name, "arguments": arguments }))
}

#[tokio::test]
async fn a_session_of_each_revision_begins_works_and_ends() {
    let project = Project::new();
    let server = Program::start(project.path(), &[]).await;
    for revision in ["2025-03-26", "2025-06-18", "2025-11-25"] {
        let mut client = server.connect().await;
        let mut greeting = greeting();
        greeting["params"]["protocolVersion"] = revision.into();
        let greeted = client.post(&[], &greeting).await;
        assert_eq!(greeted.status, 200, "{greeted:?}");
        let id = greeted.header("mcp-session-id").unwrap().to_owned();
        assert_eq!(greeted.header("cache-control"), Some("no-store"));
        assert_eq!(greeted.header("x-accel-buffering"), Some("no"));
        let said = client.event().await.unwrap();
        assert_eq!(said["result"]["protocolVersion"], revision);
        assert_eq!(client.event().await, None);
        let mut client = server.connect().await;
        let session = [("mcp-session-id", id.as_str()), ("mcp-protocol-version", revision)];
        let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        assert_eq!(client.post(&session, &initialized).await.status, 202);
        let open = tool(2, "init_state", &json!({ "name": revision, "workflow": "document" }));
        let opened = told(&client.told(&session, &open).await).unwrap();
        assert_eq!(opened["outcome"], "created");
        let load = tool(3, "load_state", &json!({ "name": revision }));
        assert_eq!(told(&client.told(&session, &load).await).unwrap()["version"], 1);
        let ended = client.ask("DELETE", "/mcp", &session, b"").await;
        assert!((200..300).contains(&ended.status), "{ended:?}");
        let gone = client.post(&session, &load).await;
        assert_eq!((gone.status, gone.refusal().as_str()), (404, "unknown_session"));
        assert_eq!(gone.json()["id"], 3, "{gone:?}");
    }
    server.signal(Signal::TERM);
    server.ended().await;
}

#[tokio::test]
async fn requests_that_stand_by_themselves_are_answered_with_json() {
    let project = Project::new();
    let server = Program::start(project.path(), &[]).await;
    let mut client = server.connect().await;
    let discover = request(1, "server/discover", &json!({ "_meta": meta() }));
    let discovered = client.post(&stateless("server/discover", None), &discover).await;
    let versions = &discovered.json()["result"]["supportedVersions"];
    assert!(versions.as_array().unwrap().contains(&json!("2026-07-28")), "{discovered:?}");
    let arguments = json!({ "name": "a", "workflow": "document" });
    let params = json!({ "name": "init_state", "arguments": arguments, "_meta": meta() });
    let headers = stateless("tools/call", Some("init_state"));
    let opened = client.post(&headers, &request(2, "tools/call", &params)).await;
    assert_eq!(told(&opened.json()).unwrap()["outcome"], "created");
    assert_eq!(opened.header("mcp-session-id"), None);
    let unknown = request(3, "no/such", &json!({ "_meta": meta() }));
    let unknown = client.post(&stateless("no/such", None), &unknown).await;
    assert_eq!((unknown.status, &unknown.json()["error"]["code"]), (404, &json!(-32601)));
}

#[tokio::test]
async fn who_asks_reaches_the_handler_in_both_eras() {
    let server = Fixture::start_guarded(|_| {});
    let mut client = server.connect().await;
    let headers = [&stateless("tools/call", Some("who"))[..], &[("x-client", "one")]].concat();
    let answer = client.told(&headers, &stateless_call("who")).await;
    assert_eq!(answer["result"]["content"][0]["text"], "one");
    let id = begin(&server, "other").await;
    let session = [("mcp-session-id", id.as_str()), ("x-client", "other")];
    let answer = client.told(&session, &call("who")).await;
    assert_eq!(answer["result"]["content"][0]["text"], "other");
}

#[tokio::test]
async fn a_session_is_only_for_who_opened_it() {
    let server = Fixture::start_guarded(|_| {});
    let id = begin(&server, "one").await;
    for (client, status) in [("other", 404), ("one", 200)] {
        let session = [("mcp-session-id", id.as_str()), ("x-client", client)];
        let asked = server.connect().await.post(&session, &call("who")).await;
        assert_eq!(asked.status, status, "{asked:?}");
        let accept = [&session[..], &[("accept", "text/event-stream")]].concat();
        assert_eq!(server.ask("GET", "/mcp", &accept).await.status, status);
    }
    let session = [("mcp-session-id", id.as_str()), ("x-client", "other")];
    assert_eq!(server.ask("DELETE", "/mcp", &session).await.status, 404);
    server.has("sessions", 1).await;
}

/// Begins a session and returns its id.
pub(super) async fn begin(server: &Fixture, client: &str) -> String {
    let greeted = server.connect().await.post(&[("x-client", client)], &greeting()).await;
    assert_eq!(greeted.status, 200, "{greeted:?}");
    let id = greeted.header("mcp-session-id").unwrap().to_owned();
    let session = [("mcp-session-id", id.as_str()), ("x-client", client)];
    let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    assert_eq!(server.connect().await.post(&session, &initialized).await.status, 202);
    id
}
