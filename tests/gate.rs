//! The human gate: what a model tries to get past it gets nowhere, and a person gets through, in both
//! eras of the protocol and at the terminal.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use rmcp::model::{ElicitResult, ElicitationAction};
use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::common::{
    ERAS, Era, Host, Person, Project, Raw, Server, accepts, answers, refiner,
    refiner_at_a_terminal, refiner_with_input, soon, told,
};

/// A project, and a user's state folder outside of it.
struct Place {
    project: Project,
    state: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { project: Project::new(), state: tempfile::tempdir().unwrap() }
    }

    async fn host(&self, era: Era, person: Person) -> Host {
        Host::start(era, self.project.path(), self.state.path(), person).await
    }

    /// A host at an open gate of the artifact `logo`.
    async fn at_a_gate(&self, era: Era, person: Person) -> Host {
        let host = self.host(era, person).await;
        open_gate(&host, "logo").await;
        host
    }

    fn key(&self) -> std::path::PathBuf {
        self.state.path().join("refiner/approval.key")
    }

    /// Everything that is stored of artifacts. The registry follows a moment later.
    fn stored(&self) -> BTreeMap<String, String> {
        let digest = self.project.digest().into_iter();
        let stored = digest.filter(|(path, _)| path.starts_with(".refiner/artifacts/"));
        let stored: BTreeMap<_, _> = stored.collect();
        assert!(!stored.is_empty());
        stored
    }

    fn decisions(&self) -> String {
        std::fs::read_to_string(self.project.of("logo", "decisions.md")).unwrap_or_default()
    }
}

fn constraint(id: &str, severity: &str) -> Value {
    json!({ "id": id, "description": "every link resolves", "severity": severity })
}

/// Brings a new artifact to where a person decides.
async fn open_gate(host: &Host, name: &str) {
    let constraints = [constraint("links", "blocking"), constraint("colors", "high")];
    let init = json!({ "name": name, "requires_approval": true, "constraints": constraints });
    host.call("init_state", init).await.unwrap();
    complete(host, name, "specify", json!({})).await;
    to_the_gate(host, name).await;
}

/// Goes from planning to where a person decides.
async fn to_the_gate(host: &Host, name: &str) {
    complete(host, name, "plan", json!({ "steps": ["draw"] })).await;
    complete(host, name, "execute", json!({ "actions": ["drew"] })).await;
    let found = [
        json!({ "id": "links", "status": "satisfied", "details": "all 3 do" }),
        json!({ "id": "colors", "status": "violated" }),
    ];
    let reflection = json!({ "constraints": found, "summary": "nearly there" });
    let briefing = complete(host, name, "reflect", reflection).await;
    assert_eq!(briefing["phase"], "approval");
}

async fn complete(host: &Host, name: &str, phase: &str, result: Value) -> Value {
    let event = json!({ "name": name, "event": "complete", "phase": phase, "result": result });
    host.call("transition", event).await.unwrap()["briefing"].clone()
}

fn approve() -> Value {
    json!({ "name": "logo", "event": "approve" })
}

fn yes() -> Value {
    json!({ "action": "accept", "content": { "decision": "approve" } })
}

async fn phase(host: &Host) -> Value {
    host.call("load_state", json!({ "name": "logo" })).await.unwrap()["briefing"]["phase"].clone()
}

async fn version(host: &Host) -> u64 {
    let loaded = host.call("load_state", json!({ "name": "logo" })).await.unwrap();
    loaded["briefing"]["version"].as_u64().unwrap()
}

/// Does something that has to be refused, and shows that nothing came of it.
async fn nothing_comes_of(
    place: &Place,
    host: &Host,
    what: &str,
    codes: &[&str],
    attempt: impl Future<Output = Result<Value, Value>>,
) -> Value {
    let (before, stood) = (place.stored(), phase(host).await);
    let refusal = attempt.await.expect_err(what);
    assert!(codes.iter().any(|code| refusal["code"] == *code), "{what}: {refusal}");
    assert_eq!(place.stored(), before, "{what} wrote something");
    assert_eq!(phase(host).await, stood, "{what}");
    refusal
}

