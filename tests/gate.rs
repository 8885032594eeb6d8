//! The human gate: what a model tries to get past it gets nowhere, and a person gets through, in both
//! eras of the protocol and at the terminal.

mod model;
mod removal;
mod session;
mod state;
mod strict;
mod terminal;

use std::collections::BTreeMap;
use std::sync::Arc;

use rmcp::model::{ElicitResult, ElicitationAction};
use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::common::{ERAS, Era, Host, Person, Project, Server, accepts, answers};

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
            "The caller's reason: it is perfect",
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
async fn a_person_is_shown_the_files_that_are_there_and_those_that_are_missing() {
    for era in ERAS {
        let place = Place::new();
        let host = place.host(era, accepts(json!({ "decision": "reject" }))).await;
        open_gate(&host, "logo").await;
        host.call("transition", approve()).await.unwrap();
        complete(&host, "logo", "plan", json!({ "steps": ["draw again"] })).await;
        write(&host, "logo.svg", "<svg/>").await;
        write(&host, "mark.svg", "<svg/>").await;
        let variants = [("logo", "logo.svg"), ("mark", "mark.svg")];
        let variants = variants.map(|(name, file)| json!({ "name": name, "file": file }));
        let result = json!({ "actions": ["drew"], "manifest": { "variants": variants } });
        complete(&host, "logo", "execute", result).await;
        complete(&host, "logo", "reflect", json!({ "constraints": [] })).await;
        write(&host, "logo.svg", "<svg>a bird</svg>").await;
        std::fs::remove_file(place.project.of("logo", "dist/mark.svg")).unwrap();
        host.call("transition", approve()).await.unwrap();
        let asked = host.asked();
        assert!(!asked[0]["message"].as_str().unwrap().contains("CHANGED"), "{era:?}");
        let shown = asked[1]["message"].as_str().unwrap();
        for part in [
            "1 file in dist/ with 17 bytes:",
            "logo.svg, 17 bytes",
            "mark.svg is MISSING",
            "CHANGED since",
        ] {
            assert!(shown.contains(part), "{era:?}: {part} is not in\n{shown}");
        }
    }
}

async fn write(host: &Host, path: &str, content: &str) {
    let output = json!({ "name": "logo", "path": path, "content": content });
    host.call("write_output", output).await.unwrap();
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
        assert_eq!((&state["phase"], &state["current_iteration"]), (&json!("plan"), &json!(2)));
        assert_eq!(state["iteration_history"][0]["reason"], "a person decided: reject: too dark");
    }
}

#[tokio::test]
async fn what_a_person_declines_or_leaves_open_is_not_done() {
    for era in ERAS {
        for (answer, said) in [
            (ElicitResult::new(ElicitationAction::Decline), "declined"),
            (ElicitResult::new(ElicitationAction::Cancel), "declined"),
            (ElicitResult::new(ElicitationAction::Accept), "offered choices"),
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
