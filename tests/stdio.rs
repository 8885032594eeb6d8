//! MCP over standard input and output: both eras of the protocol, every tool and prompt, and how a
//! server ends.

mod end;
mod gone;
mod open_files;
mod tools;

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as Socket;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rmcp::model::{GetPromptRequestParams, GetPromptResponse, JsonObject, ProtocolVersion};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::net::UnixStream;

use crate::common::{AT_ONCE, Project, Raw, Server, command, soon, told};

/// The `_meta` of a request that needs no greeting.
fn stateless(params: Value) -> Value {
    let mut params = params;
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "stateless", "version": "7" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    params
}

fn save(name: &str, field: &str) -> Value {
    json!({ "name": name, "patch": { "data": { field: 1 } } })
}

fn open(name: &str) -> Value {
    json!({ "name": name, "workflow": "document" })
}

#[tokio::test]
async fn every_revision_with_a_greeting_is_echoed_and_works() {
    for revision in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let project = Project::new();
        let mut server = Raw::start(project.path());
        let answer = server.greet(revision).await;
        assert_eq!(answer["result"]["protocolVersion"], revision);
        let info = &answer["result"]["serverInfo"];
        assert_eq!((&info["name"], &info["title"]), (&json!("refiner"), &json!("Refiner")));
        assert_eq!(info["icons"].as_array().unwrap().len(), 2, "{info}");
        assert_eq!(server.ask("ping", json!({})).await["result"], json!({}));
        let opened = server.call("init_state", open("a")).await.unwrap();
        assert_eq!((&opened["outcome"], &opened["version"]), (&json!("created"), &json!(1)));
        let answer = server
            .ask("tools/call", json!({ "name": "save_state", "arguments": save("a", "x") }))
            .await;
        assert_eq!(answer["result"].get("resultType"), None, "older clients do not know it");
        assert_eq!(told(&answer).unwrap()["version"], 2);
        assert!(server.end().await.0.success());
    }
}

#[tokio::test]
async fn an_unknown_revision_is_offered_the_newest_that_has_a_greeting() {
    for revision in ["1999-01-01", "2026-07-28", "2099-12-31", "latest"] {
        let project = Project::new();
        let mut server = Raw::start(project.path());
        let answer = server.greet(revision).await;
        assert_eq!(answer["result"]["protocolVersion"], "2025-11-25", "{revision}");
        assert!(server.ask("tools/list", json!({})).await["result"]["tools"].is_array());
    }
}

#[tokio::test]
async fn a_stateless_request_needs_no_greeting_and_says_who_asks() {
    let project = Project::new();
    let mut server = Raw::start(project.path());
    let call = json!({ "name": "init_state", "arguments": open("a") });
    let first = server.ask("tools/call", stateless(call)).await;
    assert_eq!(first["result"]["resultType"], "complete");
    assert_eq!(told(&first).unwrap()["outcome"], "created");

    let discovered = server.ask("server/discover", stateless(json!({}))).await;
    let versions = discovered["result"]["supportedVersions"].as_array().unwrap();
    assert!(versions.contains(&json!("2026-07-28")), "{discovered}");
    assert!(discovered["result"]["capabilities"]["tools"].is_object());
    assert!(discovered["result"]["instructions"].as_str().unwrap().contains("init_state"));

    let listed = server.ask("tools/list", stateless(json!({}))).await;
    assert!(!listed["result"]["tools"].as_array().unwrap().is_empty());
    let history = json!({ "name": "history", "arguments": { "name": "a" } });
    let history = told(&server.ask("tools/call", stateless(history)).await).unwrap();
    assert_eq!(history["entries"][0]["actor"], "stateless 7");
}

#[tokio::test]
async fn a_stateless_request_of_a_revision_that_nobody_knows_is_refused_with_those_that_are_known()
{
    let project = Project::new();
    let mut server = Raw::start(project.path());
    let mut params = stateless(json!({ "name": "list_artifacts", "arguments": {} }));
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2099-12-31");
    let answer = server.ask("tools/call", params).await;
    assert_eq!(answer["error"]["code"], -32022, "{answer}");
    assert!(answer["error"]["data"].to_string().contains("2026-07-28"), "{answer}");
    let listed = server.ask("tools/list", stateless(json!({}))).await;
    assert!(listed["result"]["tools"].is_array(), "the server lives: {listed}");
}