/// Asks for something without a person's answer, and returns the state that waits for it.
async fn asked_for(host: &Host, tool: &str, arguments: Value) -> String {
    let asks = host.once(tool, arguments, None, None).await.unwrap();
    assert_eq!(asks["resultType"], "input_required", "{asks}");
    asks["requestState"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_person_approves_in_either_era_after_being_shown_what_they_decide() {
    for era in ERAS {
        let place = Place::new();
        let form = json!({ "decision": "approve", "reason": "I like it" });
        let host = place.at_a_gate(era, accepts(form)).await;
        let before = version(&host).await;
        let call = json!({ "name": "logo", "event": "approve", "reason": "it is perfect" });
        let answer = host.call("transition", call).await.unwrap();
        assert_eq!((&answer["from"], &answer["to"]), (&json!("approval"), &json!("persist")));
        assert_eq!(answer["version"], before + 1, "{era:?}");

        let asked = host.asked();
        assert_eq!(asked.len(), 1, "{era:?}");
        let shown = asked[0]["message"].as_str().unwrap();
        for part in [
            "logo needs your decision: the event approve",
            "leads to the phase persist",
            "The caller says why: it is perfect",
            "iteration 1 of 5",
            "Reflection: nearly there",
            "links (blocking): satisfied, asserted by the caller — all 3 do",
            "colors (high): VIOLATED",
        ] {
            assert!(shown.contains(part), "{era:?}: {part} is not in\n{shown}");
        }
        let decision = &asked[0]["requestedSchema"]["properties"]["decision"];
        assert_eq!(decision["enum"], json!(["approve", "reject", "stop"]), "{era:?}");
        let decisions = place.decisions();
        assert!(decisions.contains("approve by a person"), "{decisions}");
        assert!(decisions.contains("**Reason**: I like it"), "{decisions}");
        assert!(decisions.contains("**Asked for with**: it is perfect"), "{decisions}");
    }
}

#[tokio::test]
async fn a_person_rejects_in_either_era_and_the_model_hears_why() {
    for era in ERAS {
        let place = Place::new();
        let form = json!({ "decision": "reject", "reason": "too dark" });
        let host = place.at_a_gate(era, accepts(form)).await;
        // The model asked to approve. What the person says is what happens.
        let answer = host.call("transition", approve()).await.unwrap();
        assert_eq!(answer["to"], "plan", "{era:?}");
        let instruction = answer["briefing"]["next"]["instruction"].as_str().unwrap();
        assert!(instruction.contains("A person decided: reject (too dark)."), "{instruction}");
        assert!(place.decisions().contains("**Reason**: too dark"));
        let state = place.project.state("logo");
        assert_eq!((&state["phase"], &state["current_iteration"]), (&json!("plan"), &json!(1)));
    }
}

#[tokio::test]
async fn what_a_person_declines_or_leaves_open_is_not_done() {
    for era in ERAS {
        for (answer, said) in [
            (ElicitResult::new(ElicitationAction::Decline), "declined"),
            (ElicitResult::new(ElicitationAction::Cancel), "declined"),
            (ElicitResult::new(ElicitationAction::Accept), "neither"),
        ] {
            let place = Place::new();
            let host = place.at_a_gate(era, answers(answer)).await;
            let call = host.call("transition", approve());
            let refusal = nothing_comes_of(&place, &host, said, &["approval_required"], call).await;
            assert!(refusal["message"].as_str().unwrap().contains(said), "{refusal}");
            assert_eq!(place.project.state("logo")["approval"]["status"], "open");
        }
    }
}

#[tokio::test]
async fn a_client_that_cannot_ask_is_told_the_command_that_its_user_can_run() {
    let place = Place::new();
    drop(place.at_a_gate(Era::Sessions, accepts(json!({}))).await);
    for server in [
        Server::start(place.project.path()).await,
        Server::start_stateless(place.project.path()).await,
    ] {
        let before = place.stored();
        for (event, command) in [
            ("approve", "refiner approve logo"),
            ("reject", "refiner reject logo"),
            ("stop", "refiner transition logo stop"),
        ] {
            let call = json!({ "name": "logo", "event": event, "reason": "the user agreed" });
            let refusal = server.call("transition", call).await.unwrap_err();
            assert_eq!(refusal["code"], "approval_required");
            let hint = refusal["hint"].as_str().unwrap();
            assert!(hint.contains("ask your user") && hint.contains(command), "{hint}");
        }
        assert_eq!(place.stored(), before);
    }
}

#[tokio::test]
async fn a_forged_altered_or_moved_state_opens_nothing() {
    let place = Place::new();
    let host = place.at_a_gate(Era::Stateless, accepts(json!({}))).await;
    open_gate(&host, "other").await;
    let state = asked_for(&host, "transition", approve()).await;
    let (payload, seal) = state.split_once('.').unwrap();
    let read: Value = serde_json::from_slice(&BASE64.decode(payload).unwrap()).unwrap();

    let mut later = read.clone();
    later["expires"] = json!("2099-01-01T00:00:00.000Z");
    let altered = format!("{}.{seal}", BASE64.encode(later.to_string()));
    let own_key = sealed(&read, &[1; 32]);
    let unsealed = format!("{payload}.{}", "0".repeat(64));
    for (what, forged) in [
        ("an altered state", altered.as_str()),
        ("a state sealed by somebody else", &own_key),
        ("a state without a seal", &unsealed),
        ("half a state", payload),
        ("no state at all", ""),
    ] {
        let call = host.once("transition", approve(), Some(forged), Some(yes()));
        nothing_comes_of(&place, &host, what, &["forbidden"], call).await;
    }

    let reasoned = json!({ "name": "logo", "event": "approve", "reason": "another" });
    let result = json!({ "name": "logo", "event": "approve", "result": { "x": 1 } });
    for (what, tool, arguments) in [
        ("another artifact", "transition", json!({ "name": "other", "event": "approve" })),
        ("another event", "transition", json!({ "name": "logo", "event": "stop" })),
        ("another reason", "transition", reasoned),
        ("another result", "transition", result),
        ("another tool", "save_state", json!({ "name": "logo", "patch": { "constraints": [] } })),
    ] {
        let call = host.once(tool, arguments, Some(&state), Some(yes()));
        nothing_comes_of(&place, &host, what, &["forbidden"], call).await;
    }

    let elsewhere = Place { project: Project::new(), state: place.state };
    let there = elsewhere.at_a_gate(Era::Stateless, accepts(json!({}))).await;
    let call = there.once("transition", approve(), Some(&state), Some(yes()));
    nothing_comes_of(&elsewhere, &there, "another workspace", &["forbidden"], call).await;
    let answer = host.once("transition", approve(), Some(&state), Some(yes())).await;
    assert_eq!(answer.unwrap()["to"], "persist", "the state itself was good all the time");
}

/// Seals a state as somebody does who knows how, and has a key.
fn sealed(state: &Value, key: &[u8; 32]) -> String {
    let payload = state.to_string();
    let key = blake3::derive_key("refiner 1 requestState of the human gate", key);
    let seal = blake3::keyed_hash(&key, payload.as_bytes());
    format!("{}.{}", BASE64.encode(&payload), seal.to_hex())
}

#[tokio::test]
async fn a_state_has_an_end() {
    let place = Place::new();
    let host = place.at_a_gate(Era::Stateless, accepts(json!({}))).await;
    let state = asked_for(&host, "transition", approve()).await;
    let payload = BASE64.decode(state.split_once('.').unwrap().0).unwrap();
    let read: Value = serde_json::from_slice(&payload).unwrap();
    let key: [u8; 32] = std::fs::read(place.key()).unwrap().try_into().unwrap();

    let expires: chrono::DateTime<chrono::Utc> =
        serde_json::from_value(read["expires"].clone()).unwrap();
    let minutes = (expires - chrono::Utc::now()).num_minutes();
    assert!((13..=15).contains(&minutes), "{minutes} minutes");
    let mut old = read.clone();
    old["expires"] = json!("2020-01-01T00:00:00.000Z");
    let over = sealed(&old, &key);
    let call = host.once("transition", approve(), Some(&over), Some(yes()));
    let refusal =
        nothing_comes_of(&place, &host, "an old state", &["approval_required"], call).await;
    assert!(refusal["message"].as_str().unwrap().contains("expired"), "{refusal}");
    let in_time = sealed(&read, &key);
    let answer = host.once("transition", approve(), Some(&in_time), Some(yes())).await.unwrap();
    assert_eq!(answer["to"], "persist", "it was the time, and not how this test seals");
}

#[tokio::test]
async fn a_state_without_an_answer_or_with_a_bad_one_opens_nothing() {
    let place = Place::new();
    let host = place.at_a_gate(Era::Stateless, accepts(json!({}))).await;
    let state = asked_for(&host, "transition", approve()).await;
    for answer in [
        None,
        Some(json!({})),
        Some(json!("accept")),
        Some(json!({ "action": "accept" })),
        Some(json!({ "action": "accept", "content": { "decision": "complete" } })),
        Some(json!({ "action": "accept", "content": { "confirm": true } })),
        Some(json!({ "action": "decline", "content": { "decision": "approve" } })),
    ] {
        let what = format!("{answer:?}");
        let call = host.once("transition", approve(), Some(&state), answer);
        nothing_comes_of(&place, &host, &what, &["approval_required"], call).await;
    }
    // An answer to a question that nobody asked is none either: the person is asked.
    let asks = host.once("transition", approve(), None, Some(yes())).await.unwrap();
    assert_eq!(asks["resultType"], "input_required");
    assert_eq!(phase(&host).await, "approval");
}

#[tokio::test]
async fn a_state_opens_its_gate_once_and_never_the_next_one() {
    let place = Place::new();
    let host = place.at_a_gate(Era::Stateless, accepts(json!({}))).await;
    let state = asked_for(&host, "transition", approve()).await;
    let reject = json!({ "action": "accept", "content": { "decision": "reject" } });
    host.once("transition", approve(), Some(&state), Some(reject)).await.unwrap();

    let replayed = host.once("transition", approve(), Some(&state), Some(yes()));
    nothing_comes_of(&place, &host, "a replay", &["conflict"], replayed).await;
    to_the_gate(&host, "logo").await;
    let replayed = host.once("transition", approve(), Some(&state), Some(yes()));
    nothing_comes_of(&place, &host, "a replay at the next gate", &["conflict"], replayed).await;
    assert_eq!(place.project.state("logo")["approval"]["status"], "open");
}

#[tokio::test]
async fn what_changed_after_a_person_looked_is_not_what_they_decided_on() {
    for (what, change) in [
        ("constraints", json!([constraint("links", "blocking"), constraint("colors", "blocking")])),
        ("goals", json!(["something else"])),
    ] {
        let place = Place::new();
        let host = place.at_a_gate(Era::Stateless, accepts(json!({}))).await;
        let state = asked_for(&host, "transition", approve()).await;
        let data = json!({ "name": "logo", "patch": { "data": { "notes": "mine" } } });
        host.call("save_state", data).await.unwrap();
        host.call("save_state", json!({ "name": "logo", "patch": { what: change } }))
            .await
            .unwrap();
        let call = host.once("transition", approve(), Some(&state), Some(yes()));
        nothing_comes_of(&place, &host, what, &["conflict"], call).await;
    }
    let place = Place::new();
    let host = place.at_a_gate(Era::Stateless, accepts(json!({}))).await;
    let state = asked_for(&host, "transition", approve()).await;
    let data = json!({ "name": "logo", "patch": { "data": { "notes": "mine" } } });
    host.call("save_state", data).await.unwrap();
    let answer = host.once("transition", approve(), Some(&state), Some(yes())).await.unwrap();
    assert_eq!(answer["to"], "persist", "what a person does not decide on may change");
}

#[tokio::test]
async fn another_process_of_the_same_user_takes_the_answer_and_anybody_elses_does_not() {
    let place = Place::new();
    let asking = place.at_a_gate(Era::Stateless, accepts(json!({}))).await;
    let state = asked_for(&asking, "transition", approve()).await;
    assert!(asking.end().await.success());

    let stranger = tempfile::tempdir().unwrap();
    let other =
        Host::start(Era::Stateless, place.project.path(), stranger.path(), accepts(json!({})))
            .await;
    let call = other.once("transition", approve(), Some(&state), Some(yes()));
    nothing_comes_of(&place, &other, "another user's key", &["forbidden"], call).await;
    // Where a key cannot be kept, it lives as long as its process.
    let nowhere = Path::new("/proc/none");
    let forgetful =
        Host::start(Era::Stateless, place.project.path(), nowhere, accepts(json!({}))).await;
    let call = forgetful.once("transition", approve(), Some(&state), Some(yes()));
    nothing_comes_of(&place, &forgetful, "a process's own key", &["forbidden"], call).await;
    asked_for(&forgetful, "transition", approve()).await;

    let again = place.host(Era::Stateless, accepts(json!({}))).await;
    let answer = again.once("transition", approve(), Some(&state), Some(yes())).await.unwrap();
    assert_eq!(answer["to"], "persist");
}

#[tokio::test]
async fn two_approvals_that_arrive_at_once_open_the_gate_once() {
    for era in ERAS {
        let place = Place::new();
        let both_asked = Arc::new(Barrier::new(2));
        let person: Person = Arc::new(move |_| {
            let both_asked = Arc::clone(&both_asked);
            Box::pin(async move {
                both_asked.wait().await;
                ElicitResult::new(ElicitationAction::Accept)
                    .with_content(json!({ "decision": "approve" }))
            })
        });
        let host = place.at_a_gate(era, person).await;
        let before = version(&host).await;
        let (one, two) =
            tokio::join!(host.call("transition", approve()), host.call("transition", approve()));
        let (done, refused): (Vec<_>, Vec<_>) = [one, two].into_iter().partition(Result::is_ok);
        assert_eq!((done.len(), refused.len()), (1, 1), "{era:?}: {done:?} {refused:?}");
        assert_eq!(refused[0].as_ref().unwrap_err()["code"], "conflict", "{era:?}");
        assert_eq!(version(&host).await, before + 1);
        assert_eq!(place.decisions().matches("approve by a person").count(), 1);
    }
}

#[tokio::test]
async fn a_question_that_waits_blocks_nobody() {
    let place = Place::new();
    let asked = Arc::new(Barrier::new(2));
    let reached = Arc::clone(&asked);
    let person: Person = Arc::new(move |_| {
        let reached = Arc::clone(&reached);
        Box::pin(async move {
            reached.wait().await;
            std::future::pending().await
        })
    });
    let host = place.at_a_gate(Era::Sessions, person).await;
    let before = version(&host).await;
    {
        let waiting = host.call("transition", approve());
        tokio::pin!(waiting);
        tokio::select! {
            answer = &mut waiting => panic!("nobody answered, and the call did: {answer:?}"),
            _ = soon("the question", asked.wait()) => {}
        }
        let save = json!({ "name": "logo", "patch": { "data": { "x": 1 } } });
        tokio::select! {
            answer = &mut waiting => panic!("nobody answered, and the call did: {answer:?}"),
            saved = host.call("save_state", save) => {
                assert_eq!(saved.unwrap()["version"], before + 1);
            }
        }
        let other = place.host(Era::Stateless, accepts(json!({}))).await;
        assert_eq!(phase(&other).await, "approval");
    }
}

/// A client of lines that has asked for an approval, and been sent the question.
async fn waiting_for_its_person(place: &Place) -> (Raw, Value) {
    let host = place.at_a_gate(Era::Sessions, accepts(json!({}))).await;
    assert!(host.end().await.success());
    let mut raw = Raw::start(place.project.path());
    let hello = json!({ "protocolVersion": "2025-06-18", "capabilities": { "elicitation": {} }, "clientInfo": { "name": "raw", "version": "1" } });
    raw.ask("initialize", hello).await;
    raw.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
    let params = json!({ "name": "transition", "arguments": approve() });
    raw.send(&json!({ "jsonrpc": "2.0", "id": 70, "method": "tools/call", "params": params }))
        .await;
    let question = raw.next().await;
    assert_eq!(question["method"], "elicitation/create", "{question}");
    (raw, question)
}

#[tokio::test]
async fn a_question_ends_with_its_connection_and_the_server_at_once() {
    let place = Place::new();
    let (raw, _) = waiting_for_its_person(&place).await;
    let before = place.stored();
    let began = Instant::now();
    let (status, answers) = raw.end().await;
    assert!(status.success());
    assert!(began.elapsed().as_millis() < 900, "{:?}", began.elapsed());
    let answer = answers.iter().find(|answer| answer["id"] == 70).unwrap();
    let refusal = told(answer).unwrap_err();
    assert!(refusal["message"].as_str().unwrap().contains("the connection ended"), "{refusal}");
    assert_eq!(place.stored(), before);
}

#[tokio::test]
async fn a_call_that_is_cancelled_takes_its_question_back() {
    let place = Place::new();
    let (mut raw, question) = waiting_for_its_person(&place).await;
    let cancelled = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 70 } });
    raw.send(&cancelled).await;
    let withdrawn = raw.next().await;
    assert_eq!(withdrawn["method"], "notifications/cancelled", "{withdrawn}");
    assert_eq!(withdrawn["params"]["requestId"], question["id"]);
    // The person's answer comes too late.
    let late = json!({ "jsonrpc": "2.0", "id": question["id"], "result": { "action": "accept", "content": { "decision": "approve" } } });
    raw.send(&late).await;
    let loaded = raw.call("load_state", json!({ "name": "logo" })).await.unwrap();
    assert_eq!(loaded["briefing"]["phase"], "approval");
}

