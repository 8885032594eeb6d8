//! The state that goes to a client of revision 2026-07-28 and comes back with a person's answer.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};

use super::{
    Place, approve, asked_for, constraint, nothing_comes_of, open_gate, phase, to_the_gate, yes,
};
use crate::common::{Era, Host, Project, accepts};

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
    let key = blake3::derive_key("refiner 2 requestState of a question", key);
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