#[tokio::test]
async fn a_greeted_client_is_named_in_the_history() {
    let project = Project::new();
    let server = Server::start(project.path()).await;
    server.call("init_state", open("a")).await.unwrap();
    let history = server.call("history", json!({ "name": "a" })).await.unwrap();
    assert_eq!(history["entries"][0]["actor"], "test-client 1.2.3");
}

#[tokio::test]
async fn tools_and_prompts_are_listed_in_the_same_order_by_every_process_and_in_both_eras() {
    let project = Project::new();
    let mut lists = BTreeSet::new();
    for _ in 0..3 {
        let server = Server::start(project.path()).await;
        let tools = server.client().list_all_tools().await.unwrap();
        let prompts = server.client().list_all_prompts().await.unwrap();
        lists.insert(json!([tools, prompts]).to_string());
    }
    let server = Server::start_stateless(project.path()).await;
    let tools = server.client().list_all_tools().await.unwrap();
    let prompts = server.client().list_all_prompts().await.unwrap();
    lists.insert(json!([tools, prompts]).to_string());
    assert_eq!(lists.len(), 1);
    let names: Vec<_> = tools.iter().map(|tool| tool.name.as_ref()).collect();
    let expected = [
        "init_state",
        "load_state",
        "save_state",
        "transition",
        "checkpoint",
        "restore",
        "finalize",
        "history",
        "list_artifacts",
        "verify",
        "write_output",
        "read_output",
        "reset_artifact",
        "delete_artifact",
    ];
    assert_eq!(names, expected);
}

/// A good call of every tool, in an order in which they are possible.
fn good_calls() -> Vec<(&'static str, Value)> {
    vec![
        (
            "init_state",
            json!({ "name": "a", "goals": ["short"], "constraints": [
            { "id": "links", "description": "all links resolve", "severity": "blocking" }
        ] }),
        ),
        ("load_state", json!({ "name": "a", "with_prompt": true })),
        ("save_state", save("a", "x")),
        ("checkpoint", json!({ "name": "a", "label": "before" })),
        ("restore", json!({ "name": "a", "to": "1" })),
        (
            "transition",
            json!({ "name": "a", "event": "complete", "phase": "specify", "result": {} }),
        ),
        ("history", json!({ "name": "a" })),
        ("history", json!({ "name": "a", "diff": [1, 2] })),
        ("load_state", json!({ "name": "a", "at": "2", "detail": "full" })),
        ("load_state", json!({ "name": "a", "select": ["/goals", "/nothing"] })),
        ("list_artifacts", json!({})),
        ("verify", json!({ "name": "a" })),
        ("write_output", json!({ "name": "a", "path": "a.txt", "content": "x" })),
        ("read_output", json!({ "name": "a", "path": "a.txt" })),
        ("read_output", json!({ "name": "a" })),
        ("init_state", json!({ "name": "b", "workflow": "document" })),
        ("finalize", json!({ "name": "b", "summary": "done" })),
    ]
}

#[tokio::test]
async fn every_tool_answers_the_same_as_text_and_as_structure_and_as_its_schema_says() {
    for era in ["greeted", "stateless"] {
        let project = Project::new();
        let server = match era {
            "greeted" => Server::start(project.path()).await,
            _ => Server::start_stateless(project.path()).await,
        };
        let tools = server.client().list_all_tools().await.unwrap();
        let schemas: BTreeMap<_, _> = tools
            .iter()
            .map(|tool| (tool.name.to_string(), json!(tool.output_schema.as_ref().unwrap())))
            .collect();
        let mut called = BTreeSet::new();
        for (tool, arguments) in good_calls() {
            let result = server.caller().result(tool, arguments.clone()).await.unwrap();
            let text = &result.content[0].as_text().unwrap().text;
            assert_ne!(result.is_error, Some(true), "{tool} {arguments}: {text}");
            assert_eq!(result.content.len(), 1, "{tool}");
            let answer = result.structured_content.unwrap();
            assert_eq!(serde_json::from_str::<Value>(text).unwrap(), answer, "{tool}");
            let validator = jsonschema::validator_for(&schemas[tool]).unwrap();
            let wrong: Vec<String> =
                validator.iter_errors(&answer).map(|error| error.to_string()).collect();
            assert!(wrong.is_empty(), "{tool} {arguments}: {wrong:?}: {answer}");
            called.insert(tool.to_owned());
        }
        // What only a person decides is called in tests/gate/removal.rs.
        called.extend(["delete_artifact", "reset_artifact"].map(str::to_owned));
        assert_eq!(called, schemas.into_keys().collect(), "every tool is called");
    }
}