#[tokio::test]
async fn a_client_that_fails_to_ask_ends_the_question() {
    let place = Place::new();
    let (mut raw, question) = waiting_for_its_person(&place).await;
    let error = json!({ "code": -1, "message": "the window was closed" });
    raw.send(&json!({ "jsonrpc": "2.0", "id": question["id"], "error": error })).await;
    let answer = raw.next().await;
    assert_eq!(answer["id"], 70);
    let refusal = told(&answer).unwrap_err();
    assert_eq!(refusal["code"], "approval_required");
    assert!(refusal["message"].as_str().unwrap().contains("could not ask"), "{refusal}");
}

/// More than the server works on at once.
const CALLS: usize = 600;
/// Questions that may wait.
const WAITING: usize = 8;

#[tokio::test]
async fn a_client_cannot_be_flooded_with_questions_until_no_answer_gets_in() {
    let place = Place::new();
    let (release, released) = tokio::sync::watch::channel(false);
    let person: Person = Arc::new(move |_| {
        let mut released = released.clone();
        Box::pin(async move {
            released.wait_for(|released| *released).await.unwrap();
            ElicitResult::new(ElicitationAction::Decline)
        })
    });
    let host = place.at_a_gate(Era::Sessions, person).await;
    let calls = (0..CALLS).map(|_| host.call("transition", approve()));
    let mut calls: FuturesUnordered<_> = calls.collect();
    for refused in 0..CALLS {
        if refused == CALLS - WAITING {
            release.send_replace(true);
        }
        let refusal = soon("a refusal", calls.next()).await.unwrap().unwrap_err();
        let why = if refused < CALLS - WAITING { "too many questions" } else { "declined" };
        assert!(refusal["message"].as_str().unwrap().contains(why), "{refused}: {refusal}");
        assert_eq!(refusal["code"], "approval_required");
    }
    assert_eq!(host.asked().len(), WAITING);
}

