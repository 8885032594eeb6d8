//! A host that has gone and left standard input open.

use std::fs::File;
use std::net::Shutdown;

use super::*;
use crate::common::{ends_of_a_terminal, refiner};

/// Starts a server whose two streams are these.
fn start(project: &Project, input: impl Into<OwnedFd>, output: impl Into<OwnedFd>) -> Process {
    let mut command = tokio::process::Command::from(command(project.path()));
    command.arg("serve").stdin(input.into()).stdout(output.into()).stderr(Stdio::piped());
    Process(command.kill_on_drop(true).spawn().unwrap())
}

struct Process(tokio::process::Child);

impl Process {
    /// Waits for the end, which must come at once, and returns how it ended and what it said.
    async fn ended(self, what: &str) -> (Option<i32>, String) {
        let start = Instant::now();
        let output = soon(what, self.0.wait_with_output()).await.unwrap();
        assert!(start.elapsed() < AT_ONCE, "{what}: {:?}", start.elapsed());
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }
}

/// The greeting and what follows it, as lines.
fn lines(calls: &[Value]) -> Vec<u8> {
    let params = json!({
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" }
    });
    let greeting = [
        json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params }),
        json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }),
    ];
    let all = greeting.iter().chain(calls);
    all.flat_map(|message| format!("{message}\n").into_bytes()).collect()
}

fn call(id: u64, tool: &str, arguments: &Value) -> Value {
    let params = json!({ "name": tool, "arguments": arguments });
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params })
}

fn initialized(project: &Project) {
    let opened = refiner(project.path(), ["init", "a", "--workflow", "document"]);
    assert_eq!(opened.code, Some(0), "{opened:?}");
}

/// Reads lines until one has a text.
fn read_until(mut output: impl std::io::Read, text: &str) {
    let (mut read, mut byte) = (Vec::new(), [0]);
    while !(read.ends_with(b"\n") && String::from_utf8_lossy(&read).contains(text)) {
        output.read_exact(&mut byte).unwrap();
        read.push(byte[0]);
    }
}

#[tokio::test]
async fn an_idle_server_ends_when_its_reader_is_gone() {
    use std::io::Write as _;
    for state in ["fresh", "greeted"] {
        let project = Project::new();
        let (input, mut to) = std::io::pipe().unwrap();
        let (from, output) = std::io::pipe().unwrap();
        let server = start(&project, input, output);
        if state == "greeted" {
            to.write_all(&lines(&[])).unwrap();
            read_until(&from, "\"id\":1");
        }
        drop(from);
        assert_eq!(server.ended(state).await, (Some(0), String::new()), "{state}");
        drop(to);

        let (input, to) = Socket::pair().unwrap();
        let (from, output) = Socket::pair().unwrap();
        let server = start(&project, input, output);
        if state == "greeted" {
            (&to).write_all(&lines(&[])).unwrap();
            read_until(&from, "\"id\":1");
        }
        drop(from);
        assert_eq!(server.ended(state).await, (Some(0), String::new()), "{state}, sockets");
        drop(to);
    }
}

#[tokio::test]
async fn what_was_accepted_is_stored_when_the_reader_is_gone() {
    use std::io::Write as _;
    let project = Project::new();
    initialized(&project);
    let saves: Vec<Value> =
        (10..40).map(|id| call(id, "save_state", &save("a", &format!("k{id}")))).collect();
    let (input, mut to) = std::io::pipe().unwrap();
    let (from, output) = std::io::pipe().unwrap();
    // All of it lies in the pipe before the server looks, and there is no reader from the beginning.
    to.write_all(&lines(&saves)).unwrap();
    let server = start(&project, input, output);
    read_until(&from, "\"id\":39");
    drop(from);
    assert_eq!(server.ended("the end").await, (Some(0), String::new()));
    assert_eq!(project.state("a")["data"].as_object().unwrap().len(), 30);
    drop(to);
}

#[tokio::test]
async fn an_answer_that_cannot_be_written_ends_the_server() {
    use std::io::Write as _;
    let project = Project::new();
    initialized(&project);
    // One socket for both: the client reads no more, and goes on writing.
    let (ours, theirs) = Socket::pair().unwrap();
    let server = start(&project, theirs.try_clone().unwrap(), theirs);
    (&ours).write_all(&lines(&[])).unwrap();
    read_until(&ours, "\"id\":1");
    ours.shutdown(Shutdown::Read).unwrap();
    let save = call(10, "save_state", &save("a", "k"));
    (&ours).write_all(format!("{save}\n").as_bytes()).unwrap();
    assert_eq!(server.ended("an answer").await, (Some(0), String::new()));
    assert_eq!(project.state("a")["data"], json!({ "k": 1 }));
}

#[tokio::test]
async fn a_notification_that_cannot_be_written_ends_the_server() {
    use std::io::Write as _;
    let project = Project::new();
    initialized(&project);
    let (ours, theirs) = Socket::pair().unwrap();
    let server = start(&project, theirs.try_clone().unwrap(), theirs);
    let params = json!({ "uri": "refiner://artifacts/a/state" });
    let subscribe =
        json!({ "jsonrpc": "2.0", "id": 5, "method": "resources/subscribe", "params": params });
    (&ours).write_all(&lines(&[subscribe])).unwrap();
    read_until(&ours, "\"id\":5");
    ours.shutdown(Shutdown::Read).unwrap();
    let saved = refiner(project.path(), ["save", "a", "--patch", r#"{"data":{"x":1}}"#]);
    assert_eq!(saved.code, Some(0), "{saved:?}");
    assert_eq!(server.ended("a notification").await, (Some(0), String::new()));
}

#[tokio::test]
async fn a_terminal_that_hangs_up_ends_the_server() {
    let project = Project::new();
    let (input, _to) = std::io::pipe().unwrap();
    let (controller, terminal) = ends_of_a_terminal();
    let server = start(&project, input, terminal);
    drop(controller);
    assert_eq!(server.ended("the terminal's end").await, (Some(0), String::new()));
}

#[tokio::test]
async fn an_output_that_was_never_open_is_an_error() {
    let project = Project::new();
    let (input, _to) = std::io::pipe().unwrap();
    let serve = command(project.path());
    let mut shell = tokio::process::Command::new("sh");
    shell.args(["-c", "exec \"$@\" >&-", "sh"]).arg(serve.get_program()).args(serve.get_args());
    shell.arg("serve").stdin(input).stderr(Stdio::piped()).kill_on_drop(true);
    let (code, said) = Process(shell.spawn().unwrap()).ended("a closed output").await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("standard output is closed"), "{said}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_output_without_room_is_an_error_that_ends_the_server() {
    use std::io::Write as _;
    let project = Project::new();
    let (input, mut to) = std::io::pipe().unwrap();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let server = start(&project, input, full);
    to.write_all(&lines(&[])).unwrap();
    let (code, said) = server.ended("a full disk").await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("standard output: No space left"), "{said}");
}
