//! Who is let in by a token, and what they may do then.

use serde_json::{Value, json};

use super::fixture::{greeting, meta, stateless};
use super::program::Program;
use super::wire::{Answer, Connection};
use crate::common::{Project, Token, refiner, told};

/// A project with an artifact, and a server of it that wants tokens.
async fn strict() -> (Project, Program) {
    let project = Project::new();
    let made = refiner(project.path(), ["init", "a"]);
    assert_eq!(made.code, Some(0), "{made:?}");
    let server = Program::start(project.path(), &["--require-token", "--sse"]).await;
    (project, server)
}

fn here(project: &Project, scope: &str) -> Token {
    Token::make(project, project.path(), scope)
}

/// Sends a request of the revision without sessions, and returns the connection for what comes after
/// its answer.
async fn ask(
    server: &Program,
    secret: Option<&str>,
    method: &str,
    mut params: Value,
) -> (Answer, Connection) {
    let bearer = secret.map(|secret| format!("Bearer {secret}"));
    let name = params["name"].as_str().map(str::to_owned);
    params["_meta"] = meta();
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({ "elicitation": {} });
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let mut headers = stateless(method, name.as_deref());
    headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
    let mut client = server.connect().await;
    let answer = client.post(&headers, &request).await;
    (answer, client)
}

async fn call(server: &Program, token: &Token, tool: &str, arguments: Value) -> Answer {
    let params = json!({ "name": tool, "arguments": arguments });
    ask(server, Some(&token.secret), "tools/call", params).await.0
}

async fn load(server: &Program, secret: Option<&str>) -> Answer {
    let params = json!({ "name": "load_state", "arguments": { "name": "a" } });
    ask(server, secret, "tools/call", params).await.0
}

fn save() -> Value {
    json!({ "name": "a", "patch": { "data": { "x": 1 } } })
}

fn version(project: &Project) -> Value {
    refiner(project.path(), ["show", "a", "--json"]).json()["version"].clone()
}

#[tokio::test]
async fn without_a_token_only_the_health_is_told_where_one_is_required() {
    let (project, server) = strict().await;
    let token = here(&project, "read");
    let nowhere = format!("/mcp?access_token={}", token.secret);
    for (method, path) in [
        ("POST", "/mcp"),
        ("GET", "/mcp"),
        ("DELETE", "/mcp"),
        ("GET", "/sse"),
        ("POST", "/messages"),
        ("GET", "/metrics"),
        ("POST", &nowhere),
    ] {
        let answer = server.connect().await.ask(method, path, &[], b"").await;
        assert_eq!((answer.status, answer.refusal().as_str()), (401, "unauthorized"), "{path}");
        let challenge = answer.header("www-authenticate").unwrap();
        assert_eq!(challenge, "Bearer realm=\"refiner\", scope=\"read\"", "{path}");
    }
    for path in ["/healthz", "/readyz"] {
        assert_eq!(server.connect().await.ask("GET", path, &[], b"").await.status, 200, "{path}");
    }
    let bearer = format!("Bearer {}", token.secret);
    let mut client = server.connect().await;
    let metrics = client.ask("GET", "/metrics", &[("authorization", &bearer)], b"").await;
    assert_eq!(metrics.status, 200);
    assert!(metrics.text().contains("reason=\"unauthorized\"} 7"), "{}", metrics.text());

    let open = Program::start(project.path(), &[]).await;
    assert_eq!(load(&open, None).await.status, 200, "on this machine none is required");
    assert_eq!(load(&open, Some("refiner_x")).await.status, 401, "but a bad one is none");
}