#[tokio::test]
async fn every_prompt_is_rendered_with_the_artifacts_present_state_and_completes_its_name() {
    let project = Project::new();
    let server = Server::start(project.path()).await;
    for name in ["report-1", "report-2", "other"] {
        let goals = json!({ "name": name, "goals": [format!("the goal of {name}")] });
        server.call("init_state", goals).await.unwrap();
    }
    let prompts = server.client().list_all_prompts().await.unwrap();
    let names: BTreeSet<_> = prompts.iter().map(|prompt| prompt.name.as_str()).collect();
    assert_eq!(names, ["pmpo", "specify", "plan", "execute", "reflect", "persist"].into());
    for prompt in names {
        let arguments: JsonObject = serde_json::from_value(json!({ "name": "report-1" })).unwrap();
        let params = GetPromptRequestParams::new(prompt).with_arguments(arguments);
        let before = prompt_text(&server, params.clone()).await;
        assert!(before.contains("report-1"), "{prompt}: {before}");
        assert!(before.contains("transition"), "{prompt} says which call ends the phase");
        assert!(!before.contains("{{") && !before.contains("{%"), "{prompt}: {before}");
        let completed =
            server.client().complete_prompt_simple(prompt, "name", "rep").await.unwrap();
        assert_eq!(completed, ["report-1", "report-2"], "{prompt}");
    }
    let all = server.client().complete_prompt_simple("plan", "name", "").await.unwrap();
    assert_eq!(all, ["other", "report-1", "report-2"]);
}

#[tokio::test]
async fn a_prompt_follows_the_state_and_takes_whatever_a_host_sends_as_the_name() {
    let project = Project::new();
    let server = Server::start(project.path()).await;
    server.call("init_state", json!({ "name": "a" })).await.unwrap();
    let get = |name: &str| {
        let arguments = serde_json::from_value(json!({ "name": name })).unwrap();
        prompt_text(&server, GetPromptRequestParams::new("specify").with_arguments(arguments))
    };
    assert!(!get("a").await.contains("a goal that came later"));
    let goals = json!({ "name": "a", "patch": { "goals": ["a goal that came later"] } });
    server.call("save_state", goals).await.unwrap();
    assert!(get("a").await.contains("a goal that came later"));
    for odd in ["$1", "", "No Such Name", "none-of-that-name"] {
        assert!(get(odd).await.contains("init_state"), "{odd:?} is rendered, with how to begin");
    }
}

async fn prompt_text(server: &Server, params: GetPromptRequestParams) -> String {
    let answer = soon("the prompt", server.client().get_prompt_once(params)).await.unwrap();
    let GetPromptResponse::Complete(prompt) = answer else { panic!("{answer:?}") };
    json!(prompt)["messages"][0]["content"]["text"].as_str().unwrap().to_owned()
}

/// `Raw` refuses every line of standard output that is no message.
#[tokio::test]
async fn standard_output_carries_messages_only_however_much_is_logged() {
    let project = Project::new();
    let mut command = command(project.path());
    command.arg("serve").env("RUST_LOG", "trace").stderr(Stdio::piped());
    let mut server = Raw::start_command(command);
    let mut log = server.take_errors();
    let log = tokio::spawn(async move {
        let mut text = String::new();
        log.read_to_string(&mut text).await.unwrap();
        text
    });
    server.greet("2025-06-18").await;
    for (tool, arguments) in good_calls() {
        server.call(tool, arguments).await.unwrap();
    }
    server.tell(b"nonsense").await;
    server.call("save_state", json!({ "name": "../x" })).await.unwrap_err();
    server.ask("no/such/method", json!({})).await;
    let (status, rest) = server.end().await;
    assert!(status.success() && rest.is_empty(), "{status}: {rest:?}");
    assert!(soon("the log", log).await.unwrap().contains("TRACE"), "the log went elsewhere");
}

