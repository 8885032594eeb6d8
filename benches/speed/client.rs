//! A client that costs little itself, so that the server is what is measured.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

const GREETING: &str = concat!(
    r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","#,
    r#""capabilities":{},"clientInfo":{"name":"bench","version":"1.0"}}}"#,
    "\n"
);
const GREETED: &str = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n";
const NOTIFIED: &str = "{\"jsonrpc\":\"2.0\",\"method\":";
const LIST: &str = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}\n";

/// A server's process, and both ends of its pipes.
#[derive(Debug)]
pub(crate) struct Client {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    calls: usize,
    answer: String,
}

impl Client {
    /// Starts a server and returns how long it took until it had listed its tools.
    pub(crate) fn start(command: &mut Command) -> Result<(Self, Duration)> {
        let start = Instant::now();
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().context("the server has no output")?);
        let mut this = Self { child, input, output, calls: 1, answer: String::new() };
        this.send(GREETING)?;
        this.receive()?;
        this.send(&[GREETED, LIST].concat())?;
        this.receive()?;
        Ok((this, start.elapsed()))
    }

    /// Returns the number of the server's process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Returns the last answer.
    pub(crate) fn answer(&self) -> &str {
        &self.answer
    }

    /// Calls a tool and returns how long its answer took.
    pub(crate) fn call(&mut self, tool: &str, arguments: &str) -> Result<Duration> {
        self.calls += 1;
        let request = request(self.calls, tool, arguments);
        let start = Instant::now();
        self.send(&request)?;
        self.receive()?;
        Ok(start.elapsed())
    }

    /// Lets writers call a tool over and over, all at once and each one call after the other, until
    /// `wanted` says that there were enough. Returns how many calls were answered.
    pub(crate) fn call_at_once(
        &mut self,
        writers: usize,
        tool: &str,
        mut arguments: impl FnMut(usize) -> String,
        mut wanted: impl FnMut(usize) -> bool,
    ) -> Result<usize> {
        // The id says whose call it is.
        let first = (self.calls / writers + 1) * writers;
        let mut next = |calls: &mut usize, id: usize| {
            *calls = (*calls).max(id);
            request(id, tool, &arguments(id % writers))
        };
        let mut calls = self.calls;
        let mut requests: String = (0..writers).map(|one| next(&mut calls, first + one)).collect();
        let (mut in_flight, mut answered) = (writers, 0);
        while in_flight > 0 {
            if !requests.is_empty() && !self.has_answer() {
                self.send(&std::mem::take(&mut requests))?;
            }
            let id = self.receive()?;
            answered += 1;
            if wanted(answered) {
                requests.push_str(&next(&mut calls, id + writers));
            } else {
                in_flight -= 1;
            }
        }
        self.calls = calls;
        Ok(answered)
    }

    /// Returns whether an answer has arrived that was not received yet.
    fn has_answer(&self) -> bool {
        let mut lines = self.output.buffer().split_inclusive(|byte| *byte == b'\n');
        lines.any(|line| line.ends_with(b"\n") && !line.starts_with(NOTIFIED.as_bytes()))
    }

    fn send(&mut self, lines: &str) -> Result<()> {
        let input = self.input.as_mut().context("the server was stopped")?;
        Ok(input.write_all(lines.as_bytes())?)
    }

    /// Reads an answer and returns its id. Fails on one that says that something was refused, since
    /// refusals are fast.
    fn receive(&mut self) -> Result<usize> {
        self.answer.clear();
        // A notification answers nothing.
        while self.answer.is_empty() || self.answer.starts_with(NOTIFIED) {
            self.answer.clear();
            anyhow::ensure!(self.output.read_line(&mut self.answer)? > 0, "the server ended");
        }
        if is_refusal(&self.answer) {
            bail!("the server answered {}", self.answer);
        }
        let id = self.answer.split_once("\"id\":").map(|(_, rest)| rest);
        let id = id.and_then(|rest| rest.split([',', '}']).next()?.parse().ok());
        id.with_context(|| format!("the server answered {:?}", self.answer))
    }
}

impl Drop for Client {
    /// Ends the server as a host does, by ending its input.
    fn drop(&mut self) {
        self.input = None;
        let mut rest = Vec::new();
        drop(self.output.read_to_end(&mut rest));
        drop(self.child.wait());
    }
}

/// Returns whether an answer says that something was refused.
pub(crate) fn is_refusal(answer: &str) -> bool {
    answer.contains("\"isError\":true") || answer.contains("\"error\":")
}

fn request(id: usize, tool: &str, arguments: &str) -> String {
    format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"tools/call\",\"params\":{{\"name\":\"{tool}\",\"arguments\":{arguments}}}}}\n"
    )
}
