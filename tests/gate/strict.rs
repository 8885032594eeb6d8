//! Where the user's configuration wants a token for every decision: each way around it.

use std::path::Path;

use serde_json::json;

use super::{Place, approve, asked_for, constraint, nothing_comes_of, version, yes};
use crate::common::{
    ERAS, Era, HIDDEN, Project, Token, YES, accepts, command, conversation, refiner,
    refiner_with_input,
};

/// Writes the user's configuration.
fn configure(project: &Project, content: &str) {
    let folder = project.path().join(".config/refiner");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("config.json"), content).unwrap();
}

fn strict_place() -> Place {
    let place = Place::new();
    configure(&place.project, r#"{"approvals": "token"}"#);
    place
}

/// Types yes and then a token, at a terminal.
fn typed(place: &Place, arguments: &[&str], token: &str) -> (Option<i32>, String) {
    let mut command = command(place.project.path());
    command.args(arguments);
    conversation(&command, &[(YES, "yes"), (HIDDEN, token)])
}

#[tokio::test]
async fn an_answer_through_a_client_opens_nothing_and_nobody_is_asked_for_it() {
    for era in ERAS {
        let place = strict_place();
        let host = place.at_a_gate(era, accepts(json!({ "decision": "approve" }))).await;
        for (event, run) in [
            ("approve", "refiner approve logo"),
            ("reject", "refiner reject logo"),
            ("stop", "refiner transition logo stop"),
        ] {
            let call = host.call("transition", json!({ "name": "logo", "event": event }));
            let refusal =
                nothing_comes_of(&place, &host, event, &["approval_required"], call).await;
            let hint = refusal["hint"].as_str().unwrap();
            assert!(hint.contains(run) && hint.contains("token"), "{hint}");
        }
        let loosen =
            json!({ "name": "logo", "patch": { "constraints": [constraint("links", "low")] } });
        let call = host.call("save_state", loosen);
        nothing_comes_of(&place, &host, "loosening", &["approval_required"], call).await;
        for tool in ["reset_artifact", "delete_artifact"] {
            let call = host.call(tool, json!({ "name": "logo", "confirm": "logo" }));
            nothing_comes_of(&place, &host, tool, &["approval_required"], call).await;
        }
        for argument in ["token", "approval_token", "authorization", "approvals"] {
            let call = json!({ "name": "logo", "event": "approve", argument: "refiner_x" });
            let call = host.call("transition", call);
            nothing_comes_of(&place, &host, argument, &["invalid_argument"], call).await;
        }
        assert!(host.asked().is_empty(), "{era:?}");
    }
}

#[tokio::test]
async fn a_state_that_was_sealed_before_a_token_was_wanted_opens_nothing_any_more() {
    let place = Place::new();
    let host = place.at_a_gate(Era::Stateless, accepts(json!({}))).await;
    let state = asked_for(&host, "transition", approve()).await;
    configure(&place.project, r#"{"approvals": "token"}"#);
    let strict = place.host(Era::Stateless, accepts(json!({}))).await;
    let call = strict.once("transition", approve(), Some(&state), Some(yes()));
    nothing_comes_of(&place, &strict, "an old state", &["approval_required"], call).await;
    // It was the configuration, and not the state.
    let answer = host.once("transition", approve(), Some(&state), Some(yes())).await.unwrap();
    assert_eq!(answer["to"], "persist");
}

#[tokio::test]
async fn at_the_terminal_a_good_token_is_typed_and_nothing_else_counts() {
    let place = strict_place();
    let host = place.at_a_gate(Era::Sessions, accepts(json!({}))).await;
    let (project, other) = (place.project.path(), Project::new());
    let make = |of: &Path, scope: &str| Token::make(&place.project, of, scope);
    let Token { secret: good, id } = make(project, "approve");
    let foreign = make(other.path(), "approve").secret;
    let scopeless = make(project, "read,write").secret;
    let revoked = make(project, "approve");
    assert_eq!(refiner(project, ["token", "revoke", &revoked.id]).code, Some(0));
    let expired = make(project, "approve");
    expired.expire(&place.project);
    let before = (place.stored(), version(&host).await);
    for (what, token) in [
        ("unknown", ""),
        ("unknown", "yes"),
        ("unknown", &good[..50]),
        ("unknown", &good.replace("refiner_", "refiner-")),
        ("unknown", &revoked.secret),
        ("another workspace", &foreign),
        ("the scope approve", &scopeless),
        ("expired", &expired.secret),
    ] {
        for arguments in
            [&["approve", "logo"][..], &["transition", "logo", "stop"], &["delete", "logo"]]
        {
            let (code, screen) = typed(&place, arguments, token);
            assert_eq!(code, Some(1), "{what}: {screen}");
            assert!(screen.contains(what) && screen.contains("hint"), "{what}: {screen}");
            assert!(token.len() < 40 || !screen.contains(token), "{screen}");
        }
    }
    for arguments in [["approve", "logo"], ["reject", "logo"]] {
        let piped = refiner_with_input(project, arguments, &format!("yes\n{good}\n"));
        assert_eq!(piped.code, Some(1), "{piped:?}");
    }
    assert_eq!((place.stored(), version(&host).await), before);

    let (code, screen) = typed(&place, &["approve", "logo"], &good);
    assert_eq!(code, Some(0), "{screen}");
    assert!(screen.contains("approval → persist") && !screen.contains(&good), "{screen}");
    let history = host.call("history", json!({ "name": "logo" })).await.unwrap();
    let last = history["entries"].as_array().unwrap().last().unwrap();
    let actor = last["actor"].as_str().unwrap();
    assert!(actor.starts_with(&format!("token me ({id}): refiner-cli")), "{actor}");
}

#[tokio::test]
async fn neither_the_workspace_nor_a_broken_configuration_turns_it_off() {
    let place = strict_place();
    let host = place.at_a_gate(Era::Sessions, accepts(json!({ "decision": "approve" }))).await;
    assert!(host.end().await.success());
    for file in
        [".refiner/config.json", "refiner/config.json", "config.json", ".refiner/tokens.json"]
    {
        let path = place.project.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, r#"{"approvals": "person"}"#).unwrap();
    }
    for configuration in [
        r#"{"approvals": "token"}"#,
        r#"{"approvals": "person""#,
        r#"{"approvals": "none"}"#,
        r#"{"approval": "person"}"#,
        r#"["person"]"#,
        "",
    ] {
        configure(&place.project, configuration);
        let host = place.host(Era::Sessions, accepts(json!({ "decision": "approve" }))).await;
        let call = host.call("transition", approve());
        nothing_comes_of(&place, &host, configuration, &["approval_required"], call).await;
        assert!(host.asked().is_empty(), "{configuration}");
    }
    configure(&place.project, r#"{"approvals": "person"}"#);
    let host = place.host(Era::Sessions, accepts(json!({ "decision": "approve" }))).await;
    assert_eq!(host.call("transition", approve()).await.unwrap()["to"], "persist");
}

#[test]
fn hooks_are_trusted_with_a_token_too() {
    let place = strict_place();
    let project = place.project.path();
    let trigger = json!({ "name": "t", "on": "on_phase_start", "command": ["true"] });
    std::fs::create_dir_all(place.project.file("")).unwrap();
    std::fs::write(
        place.project.file("triggers.json"),
        json!({ "triggers": [trigger] }).to_string(),
    )
    .unwrap();
    let good = Token::make(&place.project, project, "approve").secret;
    let scopeless = Token::make(&place.project, project, "read,write").secret;
    let trusted = || {
        let known = project.join(".config/refiner/projects.json");
        std::fs::read_to_string(known).is_ok_and(|known| known.contains("\"triggers\""))
    };
    for token in ["", &scopeless] {
        assert_eq!(typed(&place, &["trust"], token).0, Some(1), "{token}");
        assert!(!trusted(), "{token}");
    }
    let (code, screen) = typed(&place, &["trust"], &good);
    assert!(code == Some(0) && trusted(), "{screen}");
}
