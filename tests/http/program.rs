//! The program as an HTTP server.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

use super::wire::Connection;
use crate::common::{command, soon};

/// A server on a port that was free. Killed when dropped.
pub(super) struct Program {
    child: Child,
    errors: Lines<BufReader<ChildStderr>>,
    pub(super) url: String,
}

impl Program {
    pub(super) async fn start(project: &Path, arguments: &[&str]) -> Self {
        let mut command = command(project);
        command.args(["serve", "--http", "127.0.0.1:0"]).args(arguments);
        let mut command = Command::from(command);
        command.stdin(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = soon("the address", errors.next_line()).await.unwrap().unwrap();
        let url = line.strip_prefix("listening on ").unwrap_or_else(|| panic!("{line}"));
        let url = url.to_owned();
        Self { child, errors, url }
    }

    pub(super) fn address(&self) -> SocketAddr {
        let (_, rest) = self.url.split_once("://").unwrap();
        rest.trim_end_matches("/mcp").parse().unwrap()
    }

    pub(super) async fn connect(&self) -> Connection {
        Connection::open(self.address()).await
    }

    pub(super) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id().unwrap()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    }

    /// Waits for its end, which has to be a good one without anything to complain about.
    pub(super) async fn ended(mut self) {
        let status = soon("the program's end", self.child.wait()).await.unwrap();
        let said = soon("its last words", self.errors.next_line()).await.unwrap();
        assert!(status.success() && said.is_none(), "{status}: {said:?}");
    }
}