#[tokio::test]
async fn a_token_that_is_expired_or_foreign_or_made_up_is_turned_away() {
    let (project, server) = strict().await;
    let (good, expired) = (here(&project, "read"), here(&project, "read,write,approve"));
    let other = Project::new();
    let foreign = Token::make(&project, other.path(), "read,write,approve");
    expired.expire(&project);
    assert_eq!(load(&server, Some(&good.secret)).await.status, 200);
    for (secret, why) in [
        (expired.secret.as_str(), "expired"),
        (&foreign.secret, "another workspace"),
        (&good.secret[..50], "unknown"),
        ("refiner_", "unknown"),
    ] {
        let answer = load(&server, Some(secret)).await;
        assert_eq!((answer.status, answer.refusal().as_str()), (401, "unauthorized"), "{why}");
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.starts_with("Bearer "), "{challenge}");
        assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
        assert!(challenge.contains(why), "{challenge}");
        assert!(secret.len() < 40 || !format!("{answer:?}").contains(secret), "{answer:?}");
    }
    // The foreign one is good where it belongs.
    let mut there = crate::common::command(other.path());
    there.env("XDG_CONFIG_HOME", project.path().join(".config"));
    let there = Program::start_command(there, &["--require-token"]).await;
    assert_ne!(load(&there, Some(&foreign.secret)).await.status, 401);
    assert_eq!(load(&there, Some(&good.secret)).await.status, 401);
}

#[tokio::test]
async fn tokens_that_are_made_and_revoked_while_a_server_runs_count_at_once() {
    let (project, server) = strict().await;
    for _ in 0..3 {
        let token = here(&project, "read");
        assert_eq!(load(&server, Some(&token.secret)).await.status, 200);
        assert_eq!(refiner(project.path(), ["token", "revoke", &token.id]).code, Some(0));
        assert_eq!(load(&server, Some(&token.secret)).await.status, 401);
    }
}

/// Begins a session, and returns the headers of its requests.
async fn begin(server: &Program, token: &Token) -> [(&'static str, String); 2] {
    let bearer = ("authorization", format!("Bearer {}", token.secret));
    let greeted = server.connect().await.post(&[(bearer.0, &bearer.1)], &greeting()).await;
    assert_eq!(greeted.status, 200, "{greeted:?}");
    let session = ("mcp-session-id", greeted.header("mcp-session-id").unwrap().to_owned());
    let headers = [bearer, session];
    let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let answer = server.connect().await.post(&borrowed(&headers), &initialized).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    headers
}

fn borrowed<'a>(headers: &'a [(&'static str, String); 2]) -> [(&'static str, &'a str); 2] {
    [(headers[0].0, &headers[0].1), (headers[1].0, &headers[1].1)]
}

fn tool(name: &str, arguments: &Value) -> Value {
    let params = json!({ "name": name, "arguments": arguments });
    json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params })
}

#[tokio::test]
async fn a_token_for_reading_does_not_write_in_either_era() {
    let (project, server) = strict().await;
    let (reads, writes) = (here(&project, "read"), here(&project, "write"));
    let before = version(&project);
    for (name, arguments) in [
        ("save_state", save()),
        (
            "transition",
            json!({ "name": "a", "event": "complete", "phase": "specify", "result": {} }),
        ),
        ("checkpoint", json!({ "name": "a" })),
        ("delete_artifact", json!({ "name": "a", "confirm": "a" })),
    ] {
        let answer = call(&server, &reads, name, arguments.clone()).await;
        assert_eq!((answer.status, answer.refusal().as_str()), (403, "forbidden"), "{name}");
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.contains("error=\"insufficient_scope\""), "{challenge}");
        assert!(challenge.ends_with("scope=\"read write\""), "{challenge}");
        let headers = begin(&server, &reads).await;
        let mut client = server.connect().await;
        let refusal = told(&client.told(&borrowed(&headers), &tool(name, &arguments)).await);
        let refusal = refusal.unwrap_err();
        assert_eq!(refusal["code"], "forbidden", "{name}");
        assert!(refusal["hint"].as_str().unwrap().contains("--scope write"), "{refusal}");
    }
    assert_eq!(version(&project), before);
    let saved = call(&server, &writes, "save_state", save()).await.json();
    assert_eq!(told(&saved).unwrap()["changed"], true);
    let history = call(&server, &reads, "history", json!({ "name": "a" })).await.json();
    let history = told(&history).unwrap();
    let actor = history["entries"].as_array().unwrap().last().unwrap()["actor"].clone();
    assert_eq!(actor, format!("token me ({}): stateless 7", writes.id));
}

#[tokio::test]
async fn a_token_that_only_decides_does_not_come_in() {
    let (project, server) = strict().await;
    let decides = here(&project, "approve");
    let answer = load(&server, Some(&decides.secret)).await;
    assert_eq!(answer.status, 403);
    assert!(answer.header("www-authenticate").unwrap().ends_with("scope=\"read\""), "{answer:?}");
}