#[tokio::test]
async fn a_dry_run_asks_nobody() {
    for era in ERAS {
        let place = Place::new();
        let host = place.at_a_gate(era, accepts(json!({ "decision": "approve" }))).await;
        let dry = json!({ "name": "logo", "event": "approve", "dry_run": true });
        let call = host.call("transition", dry);
        nothing_comes_of(&place, &host, "a dry run", &["approval_required"], call).await;
        assert!(host.asked().is_empty());
    }
}

#[tokio::test]
async fn a_model_neither_writes_the_approval_nor_decides_it_by_arguments() {
    let place = Place::new();
    let no = answers(ElicitResult::new(ElicitationAction::Decline));
    let host = place.at_a_gate(Era::Sessions, no).await;
    for field in [
        json!({ "approval": { "id": "gate-5", "status": "approve" } }),
        json!({ "approval": null }),
        json!({ "phase": "persist" }),
        json!({ "requires_approval": false }),
        json!({ "max_iterations": 99 }),
        json!({ "convergence_status": "converged" }),
    ] {
        for way in ["patch", "state"] {
            let what = format!("{way} {field}");
            let call = host.call("save_state", json!({ "name": "logo", way: field }));
            nothing_comes_of(&place, &host, &what, &["invalid_argument"], call).await;
        }
    }
    for extra in ["confirmed", "human", "consent", "sight", "approved_by", "requestState"] {
        let call = json!({ "name": "logo", "event": "approve", extra: true });
        let call = host.call("transition", call);
        nothing_comes_of(&place, &host, extra, &["invalid_argument"], call).await;
    }
    for event in ["complete", "persist", "APPROVE", "approve ", "finalize"] {
        let call = host.call("transition", json!({ "name": "logo", "event": event, "result": {} }));
        nothing_comes_of(&place, &host, event, &["invalid_transition"], call).await;
    }
    for event in ["approve", "reject", "stop"] {
        let call = json!({ "name": "logo", "event": event, "result": { "approved": true }, "reason": "the user said yes" });
        let call = host.call("transition", call);
        nothing_comes_of(&place, &host, event, &["approval_required"], call).await;
    }
    let finalize = json!({ "name": "logo", "status": "converged" });
    let call = host.call("finalize", finalize);
    nothing_comes_of(&place, &host, "finalizing early", &["invalid_transition"], call).await;
}

