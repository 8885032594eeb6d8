//! Traces on their way to a collector.
//!
//! What arrives is looked at as bytes: in OTLP's protobuf, ids and texts lie as they are.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::mpsc;

use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;

use crate::common::{Project, Raw, command, finish, soon};
use crate::progress::http::{Service, read};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "00f067aa0ba902b7";

/// A collector on loopback that takes whatever comes.
struct Collector {
    endpoint: String,
    batches: mpsc::Receiver<(String, Vec<u8>)>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (sender, batches) = mpsc::channel();
        // It ends with the test's process.
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let sender = sender.clone();
                std::thread::spawn(move || answer(connection.unwrap(), &sender));
            }
        });
        Self { endpoint, batches }
    }

    /// Returns everything that has arrived, with the heads of the requests.
    fn received(&self) -> (String, Vec<u8>) {
        let (mut heads, mut bodies) = (String::new(), Vec::new());
        for (head, body) in self.batches.try_iter() {
            heads += &head;
            bodies.extend(body);
        }
        (heads, bodies)
    }
}

/// Answers the requests of one connection.
fn answer(connection: TcpStream, batches: &mpsc::Sender<(String, Vec<u8>)>) {
    let mut reader = BufReader::new(connection.try_clone().unwrap());
    let mut connection = connection;
    loop {
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let begun = head.len();
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
            let line = head[begun..].trim().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        drop(batches.send((head, body)));
        connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
    }
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// Returns the bytes of an id in hexadecimal.
fn id(hexadecimal: &str) -> Vec<u8> {
    let digit = |at| u8::from_str_radix(&hexadecimal[at..at + 2], 16).unwrap();
    (0..hexadecimal.len()).step_by(2).map(digit).collect()
}

/// A server that exports to this endpoint, greeted.
async fn exporting(project: &Project, endpoint: &str) -> Raw {
    let mut serve = command(project.path());
    serve.arg("serve").env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint).stderr(Stdio::piped());
    // What is not answered is never answered, as far as this test is concerned.
    serve.env("OTEL_EXPORTER_OTLP_TIMEOUT", "3600000");
    let mut server = Raw::start_command(serve);
    server.greet("2025-11-25").await;
    server
}

/// Opens an artifact by a call that belongs to a trace.
async fn open(server: &mut Raw, name: &str, meta: Value) {
    let arguments = json!({ "name": name, "workflow": "document" });
    let params = json!({ "name": "init_state", "arguments": arguments, "_meta": meta });
    let answer = server.ask("tools/call", params).await;
    assert_eq!(answer["result"]["isError"], false, "{answer}");
}

#[tokio::test]
async fn a_call_is_exported_as_a_part_of_its_caller_s_trace() {
    let (project, collector) = (Project::new(), Collector::start());
    let mut server = exporting(&project, &collector.endpoint).await;
    let traced =
        json!({ "traceparent": format!("00-{TRACE}-{PARENT}-01"), "tracestate": "vendor=7" });
    open(&mut server, "traced", traced).await;
    server.call("load_state", json!({ "name": "nobody" })).await.unwrap_err();
    assert!(server.end().await.0.success());
    let (heads, bytes) = collector.received();
    assert!(heads.contains("POST /v1/traces") && heads.contains("application/x-protobuf"));
    for text in [
        "tools/call init_state",
        "tools/call load_state",
        "mcp.method.name",
        "gen_ai.tool.name",
        "refiner.artifact",
        "traced",
        "refiner.version",
        "refiner.flush_us",
        "refiner.lock_us",
        "refiner.projection_us",
        "error.type",
        "not_found",
        "vendor=7",
        "service.name",
        "refiner",
    ] {
        assert!(contains(&bytes, text.as_bytes()), "{text} was not exported");
    }
    assert!(contains(&bytes, &id(TRACE)), "the trace goes on");
    assert!(contains(&bytes, &id(PARENT)), "below its caller's span");
}

