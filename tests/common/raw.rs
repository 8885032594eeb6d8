//! A client that writes and reads lines, for what no well-behaved client sends.

use std::path::Path;
use std::process::{ExitStatus, Stdio};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStderr, Command};

use super::{command, soon};

/// A server, and the two ends of the lines to it. Killed when dropped.
pub(crate) struct Raw {
    child: Child,
    pub(crate) input: Option<Box<dyn AsyncWrite + Send + Unpin>>,
    output: BufReader<Box<dyn AsyncRead + Send + Unpin>>,
    asked: u64,
}

impl Raw {
    /// Starts a server on pipes.
    pub(crate) fn start(project: &Path) -> Self {
        let mut command = command(project);
        command.arg("serve");
        Self::start_command(command)
    }

    /// Starts a server by a command of its own, on pipes.
    pub(crate) fn start_command(command: std::process::Command) -> Self {
        let mut command = Command::from(command);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self::on(child, Box::new(input), Box::new(output))
    }

    /// Speaks with a server by other streams than pipes.
    pub(crate) fn on(
        child: Child,
        input: Box<dyn AsyncWrite + Send + Unpin>,
        output: Box<dyn AsyncRead + Send + Unpin>,
    ) -> Self {
        Self { child, input: Some(input), output: BufReader::new(output), asked: 0 }
    }

    /// Starts a server on pipes and greets it.
    pub(crate) async fn greeted(project: &Path) -> Self {
        let mut raw = Self::start(project);
        raw.greet("2025-11-25").await;
        raw
    }

    /// Greets the server with a revision of the protocol, and returns its answer.
    pub(crate) async fn greet(&mut self, revision: &str) -> Value {
        let client = json!({ "name": "raw", "version": "1" });
        let params =
            json!({ "protocolVersion": revision, "capabilities": {}, "clientInfo": client });
        let answer = self.ask("initialize", params).await;
        self.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
        answer
    }

    /// Sends a message.
    pub(crate) async fn send(&mut self, message: &Value) {
        self.send_line(message.to_string().as_bytes()).await;
    }

    /// Sends a line, whatever it is.
    pub(crate) async fn send_line(&mut self, line: &[u8]) {
        let input = self.input.as_mut().unwrap();
        let sent = async {
            input.write_all(line).await?;
            input.write_all(b"\n").await?;
            input.flush().await
        };
        soon("sending", sent).await.unwrap();
    }

    /// Returns the next message.
    pub(crate) async fn next(&mut self) -> Value {
        soon("an answer", self.next_unless_ended()).await.expect("the server has not ended")
    }

    /// Returns the next message, or `None` when there will be no more. That the list of resources
    /// changed is passed over: it may come at any time.
    pub(crate) async fn next_unless_ended(&mut self) -> Option<Value> {
        loop {
            let message = self.next_of_all().await?;
            if message["method"] != "notifications/resources/list_changed" {
                return Some(message);
            }
        }
    }

    /// Returns the next message whatever it is, or `None` when there will be no more.
    pub(crate) async fn next_of_all(&mut self) -> Option<Value> {
        let mut line = Vec::new();
        self.output.read_until(b'\n', &mut line).await.unwrap();
        if line.is_empty() {
            return None;
        }
        let text = String::from_utf8_lossy(&line);
        assert!(text.ends_with('\n'), "no whole line: {text}");
        let message: Value =
            serde_json::from_slice(&line).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(message["jsonrpc"], "2.0", "{text}");
        Some(message)
    }

    /// Sends a line and returns what comes next.
    pub(crate) async fn tell(&mut self, line: &[u8]) -> Value {
        self.send_line(line).await;
        self.next().await
    }

    /// Asks for something and returns the answer to it.
    pub(crate) async fn ask(&mut self, method: &str, params: Value) -> Value {
        self.asked += 1;
        let id = self.asked;
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        self.send(&message).await;
        let answer = self.next().await;
        assert_eq!(answer["id"], id, "{answer}");
        answer
    }

    /// Calls a tool and returns its answer, its refusal, or the error of the protocol.
    pub(crate) async fn call(&mut self, tool: &str, arguments: Value) -> Result<Value, Value> {
        told(&self.ask("tools/call", json!({ "name": tool, "arguments": arguments })).await)
    }

    /// Closes standard input and waits for the process to end. Returns what it still answered.
    pub(crate) async fn end(mut self) -> (ExitStatus, Vec<Value>) {
        self.close_input().await;
        self.ended().await
    }

    /// Waits for the process to end. Returns what it still answered.
    pub(crate) async fn ended(mut self) -> (ExitStatus, Vec<Value>) {
        let mut answers = Vec::new();
        while let Some(answer) = soon("the last answers", self.next_unless_ended()).await {
            answers.push(answer);
        }
        let status = soon("the server's end", self.child.wait()).await.unwrap();
        (status, answers)
    }

    pub(crate) async fn close_input(&mut self) {
        // It may have ended already.
        drop(self.input.take().unwrap().shutdown().await);
    }

    /// Returns the process's id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Returns standard error, if it is a pipe.
    pub(crate) fn take_errors(&mut self) -> ChildStderr {
        self.child.stderr.take().unwrap()
    }
}

/// Returns what a tool call's answer says.
pub(crate) fn told(answer: &Value) -> Result<Value, Value> {
    if answer["error"].is_object() {
        return Err(answer["error"].clone());
    }
    let result = &answer["result"];
    let said: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
    if result["isError"] == true { Err(said) } else { Ok(said) }
}
