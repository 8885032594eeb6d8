//! What a state may do to a terminal: nothing.

use std::path::Path;

use serde_json::{Value, json};

use crate::common::{Project, command, finish, on_terminal, refiner};

/// A text that would clear the screen, ring, set the clipboard, colour and turn round what follows.
const HOSTILE: &str = "<\u{1b}[2J\u{7}\u{1b}]52;c;eA==\u{1b}\\\u{9b}35m\u{7f}\r\u{202e}\u{2066}>";
/// The same as people see it.
const SEEN: &str =
    "<\\u{1b}[2J\\u{7}\\u{1b}]52;c;eA==\\u{1b}\\\\u{9b}35m\\u{7f}\\u{d}\\u{202e}\\u{2066}>";
/// A part of it that file names can have, and how it is seen.
const TURNED: [&str; 2] = ["<\u{202e}\u{2066}>", "<\\u{202e}\\u{2066}>"];
/// The sequences of our own styles.
const STYLES: [&str; 6] =
    ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[2m", "\u{1b}[31m", "\u{1b}[32m", "\u{1b}[33m"];

/// A project whose every text is hostile.
fn project() -> Project {
    let project = Project::new();
    let constraint = json!({ "id": "links", "description": HOSTILE, "severity": "high" });
    let data = json!({ "data": { HOSTILE: HOSTILE } }).to_string();
    let file = format!("a{}.md", TURNED[0]).replace(['<', '>'], "");
    for arguments in [
        &["init", "notes", "--workflow", "document", "--goal", HOSTILE][..],
        &["save", "notes", "--patch", &data, "--note", HOSTILE],
        &["checkpoint", "notes", "--label", HOSTILE],
        &["init", "logo", "--goal", HOSTILE, "--constraint", &constraint.to_string()],
        &["output", "write", "notes", &file],
    ] {
        let finished = finish(command(project.path()).args(arguments), HOSTILE);
        assert_eq!(finished.code, Some(0), "{finished:?}");
    }
    project
}

/// Returns what a terminal shows of a subcommand, and fails if it obeyed any of it.
fn screen(project: &Path, arguments: &[&str], typed: &str) -> String {
    let mut command = command(project);
    command.args(arguments).envs([("TERM", "xterm"), ("RUST_LOG", "info,rmcp=off")]);
    let (_, screen) = on_terminal(command, typed);
    unobeyed(arguments, &screen)
}

/// Fails if there is anything but our styles that a terminal obeys, and returns the rest.
fn unobeyed(what: &[&str], screen: &str) -> String {
    let mut rest = screen.replace("\r\n", "\n");
    for style in STYLES {
        rest = rest.replace(style, "");
    }
    // A line of progress begins and ends with one, and does not show any of others.
    let rest: String = rest.split('\r').collect();
    let obeyed = |c: char| {
        c != '\n' && c != '\t' && (c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c))
            || ('\u{2066}'..='\u{2069}').contains(&c)
    };
    assert!(!rest.contains(obeyed), "{what:?}: {rest:?}");
    rest
}

#[test]
fn no_text_of_a_state_is_obeyed_by_a_terminal() {
    let project = project();
    let turned = TURNED[1].replace(['<', '>'], "");
    for (arguments, seen) in [
        (&["list"][..], "notes"),
        (&["show", "notes", "--full"], "\\u{202e}"),
        (&["show", "notes", "--select", "/data"], "\\u{202e}"),
        (&["show", "logo", "--prompt"], "\\u{1b}[2J\\u{7}"),
        (&["history", "notes"], "\\u{202e}"),
        (&["diff", "notes", "1", "2"], "\\u{202e}"),
        (&["verify", "logo"], "links"),
        (&["doctor"], "no findings"),
        (&["output", "list", "notes"], &turned),
        (&["output", "read", "notes", &format!("a{}.md", "\u{202e}\u{2066}")], SEEN),
        (&["export", "notes", "--to", "/nowhere/\u{9b}\u{202e}"], "\\u{9b}\\u{202e}"),
        (&["show", HOSTILE], "error"),
        (&["show", "notes", "--select", HOSTILE], "error"),
        (&["save", "notes", "--patch", HOSTILE], "error"),
        (&["save", "notes", "--patch", &format!("@{HOSTILE}")], SEEN),
        (&["transition", "logo", HOSTILE], "error"),
        (&["history", "notes", "--limit", HOSTILE], "\\u{202e}"),
        (&["--provider", HOSTILE, "list"], "\\u{202e}"),
        (&["import", HOSTILE], "error"),
    ] {
        let screen = screen(project.path(), arguments, "");
        assert!(screen.contains(seen), "{arguments:?}: {screen}");
    }
}

#[test]
fn json_on_a_terminal_says_the_same_and_is_not_obeyed() {
    let project = project();
    for arguments in
        [&["show", "notes", "--full"][..], &["history", "notes"], &["output", "list", "notes"]]
    {
        let arguments = [arguments, &["--json", "--quiet"]].concat();
        let mut command = command(project.path());
        command.args(&arguments);
        let (_, screen) = on_terminal(command, "");
        let shown: Value = serde_json::from_str(&unobeyed(&arguments, &screen)).unwrap();
        assert_eq!(shown, refiner(project.path(), &arguments).json(), "{screen}");
        assert!(screen.contains("\\u202e"), "{screen}");
    }
}

#[test]
fn no_question_at_a_terminal_is_obeyed_by_it() {
    let project = project();
    for arguments in
        [&["transition", "logo", "stop"][..], &["transition", "logo", "stop", "--reason", HOSTILE]]
    {
        let screen = screen(project.path(), arguments, "no\n");
        assert!(screen.contains("Type yes to continue"), "{screen}");
    }
    std::fs::write(
        project.file("triggers.json"),
        json!({ "triggers": [{ "name": "t", "on": "artifact_opened", "run": { "type": "command", "command": [HOSTILE] } }] }).to_string(),
    )
    .unwrap();
    screen(project.path(), &["trust"], "no\n");
}

#[test]
fn findings_of_the_doctor_are_not_obeyed_by_a_terminal() {
    let project = project();
    super::damage(&project);
    std::fs::write(project.file("triggers.json"), format!("{{ \"{HOSTILE}\"")).unwrap();
    std::fs::write(project.of("logo", "state.json"), HOSTILE).unwrap();
    for arguments in [&["doctor"][..], &["show", "notes"], &["trust"]] {
        screen(project.path(), arguments, "");
    }
}

#[test]
fn what_is_no_terminal_gets_every_byte_as_it_is() {
    let project = project();
    let bytes: Vec<u8> = (0..=255).chain(*b"\x89PNG\r\n\x1a\n\x1b[31mred\x1b[0m").collect();
    std::fs::write(project.of("notes", "dist/a.png"), &bytes).unwrap();
    for options in [&[][..], &["--color", "never"], &["--color", "always"]] {
        let mut read = command(project.path());
        let output =
            read.args(["output", "read", "notes", "a.png"]).args(options).output().unwrap();
        assert_eq!(output.stdout, bytes, "{options:?}");
    }
    let shown = refiner(project.path(), ["history", "notes", "--json"]);
    assert!(shown.stdout.contains("\u{202e}\u{2066}"), "{shown:?}");
    let refused = refiner(project.path(), ["save", "notes", "--patch", &format!("@{HOSTILE}")]);
    assert!(refused.stderr.contains(HOSTILE), "{refused:?}");
}

#[test]
fn a_server_at_a_terminal_writes_json_that_is_not_obeyed() {
    let project = project();
    let (id, version) = (7, "2025-11-25");
    let greeting = json!({
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": { "protocolVersion": version, "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } }
    });
    let call = json!({
        "jsonrpc": "2.0", "id": id, "method": "tools/call",
        "params": { "name": "load_state", "arguments": { "name": "notes", "detail": "full" } }
    });
    // The end of the input, as one types it.
    let typed = format!("{greeting}\n{call}\n\u{4}");
    let screen = screen(project.path(), &["serve"], &typed);
    assert!(screen.contains("\"id\":7,\"result\"") && screen.contains("\\u202e"), "{screen}");
}
