//! What an answer costs a model: bounded, however much there is, with a way to the rest.
//!
//! What is measured is printed: `cargo test --test main answers -- --nocapture`.

use serde_json::{Value, json};

use crate::common::{Project, Raw, Server};

/// Bytes of the list of tools.
const TOOLS_BYTES_MAX: usize = 10 << 10;
const CORE_BYTES_MAX: usize = 6 << 10;
/// The tools that any workflow needs come first.
const CORE_TOOLS: usize = 9;
/// Bytes of an answer that says no more than what is needed to go on.
const BRIEF_BYTES_MAX: usize = 2 << 10;
/// Bytes of any answer: 20,000 tokens of four bytes.
const ANSWER_BYTES_MAX: usize = 80_000;
/// Events that end the phases of an iteration.
const PHASES: [&str; 5] = ["specify", "plan", "execute", "reflect", "persist"];

/// A server whose answers are measured.
struct Measured {
    server: Server,
    project: Project,
}

impl Measured {
    async fn start() -> Self {
        let project = Project::new();
        Self { server: Server::start(project.path()).await, project }
    }

    /// Calls a tool, and fails if what the model reads of its answer is longer than that.
    async fn call(&self, bytes_max: usize, tool: &str, arguments: Value) -> Result<Value, Value> {
        let result = self.server.caller().result(tool, arguments).await?;
        assert_eq!(result.content.len(), 1, "{tool} answers with one text");
        let text = &result.content[0].as_text().unwrap().text;
        print(text.len(), bytes_max, tool);
        assert!(text.len() <= bytes_max, "{tool}: {} bytes: {}", text.len(), beginning(text));
        let told = serde_json::from_str(text).unwrap();
        if result.is_error == Some(true) { Err(told) } else { Ok(told) }
    }

    async fn brief(&self, tool: &str, arguments: Value) -> Value {
        self.call(BRIEF_BYTES_MAX, tool, arguments).await.unwrap()
    }

    async fn any(&self, tool: &str, arguments: Value) -> Value {
        self.call(ANSWER_BYTES_MAX, tool, arguments).await.unwrap()
    }

    /// Calls a tool that is refused, and returns the hint.
    async fn hint(&self, tool: &str, arguments: Value) -> String {
        let refusal = self.call(BRIEF_BYTES_MAX, tool, arguments).await.unwrap_err();
        refusal["hint"].as_str().unwrap().to_owned()
    }
}

/// Prints what was measured.
#[expect(clippy::print_stdout, reason = "the measurement is worth knowing, not only its bound")]
fn print(bytes: usize, bytes_max: usize, of: &str) {
    println!("{bytes:>6} bytes of {bytes_max}: {of}");
}

fn beginning(text: &str) -> String {
    text.chars().take(3000).collect()
}

/// As many constraints as there may be, with ids as long as they may be.
fn constraints() -> Vec<Value> {
    let severities = ["blocking", "high", "medium", "low"];
    let one = |number: usize| {
        json!({
            "id": format!("{number:0>64}"),
            "description": "A condition that is described at length. ".repeat(20),
            "severity": severities[number % 4],
        })
    };
    (0..200).map(one).collect()
}

/// What a phase produces: a lot.
fn result_of(phase: &str) -> Value {
    let details = "What was seen, in many words. ".repeat(30);
    match phase {
        "plan" => json!({ "steps": vec![json!({ "file": "a", "change": details }); 200] }),
        "reflect" => {
            let found =
                |one: &Value| json!({ "id": one["id"], "status": "violated", "details": details });
            json!({ "constraints": constraints().iter().map(found).collect::<Vec<_>>() })
        }
        _ => json!({ "summary": details }),
    }
}

/// Opens a loop that has as much of everything as it may have.
async fn open_large(measured: &Measured) {
    let goals = vec!["To be good, and better than that, and then better still. ".repeat(20); 100];
    let arguments = json!({ "name": "large", "goals": goals, "constraints": constraints() });
    measured.brief("init_state", arguments).await;
    let part = |number: usize| (format!("{number:0>60}"), json!("x".repeat(80)));
    let mut data: serde_json::Map<_, _> = (0..500).map(part).collect();
    data.insert("a".repeat(5000), json!(vec!["y".repeat(1000); 1000]));
    measured.brief("save_state", json!({ "name": "large", "patch": { "data": data } })).await;
}

