//! What runs is what the user allowed, and nothing that a clone or a tool call brings along.

use std::io::Write as _;

use super::*;

/// What the user's own configuration remembers when somebody has typed yes.
fn pin(project: &Project, triggers: &str) {
    let place = project.path().canonicalize().unwrap();
    let digest = blake3::hash(triggers.as_bytes()).to_hex().to_string();
    let known = json!({ "projects": { place.to_str().unwrap(): { "triggers": digest } } });
    write(&project.path().join(".config/refiner/projects.json"), &known.to_string());
}

#[tokio::test]
async fn a_cloned_workspace_runs_nothing_until_it_is_trusted_and_nothing_once_it_changed() {
    let project = Project::new();
    let cloned = json!({ "triggers": [script("cloned", "on_phase_start", "cat >> cloned"),
        { "name": "ask", "on": "on_phase_start", "mcp_tool": { "tool": "evil" } }] });
    let cloned = cloned.to_string();
    write(&project.file("triggers.json"), &cloned);
    // What the user has delivers the same events, so that there is something to wait for.
    configure(&project, &json!([script("own", "on_phase_start", "cat >> own")]));
    let server = Server::start(project.path()).await;
    let opened = open(&server.caller(), "a").await;
    assert!(!opened.to_string().contains("evil"), "{opened}");
    until("the first event", || lines(&project, "own").len() == 1).await;
    let found = refiner(project.path(), ["doctor", "--json"]).json();
    assert_eq!(
        (&found["findings"][0]["severity"], &found["healthy"]),
        (&json!("note"), &json!(true))
    );

    pin(&project, &cloned);
    complete(&server.caller(), "a").await.unwrap();
    until("a trusted hook", || ids(&lines(&project, "cloned")) == ["a@2.1"]).await;

    write(&project.file("triggers.json"), &cloned.replace("cat >>", "cat  >"));
    let answer = complete(&server.caller(), "a").await.unwrap();
    until("the last event", || lines(&project, "own").len() == 3).await;
    assert!(!answer.to_string().contains("evil"), "{answer}");
    server.end().await;
    assert_eq!(ids(&lines(&project, "cloned")), ["a@2.1"]);
    let found = refiner(project.path(), ["doctor", "--json"]).json();
    assert_eq!(found["findings"][0]["severity"], "warning", "{found}");
}

#[tokio::test]
async fn no_tool_call_writes_triggers() {
    let project = Project::new();
    let server = Server::start(project.path()).await;
    open(&server.caller(), "a").await;
    for field in ["workflow_triggers", "triggers"] {
        let arguments =
            json!({ "name": "a", "patch": { field: [{ "command": ["touch", "ran"] }] } });
        assert!(server.call("save_state", arguments).await.is_err(), "{field}");
    }
    for path in
        ["../../../triggers.json", "/triggers.json", "../triggers.json", "x/../../triggers.json"]
    {
        let arguments = json!({ "name": "a", "path": path, "content": "{}" });
        assert!(server.call("write_output", arguments).await.is_err(), "{path}");
    }
    let arguments = json!({ "name": "a", "path": ".refiner/triggers.json", "content": "{}" });
    drop(server.call("write_output", arguments).await);
    assert!(!project.file("triggers.json").exists());
    server.end().await;
}

#[test]
fn trust_needs_a_person_at_a_terminal_and_is_taken_back_by_anybody() {
    let project = Project::new();
    assert_eq!(refiner(project.path(), ["trust"]).code, Some(1), "there is nothing to trust");
    let sly = script("sly", "on_phase_start", "touch \u{1b}[2Jran");
    write(&project.file("triggers.json"), &json!({ "triggers": [sly] }).to_string());
    let refused = refiner(project.path(), ["trust"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("sly: on_phase_start"), "{refused:?}");
    assert!(!refused.stderr.contains('\u{1b}'), "{refused:?}");
    assert!(!project.path().join(".config").exists());

    for (typed, trusts) in [("no\n", false), ("yes\n", true)] {
        assert_eq!(type_at_terminal(&project, typed), trusts, "{typed}");
    }
    let known =
        || std::fs::read_to_string(project.path().join(".config/refiner/projects.json")).unwrap();
    assert!(known().contains("\"triggers\""), "{}", known());
    assert_eq!(refiner(project.path(), ["trust"]).code, Some(0), "it is trusted already");
    assert_eq!(refiner(project.path(), ["trust", "--revoke"]).code, Some(0));
    assert!(!known().contains("\"triggers\""), "{}", known());
}

/// Runs `refiner trust` at a terminal of its own, and returns whether it trusted.
fn type_at_terminal(project: &Project, typed: &str) -> bool {
    let program = command(project.path());
    let words = std::iter::once(program.get_program()).chain(program.get_args());
    let words: Vec<String> = words.map(|word| format!("'{}'", word.to_str().unwrap())).collect();
    let mut terminal = std::process::Command::new("script");
    terminal.args(["-q", "-e", "-c", &format!("{} trust", words.join(" ")), "/dev/null"]);
    terminal.env("XDG_CONFIG_HOME", project.path().join(".config"));
    terminal.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::null());
    let mut terminal = terminal.spawn().unwrap();
    terminal.stdin.as_mut().unwrap().write_all(typed.as_bytes()).unwrap();
    terminal.wait().unwrap().success()
}
