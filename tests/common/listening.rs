//! The program as a server over HTTP.

use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::{command, soon};

/// A server on a port of its own. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Listening {
    child: Child,
    url: String,
}

impl Listening {
    /// Starts a server and waits until it listens.
    pub(crate) async fn start(project: &Path, arguments: &[&str]) -> Self {
        let mut command = command(project);
        command.args(["serve", "--http", "127.0.0.1:0"]).args(arguments);
        command.env("XDG_STATE_HOME", project.join(".state"));
        let mut command = Command::from(command);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        soon("the server's address", errors.read_line(&mut line)).await.unwrap();
        let url = line.trim_end().rsplit(' ').next().unwrap().to_owned();
        assert!(url.starts_with("http://127.0.0.1:"), "{line}");
        // Who complains must not have to wait for somebody who listens.
        tokio::spawn(async move { tokio::io::copy(&mut errors, &mut tokio::io::sink()).await });
        Self { child, url }
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