#[tokio::test]
async fn a_brief_answer_is_within_2_kb_however_much_there_is() {
    let measured = Measured::start().await;
    open_large(&measured).await;
    let large = |more: Value| {
        let mut arguments = more;
        arguments["name"] = json!("large");
        arguments
    };
    for iteration in 1..=2 {
        for phase in PHASES.into_iter().skip(usize::from(iteration > 1)) {
            let complete =
                large(json!({ "event": "complete", "phase": phase, "result": result_of(phase) }));
            let mut would = complete.clone();
            would["dry_run"] = json!(true);
            measured.brief("transition", would).await;
            let led = measured.brief("transition", complete).await;
            assert_eq!(led["from"], phase);
            assert_eq!(led["decision"].is_null(), phase != "persist", "{led}");
            measured.brief("load_state", large(json!({}))).await;
        }
    }
    for number in 0..50 {
        let change = json!({ "patch": { "data": { "number": number } }, "note": "n".repeat(4096) });
        measured.brief("save_state", large(change)).await;
    }
    measured.brief("checkpoint", large(json!({ "label": "l".repeat(4096) }))).await;
    measured.brief("restore", large(json!({ "to": "2" }))).await;
    measured.brief("load_state", large(json!({ "at": "2" }))).await;
    measured.brief("init_state", large(json!({}))).await;

    measured.brief("init_state", json!({ "name": "notes", "workflow": "document" })).await;
    let summary = "s".repeat(4096);
    measured.brief("finalize", json!({ "name": "notes", "summary": summary })).await;
}

#[tokio::test]
async fn a_document_that_is_too_large_for_an_answer_is_read_in_parts() {
    let measured = Measured::start().await;
    measured.brief("init_state", json!({ "name": "a", "workflow": "document" })).await;
    let items: Vec<String> = (0..4000).map(|number| format!("{number:0>1000}")).collect();
    let patch = json!({ "data": { "items": items } });
    measured.brief("save_state", json!({ "name": "a", "patch": patch })).await;
    let size = std::fs::metadata(measured.project.of("a", "state.json")).unwrap().len();
    assert!(size > 4_000_000, "{size} bytes");

    let outline = measured.brief("load_state", json!({ "name": "a" })).await;
    assert_eq!(outline["document"]["data"]["items"], "list of 4000");
    for whole in [json!({ "detail": "full" }), json!({ "select": ["/data"] })] {
        let mut arguments = whole;
        arguments["name"] = json!("a");
        let hint = measured.hint("load_state", arguments).await;
        assert!(hint.contains("/data/notes/0"), "{hint}");
    }
    for page in 0..4000 / 50 {
        let numbers = page * 50..(page + 1) * 50;
        let select: Vec<String> = numbers.clone().map(|at| format!("/data/items/{at}")).collect();
        let parts = measured.any("load_state", json!({ "name": "a", "select": select })).await;
        for (number, pointer) in numbers.zip(&select) {
            assert_eq!(parts["selected"][pointer], items[number]);
        }
    }
}

/// Calls a tool page by page, and returns what all pages have in a field.
async fn all_pages(measured: &Measured, tool: &str, first: Value, page: [&str; 3]) -> Vec<Value> {
    let [field, next, argument] = page;
    let (mut arguments, mut all) = (first, Vec::new());
    loop {
        let answer = measured.any(tool, arguments.clone()).await;
        let items = answer[field].as_array().unwrap();
        all.extend(items.iter().cloned());
        match &answer[next] {
            Value::Null => return all,
            more => arguments[argument] = more.clone(),
        }
        assert!(!items.is_empty() || answer["warnings"].is_array(), "a page without an end");
    }
}

#[tokio::test]
async fn a_history_of_thousands_is_read_page_by_page_though_its_notes_are_long() {
    let measured = Measured::start().await;
    measured.brief("init_state", json!({ "name": "a", "workflow": "document" })).await;
    let save = async |lane: usize| {
        for number in 0..100 {
            let note = "\u{1F680}".repeat(if lane.is_multiple_of(4) { 4096 } else { 10 });
            let patch = json!({ "data": { lane.to_string().repeat(100): number } });
            let arguments = json!({ "name": "a", "patch": patch, "note": note });
            measured.server.call("save_state", arguments).await.unwrap();
        }
    };
    futures_util::future::join_all((0..20).map(save)).await;
    for limit in [json!(null), json!(100), json!(100_000)] {
        let first = json!({ "name": "a", "limit": limit });
        let pages = ["entries", "next_after", "after"];
        let entries = all_pages(&measured, "history", first, pages).await;
        let versions: Vec<u64> =
            entries.iter().map(|entry| entry["version"].as_u64().unwrap()).collect();
        assert_eq!(versions, (1..=2001).collect::<Vec<_>>(), "each version once, in order");
    }
}

