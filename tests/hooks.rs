//! What happens to a loop reaches the hooks: in order, at least once, whatever is killed. And nothing
//! runs that the user has not allowed.

mod trust;

use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::common::{Caller, Project, Random, Server, command, refiner, soon};

const PHASES: [&str; 5] = ["specify", "plan", "execute", "reflect", "persist"];

/// Writes a file of the project, folders included.
fn write(path: &Path, content: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::File::create(path).unwrap().write_all(content.as_bytes()).unwrap();
}

/// Writes the user's own triggers.
fn configure(project: &Project, triggers: &Value) {
    let content = json!({ "triggers": triggers }).to_string();
    write(&project.path().join(".config/refiner/triggers.json"), &content);
}

/// A trigger that runs a script in the project's folder.
fn script(name: &str, on: &str, script: &str) -> Value {
    json!({ "name": name, "on": on, "command": ["sh", "-c", script] })
}

/// Triggers that collect the events of each kind in `events`.
fn collectors() -> Value {
    let kinds = ["on_phase_start", "on_phase_complete", "on_iteration_complete"];
    let all = kinds.into_iter().chain(["on_refinement_complete"]);
    all.map(|on| script(on, on, "cat >> events")).collect()
}

/// Returns the lines of a file in the project's folder.
fn lines(project: &Project, file: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(project.path().join(file)).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn log(project: &Project) -> Vec<Value> {
    lines(project, ".refiner/workflow.log")
}

/// Lines of the log that have that text in a field.
fn logged(project: &Project, field: &str, text: &str) -> Vec<Value> {
    log(project).into_iter().filter(|line| line[field] == text).collect()
}

/// Waits for something that shows on the disk.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon(what, waiting).await;
}

/// The opening of a loop that converges once its file is there.
fn opening(name: &str) -> Value {
    let validation = json!({ "method": "not_empty", "params": { "path": "a.md" } });
    let constraint = json!({ "id": "c", "description": "d", "severity": "blocking",
                             "validation": validation });
    json!({ "name": name, "artifact_type": "content", "content_type": "direct:content",
            "goals": ["short"], "constraints": [constraint] })
}

async fn open(caller: &Caller, name: &str) -> Value {
    caller.call("init_state", opening(name)).await.unwrap()
}

/// Ends the phase that an artifact is in.
async fn complete(caller: &Caller, name: &str) -> Result<Value, Value> {
    let loaded = caller.call("load_state", json!({ "name": name })).await?;
    let phase = &loaded["briefing"]["phase"];
    if *phase == "execute" {
        let file = json!({ "name": name, "path": "a.md", "content": "short" });
        caller.call("write_output", file).await?;
    }
    let result = if *phase == "plan" { json!({ "steps": ["write"] }) } else { json!({}) };
    let arguments = json!({ "name": name, "event": "complete", "phase": phase, "result": result });
    caller.call("transition", arguments).await
}

/// Runs a loop until it ends, and closes it.
async fn whole_loop(caller: &Caller, name: &str) {
    open(caller, name).await;
    while complete(caller, name).await.unwrap()["briefing"]["status"] == "running" {}
    caller.call("finalize", json!({ "name": name })).await.unwrap();
}

/// The ids of all events of an artifact whose kind is among some, by its journal.
fn in_journal_of(project: &Project, name: &str, kinds: Option<&[&str]>) -> Vec<String> {
    let journal = format!(".refiner/artifacts/{name}/journal/000000000001.jsonl");
    let mut ids = Vec::new();
    for entry in lines(project, &journal) {
        for (index, event) in entry["events"].as_array().into_iter().flatten().enumerate() {
            let kind = event["event"].as_str().unwrap();
            if kinds.is_none_or(|kinds| kinds.contains(&kind)) {
                ids.push(format!("{name}@{}.{index}", entry["version"]));
            }
        }
    }
    ids
}

/// The ids of all events of an artifact, by its journal.
fn in_journal(project: &Project, name: &str) -> Vec<String> {
    in_journal_of(project, name, None)
}