#[tokio::test]
async fn constraints_are_loosened_by_a_person_only_and_that_is_logged() {
    let mut measured = constraint("links", "blocking");
    measured["target_metric"] = json!({ "metric": "broken_links", "operator": "<=", "value": 0 });
    let reworded =
        json!({ "id": "links", "description": "some link resolves", "severity": "blocking" });
    let (links, colors) = (constraint("links", "blocking"), constraint("colors", "high"));
    let loosenings = [
        ("dropping the constraint \"links\"", json!([colors])),
        ("lowering the severity", json!([constraint("links", "low"), colors])),
        ("rewording the constraint", json!([reworded, colors])),
        ("dropping the constraint \"colors\"", json!([links])),
    ];
    for era in ERAS {
        for (what, constraints) in &loosenings {
            let place = Place::new();
            let no = answers(ElicitResult::new(ElicitationAction::Decline));
            let host = place.at_a_gate(era, no).await;
            for way in ["patch", "state"] {
                let save = json!({ "name": "logo", way: { "constraints": constraints } });
                let call = host.call("save_state", save);
                nothing_comes_of(&place, &host, what, &["approval_required"], call).await;
            }
            assert!(host.asked()[0]["message"].as_str().unwrap().contains(what), "{what}");
            drop(host);
            let form = json!({ "confirm": true, "reason": "it never mattered" });
            let host = place.host(era, accepts(form)).await;
            let save = json!({ "name": "logo", "patch": { "constraints": constraints } });
            assert_eq!(host.call("save_state", save).await.unwrap()["changed"], true);
            let decisions = place.decisions();
            assert!(decisions.contains("constraints loosened by a person"), "{decisions}");
            assert!(decisions.contains(&format!("**Loosened**: {what}")), "{decisions}");
            assert!(decisions.contains("**Reason**: it never mattered"), "{decisions}");
        }
    }
    let place = Place::new();
    let no = answers(ElicitResult::new(ElicitationAction::Decline));
    let host = place.at_a_gate(Era::Sessions, no).await;
    let add = json!({ "name": "logo", "patch": { "constraints": [measured, colors] } });
    host.call("save_state", add).await.unwrap();
    let mut easier = measured;
    easier["target_metric"]["value"] = json!(99);
    for constraints in [json!([easier, colors]), json!([links, colors])] {
        let save = json!({ "name": "logo", "patch": { "constraints": constraints } });
        let call = host.call("save_state", save);
        nothing_comes_of(&place, &host, "measuring less", &["approval_required"], call).await;
    }
}

