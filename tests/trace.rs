//! What the program says about the calls that it carried out: a line each in the log, and a span each
//! for a collector.

#[cfg(feature = "otel")]
mod collector;

use std::process::Stdio;

use serde_json::json;
use tokio::io::AsyncReadExt as _;

use crate::common::{Project, Raw, command, finish};

/// Returns the lines of a log that tell of calls.
fn calls(log: &str) -> Vec<&str> {
    log.lines().filter(|line| line.contains("call{")).collect()
}

/// Fails unless a line says all of this.
fn says(line: &str, words: &[&str]) {
    for word in words {
        assert!(line.contains(word), "no {word} in {line}");
    }
}

#[tokio::test]
async fn each_call_is_one_line_of_the_log_with_where_its_time_went() {
    let project = Project::new();
    let mut serve = command(project.path());
    serve.arg("serve").env("RUST_LOG", "refiner=info").stderr(Stdio::piped());
    let mut server = Raw::start_command(serve);
    let mut errors = server.take_errors();
    server.greet("2025-11-25").await;
    server.call("init_state", json!({ "name": "a", "workflow": "document" })).await.unwrap();
    let save = json!({ "name": "a", "patch": { "data": { "x": 1 } } });
    server.call("save_state", save).await.unwrap();
    server.call("load_state", json!({ "name": "a" })).await.unwrap();
    server.call("load_state", json!({ "name": "nobody" })).await.unwrap_err();
    // Every line of standard output was read as a message.
    assert!(server.end().await.0.success());
    let mut log = String::new();
    errors.read_to_string(&mut log).await.unwrap();
    let lines = calls(&log);
    assert_eq!(lines.len(), 4, "{log}");
    let spent = ["queue_us=", "lock_us=", "flush_us=", "projection_us=", "stored_together=1"];
    let stored = ["method=\"tools/call\"", "artifact=\"a\"", "outcome=\"answered\""];
    for (line, tool, version) in [(lines[0], "init_state", 1), (lines[1], "save_state", 2)] {
        says(line, &[&format!("tool=\"{tool}\""), &format!("version={version} ")]);
        says(line, &spent);
        says(line, &stored);
    }
    says(lines[2], &["tool=\"load_state\"", "artifact=\"a\"", "version=2 ", "\"answered\""]);
    assert!(!lines[2].contains("flush_us"), "nothing was waited for: {}", lines[2]);
    says(lines[3], &["tool=\"load_state\"", "outcome=\"refused\"", "code=\"not_found\""]);
}

#[test]
fn a_subcommand_is_a_call_too_and_by_default_nobody_is_told() {
    let project = Project::new();
    let init = |log: Option<&str>, name: &str| {
        let mut command = command(project.path());
        command.args(["init", name, "--workflow", "document", "--json"]);
        command.envs(log.map(|log| ("RUST_LOG", log)));
        finish(&mut command, "")
    };
    let told = init(Some("refiner=info"), "a");
    assert_eq!(calls(&told.stderr).len(), 1, "{told:?}");
    says(&told.stderr, &["method=\"refiner\"", "tool=\"init\"", "artifact=\"a\"", "version=1 "]);
    assert_eq!(told.json()["version"], 1, "standard output is for data");
    assert_eq!(init(None, "b").stderr, "");
    assert_eq!(init(Some("warn"), "c").stderr, "");
}
