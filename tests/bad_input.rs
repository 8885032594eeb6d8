//! Whatever comes in gets an answer that says what was wrong and what to do, nothing is written, and
//! the server lives.
//!
//! That a handler which panics is answered too is shown beside the code, in `src/mcp/server.rs`,
//! since no tool can be made to panic from outside.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::common::{Project, Raw, Server, refiner, told};

/// A greeted server on a workspace with a document `a` at version 2 and a loop `loop` in its first
/// phase.
struct Ready {
    server: Raw,
    project: Project,
    before: BTreeMap<String, String>,
}

impl Ready {
    async fn new() -> Self {
        let project = Project::new();
        let server = Server::start(project.path()).await;
        server.call("init_state", json!({ "name": "a", "workflow": "document" })).await.unwrap();
        server.call("save_state", save(json!({ "data": { "x": 1 } }))).await.unwrap();
        server.call("init_state", json!({ "name": "loop" })).await.unwrap();
        assert!(server.end().await.success());
        let before = project.digest();
        Self { server: Raw::greeted(project.path()).await, project, before }
    }

    /// Fails unless nothing was written and the server still answers.
    async fn unharmed(&mut self, after: &str) {
        assert_eq!(self.project.digest(), self.before, "written by {after}");
        let loaded = self.server.call("load_state", json!({ "name": "a" })).await;
        assert_eq!(loaded.unwrap()["version"], 2, "after {after}");
    }

    /// Calls a tool and fails unless it is refused with that code and a hint.
    async fn refused(&mut self, tool: &str, arguments: Value, code: &str) -> Value {
        let call = format!("{tool} {}", shortened(&arguments.to_string()));
        let refusal = self.server.call(tool, arguments).await.expect_err(&call);
        check_refusal(&refusal, code, &call);
        self.unharmed(&call).await;
        refusal
    }

    /// Sends the arguments of a `save_state` as they are, and fails unless they are refused.
    async fn refused_line(&mut self, arguments: &[u8], code: &str) -> Value {
        let shown = shortened(&String::from_utf8_lossy(arguments));
        let line = [&b"{\"jsonrpc\":\"2.0\",\"id\":77,\"method\":\"tools/call\",\"params\":{\"name\":\"save_state\",\"arguments\":"[..], arguments, b"}}"].concat();
        let answer = self.server.tell(&line).await;
        assert_eq!(answer["id"], 77, "{shown}: {answer}");
        let refusal = told(&answer).expect_err(&shown);
        check_refusal(&refusal, code, &shown);
        self.unharmed(&shown).await;
        refusal
    }

    /// Sends a line and fails unless it gets that error of the protocol, with that id.
    async fn error(&mut self, line: &[u8], code: i64, id: Value) -> Value {
        let shown = shortened(&String::from_utf8_lossy(line));
        let answer = self.server.tell(line).await;
        assert_eq!(
            (&answer["error"]["code"], &answer["id"]),
            (&json!(code), &id),
            "{shown}: {answer}"
        );
        assert!(!answer["error"]["message"].as_str().unwrap().is_empty(), "{shown}");
        self.unharmed(&shown).await;
        answer["error"].clone()
    }
}

fn check_refusal(refusal: &Value, code: &str, call: &str) {
    assert_eq!(refusal["code"], code, "{call}: {refusal}");
    for said in ["message", "hint"] {
        let text = refusal[said].as_str().unwrap_or_default();
        assert!(!text.is_empty() && text.len() < 1000, "{call}: the {said} is {text:?}");
    }
}

fn save(patch: Value) -> Value {
    json!({ "name": "a", "patch": patch })
}

fn shortened(text: &str) -> String {
    text.chars().take(100).collect()
}

/// JSON of that many levels.
fn nested(levels: usize) -> String {
    format!("{}1{}", "[".repeat(levels), "]".repeat(levels))
}

