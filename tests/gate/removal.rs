//! Resets and deletions: only a person decides them, after being shown what goes.

use std::collections::BTreeMap;

use rmcp::model::{ElicitResult, ElicitationAction};
use serde_json::{Value, json};

use super::terminal::typed;
use super::{Place, asked_for, nothing_comes_of, version, write};
use crate::common::{ERAS, Era, Host, Server, accepts, answers, refiner, refiner_with_input};

fn reset() -> Value {
    json!({ "name": "logo", "confirm": "logo" })
}

fn delete(purge: bool) -> Value {
    json!({ "name": "logo", "confirm": "logo", "purge": purge })
}

fn yes() -> Value {
    json!({ "action": "accept", "content": { "confirm": true, "reason": "it was a trial" } })
}

/// A host with an artifact that has five versions and a file.
async fn with_work(place: &Place, era: Era, agrees: bool) -> Host {
    let person = if agrees {
        accepts(yes()["content"].clone())
    } else {
        answers(ElicitResult::new(ElicitationAction::Decline))
    };
    let host = place.host(era, person).await;
    let init = json!({ "name": "logo", "goals": ["a bird"], "inputs": { "brief": "blue" } });
    host.call("init_state", init).await.unwrap();
    for value in 1..=3 {
        let save = json!({ "name": "logo", "patch": { "data": { "value": value } } });
        host.call("save_state", save).await.unwrap();
    }
    write(&host, "logo.svg", "<svg/>").await;
    assert_eq!(version(&host).await, 5);
    host
}

/// What tools answer with, by their names.
async fn schemas(place: &Place) -> BTreeMap<String, Value> {
    let server = Server::start(place.project.path()).await;
    let tools = server.client().list_all_tools().await.unwrap();
    tools.iter().map(|tool| (tool.name.to_string(), json!(tool.output_schema))).collect()
}

fn check_answer(schemas: &BTreeMap<String, Value>, tool: &str, answer: &Value) {
    let validator = jsonschema::validator_for(&schemas[tool]).unwrap();
    let wrong: Vec<String> = validator.iter_errors(answer).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{tool}: {wrong:?}: {answer}");
}

#[tokio::test]
async fn a_model_that_confirms_by_itself_takes_nothing_away() {
    for era in ERAS {
        let place = Place::new();
        let host = with_work(&place, era, false).await;
        for (tool, arguments) in [
            ("reset_artifact", reset()),
            ("delete_artifact", delete(false)),
            ("delete_artifact", delete(true)),
        ] {
            let call = host.call(tool, arguments.clone());
            nothing_comes_of(&place, &host, tool, &["approval_required"], call).await;
            for wrong in ["Logo", "yes", "", "other"] {
                let mut slip = arguments.clone();
                slip["confirm"] = json!(wrong);
                let call = host.call(tool, slip);
                nothing_comes_of(&place, &host, wrong, &["invalid_argument"], call).await;
            }
            for extra in ["confirmed", "human", "consent", "sight"] {
                let mut forged = arguments.clone();
                forged[extra] = json!(true);
                let call = host.call(tool, forged);
                nothing_comes_of(&place, &host, extra, &["invalid_argument"], call).await;
            }
        }
        assert_eq!(host.asked().len(), 3, "{era:?}");
    }
}

#[tokio::test]
async fn a_person_is_shown_what_goes_and_resets_in_either_era() {
    for era in ERAS {
        let place = Place::new();
        let host = with_work(&place, era, true).await;
        let answer = host.call("reset_artifact", reset()).await.unwrap();
        check_answer(&schemas(&place).await, "reset_artifact", &answer);
        let shown = host.asked()[0]["message"].as_str().unwrap().to_owned();
        for part in [
            "logo needs your decision: to reset logo, which removes its goals",
            "Phase specify, iteration 0 of 5, version 5.",
            "1 file in dist/ with 6 bytes:",
        ] {
            assert!(shown.contains(part), "{era:?}: {part} is not in\n{shown}");
        }
        assert_eq!((&answer["version"], &answer["briefing"]["cycle"]), (&json!(6), &json!(2)));
        let state = place.project.state("logo");
        assert_eq!((&state["goals"], &state["inputs"]), (&json!([]), &json!({})));
        assert_eq!((&state["data"], &state["phase"]), (&json!({}), &json!("specify")));
        assert!(place.decisions().contains("**Reason**: it was a trial"), "{}", place.decisions());
        assert_eq!(place.project.names("artifacts/logo/dist"), Vec::<String>::new());
        let kept_in = answer["kept_in"].as_str().unwrap();
        let kept =
            std::fs::read_to_string(place.project.path().join(kept_in).join("dist/logo.svg"));
        assert_eq!(kept.unwrap(), "<svg/>");

        let restore = json!({ "name": "logo", "to": "4" });
        host.call("restore", restore).await.unwrap();
        let state = place.project.state("logo");
        assert_eq!((&state["goals"], &state["data"]), (&json!(["a bird"]), &json!({ "value": 3 })));
    }
}

