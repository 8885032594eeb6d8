//! The MCP Inspector's command line lists everything that the server has, and calls and reads each.
//!
//! What there is the server says itself: a tool, a prompt or a resource that is new is called too, or
//! the test fails since nobody said how.

use std::collections::BTreeSet;
use std::process::Command;

use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};

use super::{Call, installed, loop_in_one_iteration, run};
use crate::common::{Finished, Listening, Project, program};

/// Inspectors that run at once.
const AT_ONCE: usize = 2;

/// What each tool is called with, in this order: notes that are kept, and a loop to its end.
fn calls() -> Vec<Call> {
    let mut calls = vec![
        ("init_state", json!({ "name": "notes", "workflow": "document", "goals": ["remember"] })),
        ("save_state", json!({ "name": "notes", "patch": { "data": { "one": 1 } } })),
        ("checkpoint", json!({ "name": "notes", "label": "one" })),
        ("save_state", json!({ "name": "notes", "patch": { "data": { "one": null } } })),
        ("restore", json!({ "name": "notes", "to": "2" })),
        ("load_state", json!({ "name": "notes", "select": ["/data/one"] })),
        ("history", json!({ "name": "notes", "limit": 2 })),
        ("list_artifacts", json!({ "prefix": "n" })),
    ];
    calls.extend(loop_in_one_iteration());
    calls.push(("read_output", json!({ "name": "trams", "path": "report.md", "limit": 4 })));
    calls.extend(NEEDS_A_PERSON.map(|tool| (tool, json!({ "name": "notes", "confirm": "notes" }))));
    calls
}

/// What only a person may do, and the Inspector's command line has no way to ask one.
const NEEDS_A_PERSON: [&str; 2] = ["delete_artifact", "reset_artifact"];

/// What stands for a variable of a template, or for an argument of a prompt.
fn example(of: &str, variable: &str) -> &'static str {
    match variable {
        "name" if of.starts_with("refiner://workflows/") => "pmpo",
        "name" => "trams",
        "artifact_type" => "content",
        "path" => "report.md",
        "file" if of.starts_with("refiner://templates/") => "content-report.html",
        "file" => "plan.schema.json",
        other => panic!("nobody told the tests what {of} takes for {other}"),
    }
}

/// What each Inspector is told of where the server is, and where it leaves what it keeps.
struct Inspector {
    target: Vec<String>,
    era: &'static str,
    home: tempfile::TempDir,
}

impl Inspector {
    /// Inspects a server over HTTP.
    fn of(server: &Listening, era: &'static str) -> Self {
        Self { target: vec![server.url().to_owned()], era, home: tempfile::tempdir().unwrap() }
    }

    /// Inspects a project, each time with a server of its own.
    fn on_stdio(project: &Project, era: &'static str) -> Self {
        let program = program().get_program().to_str().unwrap().to_owned();
        let folder = project.path().to_str().unwrap().to_owned();
        let target = vec![program, "--dir".to_owned(), folder, "serve".to_owned()];
        Self { target, era, home: tempfile::tempdir().unwrap() }
    }

    async fn run(&self, arguments: &[&str]) -> Finished {
        let mut inspector = Command::new(installed("node/node"));
        let package = "node/node_modules/@modelcontextprotocol/inspector";
        inspector.arg(installed(package).join("clients/launcher/build/index.js")).arg("--cli");
        inspector.args(&self.target);
        inspector.args(["--protocol-era", self.era, "--format", "json"]).args(arguments);
        run(inspector, self.home.path()).await
    }

    /// Asks for something that has to be done.
    async fn ask(&self, arguments: &[&str]) -> Value {
        let finished = self.run(arguments).await;
        assert_eq!(finished.code, Some(0), "{arguments:?}: {finished:?}");
        finished.json()["result"].clone()
    }

    /// Returns what there is of a kind.
    async fn list(&self, method: &str, kind: &str) -> Vec<Value> {
        let result = self.ask(&["--method", method]).await;
        assert!(result.get("nextCursor").is_none(), "{method} has more pages than one");
        result[kind].as_array().unwrap().clone()
    }

    /// Lists the tools and has their schemas judged, then calls each.
    async fn calls_every_tool(&self) {
        let judged = self.run(&["--method", "tools/list", "--strict"]).await;
        assert_eq!((judged.code, judged.stderr.as_str()), (Some(0), ""), "{judged:?}");
        let listed = judged.json()["result"]["tools"].as_array().unwrap().clone();
        let listed: BTreeSet<&str> =
            listed.iter().map(|one| one["name"].as_str().unwrap()).collect();
        let calls = calls();
        let called = calls.iter().map(|(tool, _)| *tool);
        // What only a person decides: this client asks nobody.
        let called: BTreeSet<&str> = called.chain(["delete_artifact", "reset_artifact"]).collect();
        assert_eq!(listed, called, "a tool has no call in the table, or a call has no tool");
        for (tool, arguments) in &calls {
            let arguments = arguments.to_string();
            let call =
                ["--method", "tools/call", "--tool-name", tool, "--tool-args-json", &arguments];
            let finished = self.run(&call).await;
            if !NEEDS_A_PERSON.contains(tool) {
                is_answer(tool, &finished);
            } else {
                is_left_to_a_person(tool, &finished);
            }
        }
    }