#[tokio::test]
async fn names_that_cannot_be_are_refused_by_every_tool_that_takes_one() {
    let mut ready = Ready::new().await;
    let too_long = "a".repeat(65);
    let names = [
        "../x",
        "..",
        "/etc/passwd",
        "a/b",
        "a\\b",
        "",
        &too_long,
        "CON",
        "nul.txt",
        "Upper",
        "🚀",
        "a b",
        "a.",
        ".hidden",
        "a\u{0}",
        "a\n",
    ];
    let calls = |name: &str| {
        [
            ("init_state", json!({ "name": name })),
            ("load_state", json!({ "name": name })),
            ("save_state", json!({ "name": name, "patch": { "data": { "x": 2 } } })),
            ("checkpoint", json!({ "name": name })),
            ("restore", json!({ "name": name, "to": "1" })),
            ("transition", json!({ "name": name, "event": "complete" })),
            ("finalize", json!({ "name": name })),
            ("history", json!({ "name": name })),
        ]
    };
    for name in names {
        for (tool, arguments) in calls(name) {
            ready.refused(tool, arguments, "invalid_name").await;
        }
    }
}

#[tokio::test]
async fn a_name_that_nothing_has_is_refused_and_nothing_is_made_for_it() {
    let mut ready = Ready::new().await;
    for (tool, more) in [
        ("load_state", json!({})),
        ("save_state", json!({ "patch": { "data": { "x": 2 } } })),
        ("checkpoint", json!({})),
        ("restore", json!({ "to": "1" })),
        ("transition", json!({ "event": "complete" })),
        ("finalize", json!({})),
        ("history", json!({})),
    ] {
        let mut arguments = more;
        arguments["name"] = json!("nobody");
        ready.refused(tool, arguments, "not_found").await;
    }
}

#[tokio::test]
async fn arguments_that_are_unknown_missing_or_of_another_type_are_refused() {
    let mut ready = Ready::new().await;
    for (tool, arguments, named) in [
        ("save_state", json!({ "name": "a", "pach": {} }), "pach"),
        ("save_state", json!({ "name": "a" }), "patch"),
        ("save_state", json!({ "name": "a", "patch": {}, "state": {} }), "patch"),
        ("save_state", json!({ "name": "a", "patch": 7 }), "patch"),
        ("save_state", json!({ "name": "a", "patch": "no object" }), "patch"),
        ("save_state", json!({ "name": "a", "patch": [] }), "patch"),
        ("save_state", json!({ "name": true, "patch": {} }), "name"),
        ("save_state", json!({ "name": ["a"], "patch": {} }), "name"),
        ("save_state", json!({ "patch": {} }), "name"),
        (
            "save_state",
            json!({ "name": "a", "patch": {}, "expected_version": -1 }),
            "expected_version",
        ),
        (
            "save_state",
            json!({ "name": "a", "patch": {}, "expected_version": 1.5 }),
            "expected_version",
        ),
        (
            "save_state",
            json!({ "name": "a", "patch": {}, "idempotency_key": "" }),
            "idempotency_key",
        ),
        (
            "save_state",
            json!({ "name": "a", "patch": {}, "idempotency_key": "k".repeat(129) }),
            "idempotency_key",
        ),
        ("load_state", json!({ "name": "a", "detail": "everything" }), "detail"),
        ("load_state", json!({ "name": "a", "select": ["data"] }), "data"),
        ("load_state", json!({ "name": "a", "at": "v2" }), "v2"),
        ("history", json!({ "name": "a", "limit": "many" }), "limit"),
        ("history", json!({ "name": "a", "diff": [1] }), "diff"),
        ("history", json!({ "name": "a", "diff": [-1, 2] }), "diff"),
        ("history", json!({ "name": "a", "after": -7 }), "after"),
        ("restore", json!({ "name": "a" }), "to"),
        ("transition", json!({ "name": "loop" }), "event"),
        ("transition", json!({ "name": "loop", "event": "complete", "cost": -1 }), "cost"),
        ("init_state", json!({ "name": "new", "max_iterations": 0 }), "max_iterations"),
        ("init_state", json!({ "name": "new", "content_type": "direct:poem" }), "poem"),
        ("list_artifacts", json!({ "cursor": "../x" }), "../x"),
        ("finalize", json!({ "name": "a", "status": "perfect" }), "status"),
    ] {
        let refusal = ready.refused(tool, arguments, "invalid_argument").await;
        assert!(refusal["message"].as_str().unwrap().contains(named), "{named}: {refusal}");
    }
}

