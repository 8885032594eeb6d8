//! Whatever comes in gets an answer that says what was wrong and what to do, nothing is written, and
//! the server lives.
//!
//! That a handler which panics is answered too is shown beside the code, in `src/mcp/server.rs`,
//! since no tool can be made to panic from outside.

mod lines;

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
        server.call("save_state", save(&json!({ "data": { "x": 1 } }))).await.unwrap();
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

fn save(patch: &Value) -> Value {
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
            ("reset_artifact", json!({ "name": name, "confirm": name })),
            ("delete_artifact", json!({ "name": name, "confirm": name })),
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
        (
            "transition",
            json!({ "name": "loop", "event": "complete", "phase": "specify", "cost": -1 }),
            "cost",
        ),
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
        .refused("save_state", save(&json!({ "constraints": [found] })), "schema_violation")
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
    ready.refused("save_state", save(&json!({ "constraints": many })), "too_large").await;
}

#[tokio::test]
async fn what_is_just_within_the_limits_is_saved_and_read_back_by_a_fresh_process() {
    let project = Project::new();
    let mut server = Raw::greeted(project.path()).await;
    server.call("init_state", json!({ "name": "a", "workflow": "document" })).await.unwrap();
    // The document and `data` are two of its 64 levels.
    let deep: Value = serde_json::from_str(&nested(62)).unwrap();
    server.call("save_state", save(&json!({ "data": { "deep": deep } }))).await.unwrap();
    let large = save(&json!({ "data": { "large": "x".repeat((4 << 20) - 4096) } }));
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
