//! What is not passed on, and what is told instead.

use refiner::http::{self, Options, StartError};
use serde_json::{Value, json};

use super::fixture::{Fixture, call, greeting, meta, options, stateless, stateless_call};
use super::program::Program;
use super::wire::MESSAGE;
use crate::common::{Project, command, finish, refiner};

/// The largest message that is taken.
const BODY_BYTES_MAX: usize = 16 << 20;

/// A method, a path, headers, and the status and code that they get.
type Wrong<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], u16, &'a str);

#[tokio::test]
async fn every_wrong_request_gets_its_answer_as_json_and_the_server_stays_up() {
    let project = Project::new();
    let server = Program::start(project.path(), &["--sse"]).await;
    let body = greeting().to_string();
    let (json, accept) = (MESSAGE[0], MESSAGE[1]);
    let unknown = ("mcp-session-id", "no-such");
    let cases: &[Wrong<'_>] = &[
        ("POST", "/mcp", &[json, accept, ("host", "evil.example")], 403, "host_not_allowed"),
        ("GET", "/sse", &[("host", "evil.example:80")], 403, "host_not_allowed"),
        ("POST", "/messages", &[json, ("host", "evil.example")], 403, "host_not_allowed"),
        ("GET", "/metrics", &[("host", "evil.example")], 403, "host_not_allowed"),
        ("GET", "/healthz", &[("host", "evil.example")], 403, "host_not_allowed"),
        (
            "POST",
            "/mcp",
            &[json, accept, ("origin", "http://evil.example")],
            403,
            "origin_not_allowed",
        ),
        ("POST", "/mcp", &[json, accept, ("origin", "null")], 403, "origin_not_allowed"),
        ("GET", "/sse", &[("origin", "http://localhost:3000")], 403, "origin_not_allowed"),
        (
            "POST",
            "/messages",
            &[json, ("origin", "http://evil.example")],
            403,
            "origin_not_allowed",
        ),
        ("GET", "/no-such", &[], 404, "not_found"),
        ("POST", "/mcp", &[accept], 415, "unsupported_media_type"),
        ("POST", "/mcp", &[accept, ("content-type", "text/plain")], 415, "unsupported_media_type"),
        ("POST", "/messages?session_id=x", &[accept], 415, "unsupported_media_type"),
        ("POST", "/mcp", &[json, ("accept", "application/json")], 406, "not_acceptable"),
        ("GET", "/mcp", &[("accept", "text/html"), unknown], 404, "unknown_session"),
        ("POST", "/mcp", &[json, accept, unknown], 404, "unknown_session"),
        ("DELETE", "/mcp", &[unknown], 404, "unknown_session"),
        ("GET", "/mcp", &[("accept", "text/event-stream")], 400, "invalid_request"),
        ("PUT", "/mcp", &[], 405, "method_not_allowed"),
        ("POST", "/messages", &[json], 404, "unknown_session"),
        ("POST", "/messages?session_id=x", &[json], 404, "unknown_session"),
    ];
    for (method, path, headers, status, code) in cases {
        let answer = server.connect().await.ask(method, path, headers, body.as_bytes()).await;
        assert_eq!(answer.status, *status, "{method} {path} {headers:?}: {answer:?}");
        assert_eq!(answer.refusal(), *code, "{method} {path} {headers:?}");
        assert_eq!(answer.header("allow").is_some(), *status == 405, "{answer:?}");
    }
    let without_session = server.connect().await.post(&[], &call("who")).await;
    assert_eq!(
        (without_session.status, without_session.refusal()),
        (400, "invalid_request".into())
    );
    let works = server.connect().await.post(&[], &greeting()).await;
    assert_eq!(works.status, 200, "{works:?}");
}

#[tokio::test]
async fn headers_that_do_not_say_what_the_message_says_are_refused() {
    let server = Fixture::start(|_| {});
    let mut client = server.connect().await;
    for headers in [
        stateless("tools/list", Some("who")),
        stateless("tools/call", Some("wait")),
        vec![("mcp-protocol-version", "2026-07-28")],
        vec![("mcp-protocol-version", "2025-11-25"), ("mcp-method", "tools/call")],
    ] {
        let answer = client.post(&headers, &stateless_call("who")).await;
        assert_eq!(answer.status, 400, "{headers:?}: {answer:?}");
        assert_eq!(answer.json()["error"]["code"], -32020, "{headers:?}");
    }
    let mut of_the_future = stateless_call("who");
    of_the_future["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] =
        "2099-01-01".into();
    let mut headers = stateless("tools/call", Some("who"));
    headers[0].1 = "2099-01-01";
    let answer = client.post(&headers, &of_the_future).await;
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (400, &json!(-32022)));
}