/// Asks to stop the loop, as the first call or with a person's yes.
async fn stop(server: &Program, token: Option<&Token>, state: Option<&Value>) -> Value {
    let mut params = json!({ "name": "transition", "arguments": { "name": "a", "event": "stop" } });
    if let Some(state) = state {
        let yes = json!({ "action": "accept", "content": { "confirm": true } });
        params["requestState"] = state.clone();
        params["inputResponses"] = json!({ "decision": yes });
    }
    let secret = token.map(|token| token.secret.as_str());
    ask(server, secret, "tools/call", params).await.0.json()
}

#[tokio::test]
async fn a_token_for_writing_does_not_decide_for_a_person() {
    for configuration in [None, Some(r#"{"approvals": "token"}"#)] {
        let (project, first) = strict().await;
        drop(first);
        let (writes, decides) = (here(&project, "write"), here(&project, "write,approve"));
        if let Some(configuration) = configuration {
            std::fs::write(project.path().join(".config/refiner/config.json"), configuration)
                .unwrap();
        }
        let server = Program::start(project.path(), &[]).await;
        let before = version(&project);
        let refusal = told(&stop(&server, Some(&writes), None).await).unwrap_err();
        assert_eq!(refusal["code"], "forbidden", "{refusal}");
        assert!(refusal["hint"].as_str().unwrap().contains("--scope approve"), "{refusal}");

        let asks = stop(&server, Some(&decides), None).await;
        assert_eq!(asks["result"]["resultType"], "input_required", "{asks}");
        let state = &asks["result"]["requestState"];
        let refusal = told(&stop(&server, Some(&writes), Some(state)).await).unwrap_err();
        assert_eq!(refusal["code"], "forbidden", "the answer came with another token");
        if configuration.is_some() {
            for state in [None, Some(state)] {
                let refusal = told(&stop(&server, None, state).await).unwrap_err();
                assert_eq!(refusal["code"], "approval_required", "no token at all: {refusal}");
            }
        }
        assert_eq!(version(&project), before);
        let stopped = told(&stop(&server, Some(&decides), Some(state)).await).unwrap();
        assert_eq!(stopped["to"], "stopped");
    }
}

#[tokio::test]
async fn a_session_is_only_for_the_token_that_opened_it() {
    let (project, server) = strict().await;
    let (one, other) = (here(&project, "read"), here(&project, "read"));
    let own = begin(&server, &one).await;
    let stolen = [("authorization", format!("Bearer {}", other.secret)), own[1].clone()];
    let load = tool("load_state", &json!({ "name": "a" }));
    let answer = server.connect().await.post(&borrowed(&stolen), &load).await;
    assert_eq!((answer.status, answer.refusal().as_str()), (404, "unknown_session"));
    let gone = server.connect().await.ask("DELETE", "/mcp", &borrowed(&stolen), b"").await;
    assert_eq!(gone.status, 404);
    assert!(told(&server.connect().await.told(&borrowed(&own), &load).await).is_ok());
}

#[tokio::test]
async fn a_stream_ends_when_its_token_is_revoked() {
    let (project, server) = strict().await;
    let (revoked, stays) = (here(&project, "read"), here(&project, "read"));
    let mut streams = Vec::new();
    for token in [&revoked, &stays] {
        let wanted = json!({ "resourceSubscriptions": ["refiner://artifacts/a/state"] });
        let listen = json!({ "notifications": wanted });
        let secret = Some(token.secret.as_str());
        let (answer, mut stream) = ask(&server, secret, "subscriptions/listen", listen).await;
        assert_eq!(answer.header("content-type"), Some("text/event-stream"), "{answer:?}");
        let acknowledged = stream.event().await.unwrap();
        assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged");
        streams.push(stream);
    }
    assert_eq!(refiner(project.path(), ["token", "revoke", &revoked.id]).code, Some(0));
    let saved = refiner(project.path(), ["save", "a", "--patch", r#"{"data":{"x":2}}"#]);
    assert_eq!(saved.code, Some(0), "{saved:?}");
    // What was told before the token was revoked may still be on its way.
    while streams[0].event().await.is_some() {}
    assert_eq!(streams[1].event().await.unwrap()["method"], "notifications/resources/updated");
}
