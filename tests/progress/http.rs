//! Progress and cancelling over HTTP, where a client cancels by going away.

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStderr, Command};

use super::{Slow, asking, measured};
use crate::common::{Project, command, soon};

/// A service on loopback. Killed when dropped.
pub(crate) struct Service {
    child: Child,
    errors: Lines<BufReader<ChildStderr>>,
    address: String,
}

impl Service {
    async fn start(project: &Project) -> Self {
        Self::start_with(project, &[]).await
    }

    /// Starts a service in an environment that has these variables too.
    pub(crate) async fn start_with(project: &Project, variables: &[(&str, &str)]) -> Self {
        let mut serve = command(project.path());
        serve.envs(variables.iter().copied());
        serve.args(["serve", "--http", "127.0.0.1:0"]).env("RUST_LOG", "refiner=info");
        let mut serve = Command::from(serve);
        serve.stdin(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = serve.spawn().unwrap();
        let errors = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut service = Self { child, errors, address: String::new() };
        let line = service.logged(&["listening on http://"]).await;
        let (_, address) = line.split_once("http://").unwrap();
        service.address = address.split('/').next().unwrap().to_owned();
        service
    }

    /// Waits for a line of the log that says all of this.
    async fn logged(&mut self, words: &[&str]) -> String {
        loop {
            let line = soon("a line of the log", self.errors.next_line()).await.unwrap();
            let line = line.unwrap_or_else(|| panic!("the log ended without {words:?}"));
            if words.iter().all(|word| line.contains(word)) {
                return line;
            }
        }
    }

    /// Sends a request and returns the connection, on which nothing was read yet.
    pub(crate) async fn send(&self, head: &str, body: &str) -> TcpStream {
        let mut connection = TcpStream::connect(&self.address).await.unwrap();
        let request = format!(
            "{head}\r\nhost: {}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            self.address,
            body.len()
        );
        connection.write_all(request.as_bytes()).await.unwrap();
        connection
    }

    /// Calls `verify` by a request that stands by itself.
    async fn verify(&self, meta: &Value) -> TcpStream {
        let params = json!({ "name": "verify", "arguments": { "name": "a" }, "_meta": meta });
        let call = json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params });
        let head = "POST /mcp HTTP/1.1\r\ncontent-type: application/json\r\n\
            accept: application/json, text/event-stream\r\nmcp-protocol-version: 2026-07-28\r\n\
            mcp-method: tools/call\r\nmcp-name: verify";
        self.send(head, &call.to_string()).await
    }

    /// Asks the service to end, and waits for that.
    pub(crate) async fn end(mut self) {
        let id = i32::try_from(self.child.id().unwrap()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), Signal::TERM).unwrap();
        assert!(soon("the service's end", self.child.wait()).await.unwrap().success());
    }

    async fn calls_in_flight(&self) -> String {
        let metrics = read(self.send("GET /metrics HTTP/1.1", "").await).await;
        let line = metrics.lines().find(|line| line.starts_with("refiner_http_calls_in_flight "));
        line.unwrap_or_else(|| panic!("{metrics}")).to_owned()
    }
}

/// Reads everything that comes.
pub(crate) async fn read(mut connection: TcpStream) -> String {
    let mut answer = String::new();
    soon("an answer", connection.read_to_string(&mut answer)).await.unwrap();
    answer
}

#[tokio::test]
async fn a_client_that_goes_away_takes_its_measurement_with_it() {
    let slow = Slow::new();
    let before = slow.project.state("a");
    let mut service = Service::start(&slow.project).await;
    let [_, meta] = asking(&json!("t"));
    let connection = service.verify(&meta).await;
    slow.begun().await;
    assert!(service.calls_in_flight().await.ends_with(" 1"));
    drop(connection);
    let noticed = async {
        while !service.calls_in_flight().await.ends_with(" 0") {
            tokio::task::yield_now().await;
        }
    };
    soon("the end of the call", noticed).await;
    slow.go().await;
    service.logged(&["tool=\"verify\"", "close"]).await;
    assert!(!slow.second_began());
    assert_eq!(slow.project.state("a"), before);
}

#[tokio::test]
async fn progress_comes_on_the_stream_of_its_own_request() {
    let project = measured();
    let service = Service::start(&project).await;
    let [_, mut meta] = asking(&json!("t"));
    let told = read(service.verify(&meta).await).await;
    let place = |text: &str| told.find(text).unwrap_or_else(|| panic!("no {text}: {told}"));
    assert!(place("text/event-stream") < place("\"progress\":4"), "{told}");
    assert!(place("\"progress\":4") < place("\"structuredContent\""), "{told}");
    meta.as_object_mut().unwrap().remove("progressToken");
    let plain = read(service.verify(&meta).await).await;
    assert!(plain.contains("application/json") && !plain.contains("notifications"), "{plain}");
}