#[tokio::test]
async fn hundreds_of_artifacts_are_listed_page_by_page_and_so_are_those_that_cannot_be_read() {
    let measured = Measured::start().await;
    for number in 0..300 {
        let name = format!("{number:0>60}");
        measured.brief("init_state", json!({ "name": name, "workflow": "document" })).await;
    }
    let damaged: Vec<String> = (0..300).map(|number| format!("damaged-{number:0>50}")).collect();
    for name in &damaged {
        let journal = measured.project.of(name, "journal");
        std::fs::create_dir_all(&journal).unwrap();
        std::fs::write(journal.join("000000000001.jsonl"), "nonsense\nnonsense\n").unwrap();
    }
    for limit in [json!(null), json!(100), json!(7), json!(100_000)] {
        let first = json!({ "limit": limit });
        let pages = |field| [field, "next_cursor", "cursor"];
        let listed =
            all_pages(&measured, "list_artifacts", first.clone(), pages("artifacts")).await;
        let names: Vec<&str> = listed.iter().map(|one| one["name"].as_str().unwrap()).collect();
        assert!(names.len() == 300 && names.is_sorted(), "{} names", names.len());
        let warnings = all_pages(&measured, "list_artifacts", first, pages("warnings")).await;
        let warned =
            |name: &String| warnings.iter().any(|one| one.as_str().unwrap().contains(name));
        assert!(warnings.len() == 300 && damaged.iter().all(warned), "{} warnings", warnings.len());
    }
}

#[tokio::test]
async fn a_difference_that_is_too_large_is_refused_with_another_way() {
    let measured = Measured::start().await;
    measured.brief("init_state", json!({ "name": "a", "workflow": "document" })).await;
    for text in ["x".repeat(60_000), "y".repeat(1_000_000)] {
        let patch = json!({ "data": { "text": text } });
        measured.brief("save_state", json!({ "name": "a", "patch": patch })).await;
    }
    let small = measured.any("history", json!({ "name": "a", "diff": [1, 2] })).await;
    assert_eq!(small["diff"][0]["path"], "/data/text");
    let hint = measured.hint("history", json!({ "name": "a", "diff": [1, 3] })).await;
    assert!(hint.contains("select"), "{hint}");
}

#[tokio::test]
async fn prompts_stay_bounded_and_whole_though_the_state_is_large() {
    let measured = Measured::start().await;
    open_large(&measured).await;
    for phase in PHASES {
        let answer =
            measured.any("load_state", json!({ "name": "large", "with_prompt": true })).await;
        let prompt = answer["prompt"].as_str().unwrap();
        for said in ["## End the phase", "transition {\"name\": \"large\"", "…"] {
            assert!(prompt.contains(said), "{phase} does not say {said}: {prompt}");
        }
        let select = json!(["/results/plan/steps/0", "/constraints/199"]);
        let both = json!({ "name": "large", "with_prompt": true, "select": select });
        measured.any("load_state", both).await;
        let too_much = json!({ "name": "large", "with_prompt": true, "detail": "full" });
        measured.hint("load_state", too_much).await;
        let complete = json!({ "name": "large", "event": "complete", "phase": phase,
                               "result": result_of(phase) });
        measured.brief("transition", complete).await;
    }
    let names = measured.server.client().list_all_prompts().await.unwrap();
    assert!(names.len() >= PHASES.len());
    let mut raw = Raw::greeted(measured.project.path()).await;
    for prompt in names {
        let params = json!({ "name": prompt.name, "arguments": { "name": "large" } });
        let answer = raw.ask("prompts/get", params).await;
        let text = answer["result"]["messages"][0]["content"]["text"].as_str().unwrap();
        print(text.len(), ANSWER_BYTES_MAX, &format!("prompt {}", prompt.name));
        assert!(text.len() <= ANSWER_BYTES_MAX, "{}", prompt.name);
    }
}