    async fn gets_every_prompt(&self) {
        let prompts = self.list("prompts/list", "prompts").await;
        assert!(prompts.len() > 5, "{prompts:?}");
        let gets = prompts.iter().map(async |prompt| {
            let name = prompt["name"].as_str().unwrap();
            let mut get = vec!["--method", "prompts/get", "--prompt-name", name, "--prompt-args"];
            let given: Vec<String> =
                arguments(prompt).map(|one| format!("{one}={}", example(name, one))).collect();
            get.extend(given.iter().map(String::as_str));
            let result = self.ask(&get).await;
            let text = result["messages"][0]["content"]["text"].as_str().unwrap();
            assert!(text.contains("trams"), "{name}: {text}");
        });
        stream::iter(gets).buffered(AT_ONCE).collect::<()>().await;
    }

    async fn reads_every_resource(&self) {
        let resources = self.list("resources/list", "resources").await;
        assert!(resources.len() > 20, "{resources:?}");
        let templates = self.list("resources/templates/list", "resourceTemplates").await;
        let listed = resources.iter().map(|one| one["uri"].as_str().unwrap().to_owned());
        let made = templates.iter().map(|one| expanded(one["uriTemplate"].as_str().unwrap()));
        let uris: BTreeSet<String> = listed.chain(made).collect();
        let reads = uris.iter().map(async |uri| {
            let result = self.ask(&["--method", "resources/read", "--uri", uri]).await;
            let content = &result["contents"][0];
            assert_eq!(content["uri"], *uri);
            assert!(
                content["mimeType"].is_string() && content["text"].is_string(),
                "{uri}: {content}"
            );
        });
        stream::iter(reads).buffered(AT_ONCE).collect::<()>().await;
    }

    async fn inspects_everything(&self) {
        self.calls_every_tool().await;
        self.gets_every_prompt().await;
        self.reads_every_resource().await;
    }
}

/// Asserts that a call was answered, for programs too.
fn is_answer(tool: &str, finished: &Finished) {
    assert_eq!(finished.code, Some(0), "{tool}: {finished:?}");
    let result = &finished.json()["result"];
    assert!(result["structuredContent"].is_object(), "{tool}: {result}");
}

/// Asserts that a call was refused with what a person has to do.
fn is_left_to_a_person(tool: &str, finished: &Finished) {
    const TOOL_IS_ERROR: Option<i32> = Some(5);
    assert_eq!(finished.code, TOOL_IS_ERROR, "{tool}: {finished:?}");
    let text = finished.json()["result"]["content"][0]["text"].to_string();
    assert!(text.contains("approval_required") && text.contains("ask your user"), "{tool}: {text}");
}

/// Inspects everything of a server over HTTP, which ends well afterwards.
async fn inspects_over_http(era: &'static str) {
    let project = Project::new();
    let server = Listening::start(project.path(), &[]).await;
    Inspector::of(&server, era).inspects_everything().await;
    assert!(server.end().await.success(), "{era}");
}

/// Returns the names of what a prompt takes.
fn arguments(prompt: &Value) -> impl Iterator<Item = &str> {
    let arguments = prompt["arguments"].as_array().into_iter().flatten();
    arguments.map(|one| one["name"].as_str().unwrap())
}

/// Returns the URI that a template stands for, with an example for each variable (RFC 6570).
fn expanded(template: &str) -> String {
    let (mut uri, mut rest) = (String::new(), template);
    while let Some((before, from)) = rest.split_once('{') {
        let (variable, after) = from.split_once('}').unwrap();
        uri = uri + before + example(template, variable.trim_start_matches('+'));
        rest = after;
    }
    uri + rest
}

#[tokio::test]
async fn the_inspector_calls_and_reads_everything_over_stdio() {
    let project = Project::new();
    Inspector::on_stdio(&project, "legacy").inspects_everything().await;
}

#[tokio::test]
async fn the_inspector_calls_and_reads_everything_over_http_in_sessions() {
    inspects_over_http("legacy").await;
}

#[tokio::test]
async fn the_inspector_calls_and_reads_everything_over_http_without_sessions() {
    inspects_over_http("modern").await;
}
