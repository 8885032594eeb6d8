//! `refiner token`.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::common::{HIDDEN, Project, YES, command, conversation, on_terminal, refiner};

fn listed(project: &Project) -> Vec<Value> {
    let finished = refiner(project.path(), ["token", "list", "--json"]);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    finished.json()["tokens"].as_array().unwrap().clone()
}

#[test]
fn a_token_is_shown_once_and_never_again() {
    let project = Project::new();
    assert!(listed(&project).is_empty());
    let made = refiner(project.path(), ["token", "create", "--name", "laptop"]);
    assert_eq!(made.code, Some(0), "{made:?}");
    let secret = made.stdout.trim_end();
    assert!(secret.starts_with("refiner_") && secret.len() == 51, "{made:?}");
    assert!(!made.stderr.contains(secret) && made.stderr.contains("token revoke"), "{made:?}");

    let tokens = listed(&project);
    let (here, id) = (project.path().canonicalize().unwrap(), &tokens[0]["id"]);
    let workspace = format!("folder:{}", here.display());
    assert_eq!(
        (&tokens[0]["name"], &tokens[0]["scopes"], &tokens[0]["workspace"]),
        (&json!("laptop"), &json!(["read", "write"]), &json!(workspace))
    );
    assert!(tokens[0]["expires"].is_string() && tokens[0]["expired"] == false, "{tokens:?}");
    for arguments in [&["token", "list"][..], &["token", "list", "--json"]] {
        let shown = refiner(project.path(), arguments);
        assert!(shown.stdout.contains("laptop"), "{shown:?}");
        assert!(!format!("{shown:?}").contains(&secret[8..]), "{shown:?}");
        assert!(!shown.stdout.contains("digest"), "{shown:?}");
    }

    let file = project.path().join(".config/refiner/tokens.json");
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
    assert!(!std::fs::read_to_string(&file).unwrap().contains(&secret[8..]));
    assert!(!project.file("").exists(), "nothing is kept in the workspace");

    let revoke = ["token", "revoke", id.as_str().unwrap()];
    assert_eq!(refiner(project.path(), revoke).code, Some(0));
    assert!(listed(&project).is_empty());
    let again = refiner(project.path(), revoke);
    assert_eq!(again.code, Some(1));
    assert!(again.stderr.contains("token list"), "{again:?}");
}

#[test]
fn a_token_has_the_scopes_and_the_end_that_were_asked_for() {
    let project = Project::new();
    let create = |options: &[&str]| {
        let arguments = ["token", "create", "--json", "--name", "ci"];
        refiner(project.path(), arguments.iter().chain(options))
    };
    let made = create(&["--scope", "write", "--expires", "never"]).json();
    assert_eq!((&made["scopes"], &made["expires"]), (&json!(["read", "write"]), &Value::Null));
    assert!(made["token"].as_str().unwrap().starts_with("refiner_"));
    assert_eq!(create(&["--scope", "read"]).json()["scopes"], json!(["read"]));
    for bad in [
        &["--scope", "all"][..],
        &["--scope", ""],
        &["--expires", "soon"],
        &["--expires", "-1d"],
        &["--expires", "99999999999999999999d"],
    ] {
        assert_eq!(create(bad).code, Some(2), "{bad:?}");
    }
    let unnamed = refiner(project.path(), ["token", "create", "--name", "No Name"]);
    assert_eq!(unnamed.code, Some(1), "{unnamed:?}");
    assert_eq!(listed(&project).len(), 2);
}

#[test]
fn a_token_that_decides_is_made_by_a_person_at_a_terminal() {
    let project = Project::new();
    let arguments = ["token", "create", "--name", "me", "--scope", "approve"];
    let refused = refiner(project.path(), arguments);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("needs a person's decision"), "{refused:?}");
    let mut create = command(project.path());
    create.args(arguments);
    assert_eq!(on_terminal(create, "no\n").0, Some(1));
    assert!(listed(&project).is_empty());
    let mut create = command(project.path());
    create.args(arguments);
    let (code, screen) = conversation(&create, &[(YES, "yes")]);
    assert_eq!(code, Some(0), "{screen}");
    assert!(screen.contains("refiner_") && !screen.contains(HIDDEN), "{screen}");
    assert_eq!(listed(&project)[0]["scopes"], json!(["approve"]));
}
