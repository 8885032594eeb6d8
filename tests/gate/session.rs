//! Questions that wait in a session until they are answered.

use std::sync::Arc;
use std::time::Instant;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use rmcp::model::{ElicitResult, ElicitationAction};
use serde_json::{Value, json};
use tokio::sync::Barrier;

use super::{Place, approve, phase, version};
use crate::common::{AT_ONCE, Era, Person, Raw, accepts, soon, told};

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
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
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