fn ids(events: &[Value]) -> Vec<String> {
    events.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_command_gets_every_event_of_a_loop_once_and_in_order() {
    let project = Project::new();
    configure(&project, &collectors());
    let server = Server::start(project.path()).await;
    whole_loop(&server.caller(), "a").await;
    assert!(server.end().await.success());
    // What was not delivered by then is by the next server.
    let server = Server::start(project.path()).await;
    let expected = in_journal(&project, "a");
    until("the delivery", || lines(&project, "events").len() >= expected.len()).await;
    let events = lines(&project, "events");
    assert_eq!(ids(&events), expected);
    let started: Vec<_> =
        events.iter().filter(|event| event["event"] == "on_phase_start").take(5).collect();
    assert_eq!(started.iter().map(|event| &event["phase"]).collect::<Vec<_>>(), PHASES);
    assert_eq!((&started[1]["artifact"], &started[1]["iteration"]), (&json!("a"), &json!(1)));
    let last = events.last().unwrap();
    assert_eq!(
        (&last["event"], &last["workflow"]),
        (&"on_refinement_complete".into(), &"pmpo".into())
    );
    until("the log", || logged(&project, "outcome", "done").len() == expected.len()).await;
    let line = &log(&project)[0];
    assert_eq!(
        (&line["kind"], &line["exit_code"], &line["attempt"]),
        (&json!("command"), &json!(0), &json!(1))
    );
    assert!(line["time"].is_string() && line["duration_ms"].is_u64(), "{line}");
    server.end().await;
}

/// Answers every request with a status, and returns the bodies that came.
async fn receive(listener: TcpListener, statuses: &[u16]) -> Vec<(String, Value)> {
    let mut received = Vec::new();
    for status in statuses {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        let body = loop {
            let mut buffer = [0; 4096];
            let read = stream.read(&mut buffer).await.unwrap();
            request.extend_from_slice(&buffer[..read]);
            let text = String::from_utf8_lossy(&request).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n")
                && let Ok(body) = serde_json::from_str(body)
            {
                break (head.to_owned(), body);
            }
        };
        received.push(body);
        let answer =
            format!("HTTP/1.1 {status} X\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
    received
}

#[tokio::test]
async fn a_webhook_is_posted_to_until_it_is_taken() {
    let project = Project::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/on/{{{{ phase }}}}", listener.local_addr().unwrap());
    configure(
        &project,
        &json!([{ "name": "w", "on": "on_phase_start", "retry": { "delay_seconds": 0.01 },
        "webhook": { "url": url, "headers": { "x-key": "secret" } } }]),
    );
    let receiving = tokio::spawn(async move { receive(listener, &[503, 302, 200]).await });
    let server = Server::start(project.path()).await;
    open(&server.caller(), "a").await;
    let received = soon("three posts", receiving).await.unwrap();
    for (head, event) in &received {
        assert!(head.starts_with("POST /on/specify HTTP/1.1\r\n"), "{head}");
        assert!(
            head.contains("x-key: secret") && head.contains("refiner-event-id: a@1.0"),
            "{head}"
        );
        assert_eq!((&event["id"], &event["phase"]), (&json!("a@1.0"), &json!("specify")));
    }
    until("the log", || log(&project).len() == 3).await;
    let said: Vec<_> = log(&project)
        .iter()
        .map(|line| (line["status"].clone(), line["outcome"].clone()))
        .collect();
    let expected = [(503, "failed"), (302, "failed"), (200, "done")];
    assert_eq!(said, expected.map(|(status, outcome)| (json!(status), json!(outcome))));
    server.end().await;
}

#[tokio::test]
async fn a_condition_says_which_events_are_answered() {
    let project = Project::new();
    let mut plan = script("plan", "on_phase_start", "cat >> events");
    plan["condition"] = json!("phase == 'plan' && artifact.startsWith('a') && iteration == 1");
    configure(&project, &json!([plan, script("all", "on_phase_start", "cat >> all")]));
    let server = Server::start(project.path()).await;
    for name in ["a", "b"] {
        open(&server.caller(), name).await;
        complete(&server.caller(), name).await.unwrap();
    }
    until("all events", || lines(&project, "all").len() == 4).await;
    until("the log", || log(&project).len() == 8).await;
    assert_eq!(ids(&lines(&project, "events")), ["a@2.1"]);
    assert_eq!(logged(&project, "outcome", "not_met").len(), 3);
    server.end().await;
}

#[tokio::test]
async fn a_hook_that_fails_is_tried_again_then_passed_over_and_stops_no_other() {
    let project = Project::new();
    let mut broken =
        script("broken", "on_phase_start", "echo try >> tries; echo sorry >&2; exit 7");
    broken["retry"] = json!({ "attempts": 3, "delay_seconds": 0.01 });
    let absent = json!({ "name": "absent", "on": "on_phase_start", "retry": { "attempts": 1 },
        "command": ["./no-such-program"] });
    configure(
        &project,
        &json!([broken, absent, script("good", "on_phase_complete", "cat >> events")]),
    );
    let server = Server::start(project.path()).await;
    open(&server.caller(), "a").await;
    complete(&server.caller(), "a").await.unwrap();
    until("the second failure", || logged(&project, "outcome", "passed_over").len() == 4).await;
    assert_eq!(ids(&lines(&project, "events")), ["a@2.0"]);
    let of_first = |line: &Value| line["trigger"] == "broken" && line["version"] == 1;
    let tried: Vec<Value> = log(&project).into_iter().filter(of_first).collect();
    let said: Vec<_> =
        tried.iter().map(|line| (line["attempt"].clone(), line["outcome"].clone())).collect();
    let expected = [(1, "failed"), (2, "failed"), (3, "passed_over")];
    assert_eq!(said, expected.map(|(attempt, outcome)| (json!(attempt), json!(outcome))));
    assert_eq!((&tried[2]["exit_code"], &tried[2]["output"]), (&json!(7), &json!("sorry\n")));
    server.end().await;
}

#[tokio::test]
async fn a_hook_that_hangs_is_killed_and_delays_no_answer() {
    let project = Project::new();
    let mut hanging = script("hanging", "on_phase_start", "touch begun; sleep 100");
    hanging["timeout_seconds"] = json!(2);
    hanging["retry"] = json!({ "attempts": 1 });
    configure(&project, &json!([hanging]));
    let server = Server::start(project.path()).await;
    open(&server.caller(), "a").await;
    until("the hook's start", || project.path().join("begun").exists()).await;
    complete(&server.caller(), "a").await.unwrap();
    assert_eq!(log(&project).len(), 0, "answered while the hook was running");
    until("its end", || !log(&project).is_empty()).await;
    let line = &log(&project)[0];
    assert_eq!(
        (&line["outcome"], &line["reason"]),
        (&json!("passed_over"), &json!("timed out after 2 s"))
    );
    // A host does not wait for a hook that hangs, and nor does the server.
    let start = Instant::now();
    assert!(server.end().await.success());
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}

/// The server dies between the commit and the delivery: the first hook hangs until then.
#[tokio::test]
async fn what_a_killed_server_did_not_deliver_the_next_one_does() {
    let project = Project::new();
    let blocked = "test -e go || { touch begun; exec sleep 20; }; cat >> events";
    configure(
        &project,
        &json!([
            script("start", "on_phase_start", blocked),
            script("complete", "on_phase_complete", "cat >> events"),
        ]),
    );
    let server = Server::start(project.path()).await;
    open(&server.caller(), "a").await;
    until("the first hook", || project.path().join("begun").exists()).await;
    for _ in 0..3 {
        complete(&server.caller(), "a").await.unwrap();
    }
    server.kill().await;
    assert_eq!(lines(&project, "events").len(), 0);
    write(&project.path().join("go"), "");
    let server = Server::start(project.path()).await;
    let expected = in_journal(&project, "a");
    until("the delivery", || lines(&project, "events").len() >= expected.len()).await;
    assert_eq!(ids(&lines(&project, "events")), expected);
    server.end().await;
}

#[tokio::test]
async fn kills_at_random_moments_lose_no_event() {
    let project = Project::new();
    configure(&project, &collectors());
    for seed in 0..12 {
        let server = Server::start(project.path()).await;
        let (caller, mut random) = (server.caller(), Random::seeded(seed));
        let work = tokio::spawn(async move {
            let name = format!("a{}", seed % 3);
            if caller.call("init_state", opening(&name)).await.is_ok() {
                while complete(&caller, &name).await.is_ok() {}
            }
        });
        // Not an event to wait for, but a moment to be found.
        tokio::time::sleep(Duration::from_micros(random.below(120_000))).await;
        server.kill().await;
        soon("the end of the work", work).await.unwrap();
    }
    let server = Server::start(project.path()).await;
    for name in ["a0", "a1", "a2"] {
        let expected = in_journal(&project, name);
        let missing = || {
            let delivered = ids(&lines(&project, "events"));
            expected.iter().filter(|id| !delivered.contains(*id)).count()
        };
        until("the delivery", || missing() == 0).await;
    }
    server.end().await;
}

/// Both servers have news of the same artifact while the other one delivers.
#[tokio::test]
async fn two_servers_at_once_deliver_each_event_once() {
    let project = Project::new();
    let slow = "event=$(cat); sleep 0.05; echo \"$event\" >> events";
    let kinds = ["on_phase_start", "on_phase_complete"];
    configure(&project, &kinds.into_iter().map(|on| script(on, on, slow)).collect());
    let servers = [Server::start(project.path()).await, Server::start(project.path()).await];
    let callers = [servers[0].caller(), servers[1].caller()];
    open(&callers[0], "a").await;
    for turn in 1..=12 {
        let caller = &callers[turn % 2];
        if complete(caller, "a").await.unwrap()["briefing"]["status"] != "running" {
            open(caller, "a").await;
        }
    }
    let expected = in_journal_of(&project, "a", Some(&kinds));
    let all_are_there = || {
        let delivered = ids(&lines(&project, "events"));
        expected.iter().all(|id| delivered.contains(id))
    };
    until("the delivery", all_are_there).await;
    for server in servers {
        server.end().await;
    }
    assert_eq!(ids(&lines(&project, "events")), expected);
}

#[tokio::test]
async fn the_host_is_asked_in_every_answer_until_the_loop_goes_on() {
    let project = Project::new();
    let mut follow =
        json!({ "name": "follow", "on": "on_phase_start", "workflow": "flows/{{ phase }}.md" });
    follow["condition"] = json!("phase == 'plan'");
    let call = json!({ "name": "call", "on": "on_phase_complete",
        "mcp_tool": { "tool": "git_commit", "arguments": { "message": "{{ artifact }}: {{ phase }}" } } });
    configure(&project, &json!([follow, call]));
    let server = Server::start(project.path()).await;
    let caller = server.caller();
    assert_eq!(open(&caller, "a").await["briefing"]["warnings"], json!([]));
    let asked = json!([
        "hook call asks you to call git_commit with {\"message\":\"a: specify\"} (on_phase_complete)",
        "hook follow asks you to follow flows/plan.md (on_phase_start)",
    ]);
    assert_eq!(complete(&caller, "a").await.unwrap()["briefing"]["warnings"], asked);
    server.kill().await;
    let server = Server::start(project.path()).await;
    let loaded = server.call("load_state", json!({ "name": "a" })).await.unwrap();
    assert_eq!(loaded["briefing"]["warnings"], asked);
    let next = complete(&server.caller(), "a").await.unwrap();
    assert_eq!(next["briefing"]["warnings"].as_array().unwrap().len(), 1, "{next}");
    until("the log", || logged(&project, "outcome", "requested").len() == 3).await;
    server.end().await;
}

#[tokio::test]
async fn a_command_of_the_command_line_delivers_before_it_ends() {
    let project = Project::new();
    configure(&project, &collectors());
    assert_eq!(refiner(project.path(), ["init", "a"]).code, Some(0));
    assert_eq!(ids(&lines(&project, "events")), ["a@1.0"]);
    let moved = ["transition", "a", "complete", "--phase", "specify", "--result", "{}"];
    assert_eq!(refiner(project.path(), moved).code, Some(0));
    assert_eq!(ids(&lines(&project, "events")), ["a@1.0", "a@2.0", "a@2.1"]);
}

#[tokio::test]
async fn without_triggers_a_loop_leaves_nothing_behind_for_hooks() {
    let project = Project::new();
    let server = Server::start(project.path()).await;
    whole_loop(&server.caller(), "a").await;
    server.end().await;
    assert!(!project.path().join(".config").exists());
    assert!(!project.names("locks").contains(&"@hooks".to_owned()));
    let made = [project.names(""), project.names("artifacts/a")].concat();
    for file in ["workflow.log", "undelivered", "hooks.cursor"] {
        assert!(!made.contains(&file.to_owned()), "{made:?}");
    }
}
