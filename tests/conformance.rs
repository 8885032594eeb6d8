//! The official conformance suite of the Model Context Protocol, in every revision that it knows.
//!
//! Against the program every scenario passes that applies to a server of any kind. The others ask for
//! tools, prompts and resources of the suite's own; they pass against the example
//! `conformance_fixture`, which has them on the very same transports, middleware, panic guard and way
//! of asking a person. What remains is listed with its reason in `conformance/expected.json`, and a
//! run fails if the list and the results differ in either direction.
//!
//! `scripts/install-test-clients` installs the suite.

#[path = "../examples/conformance_fixture/fixture/mod.rs"]
mod fixture;
mod suite;

use std::collections::BTreeSet;
use std::path::Path;

use refiner::http::{self, Options};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use self::fixture::{Changes, Fixture};
use self::suite::Suite;
use crate::common::{Listening, Project, soon};

/// Checks that do not pass, and why.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Remaining {
    /// The program or the fixture.
    server: String,
    revisions: Vec<String>,
    scenario: String,
    checks: Vec<String>,
    /// Why that is as it should be.
    reason: String,
}

/// Returns what is listed for a server, one line for each check.
fn listed(server: &str) -> BTreeSet<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/expected.json");
    let remaining = std::fs::read(file).unwrap();
    let remaining: Vec<Remaining> = serde_json::from_slice(&remaining).unwrap();
    let mut lines = BTreeSet::new();
    for entry in remaining.iter().filter(|entry| entry.server == server) {
        assert!(!entry.reason.is_empty() && !entry.checks.is_empty(), "{entry:?}");
        for (revision, check) in entry
            .revisions
            .iter()
            .flat_map(|revision| entry.checks.iter().map(move |check| (revision, check)))
        {
            let is_new = lines.insert(format!("{revision} {}: {check}", entry.scenario));
            assert!(is_new, "listed twice: {entry:?}");
        }
    }
    lines
}

/// Runs the suite in all revisions, and fails unless exactly what is listed does not pass.
async fn check(server: &str, url: &str) {
    let mut found = BTreeSet::new();
    let suite = Suite::installed();
    let revisions = suite.scenarios().await;
    for revision in ["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28", suite::EXTENSION] {
        assert!(revisions.contains_key(revision), "the suite knows {revision}: {revisions:?}");
    }
    for (revision, scenarios) in &revisions {
        for shortfall in suite.run(url, revision, scenarios).await {
            found.insert(format!("{revision} {shortfall}"));
        }
    }
    let listed = listed(server);
    let lines = |lines: Vec<&String>| lines.iter().map(|line| format!("\n  {line}")).collect();
    let unlisted: String = lines(found.difference(&listed).collect());
    let passed: String = lines(listed.difference(&found).collect());
    assert!(
        unlisted.is_empty() && passed.is_empty(),
        "{server}: not listed in expected.json, but does not pass:{unlisted}\n\
         listed there, but passes:{passed}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_passes_whatever_applies_to_a_server_of_any_kind() {
    let project = Project::new();
    let server = Listening::start(project.path(), &[]).await;
    check("program", server.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_the_suites_own_tools_on_the_same_parts_passes_the_rest() {
    let fixture = Served::start();
    check("fixture", &fixture.url).await;
    fixture.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_panics_is_answered_over_http_and_the_server_lives() {
    let fixture = Served::start();
    let panicked = tokio::task::block_in_place(|| call(&fixture.url, "test_panic"));
    assert_eq!((&panicked["id"], &panicked["error"]["code"]), (&json!(1), &json!(-32603)));
    assert!(!panicked.to_string().contains("planted"), "{panicked}");
    let answered = tokio::task::block_in_place(|| call(&fixture.url, "test_simple_text"));
    assert_eq!(answered["result"]["content"][0]["type"], "text", "{answered}");
    fixture.end().await;
}

/// The fixture, in this process.
struct Served {
    url: String,
    serving: JoinHandle<std::io::Result<()>>,
    stop: oneshot::Sender<()>,
}

impl Served {
    fn start() -> Self {
        let bound = http::bind(Options::new(([127, 0, 0, 1], 0).into())).unwrap();
        let (url, changes) = (bound.url(), Changes::default());
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            bound.serve(move || Fixture::new(changes.clone()), stopped).await
        });
        Self { url, serving, stop }
    }

    async fn end(self) {
        self.stop.send(()).unwrap();
        soon("the fixture's end", self.serving).await.unwrap().unwrap();
    }
}

/// Calls a tool by a request that stands by itself.
fn call(url: &str, tool: &str) -> Value {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let params = json!({ "name": tool, "arguments": {}, "_meta": meta });
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
    let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
    let request = agent.post(url).header("Content-Type", "application/json");
    let request = request.header("Accept", "application/json, text/event-stream");
    let request = request.header("MCP-Protocol-Version", "2026-07-28");
    let request = request.header("Mcp-Method", "tools/call").header("Mcp-Name", tool);
    let answer = request.send(message.to_string()).unwrap().body_mut().read_to_string().unwrap();
    serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer}"))
}
