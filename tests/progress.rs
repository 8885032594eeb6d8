//! Calls that take long: who asks hears how far they have come, and who cancels them finds nothing
//! half done.

mod cancelled;
pub(crate) mod http;
mod terminal;

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::common::{Project, Raw, refiner, soon};

/// A project with an artifact whose constraints are measured by commands, one after the other: the
/// first waits in the middle until it is let go on, the second leaves a file.
struct Slow {
    project: Project,
}

const FIRST: [&str; 3] = ["sh", "-c", "echo > begun; read line < go"];
const SECOND: [&str; 2] = ["touch", "second"];

impl Slow {
    fn new() -> Self {
        let project = Project::new();
        let folder = project.path().join(".config/refiner");
        std::fs::create_dir_all(&folder).unwrap();
        let place = project.path().canonicalize().unwrap();
        let here = json!({ "commands": [FIRST, SECOND] });
        let allowed = json!({ "projects": { place.to_str().unwrap(): here } }).to_string();
        std::fs::write(folder.join("config.json"), allowed).unwrap();
        let slow = Self { project };
        for pipe in ["begun", "go"] {
            let made = std::process::Command::new("mkfifo").arg(slow.path(pipe)).status().unwrap();
            assert!(made.success());
        }
        let [first, second] = [&FIRST[..], &SECOND[..]].map(|command| {
            let validation = json!({ "method": "command", "params": { "command": command } });
            let id = if command.len() == 3 { "first" } else { "second" };
            json!({ "id": id, "description": id, "severity": "blocking", "validation": validation })
                .to_string()
        });
        let init = ["init", "a", "--goal", "g", "--constraint", &first, "--constraint", &second];
        assert_eq!(refiner(slow.project.path(), init).code, Some(0));
        slow
    }

    fn path(&self, name: &str) -> PathBuf {
        self.project.path().join(name)
    }

    /// Waits until the first measurement is in the middle.
    async fn begun(&self) {
        let begun = self.path("begun");
        let read = tokio::task::spawn_blocking(move || std::fs::read(begun).unwrap());
        soon("the first measurement", read).await.unwrap();
    }

    /// Lets the first measurement go on.
    async fn go(&self) {
        let go = self.path("go");
        let written = tokio::task::spawn_blocking(move || std::fs::write(go, "on\n").unwrap());
        soon("the first measurement's end", written).await.unwrap();
    }

    /// Returns whether the second measurement was begun.
    fn second_began(&self) -> bool {
        self.path("second").exists()
    }
}

/// A project with an artifact that has a file and three constraints about it.
fn measured() -> Project {
    let project = Project::new();
    let constraints = ["one", "two", "three"].map(|id| {
        let validation = json!({ "method": "not_empty", "params": { "path": "a.txt" } });
        json!({ "id": id, "description": id, "severity": "blocking", "validation": validation })
            .to_string()
    });
    let mut init = vec!["init", "a", "--goal", "g"];
    init.extend(constraints.iter().flat_map(|one| ["--constraint", one]));
    assert_eq!(refiner(project.path(), init).code, Some(0));
    std::fs::create_dir_all(project.of("a", "dist")).unwrap();
    std::fs::write(project.of("a", "dist/a.txt"), "text").unwrap();
    project
}

/// Calls `verify` with this `_meta`, and returns what was told before the answer, and the answer.
async fn verify(server: &mut Raw, meta: Value) -> (Vec<Value>, Value) {
    let params = json!({ "name": "verify", "arguments": { "name": "a" }, "_meta": meta });
    let call = json!({ "jsonrpc": "2.0", "id": 77, "method": "tools/call", "params": params });
    server.send(&call).await;
    let mut told = Vec::new();
    loop {
        let message = server.next().await;
        if message["id"] == 77 { return (told, message) } else { told.push(message) }
    }
}

/// The `_meta` of a request of each era that asks for progress by this token.
fn asking(token: &Value) -> [Value; 2] {
    let stateless = json!({
        "progressToken": token,
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "stateless", "version": "7" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    [json!({ "progressToken": token }), stateless]
}

#[tokio::test]
async fn who_asks_hears_how_far_a_measurement_has_come_and_nothing_after_the_answer() {
    let project = measured();
    for token in [json!("a token"), json!(7)] {
        for (era, meta) in asking(&token).into_iter().enumerate() {
            let mut server = Raw::start(project.path());
            if era == 0 {
                server.greet("2025-11-25").await;
            }
            let (told, answer) = verify(&mut server, meta).await;
            assert_eq!(answer["result"]["isError"], false, "{answer}");
            let mut before = 0.0;
            for one in &told {
                let said = &one["params"];
                assert_eq!(one["method"], "notifications/progress", "{one}");
                assert_eq!(said["progressToken"], token, "{one}");
                let done = said["progress"].as_f64().unwrap();
                assert!(done > before, "{one} after {before}");
                before = done;
            }
            let last = &told.last().expect("something was told")["params"];
            // Three constraints, and the one file that is the result.
            assert_eq!((&last["progress"], &last["total"]), (&json!(4.0), &json!(4.0)), "{last}");
            assert_eq!(last["message"], "measured three");
            let (status, after) = server.end().await;
            assert!(status.success() && after.is_empty(), "{after:?}");
        }
    }
}

#[tokio::test]
async fn who_does_not_ask_hears_nothing_and_a_call_without_steps_tells_none() {
    let project = measured();
    let mut server = Raw::greeted(project.path()).await;
    let (told, answer) = verify(&mut server, json!({})).await;
    assert!(told.is_empty() && answer["result"]["isError"] == false, "{told:?} {answer}");
    let meta = json!({ "progressToken": 1 });
    let params = json!({ "name": "load_state", "arguments": { "name": "a" }, "_meta": meta });
    let loaded = server.ask("tools/call", params).await;
    assert_eq!(loaded["result"]["isError"], false, "{loaded}");
    assert!(server.end().await.1.is_empty());
}
