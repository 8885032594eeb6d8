//! The program as a command.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Variables that would change what the program does.
const VARIABLES: [&str; 16] = [
    "CI",
    "CLAUDE_PROJECT_DIR",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "COLUMNS",
    "NO_COLOR",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_SDK_DISABLED",
    "OTEL_SERVICE_NAME",
    "OTEL_TRACES_EXPORTER",
    "REFINER_DIR",
    "REFINER_TRUST_OWNER",
    "RUST_LOG",
    "TERM",
    "WORKSPACE_FOLDER_PATHS",
];

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Finished {
    /// Returns what was printed as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Returns the program as a command in a known environment, on whatever folder it finds.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_refiner"));
    for name in VARIABLES {
        command.env_remove(name);
    }
    // The user's own folder knows nothing of the projects of tests.
    let state = format!("{}/state-{}", env!("CARGO_TARGET_TMPDIR"), std::process::id());
    command.env("XDG_STATE_HOME", state);
    command
}

/// Copies the program. `cp` does so, because a process that another test starts while this one
/// writes inherits the open file, and the copy does not run until that process ends.
pub(crate) fn copy_program(to: &Path) {
    let copied = finish(Command::new("cp").arg(env!("CARGO_BIN_EXE_refiner")).arg(to), "");
    assert_eq!(copied.code, Some(0), "{copied:?}");
}

/// Returns the program as a command on a project's folder.
pub(crate) fn command(project: &Path) -> Command {
    let mut command = program();
    // The hooks of whoever runs the tests are none of theirs.
    command.env("XDG_CONFIG_HOME", project.join(".config")).env("NO_PROXY", "127.0.0.1");
    command.arg("--dir").arg(project);
    command
}

/// Runs a subcommand to its end.
pub(crate) fn refiner(
    project: &Path,
    arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> Finished {
    refiner_with_input(project, arguments, "")
}

/// Runs a subcommand that reads its standard input.
pub(crate) fn refiner_with_input(
    project: &Path,
    arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
    input: &str,
) -> Finished {
    let mut command = command(project);
    command.args(arguments);
    finish(&mut command, input)
}

/// Runs a command to its end.
pub(crate) fn finish(command: &mut Command, input: &str) -> Finished {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // It may end without reading.
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    Finished {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