#[tokio::test]
async fn fields_that_the_server_owns_are_refused_by_name() {
    let mut ready = Ready::new().await;
    let owned = [
        "refinement_id",
        "artifact_name",
        "artifact_type",
        "content_type",
        "version",
        "workflow",
        "started_at",
        "updated_at",
        "finalized_at",
        "phase",
        "iteration",
        "current_iteration",
        "max_iterations",
        "requires_approval",
        "convergence_status",
        "history",
        "iteration_history",
        "checkpoints",
        "evidence",
        "workflow_triggers",
        "metrics",
        "approval",
        "lease",
        "phases_completed",
        "prior_cycle_id",
    ];
    for field in owned {
        for way in ["patch", "state"] {
            let arguments = json!({ "name": "a", way: { field: 1 } });
            let refusal = ready.refused("save_state", arguments, "invalid_argument").await;
            let message = refusal["message"].as_str().unwrap();
            assert!(message.contains(&format!("{way}.{field} belongs to the server")), "{message}");
        }
    }
    let found = json!({ "id": "c", "description": "d", "severity": "low", "status": "satisfied" });
    let refusal = ready
        .refused("save_state", save(json!({ "constraints": [found] })), "schema_violation")
        .await;
    assert_eq!(refusal["violations"][0]["pointer"], "/constraints/0");
}

#[tokio::test]
async fn what_the_loop_or_another_writer_forbids_is_refused_with_what_is_possible() {
    let mut ready = Ready::new().await;
    let stale = json!({ "name": "a", "patch": { "data": { "x": 9 } }, "expected_version": 1 });
    let refusal = ready.refused("save_state", stale, "conflict").await;
    assert_eq!((&refusal["expected"], &refusal["current"]), (&json!(1), &json!(2)));
    let ahead = json!({ "name": "a", "patch": { "data": { "x": 9 } }, "expected_version": 3 });
    ready.refused("save_state", ahead, "conflict").await;

    let unknown = json!({ "name": "loop", "event": "explode" });
    let refusal = ready.refused("transition", unknown, "invalid_transition").await;
    assert_eq!((&refusal["from"], &refusal["event"]), (&json!("specify"), &json!("explode")));
    assert!(refusal["allowed"].as_array().unwrap().contains(&json!("complete")), "{refusal}");
    let elsewhere = json!({ "name": "loop", "event": "complete", "phase": "reflect" });
    ready.refused("transition", elsewhere, "invalid_transition").await;
    let human = json!({ "name": "loop", "event": "stop", "reason": "I am a person" });
    ready.refused("transition", human, "approval_required").await;
    ready.refused("finalize", json!({ "name": "loop" }), "invalid_transition").await;

    ready.refused("init_state", json!({ "name": "a", "workflow": "pmpo" }), "already_exists").await;
    ready
        .refused("init_state", json!({ "name": "new", "workflow": "none" }), "unknown_workflow")
        .await;
    let poem = json!({ "name": "new", "artifact_type": "poem" });
    let refusal = ready.refused("init_state", poem, "unknown_artifact_type").await;
    assert_eq!(refusal["message"], "Unknown artifact_type: poem");
    ready.refused("restore", json!({ "name": "a", "to": "99" }), "not_found").await;
    ready.refused("load_state", json!({ "name": "a", "at": "cp-99" }), "not_found").await;
}

