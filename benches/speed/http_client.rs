//! A client over HTTP that costs little itself, and the server's process that it speaks with.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::client::is_refusal;

/// What a request of revision 2026-07-28 says of its client.
const META: &str = concat!(
    r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","#,
    r#""io.modelcontextprotocol/clientCapabilities":{},"#,
    r#""io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1.0"}}"#
);

/// A server's process. It ends with this value.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    address: String,
    /// Kept open, since a server that cannot complain may end.
    _complaints: BufReader<ChildStderr>,
}

impl Server {
    /// Starts a server that says on standard error where it listens.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let mut complaints = BufReader::new(child.stderr.take().context("no standard error")?);
        let mut line = String::new();
        while !line.contains("listening on http://") {
            line.clear();
            ensure!(complaints.read_line(&mut line)? > 0, "the server ended");
        }
        let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next());
        let address = address.context("the server has no address")?.to_owned();
        Ok(Self { child, address, _complaints: complaints })
    }

    /// Opens a connection.
    pub(crate) fn connect(&self) -> Result<Connection> {
        let stream = TcpStream::connect(&self.address)?;
        stream.set_nodelay(true)?;
        let (stream, address) = (BufReader::new(stream), self.address.clone());
        Ok(Connection { stream, address, calls: 0, line: String::new(), body: Vec::new() })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A connection that is kept.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    address: String,
    calls: usize,
    line: String,
    body: Vec<u8>,
}

impl Connection {
    /// Calls a tool and returns how long its answer took.
    pub(crate) fn call(&mut self, tool: &str, arguments: &str) -> Result<Duration> {
        self.calls += 1;
        let (calls, address) = (self.calls, &self.address);
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":{calls},"method":"tools/call","params":{{"name":"{tool}","arguments":{arguments},{META}}}}}"#
        );
        let request = format!(
            "POST /mcp HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\n\
             Mcp-Method: tools/call\r\nMcp-Name: {tool}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let start = Instant::now();
        self.stream.get_mut().write_all(request.as_bytes())?;
        self.receive()?;
        Ok(start.elapsed())
    }

    /// Reads an answer. Fails on one that says that something was refused.
    fn receive(&mut self) -> Result<()> {
        let ok = self.head_line()?.starts_with("HTTP/1.1 200");
        let mut length = 0;
        loop {
            let line = self.head_line()?.to_ascii_lowercase();
            match line.strip_prefix("content-length:") {
                Some(value) => length = value.trim().parse()?,
                None if line.is_empty() => break,
                None => {}
            }
        }
        self.body.resize(length, 0);
        self.stream.read_exact(&mut self.body)?;
        let body = String::from_utf8_lossy(&self.body);
        ensure!(ok && length > 0 && !is_refusal(&body), "the server answered {body}");
        Ok(())
    }

    fn head_line(&mut self) -> Result<&str> {
        self.line.clear();
        ensure!(self.stream.read_line(&mut self.line)? > 0, "the server closed the connection");
        Ok(self.line.trim_end())
    }
}
