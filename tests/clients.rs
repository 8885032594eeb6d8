//! Software that is not ours: the official SDKs, the MCP Inspector, and an agent host speak with the
//! program. `scripts/install-test-clients` installs them; where one is missing its tests fail.

mod agent;
mod inspector;
mod model;
mod sdk;
mod service;

use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::common::{Finished, soon};

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
    let output = soon(&what, client.wait_with_output()).await.unwrap();
    Finished {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