#[tokio::test]
async fn a_person_deletes_in_either_era_and_the_name_taken_again_goes_on_counting() {
    for era in ERAS {
        let place = Place::new();
        let host = with_work(&place, era, true).await;
        let mut call = delete(false);
        call["idempotency_key"] = json!("once");
        let answer = host.call("delete_artifact", call.clone()).await.unwrap();
        check_answer(&schemas(&place).await, "delete_artifact", &answer);
        assert_eq!((&answer["version"], &answer["warnings"]), (&json!(6), &json!([])));
        assert_eq!(host.call("delete_artifact", call).await.unwrap(), answer, "once is enough");
        let kept_in = place.project.path().join(answer["kept_in"].as_str().unwrap());
        assert!(kept_in.join("dist/logo.svg").exists() && kept_in.join("state.json").exists());
        assert_eq!(place.project.names("artifacts/logo"), ["blobs", "journal"]);

        let refusal = host.call("load_state", json!({ "name": "logo" })).await.unwrap_err();
        assert_eq!(refusal["code"], "not_found");
        assert!(refusal["hint"].as_str().unwrap().contains("version 6 deleted it"), "{refusal}");
        let again = host.call("delete_artifact", delete(false)).await.unwrap_err();
        assert_eq!(again["code"], "not_found", "{again}");
        let listed = host.call("list_artifacts", json!({})).await.unwrap();
        assert_eq!(listed["artifacts"], json!([]));
        let history = host.call("history", json!({ "name": "logo" })).await.unwrap();
        check_answer(&schemas(&place).await, "history", &history);
        let last = &history["entries"][5];
        assert_eq!(
            (&last["operation"], &last["note"]),
            (&json!("delete_artifact"), &json!("it was a trial"))
        );
        assert!(history["deleted_at"].is_string() && history["briefing"].is_null(), "{history}");

        let opened = host.call("init_state", json!({ "name": "logo" })).await.unwrap();
        assert_eq!((&opened["outcome"], &opened["version"]), (&json!("created"), &json!(7)));
        assert_eq!(place.project.state("logo")["goals"], json!([]));
        let restored = host.call("restore", json!({ "name": "logo", "to": "4" })).await.unwrap();
        assert_eq!(restored["version"], 8);
        assert_eq!(place.project.state("logo")["goals"], json!(["a bird"]));
    }
}

#[tokio::test]
async fn a_purge_leaves_nothing_but_the_count() {
    for era in ERAS {
        let place = Place::new();
        let host = with_work(&place, era, true).await;
        host.call("reset_artifact", reset()).await.unwrap();
        let answer = host.call("delete_artifact", delete(true)).await.unwrap();
        assert_eq!((&answer["version"], &answer["kept_in"]), (&json!(7), &Value::Null));
        let shown = host.asked()[1]["message"].as_str().unwrap().to_owned();
        assert!(shown.contains("nothing of it can be restored"), "{shown}");
        assert_eq!(place.project.names("trash"), Vec::<String>::new());
        assert_eq!(place.project.names("artifacts/logo"), ["journal"]);
        for (path, _) in place.project.digest() {
            let text = std::fs::read(place.project.path().join(&path)).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            for secret in ["a bird", "<svg/>", "it was a trial"] {
                assert!(!text.contains(secret), "{secret} is in {path}");
            }
        }
        let opened = host.call("init_state", json!({ "name": "logo" })).await.unwrap();
        assert_eq!((&opened["outcome"], &opened["version"]), (&json!("created"), &json!(8)));
    }
}

