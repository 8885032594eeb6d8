//! The program as a server over HTTP.

use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStderr, Command};

use super::{command, soon};

/// A server on a port of its own. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Listening {
    child: Child,
    url: String,
    /// Kept open, since whoever writes there must not be hurt.
    _errors: BufReader<ChildStderr>,
}

impl Listening {
    /// Starts a server and waits until it listens.
    pub(crate) async fn start(project: &Path, arguments: &[&str]) -> Self {
        let mut command = command(project);
        command.args(["serve", "--http", "127.0.0.1:0"]).args(arguments);
        let mut command = Command::from(command);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        soon("the server's address", errors.read_line(&mut line)).await.unwrap();
        let url = line.trim_end().rsplit(' ').next().unwrap().to_owned();
        assert!(url.starts_with("http://127.0.0.1:"), "{line}");
        Self { child, url, _errors: errors }
    }

    /// Returns where clients find it.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Returns the process's id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id().unwrap()
    }
}