#[tokio::test]
async fn an_agreement_to_loosen_holds_for_the_version_that_was_seen() {
    let place = Place::new();
    let host = place.at_a_gate(Era::Stateless, accepts(json!({}))).await;
    let drop_colors =
        json!({ "name": "logo", "patch": { "constraints": [constraint("links", "blocking")] } });
    let state = asked_for(&host, "save_state", drop_colors.clone()).await;
    let yes = json!({ "action": "accept", "content": { "confirm": true } });
    let data = json!({ "name": "logo", "patch": { "data": { "x": 1 } } });
    host.call("save_state", data).await.unwrap();
    let call = host.once("save_state", drop_colors.clone(), Some(&state), Some(yes.clone()));
    nothing_comes_of(&place, &host, "an old agreement", &["conflict"], call).await;

    let state = asked_for(&host, "save_state", drop_colors.clone()).await;
    let saved = host.once("save_state", drop_colors.clone(), Some(&state), Some(yes.clone())).await;
    assert_eq!(saved.unwrap()["changed"], true);
    let both = json!([constraint("links", "blocking"), constraint("colors", "high")]);
    host.call("save_state", json!({ "name": "logo", "patch": { "constraints": both } }))
        .await
        .unwrap();
    let call = host.once("save_state", drop_colors, Some(&state), Some(yes));
    nothing_comes_of(&place, &host, "a replayed agreement", &["conflict"], call).await;
}

