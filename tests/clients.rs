//! Software that is not ours: the official SDKs, the MCP Inspector, and an agent host speak with the
//! program. `scripts/install-test-clients` installs them; where one is missing its tests fail.

mod agent;
mod attestation;
mod inspector;
mod model;
mod sdk;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use crate::common::Finished;

/// What a client may take that has to be read from the disk first, on a machine that has other work.
const PATIENCE: Duration = Duration::from_secs(300);

/// A tool, and what it is called with.
type Call = (&'static str, Value);

const REPORT: &str = "# Trams\n\nOne in four is late.\n";

/// The calls of a loop that converges in its first iteration, and is closed.
fn loop_in_one_iteration() -> Vec<Call> {
    let complete = |phase: &str, result: Value| {
        let event =
            json!({ "name": "trams", "event": "complete", "phase": phase, "result": result });
        ("transition", event)
    };
    let brief = json!({
        "id": "brief", "description": "it is brief", "severity": "blocking",
        "validation": { "method": "word_count", "params": { "path": "report.md", "max": 9 } },
    });
    let variant = json!({ "name": "report", "file": "report.md" });
    let manifest = json!({ "artifact_type": "content", "variants": [variant] });
    let executed = json!({
        "actions": ["wrote it"], "files_modified": ["report.md"], "manifest": manifest,
    });
    let found = json!([{ "id": "brief", "status": "satisfied" }]);
    vec![
        (
            "init_state",
            json!({ "name": "trams", "artifact_type": "content", "goals": ["Be brief"] }),
        ),
        complete("specify", json!({ "constraints": [brief] })),
        complete("plan", json!({ "steps": [] })),
        ("write_output", json!({ "name": "trams", "path": "report.md", "content": REPORT })),
        complete("execute", executed),
        ("verify", json!({ "name": "trams" })),
        complete("reflect", json!({ "constraints": found, "summary": "it reads well" })),
        complete("persist", json!({ "actions": [], "files_modified": [] })),
        ("finalize", json!({ "name": "trams" })),
    ]
}

/// Returns the path of something that was installed.
fn installed(path: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let path = target.join("clients").join(path);
    assert!(path.exists(), "{} is missing: run scripts/install-test-clients", path.display());
    path
}

/// Returns the path of something that lies beside these tests.
fn beside(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(path)
}

/// Runs a client to its end. What it leaves on the machine, it leaves in `home`.
async fn run(mut client: std::process::Command, home: &Path) -> Finished {
    let what = format!("the end of {client:?}");
    client.env("HOME", home).env("PYTHONDONTWRITEBYTECODE", "1");
    client.env("NODE_COMPILE_CACHE", installed("node").join("compiled"));
    client.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let client = tokio::process::Command::from(client).kill_on_drop(true).spawn().unwrap();
    let ended = tokio::time::timeout(PATIENCE, client.wait_with_output()).await;
    let output = ended.unwrap_or_else(|_| panic!("{what} did not happen")).unwrap();
    Finished {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