#[tokio::test]
async fn a_refusal_does_not_repeat_what_was_too_much() {
    let measured = Measured::start().await;
    let long = "\u{1}x".repeat(100_000);
    let many: Vec<Value> = (0..150).map(|number| json!({ long.clone(): number })).collect();
    measured.brief("init_state", json!({ "name": "loop", "constraints": [] })).await;
    for (tool, arguments) in [
        ("init_state", json!({ "name": long })),
        ("init_state", json!({ "name": "new", "workflow": long })),
        ("init_state", json!({ "name": "new", "artifact_type": long })),
        ("init_state", json!({ "name": "new", "content_type": long })),
        ("init_state", json!({ "name": "new", "constraints": many })),
        ("init_state", json!({ "name": "new", long.clone(): 1 })),
        ("load_state", json!({ "name": "loop", "at": long })),
        ("load_state", json!({ "name": "loop", "select": [long] })),
        ("load_state", json!({ "name": "loop", "detail": long })),
        ("save_state", json!({ "name": "loop", "patch": { long.clone(): 1 } })),
        ("save_state", json!({ "name": "loop", "patch": { "goals": vec![1; 100] } })),
        ("save_state", json!({ "name": "loop", "patch": { "constraints": many } })),
        ("transition", json!({ "name": "loop", "event": long })),
        ("transition", json!({ "name": "loop", "event": "complete", "phase": long })),
        ("restore", json!({ "name": "loop", "to": long })),
        ("finalize", json!({ "name": "loop", "status": long })),
        ("list_artifacts", json!({ "cursor": long })),
    ] {
        // A refusal may name twenty places of what was sent.
        let refusal = measured.call(ANSWER_BYTES_MAX / 4, tool, arguments).await.unwrap_err();
        let message = refusal["message"].as_str().unwrap().chars().count();
        assert!(message < 700, "{tool}: {message} characters");
    }
}

/// Fails unless a schema is made of what every host takes.
fn check_plain(schema: &Value, place: &str) {
    const REFUSED_BY_SOME_HOST: [&str; 11] = [
        "$defs",
        "$ref",
        "$schema",
        "additionalProperties",
        "allOf",
        "anyOf",
        "const",
        "default",
        "format",
        "not",
        "oneOf",
    ];
    let fields = schema.as_object().unwrap_or_else(|| panic!("{place} is {schema}"));
    for word in REFUSED_BY_SOME_HOST {
        assert!(!fields.contains_key(word), "{place} has {word}");
    }
    let kinds = ["array", "boolean", "integer", "number", "object", "string"];
    let kind = schema["type"].as_str().unwrap_or_default();
    assert!(kinds.contains(&kind), "{place} has the type {}", schema["type"]);
    assert_eq!(kind == "array", schema["items"].is_object(), "{place}: {schema}");
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        check_plain(property, &format!("{place}.{name}"));
    }
    if !schema["items"].is_null() {
        check_plain(&schema["items"], &format!("{place}[]"));
    }
}

#[tokio::test]
async fn the_tools_are_short_in_a_form_every_host_takes() {
    let project = Project::new();
    let mut server = Raw::greeted(project.path()).await;
    let answer = server.ask("tools/list", json!({})).await;
    let tools = answer["result"]["tools"].as_array().unwrap();
    assert!(tools.len() >= 9 && answer["result"]["nextCursor"].is_null(), "{}", tools.len());
    let (mut core, mut total) = (0, 0);
    for (index, tool) in tools.iter().enumerate() {
        let name = tool["name"].as_str().unwrap();
        let seen = ["name", "title", "description", "inputSchema"].map(|field| {
            assert!(!tool[field].is_null(), "{name} has no {field}");
            (field, &tool[field])
        });
        let seen: std::collections::BTreeMap<_, _> = seen.into_iter().collect();
        let bytes = json!(seen).to_string().len();
        print(bytes, TOOLS_BYTES_MAX, &format!("the definition of {name}"));
        total += bytes;
        core += if index < CORE_TOOLS { bytes } else { 0 };
        let schema = &tool["inputSchema"];
        check_plain(schema, name);
        assert_eq!(schema["type"], "object", "{name}");
        for required in schema["required"].as_array().into_iter().flatten() {
            let required = required.as_str().unwrap();
            assert!(schema["properties"][required].is_object(), "{name}: {required}");
        }
        let output = &tool["outputSchema"];
        assert!(output["type"] == "object" && !output.to_string().contains("$ref"), "{name}");
    }
    print(core, CORE_BYTES_MAX, "the core tools as a model sees them");
    print(total, TOOLS_BYTES_MAX, "tools/list as a model sees it");
    assert!(core <= CORE_BYTES_MAX && total <= TOOLS_BYTES_MAX, "{core} and {total} bytes");
}

#[test]
fn the_check_of_schemas_finds_what_a_host_would_refuse() {
    let property = |property: Value| json!({ "type": "object", "properties": { "p": property } });
    check_plain(&property(json!({ "type": "string" })), "good");
    for bad in [
        property(json!({})),
        property(json!(true)),
        property(json!({ "type": ["string", "null"] })),
        property(json!({ "type": "array" })),
        property(json!({ "type": "array", "items": { "$ref": "#/x" } })),
        json!({ "type": "object", "oneOf": [] }),
        json!({ "type": "object", "additionalProperties": false }),
    ] {
        let found = std::panic::catch_unwind(|| check_plain(&bad, "bad"));
        assert!(found.is_err(), "{bad}");
    }
}