#[tokio::test]
async fn the_number_of_iterations_is_not_raised_by_opening_saving_or_specifying() {
    let place = Place::new();
    let host = place.host(Era::Sessions, accepts(json!({}))).await;
    host.call("init_state", json!({ "name": "logo", "max_iterations": 2 })).await.unwrap();
    let again = json!({ "name": "logo", "max_iterations": 99, "requires_approval": false });
    assert_eq!(host.call("init_state", again.clone()).await.unwrap()["outcome"], "resumed");
    let call =
        host.call("save_state", json!({ "name": "logo", "patch": { "max_iterations": 99 } }));
    nothing_comes_of(&place, &host, "saving it", &["invalid_argument"], call).await;
    let specified = json!({ "max_iterations": 99, "goals": ["short"] });
    let briefing = complete(&host, "logo", "specify", specified).await;
    assert_eq!(briefing["iteration"]["max"], 2);
    host.call("init_state", again).await.unwrap();
    assert_eq!(place.project.state("logo")["max_iterations"], 2);
}

#[tokio::test]
async fn restoring_what_was_before_a_refusal_does_not_undo_it() {
    let place = Place::new();
    let host = place.at_a_gate(Era::Sessions, accepts(json!({ "decision": "reject" }))).await;
    let open = version(&host).await;
    host.call("transition", approve()).await.unwrap();
    let refused = place.project.state("logo");
    let log = place.decisions();
    for to in [open, open - 1, 2, 1] {
        host.call("restore", json!({ "name": "logo", "to": to.to_string() })).await.unwrap();
        let state = place.project.state("logo");
        for field in ["phase", "approval", "iteration_history", "current_iteration", "constraints"]
        {
            assert_eq!(state[field], refused[field], "{field} after a restore to {to}");
        }
        assert_eq!(state["approval"]["status"], "reject");
        let call = host.call("transition", approve());
        nothing_comes_of(&place, &host, "the old gate", &["invalid_transition"], call).await;
    }
    assert_eq!(place.decisions(), log);
}