#[tokio::test]
async fn what_is_no_message_is_answered_as_on_stdio() {
    let project = Project::new();
    let server = Program::start(project.path(), &[]).await;
    let mut client = server.connect().await;
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    let call = |arguments: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"save_state","arguments":{arguments},"_meta":{}}}}}"#,
            meta()
        )
    };
    let errors: [(&[u8], i32, Value); 13] = [
        (b"", -32700, Value::Null),
        (b"{nonsense", -32700, Value::Null),
        (br#"{"jsonrpc":"2.0","id":3,"method":"x","params":{"#, -32700, json!(3)),
        (b"{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"\xE9\"}", -32700, json!(3)),
        (b"[]", -32600, Value::Null),
        (br#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, -32600, Value::Null),
        (b"7", -32600, Value::Null),
        (br#"{"id":5}"#, -32600, json!(5)),
        (br#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#, -32600, Value::Null),
        (br#"{"jsonrpc":"2.0","id":null,"method":"tools/list"}"#, -32600, Value::Null),
        (br#"{"jsonrpc":"2.0","id":[1],"method":"ping"}"#, -32600, Value::Null),
        (br#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, -32600, json!(1.5)),
        (br#"{"jsonrpc":"2.0","id":1,"method":"ping","id":2}"#, -32600, json!(1)),
    ];
    for (body, code, id) in errors {
        let answer = client.ask("POST", "/mcp", &MESSAGE, body).await;
        let said = answer.json();
        let shown = String::from_utf8_lossy(body);
        assert_eq!((answer.status, &said["error"]["code"]), (400, &json!(code)), "{shown}: {said}");
        assert_eq!(said["id"], id, "{shown}: {said}");
    }
    for (arguments, code) in [
        (format!(r#"{{"name":"a","patch":{{"data":{deep}}}}}"#), "too_large"),
        (r#"{"name":"a","patch":{"data":{"x":1,"x":2}}}"#.to_owned(), "invalid_argument"),
    ] {
        let headers = [&MESSAGE[..], &stateless("tools/call", Some("save_state"))].concat();
        let answer = client.ask("POST", "/mcp", &headers, call(&arguments).as_bytes()).await;
        let told = crate::common::told(&answer.json()).unwrap_err();
        assert_eq!((answer.status, &told["code"]), (200, &json!(code)), "{told}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_however_it_says_its_size() {
    let project = Project::new();
    let server = Program::start(project.path(), &[]).await;
    let body = vec![b' '; BODY_BYTES_MAX + 1];
    let mut client = server.connect().await;
    let answer = client.ask("POST", "/mcp", &MESSAGE, &body).await;
    assert_eq!((answer.status, answer.refusal().as_str()), (413, "too_large"));
    let mut client = server.connect().await;
    client
        .send(b"POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n1000001\r\n")
        .await;
    client.send(&body).await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.refusal().as_str()), (413, "too_large"));
    let mut largest = greeting().to_string().into_bytes();
    largest.resize(BODY_BYTES_MAX, b' ');
    let answer = server.connect().await.ask("POST", "/mcp", &MESSAGE, &largest).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn pages_that_were_allowed_may_ask_first_and_read_the_answers() {
    let mut options = options();
    options.origins = vec!["https://app.example".to_owned()];
    let server = Fixture::start_with(options);
    let asks = [
        ("origin", "https://app.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "mcp-method"),
    ];
    let allowed = server.ask("OPTIONS", "/mcp", &asks).await;
    assert_eq!(allowed.status, 204, "{allowed:?}");
    assert_eq!(allowed.header("access-control-allow-headers"), Some("mcp-method"));
    let answer = server.connect().await.post(&asks[..1], &greeting()).await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://app.example"));
    let exposed = answer.header("access-control-expose-headers").unwrap();
    assert!(exposed.contains("mcp-session-id"), "{answer:?}");
    let foreign = [("origin", "https://evil.example"), asks[1]];
    let refused = server.ask("OPTIONS", "/mcp", &foreign).await;
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (403, None));
}

#[tokio::test]
async fn who_is_not_let_in_gets_the_answer_of_the_check_on_every_path_but_those_of_health() {
    let server = Fixture::start_guarded(|_| {});
    let paths = [
        ("POST", "/mcp"),
        ("GET", "/mcp"),
        ("GET", "/sse"),
        ("POST", "/messages"),
        ("GET", "/metrics"),
    ];
    for (method, path) in paths {
        let answer = server.ask(method, path, &[("x-client", "nobody-known")]).await;
        assert_eq!(answer.status, 401, "{method} {path}: {answer:?}");
    }
    for path in ["/healthz", "/readyz"] {
        assert_eq!(server.ask("GET", path, &[]).await.status, 200, "{path}");
    }
    let counted = server.ask("GET", "/metrics", &[("x-client", "one")]).await.text();
    assert!(counted.contains("refiner_http_refused_total{reason=\"unauthorized\"} 5"), "{counted}");
}

#[tokio::test]
async fn a_handler_that_cannot_be_made_gets_an_answer_and_the_server_stays_up() {
    let server = Fixture::start_broken();
    for _ in 0..2 {
        let answer = server.connect().await.post(&[], &greeting()).await;
        assert_eq!((answer.status, answer.refusal().as_str()), (500, "internal"));
        assert!(!answer.text().contains("planted"), "{answer:?}");
    }
    server.has("calls_in_flight", 0).await;
}

#[test]
fn an_address_that_others_can_reach_is_refused_without_a_check_of_who_they_are() {
    let project = Project::new();
    let reachable = Options::new("0.0.0.0:0".parse().unwrap());
    assert!(matches!(http::bind(reachable), Err(StartError::Unprotected(_))));
    let mut homeless = command(project.path());
    for variable in ["XDG_CONFIG_HOME", "HOME", "APPDATA"] {
        homeless.env_remove(variable);
    }
    homeless.args(["serve", "--http", "127.0.0.1:0", "--require-token"]);
    let refused = finish(&mut homeless, "");
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("no folder for tokens"), "{refused:?}");
    for arguments in [
        &["serve", "--sse"][..],
        &["serve", "--allow-host", "a.example"],
        &["serve", "--http", "nowhere"],
        &["serve", "--http", "127.0.0.1:0", "--tls-cert", "cert.pem"],
        &["serve", "--http", "127.0.0.1:0", "--tls-cert", "no.pem", "--tls-key", "no.pem"],
    ] {
        let refused = refiner(project.path(), arguments);
        assert_eq!(refused.code, Some(2), "{arguments:?}: {refused:?}");
    }
}