/// Node gives a child one socket pair for each stream, other hosts one for both.
#[tokio::test]
async fn a_server_works_on_socket_pairs_as_it_does_on_pipes() {
    for shared in [true, false] {
        let project = Project::new();
        let mut server = on_sockets(&project, shared);
        server.greet("2025-11-25").await;
        server.call("init_state", open("a")).await.unwrap();
        for i in 0..500 {
            server.call("save_state", save("a", &format!("k{i}"))).await.unwrap();
        }
        // Larger than a socket's buffer, in both directions.
        let large = json!({ "name": "a", "patch": { "data": { "large": "x".repeat(1 << 20) } } });
        server.call("save_state", large).await.unwrap();
        let start = Instant::now();
        let (status, _) = server.end().await;
        assert!(start.elapsed() < AT_ONCE && status.success(), "{status}, {:?}", start.elapsed());
        assert_eq!(project.state("a")["version"], 502);
    }
}

fn on_sockets(project: &Project, shared: bool) -> Raw {
    let mut command = command(project.path());
    command.arg("serve");
    let (ours, theirs) = Socket::pair().unwrap();
    let (our_output, their_output) = if shared {
        (ours.try_clone().unwrap(), theirs.try_clone().unwrap())
    } else {
        Socket::pair().unwrap()
    };
    command.stdin(OwnedFd::from(theirs)).stdout(OwnedFd::from(their_output));
    let child = tokio::process::Command::from(command).kill_on_drop(true).spawn().unwrap();
    let tokio = |socket: Socket| {
        socket.set_nonblocking(true).unwrap();
        UnixStream::from_std(socket).unwrap()
    };
    Raw::on(child, Box::new(tokio(ours)), Box::new(tokio(our_output)))
}

/// What such a client sends waits in the pipe, and not in the server's memory.
#[tokio::test]
async fn a_client_that_does_not_read_gets_all_its_answers_later_and_costs_little_memory() {
    const REQUESTS: u64 = 2000;
    let project = Project::new();
    let mut server = Raw::greeted(project.path()).await;
    server.call("init_state", open("a")).await.unwrap();
    let large = json!({ "name": "a", "patch": { "data": { "text": "x".repeat(50_000) } } });
    server.call("save_state", large).await.unwrap();
    let before = peak_memory(server.id());

    let mut input = server.input.take().unwrap();
    let flood = async move {
        for id in 1000..1000 + REQUESTS {
            let arguments = json!({ "name": "a", "detail": "full" });
            let params = json!({ "name": "load_state", "arguments": arguments });
            let message =
                json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params });
            let line = format!("{message}\n");
            tokio::io::AsyncWriteExt::write_all(&mut input, line.as_bytes()).await.unwrap();
        }
        input
    };
    let mut flood = tokio::spawn(flood);
    // 200 MB of answers: the server has to stop reading, which shows as nothing going on.
    let flooded = tokio::time::timeout(Duration::from_secs(2), &mut flood).await;
    assert!(flooded.is_err(), "the server took everything although nobody reads");
    let grown = peak_memory(server.id()).saturating_sub(before);
    println!("{REQUESTS} unread requests: the server grew by {} KiB", grown >> 10);
    assert!(grown < 200 << 20, "{} MiB, and all answers are 200", grown >> 20);

    let mut ids = BTreeSet::new();
    while ids.len() < usize::try_from(REQUESTS).unwrap() {
        let answer = server.next().await;
        assert!(told(&answer).is_ok(), "{answer}");
        assert!(ids.insert(answer["id"].as_u64().unwrap()), "answered twice: {}", answer["id"]);
    }
    server.input = Some(soon("the flood", flood).await.unwrap());
    assert!(server.call("list_artifacts", json!({})).await.is_ok());
}

/// The most memory that a process ever had, in bytes. 0 where the system does not say.
fn peak_memory(id: u32) -> u64 {
    let Ok(status) = std::fs::read_to_string(format!("/proc/{id}/status")) else { return 0 };
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() << 10
}

#[tokio::test]
async fn the_rmcp_client_negotiates_every_revision_by_itself() {
    let project = Project::new();
    let greeted = Server::start(project.path()).await;
    let version = greeted.client().peer_info().unwrap().protocol_version.clone();
    assert_eq!(version, ProtocolVersion::V_2025_11_25);
    let stateless = Server::start_stateless(project.path()).await;
    let version = stateless.client().peer_info().unwrap().protocol_version.clone();
    assert_eq!(version, ProtocolVersion::V_2026_07_28);
    assert!(greeted.end().await.success() && stateless.end().await.success());
}