#[tokio::test]
async fn what_its_caller_did_not_sample_or_wrote_wrongly_is_no_part_of_a_trace() {
    let (project, collector) = (Project::new(), Collector::start());
    let mut server = exporting(&project, &collector.endpoint).await;
    open(&mut server, "unsampled", json!({ "traceparent": format!("00-{TRACE}-{PARENT}-00") }))
        .await;
    open(&mut server, "wrong", json!({ "traceparent": format!("00-{TRACE}-{PARENT}") })).await;
    assert!(server.end().await.0.success());
    let (_, bytes) = collector.received();
    assert!(contains(&bytes, b"wrong") && !contains(&bytes, b"unsampled"));
    assert!(!contains(&bytes, &id(TRACE)), "it began a trace of its own");
}

#[tokio::test]
async fn over_http_a_header_names_the_trace_where_the_request_does_not() {
    let (project, collector) = (Project::new(), Collector::start());
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint.as_str())];
    let service = Service::start_with(&project, &variables).await;
    let params = json!({
        "name": "list_artifacts",
        "arguments": {},
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    });
    let call = json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params });
    let head = format!(
        "POST /mcp HTTP/1.1\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\nmcp-protocol-version: 2026-07-28\r\n\
         mcp-method: tools/call\r\nmcp-name: list_artifacts\r\n\
         traceparent: 00-{TRACE}-{PARENT}-01"
    );
    let answer = read(service.send(&head, &call.to_string()).await).await;
    assert!(answer.contains("structuredContent"), "{answer}");
    service.end().await;
    let (_, bytes) = collector.received();
    assert!(contains(&bytes, b"tools/call list_artifacts"));
    assert!(contains(&bytes, &id(TRACE)) && contains(&bytes, &id(PARENT)));
}

#[test]
fn a_subcommand_is_exported_before_its_process_ends() {
    let (project, collector) = (Project::new(), Collector::start());
    let run = |variable: (&str, &str)| {
        let mut command = command(project.path());
        command.args(["init", "a", "--workflow", "document"]).env(variable.0, variable.1);
        command.env("OTEL_SERVICE_NAME", "elsewhere");
        let finished = finish(&mut command, "");
        assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""), "{finished:?}");
    };
    let traces = format!("{}/v1/traces", collector.endpoint);
    run(("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &traces));
    let (_, bytes) = collector.received();
    for text in ["refiner init", "elsewhere"] {
        assert!(contains(&bytes, text.as_bytes()), "{text} was not exported");
    }
    run(("OTEL_EXPORTER_OTLP_ENDPOINT", ""));
    assert!(collector.received().1.is_empty(), "no collector is named");
}

#[tokio::test]
async fn a_collector_that_never_answers_holds_up_neither_calls_nor_the_end() {
    let project = Project::new();
    // Connections are taken by the system, and nobody reads.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let mut server = exporting(&project, &endpoint).await;
    open(&mut server, "a", json!({})).await;
    // More than the exporter keeps: what has no room is dropped.
    for number in 0..3000 {
        let mut load = json!({ "name": "load_state", "arguments": { "name": "a" } });
        load["_meta"] = json!({ "progressToken": number });
        assert_eq!(server.ask("tools/call", load).await["result"]["isError"], false);
    }
    assert!(server.end().await.0.success());
}

#[tokio::test]
async fn a_collector_that_is_not_there_is_one_warning() {
    let project = Project::new();
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let mut server = exporting(&project, &endpoint).await;
    let mut errors = server.take_errors();
    // Enough for more than one batch.
    for number in 0..1500 {
        open(&mut server, "a", json!({ "progressToken": number })).await;
    }
    assert!(server.end().await.0.success());
    let mut log = String::new();
    soon("the log's end", errors.read_to_string(&mut log)).await.unwrap();
    assert_eq!(log.matches("did not accept the traces").count(), 1, "{log}");
}

#[test]
fn a_collector_that_cannot_be_one_is_said_and_nothing_else_happens() {
    let project = Project::new();
    let mut command = command(project.path());
    command.args(["init", "a", "--workflow", "document"]);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "not a place");
    let finished = finish(&mut command, "");
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(finished.stderr.contains("no traces are exported"), "{finished:?}");
}
