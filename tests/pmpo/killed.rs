//! A loop whose server is killed again and again. The host keeps nothing over a kill: a new server
//! says where the loop stands.

use std::time::Duration;

use serde_json::{Value, json};

use super::after::{Persisted, Wrong, check_archive};
use super::host::Host;
use super::{report, story::Story};
use crate::common::{Caller, Project, Random, Server, refiner, soon};

/// Goes on until the loop is archived, or the server is gone. Returns whether it is archived.
async fn go_on(project: &Project, story: &Story, caller: Caller) -> bool {
    let mut host = Host::new(project, story, caller.clone());
    if let Err(refusal) = write_again(story, &caller).await
        && refusal["code"] != "not_found"
    {
        return lost(&refusal);
    }
    loop {
        let briefing = match host.briefing().await {
            Ok(briefing) => briefing,
            Err(refusal) if refusal["code"] == "not_found" => match host.open().await {
                Ok(opened) => opened["briefing"].clone(),
                Err(refusal) => return lost(&refusal),
            },
            Err(refusal) => return lost(&refusal),
        };
        check_closed(project, story, &briefing);
        if briefing["next"]["instruction"].as_str().unwrap().starts_with("This cycle is closed") {
            return true;
        }
        match host.go_on(&briefing).await {
            Ok(done) if done.tool == "finalize" => return true,
            Ok(_) => {}
            Err(refusal) => return lost(&refusal),
        }
    }
}

/// Saves a note, or finalizes again. The files of the last operation may be older than the journal after a
/// kill, and reading does not make them again.
async fn write_again(story: &Story, caller: &Caller) -> Result<Value, Value> {
    let patch = json!({ "data": { "notes": "a new server" } });
    let saved = caller.call("save_state", json!({ "name": story.name, "patch": patch })).await;
    match saved {
        Err(refusal) if refusal["code"] == "finalized" => {
            caller.call("finalize", json!({ "name": story.name })).await
        }
        saved => saved,
    }
}

/// A call fails only because its server is gone.
fn lost(refusal: &Value) -> bool {
    assert!(refusal["lost"].is_string(), "{refusal}");
    false
}

/// Fails unless everything holds of the iteration that was closed last, if one was just closed.
fn check_closed(project: &Project, story: &Story, briefing: &Value) {
    let current = briefing["iteration"]["current"].as_u64().unwrap();
    let closed = match briefing["status"] == "running" {
        true if briefing["phase"] == "plan" && current > 1 => current - 1,
        true => return,
        false => current,
    };
    let violated = Persisted::read(project, story, closed).check(Wrong::Nothing);
    assert_eq!(violated, story.draft(closed).violated, "iteration {closed}");
}

/// Returns the phase after every transition, as a new server tells it.
async fn phases(project: &Project, name: &str) -> Vec<String> {
    let server = Server::start(project.path()).await;
    let arguments = json!({ "name": name, "limit": 200 });
    let told = server.call("history", arguments).await.unwrap();
    assert!(told.get("next_after").is_none_or(Value::is_null), "all of it is one page");
    server.end().await;
    let entries = told["entries"].as_array().unwrap().iter();
    let transitions = entries.filter(|entry| entry["operation"] == "transition");
    transitions.map(|entry| entry["phase"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn thirty_kills_at_random_moments_lose_no_iteration_and_skip_no_phase() {
    const KILLS: u64 = 30;
    let story = report::story();
    let (mut kills, mut loops, mut random) = (0, 0, Random::seeded(8));
    while kills < KILLS {
        let project = Project::new();
        let mut archived = false;
        while !archived {
            let server = Server::start(project.path()).await;
            let playing = go_on(&project, &story, server.caller());
            // Not an event to wait for, but a moment to be found: anywhere in the loop.
            let moment = Duration::from_micros(random.below(60_000));
            archived = tokio::select! {
                archived = playing => archived,
                () = tokio::time::sleep(moment) => false,
            };
            kills += u64::from(!archived);
            server.kill().await;
        }
        loops += 1;
        let iteration = ["plan", "execute", "reflect", "persist"].repeat(3);
        let expected = [&iteration[..], &["converged"]].concat();
        assert_eq!(phases(&project, story.name).await, expected);
        let violated = Persisted::read(&project, &story, story.good()).check(Wrong::Nothing);
        assert_eq!(violated, story.draft(story.good()).violated);
        let archive = json!({ "archived_to": format!(".refiner/history/{}/1", story.name) });
        check_archive(&project, &story, &archive);
        assert_eq!(refiner(project.path(), ["doctor", "--json"]).json()["healthy"], true);
    }
    println!("{kills} kills in {loops} loops");
    assert!(kills > loops, "the moments are too late: {kills} kills in {loops} loops");
}

/// A host that was not told that its call came through makes it again.
#[tokio::test]
async fn a_call_that_was_cut_off_can_be_made_again_and_counts_once() {
    let story = report::story();
    let project = Project::new();
    let mut server = Server::start(project.path()).await;
    Host::new(&project, &story, server.caller()).open().await.unwrap();
    let (mut random, mut calls) = (Random::seeded(9), 0);
    loop {
        let mut cut_off = Host::new(&project, &story, server.caller());
        let briefing = cut_off.briefing().await.unwrap();
        check_closed(&project, &story, &briefing);
        let moment = Duration::from_micros(random.below(4_000));
        let answered = tokio::select! {
            done = cut_off.go_on(&briefing) => Some(done.unwrap()),
            () = tokio::time::sleep(moment) => None,
        };
        server.kill().await;
        server = Server::start(project.path()).await;
        let mut host = Host::new(&project, &story, server.caller());
        let again = host.go_on(&briefing).await.unwrap();
        if let Some(answered) = answered {
            assert_eq!(again.answer["version"], answered.answer["version"]);
        }
        calls += 1;
        if again.tool == "finalize" {
            break;
        }
    }
    // specify, three times the four phases of an iteration, finalize
    assert_eq!(calls, 1 + 3 * 4 + 1);
    assert_eq!(phases(&project, story.name).await.len(), 1 + 3 * 4);
    soon("the end", server.end()).await;
}
