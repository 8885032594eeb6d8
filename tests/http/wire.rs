//! A client of HTTP/1.1 that sends what it is told to, byte for byte, and reads what comes.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::common::soon;

/// The headers of a message to `/mcp`.
pub(super) const MESSAGE: [(&str, &str); 2] =
    [("content-type", "application/json"), ("accept", "application/json, text/event-stream")];

/// A connection.
#[derive(Debug)]
pub(super) struct Connection {
    stream: BufReader<TcpStream>,
}

/// An answer. What is a stream has no body yet.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Returns the body, which has to be JSON and to say so.
    pub(super) fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// Returns the code of a refusal, which has a hint and is not to be kept.
    pub(super) fn refusal(&self) -> String {
        let error = self.json()["error"].clone();
        assert!(error["code"].is_i64() && error["message"].is_string(), "{self:?}");
        assert!(error["data"]["hint"].is_string(), "{self:?}");
        assert_eq!(self.header("cache-control"), Some("no-store"), "{self:?}");
        error["data"]["code"].as_str().unwrap().to_owned()
    }
}

impl Connection {
    pub(super) async fn open(address: SocketAddr) -> Self {
        let stream = soon("a connection", TcpStream::connect(address)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream: BufReader::new(stream) }
    }

    /// Sends bytes. The server may have closed the connection already.
    pub(super) async fn send(&mut self, bytes: &[u8]) {
        drop(soon("sending", self.stream.get_mut().write_all(bytes)).await);
    }

    /// Closes the sending half.
    pub(super) async fn close_half(&mut self) {
        soon("closing", self.stream.get_mut().shutdown()).await.unwrap();
    }

    /// Sends a request, with a Host of its own unless it is given one.
    pub(super) async fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) {
        let mut head = format!("{method} {path} HTTP/1.1\r\n");
        if !headers.iter().any(|(name, _)| *name == "host") {
            head.push_str("host: localhost\r\n");
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        self.send(head.as_bytes()).await;
        self.send(body).await;
    }

    /// Sends a request and returns the answer to it.
    pub(super) async fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        self.request(method, path, headers, body).await;
        self.answer().await
    }

    /// Sends a message to `/mcp` and returns the answer to it.
    pub(super) async fn post(&mut self, headers: &[(&str, &str)], message: &Value) -> Answer {
        let headers = [&MESSAGE[..], headers].concat();
        self.ask("POST", "/mcp", &headers, message.to_string().as_bytes()).await
    }

    /// Returns the next answer. Of a stream it returns the head.
    pub(super) async fn answer(&mut self) -> Answer {
        soon("an answer", self.read()).await.expect("the connection has not ended")
    }

    /// Returns the next answer, or `None` if the connection ended.
    pub(super) async fn answer_unless_ended(&mut self) -> Option<Answer> {
        soon("an answer or the end", self.read()).await
    }

    /// Waits for the server to close the connection, and returns what it still said.
    pub(super) async fn closed(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // A reset is an end as well.
        drop(soon("the connection's end", self.stream.read_to_end(&mut rest)).await);
        rest
    }

    async fn read(&mut self) -> Option<Answer> {
        let first = self.line().await?;
        let status = first.split(' ').nth(1)?.parse().ok()?;
        let mut answer = Answer { status, headers: Vec::new(), body: Vec::new() };
        loop {
            let line = self.line().await?;
            let Some((name, value)) = line.split_once(':') else { break };
            answer.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        if let Some(length) = answer.header("content-length") {
            answer.body = vec![0; length.parse().ok()?];
            self.stream.read_exact(&mut answer.body).await.ok()?;
        }
        Some(answer)
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.stream.read_line(&mut line).await.unwrap_or(0);
        (read > 0).then(|| line.trim_end().to_owned())
    }

    /// Returns the next message of a stream, or `None` at its end.
    pub(super) async fn event(&mut self) -> Option<Value> {
        loop {
            let (_, data) = self.named_event().await?;
            if !data.is_empty() {
                return Some(serde_json::from_str(&data).unwrap());
            }
        }
    }

    /// Returns the name and the data of the next event of a stream that is sent in chunks.
    pub(super) async fn named_event(&mut self) -> Option<(String, String)> {
        let (mut name, mut data) = (String::new(), None);
        loop {
            let line = soon("an event", self.line()).await?;
            if let Some(said) = line.strip_prefix("event:") {
                name = said.trim().to_owned();
            } else if let Some(said) = line.strip_prefix("data:") {
                data = Some(said.trim().to_owned());
            } else if line == "0" {
                return None;
            } else if line.is_empty()
                && let Some(data) = data.take()
            {
                return Some((name, data));
            }
        }
    }

    /// Returns the answer to a message, whether it is the body or comes as an event.
    pub(super) async fn told(&mut self, headers: &[(&str, &str)], message: &Value) -> Value {
        let answer = self.post(headers, message).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        if answer.header("content-type") != Some("text/event-stream") {
            return answer.json();
        }
        let said = self.event().await.expect("a call's stream answers it");
        assert_eq!(self.event().await, None, "and ends then");
        // The end of the last chunk.
        soon("the end", self.line()).await;
        said
    }
}