#[tokio::test]
async fn an_agreement_to_delete_holds_for_the_version_that_was_seen_and_once() {
    let place = Place::new();
    let host = with_work(&place, Era::Stateless, true).await;
    let state = asked_for(&host, "delete_artifact", delete(false)).await;
    for (what, tool, arguments) in
        [("a purge", "delete_artifact", delete(true)), ("a reset", "reset_artifact", reset())]
    {
        let call = host.once(tool, arguments, Some(&state), Some(yes()));
        nothing_comes_of(&place, &host, what, &["forbidden"], call).await;
    }
    let save = json!({ "name": "logo", "patch": { "data": { "value": 4 } } });
    host.call("save_state", save).await.unwrap();
    let call = host.once("delete_artifact", delete(false), Some(&state), Some(yes()));
    nothing_comes_of(&place, &host, "an old agreement", &["conflict"], call).await;

    let state = asked_for(&host, "reset_artifact", reset()).await;
    host.once("reset_artifact", reset(), Some(&state), Some(yes())).await.unwrap();
    let call = host.once("reset_artifact", reset(), Some(&state), Some(yes()));
    nothing_comes_of(&place, &host, "a replay", &["conflict"], call).await;

    let state = asked_for(&host, "delete_artifact", delete(false)).await;
    host.once("delete_artifact", delete(false), Some(&state), Some(yes())).await.unwrap();
    host.call("init_state", json!({ "name": "logo" })).await.unwrap();
    let call = host.once("delete_artifact", delete(false), Some(&state), Some(yes()));
    nothing_comes_of(&place, &host, "a replay on another life", &["conflict"], call).await;
}

#[tokio::test]
async fn a_client_that_cannot_ask_is_told_how_its_user_resets_and_deletes() {
    let place = Place::new();
    drop(with_work(&place, Era::Sessions, true).await);
    let server = Server::start(place.project.path()).await;
    let before = place.stored();
    for (tool, arguments, command) in [
        ("reset_artifact", reset(), "refiner reset logo"),
        ("delete_artifact", delete(false), "refiner delete logo"),
        ("delete_artifact", delete(true), "refiner delete logo --purge"),
    ] {
        let refusal = server.call(tool, arguments).await.unwrap_err();
        assert_eq!(refusal["code"], "approval_required");
        assert!(refusal["hint"].as_str().unwrap().contains(command), "{refusal}");
    }
    assert_eq!(place.stored(), before);
}

#[tokio::test]
async fn at_the_terminal_a_person_types_yes_and_a_script_does_not() {
    let place = Place::new();
    let host = with_work(&place, Era::Sessions, true).await;
    let project = place.project.path();
    let before = place.stored();
    for arguments in [
        &["reset", "logo"][..],
        &["delete", "logo"],
        &["delete", "logo", "--purge", "--confirm", "logo"],
    ] {
        let finished = refiner(project, arguments);
        assert_eq!(finished.code, Some(1), "{finished:?}");
        assert!(finished.stderr.contains("needs a person's decision"), "{finished:?}");
        assert_eq!(refiner_with_input(project, arguments, "yes\n").code, Some(1));
        let (code, screen) = typed(project, arguments, "logo\n");
        assert_eq!(code, Some(1), "{screen}");
        assert!(screen.contains("1 file in dist/ with 6 bytes"), "{screen}");
    }
    let slip = refiner(project, ["delete", "logo", "--confirm", "lgo"]);
    assert!(slip.stderr.contains("confirm is not the artifact's name"), "{slip:?}");
    assert_eq!(place.stored(), before);

    let (code, screen) = typed(project, &["reset", "logo", "--reason", "enough"], "yes\n");
    assert_eq!(code, Some(0), "{screen}");
    assert!(screen.contains("kept in .refiner/trash/logo-"), "{screen}");
    assert!(place.decisions().contains("**Reason**: enough"));
    let (code, screen) = typed(project, &["--json", "delete", "logo"], "yes\n");
    assert_eq!(code, Some(0), "{screen}");
    assert!(screen.contains("\"version\": 7"), "{screen}");
    let gone = host.call("load_state", json!({ "name": "logo" })).await.unwrap_err();
    assert_eq!(gone["code"], "not_found", "another process sees it too");
    let shown = refiner(project, ["history", "logo"]);
    assert!(
        shown.stdout.contains("delete_artifact")
            && shown.stderr.contains("The artifact was deleted"),
        "{shown:?}"
    );
    let doctor = refiner(project, ["doctor", "logo", "--json"]).json();
    let problems = doctor["findings"].to_string();
    assert!(doctor["healthy"] == true && problems.contains("version 7 deleted it"), "{doctor}");
    assert_eq!(problems.matches("a removal moved").count(), 2, "{doctor}");
    let registry = std::fs::read_to_string(place.project.file("registry.json")).unwrap();
    assert!(!registry.contains("logo"), "{registry}");
    assert_eq!(refiner(project, ["list", "--json"]).json()["artifacts"], json!([]));
}