#[tokio::test]
async fn the_same_key_with_other_arguments_is_refused() {
    let project = Project::new();
    let mut server = Raw::greeted(project.path()).await;
    server.call("init_state", json!({ "name": "a", "workflow": "document" })).await.unwrap();
    let keyed =
        |x: i32| json!({ "name": "a", "patch": { "data": { "x": x } }, "idempotency_key": "k" });
    assert_eq!(server.call("save_state", keyed(1)).await.unwrap()["version"], 2);
    assert_eq!(server.call("save_state", keyed(1)).await.unwrap()["version"], 2, "once");
    let before = std::fs::read(project.of("a", "journal/000000000001.jsonl")).unwrap();
    let refusal = server.call("save_state", keyed(2)).await.unwrap_err();
    check_refusal(&refusal, "invalid_argument", "the key again");
    let after = std::fs::read(project.of("a", "journal/000000000001.jsonl")).unwrap();
    assert_eq!(after, before);
}

#[tokio::test]
async fn what_is_too_deep_or_too_large_is_refused_with_its_size_and_the_limit() {
    let mut ready = Ready::new().await;
    for levels in [64, 100, 127, 128, 200, 1_000_000] {
        let arguments =
            format!(r#"{{"name":"a","patch":{{"data":{{"deep":{}}}}}}}"#, nested(levels));
        let refusal = ready.refused_line(arguments.as_bytes(), "too_large").await;
        assert!(refusal["actual"].as_u64() > refusal["limit"].as_u64(), "{levels}: {refusal}");
    }
    let text = |bytes: usize| {
        format!(r#"{{"name":"a","patch":{{"data":{{"text":"{}"}}}}}}"#, "x".repeat(bytes))
    };
    for bytes in [(4 << 20) + 1, 10_000_000, 17_000_000, 50_000_000] {
        let refusal = ready.refused_line(text(bytes).as_bytes(), "too_large").await;
        let (actual, limit) = (refusal["actual"].as_u64(), refusal["limit"].as_u64());
        assert!(actual >= Some(bytes as u64) && actual > limit, "{bytes}: {refusal}");
    }
    let note = json!({ "name": "a", "patch": { "data": { "x": 3 } }, "note": "n".repeat(5000) });
    ready.refused("save_state", note, "too_large").await;
    let many: Vec<Value> = (0..201)
        .map(|i| json!({ "id": i.to_string(), "description": "d", "severity": "low" }))
        .collect();
    ready.refused("save_state", save(json!({ "constraints": many })), "too_large").await;
}

#[tokio::test]
async fn what_is_just_within_the_limits_is_saved_and_read_back_by_a_fresh_process() {
    let project = Project::new();
    let mut server = Raw::greeted(project.path()).await;
    server.call("init_state", json!({ "name": "a", "workflow": "document" })).await.unwrap();
    // The document and `data` are two of its 64 levels.
    let deep: Value = serde_json::from_str(&nested(62)).unwrap();
    server.call("save_state", save(json!({ "data": { "deep": deep } }))).await.unwrap();
    let large = save(json!({ "data": { "large": "x".repeat((4 << 20) - 4096) } }));
    server.call("save_state", large).await.unwrap();
    server.end().await;
    let shown = refiner(project.path(), ["show", "a", "--select", "/data/deep", "--json"]);
    assert_eq!(shown.json()["selected"]["/data/deep"], deep);
    let shown = refiner(project.path(), ["show", "a", "--json"]);
    assert_eq!(shown.json()["document"]["data"]["large"], "text, 4190208 bytes");
    assert_eq!(refiner(project.path(), ["doctor"]).code, Some(0));
}

#[tokio::test]
async fn a_key_that_is_there_twice_is_refused_and_named() {
    let mut ready = Ready::new().await;
    for (arguments, place) in [
        (r#"{"name":"a","name":"b","patch":{}}"#, "params/arguments/name"),
        (r#"{"name":"a","patch":{"data":{"x":1}},"patch":{}}"#, "params/arguments/patch"),
        (r#"{"name":"a","patch":{"data":{"x":[{"y":1,"y":2}]}}}"#, "y"),
        (r#"{"name":"a","patch":{"data":{"x":1,"\u0078":2}}}"#, "patch/data/x"),
    ] {
        let refusal = ready.refused_line(arguments.as_bytes(), "invalid_argument").await;
        assert!(refusal["message"].as_str().unwrap().contains(place), "{refusal}");
    }
}

#[tokio::test]
async fn what_is_no_json_gets_a_parse_error_with_its_id_where_that_can_be_read() {
    let mut ready = Ready::new().await;
    let call = |arguments: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{{"name":"save_state","arguments":{arguments}}}}}"#).into_bytes()
    };
    for (line, id) in [
        (call(r#"{"name":"a","patch":{"data":{"x":NaN}}}"#), json!(9)),
        (call(r#"{"name":"a","patch":{"data":{"x":Infinity}}}"#), json!(9)),
        (call(r#"{"name":"a","patch":{"data":{"x":1e999}}}"#), json!(9)),
        (call(r#"{"name":"a","patch":{"data":{"x":"\ud800"}}}"#), json!(9)),
        (call(r#"{"name":"a","patch":{"data":{"x":01}}}"#), json!(9)),
        (call(r#"{"name":"a","patch":{"data":{"x":'1'}}}"#), json!(9)),
        (call(r#"{"name":"a",}"#), json!(9)),
        (call("{\"name\":\"a\u{1}\"}"), json!(9)),
        (call("{"), json!(9)),
        ([call(r#"{"name":"a"}"#), b"}".to_vec()].concat(), json!(9)),
        (b"nonsense".to_vec(), Value::Null),
        (b"{".to_vec(), Value::Null),
        (b"\"".to_vec(), Value::Null),
        (vec![0; 100], Value::Null),
        (vec![0xFF; 100], Value::Null),
        (b"{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"\xE9t\xE9\"}".to_vec(), json!("x")),
    ] {
        ready.error(&line, -32700, id).await;
    }
}

#[tokio::test]
async fn json_that_is_no_request_gets_an_error() {
    let mut ready = Ready::new().await;
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    for (line, id) in [
        (format!("[{ping}]"), Value::Null),
        (format!("[{ping},{ping}]"), Value::Null),
        ("[]".to_owned(), Value::Null),
        ("7".to_owned(), Value::Null),
        ("null".to_owned(), Value::Null),
        ("\"ping\"".to_owned(), Value::Null),
        ("{}".to_owned(), Value::Null),
        (r#"{"jsonrpc":"2.0","id":5}"#.to_owned(), json!(5)),
        (r#"{"jsonrpc":"2.0","id":5,"params":{"name":"save_state"}}"#.to_owned(), json!(5)),
        (r#"{"jsonrpc":"2.0","id":5,"method":7}"#.to_owned(), json!(5)),
        (r#"{"jsonrpc":"1.0","id":5,"method":"ping"}"#.to_owned(), json!(5)),
        (r#"{"id":5,"method":"ping"}"#.to_owned(), json!(5)),
        (
            format!(r#"{{"jsonrpc":"2.0","id":5,"method":"ping","params":{}}}"#, nested(200)),
            json!(5),
        ),
    ] {
        ready.error(line.as_bytes(), -32600, id).await;
    }
}

#[tokio::test]
async fn what_the_server_does_not_have_gets_the_error_that_the_protocol_has_for_it() {
    let mut ready = Ready::new().await;
    let line = |method: &str, params: Value| {
        let request = json!({ "jsonrpc": "2.0", "id": 4, "method": method, "params": params });
        request.to_string().into_bytes()
    };
    for (method, params, code) in [
        ("tools/call", json!({ "name": "no_such_tool", "arguments": {} }), -32602),
        ("tools/call", json!({ "name": "n".repeat(100_000), "arguments": {} }), -32602),
        ("tools/call", json!({ "arguments": {} }), -32602),
        ("tools/call", json!({ "name": 7 }), -32602),
        ("tools/call", json!({ "name": "save_state", "arguments": [] }), -32602),
        ("prompts/get", json!({ "name": "no_such_prompt" }), -32602),
        ("prompts/get", json!({}), -32602),
        ("completion/complete", json!({}), -32602),
        ("no/such/method", json!({}), -32601),
        ("", json!({}), -32601),
    ] {
        let error = ready.error(&line(method, params), code, json!(4)).await;
        assert!(error["message"].as_str().unwrap().len() < 500, "{error}");
    }
}

#[tokio::test]
async fn a_line_that_is_too_long_is_answered_while_the_rest_of_it_is_thrown_away() {
    let mut ready = Ready::new().await;
    let long = vec![b'x'; 40_000_000];
    let error = ready.error(&long, -32600, Value::Null).await;
    assert!(error["message"].as_str().unwrap().contains("40000001 bytes"), "{error}");
    let other =
        [br#"{"jsonrpc":"2.0","id":3,"method":"prompts/get","params":""#, &long[..], b"\"}"];
    ready.error(&other.concat(), -32600, json!(3)).await;
}

#[tokio::test]
async fn what_needs_no_answer_gets_none_and_does_no_harm() {
    let mut ready = Ready::new().await;
    for line in [
        "",
        "   ",
        "\r",
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":12345}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/of/a/host/of/its/own","params":{"x":1}}"#,
        r#"{"jsonrpc":"2.0","method":"window/log","params":1}"#,
        r#"{"jsonrpc":"2.0","id":777,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":778,"error":{"code":1,"message":"m"}}"#,
    ] {
        ready.server.send_line(line.as_bytes()).await;
        // The next answer is the one to the next request.
        ready.unharmed(line).await;
    }
}

#[tokio::test]
async fn bad_input_before_the_greeting_is_answered_and_the_greeting_still_works() {
    let project = Project::new();
    let mut server = Raw::start(project.path());
    for (line, code) in
        [(&b"nonsense"[..], -32700), (b"[]", -32600), (br#"{"jsonrpc":"2.0","id":1}"#, -32600)]
    {
        assert_eq!(server.tell(line).await["error"]["code"], code);
    }
    server.send_line(br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).await;
    assert_eq!(server.greet("2025-06-18").await["result"]["protocolVersion"], "2025-06-18");
    server.call("list_artifacts", json!({})).await.unwrap();
}

/// A greeting that comes after stateless calls, twice, or with nonsense in it.
#[tokio::test]
async fn a_greeting_that_cannot_be_is_answered() {
    let project = Project::new();
    for params in [json!({}), json!({ "protocolVersion": 7 }), json!([])] {
        let mut server = Raw::start(project.path());
        let answer = server.ask("initialize", params.clone()).await;
        assert!(answer["error"]["code"].is_i64(), "{params}: {answer}");
    }
    let mut server = Raw::greeted(project.path()).await;
    let again = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "x", "version": "1" } });
    server.ask("initialize", again).await;
    server.call("list_artifacts", json!({})).await.unwrap();
}

/// What models get wrong in a way that is clear is taken as it was meant (claude-code #20732).
#[tokio::test]
async fn an_object_that_comes_as_its_text_is_taken_as_the_object() {
    let project = Project::new();
    let mut server = Raw::greeted(project.path()).await;
    server.call("init_state", json!({ "name": "a", "workflow": "document" })).await.unwrap();
    let text = json!({ "name": "a", "patch": r#"{"data":{"x":1}}"#, "expected_version": "1", "note": null });
    assert_eq!(server.call("save_state", text).await.unwrap()["version"], 2);
    assert_eq!(project.state("a")["data"], json!({ "x": 1 }));
}
