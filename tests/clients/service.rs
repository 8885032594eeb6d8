//! The program as a service on this machine.

use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

use crate::common::{Project, command, soon};

/// A service for a project. Killed when dropped.
pub(super) struct Service {
    child: Child,
    errors: Lines<BufReader<ChildStderr>>,
    /// Where it listens, without a path.
    origin: String,
}

impl Service {
    /// Starts a service on a port that is free.
    pub(super) async fn start(project: &Project) -> Self {
        let mut command = command(project.path());
        command.args(["serve", "--http", "127.0.0.1:0"]);
        command.env("XDG_STATE_HOME", project.path().join(".state"));
        let mut command = Command::from(command);
        command.stdin(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap()).lines();
        let listening =
            soon("the line that says where", errors.next_line()).await.unwrap().unwrap();
        let url = listening.rsplit(' ').next().unwrap();
        let origin = url.strip_suffix("/mcp").unwrap_or_else(|| panic!("{listening}")).to_owned();
        Self { child, errors, origin }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// Asks the service to end, and returns how it did and what it had to complain about.
    pub(super) async fn end(mut self) -> (ExitStatus, Vec<String>) {
        let id = i32::try_from(self.child.id().unwrap()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), Signal::TERM).unwrap();
        let mut complaints = Vec::new();
        while let Some(line) = soon("the last lines", self.errors.next_line()).await.unwrap() {
            complaints.push(line);
        }
        (soon("the service's end", self.child.wait()).await.unwrap(), complaints)
    }
}