#[tokio::test]
async fn a_person_stops_a_loop_from_any_phase() {
    for era in ERAS {
        let place = Place::new();
        let host = place.host(era, accepts(json!({ "confirm": true, "reason": "enough" }))).await;
        host.call("init_state", json!({ "name": "logo" })).await.unwrap();
        let stop = json!({ "name": "logo", "event": "stop" });
        let answer = host.call("transition", stop).await.unwrap();
        assert_eq!(answer["to"], "stopped");
        assert_eq!(place.project.state("logo")["convergence_status"], "user_terminated");
        assert!(place.decisions().contains("stop by a person"));
        assert!(place.decisions().contains("**Reason**: enough"));
    }
}

#[tokio::test]
async fn the_command_line_asks_a_person_at_a_terminal_and_nobody_else() {
    let place = Place::new();
    let host = place.at_a_gate(Era::Sessions, accepts(json!({}))).await;
    let project = place.project.path();
    let before = place.stored();
    for arguments in [
        &["approve", "logo"][..],
        &["reject", "logo", "--reason", "x"],
        &["transition", "logo", "approve"],
        &["save", "logo", "--patch", r#"{"constraints":[]}"#],
    ] {
        let finished = refiner(project, arguments);
        assert_eq!(finished.code, Some(1), "{finished:?}");
        assert!(finished.stderr.contains("needs a person's decision"), "{finished:?}");
        let piped = refiner_with_input(project, arguments, "yes\n");
        assert_eq!(piped.code, Some(1), "{piped:?}");
        let unsure = refiner_at_a_terminal(project, arguments, "y");
        assert_eq!(unsure.code, Some(1), "{unsure:?}");
        assert!(unsure.stderr.contains("Type yes to go on"), "{unsure:?}");
    }
    assert_eq!(place.stored(), before);

    let arguments = ["--json", "reject", "logo", "--reason", "too dark"];
    let rejected = refiner_at_a_terminal(project, &arguments, "yes");
    assert_eq!((rejected.code, &rejected.json()["to"]), (Some(0), &json!("plan")));
    for part in
        ["Reflection: nearly there", "links (blocking): satisfied", "colors (high): VIOLATED"]
    {
        assert!(rejected.stderr.contains(part), "{part}: {rejected:?}");
    }
    assert!(place.decisions().contains("reject by a person"));
    assert!(place.decisions().contains("**Reason**: too dark"));
    to_the_gate(&host, "logo").await;
    let approved = refiner_at_a_terminal(project, &["approve", "logo"], "yes");
    assert_eq!(approved.code, Some(0), "{approved:?}");
    assert!(approved.stdout.contains("approval → persist"), "{approved:?}");
    let again = refiner_at_a_terminal(project, &["approve", "logo"], "yes");
    assert_eq!(again.code, Some(1), "{again:?}");
}
