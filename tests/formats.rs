//! A format is a promise: what a program of it left is read by every later one, and what a newer one
//! wrote is refused. `tests/data/v1/README.md` says how a case is added.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::common::{Journal, Project, Server, command, copy_folder, framed, on_terminal, refiner};

/// Texts longer than this are compared by their digests.
const TEXT_BYTES_MAX: usize = 1024;

/// The format that this program writes.
const FORMAT: u32 = 3;

/// A folder of `tests/data/v1`, `v2` or `v3`.
struct Case {
    name: String,
    folder: PathBuf,
}

impl Case {
    /// All there are.
    fn all() -> Vec<Self> {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
        let read = |format| std::fs::read_dir(data.join(format)).unwrap();
        let paths =
            ["v1", "v2", "v3"].into_iter().flat_map(read).map(|entry| entry.unwrap().path());
        let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
        let folders = paths.filter(|path| path.is_dir());
        folders.map(|folder| Self { name: name(&folder), folder }).collect()
    }

    fn workspace(&self) -> PathBuf {
        self.folder.join("workspace")
    }

    fn expected(&self) -> Value {
        let path = self.folder.join("expected.json");
        let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        serde_json::from_slice(&text).unwrap()
    }

    /// Copies the workspace to a project of its own.
    fn project(&self) -> Project {
        let project = Project::new();
        copy_folder(&self.workspace(), &project.file(""));
        project
    }
}

/// Runs a subcommand and returns what it says as JSON.
fn ask(project: &Project, arguments: &[&str]) -> Value {
    refiner(project.path(), [arguments, &["--json"]].concat()).json()
}

/// What the program says of a workspace: as much as every later program has to say too.
fn said(project: &Project) -> Value {
    // First, since whatever else is asked repairs what a crash left.
    let doctor = ask(project, &["doctor"]);
    let finding = |finding: &Value| json!([finding["severity"], finding["place"]]);
    let findings: Vec<Value> = doctor["findings"].as_array().unwrap().iter().map(finding).collect();
    let artifacts: Map<String, Value> =
        names(project).into_iter().map(|name| (name.clone(), said_of(project, &name))).collect();
    json!({
        "doctor": { "healthy": doctor["healthy"], "findings": findings },
        "artifacts": artifacts,
    })
}

fn names(project: &Project) -> Vec<String> {
    let listed = ask(project, &["list"]);
    let artifacts = listed["artifacts"].as_array().unwrap().iter();
    artifacts.map(|artifact| artifact["name"].as_str().unwrap().to_owned()).collect()
}

fn said_of(project: &Project, name: &str) -> Value {
    let shown = ask(project, &["show", name]);
    let briefing: Map<String, Value> =
        ["name", "workflow", "version", "cycle", "phase", "status", "iteration"]
            .map(|field| (field.to_owned(), shown["briefing"][field].clone()))
            .into_iter()
            .collect();
    let entries = ask(project, &["history", name, "--limit", "100"])["entries"].clone();
    let mut versions = Map::new();
    for entry in entries.as_array().unwrap() {
        // A deletion leaves no document.
        if entry["operation"] != "delete_artifact" {
            let version = entry["version"].to_string();
            versions.insert(version.clone(), document(project, name, &version));
        }
    }
    json!({
        "updated_at": shown["updated_at"],
        "briefing": briefing,
        "entries": entries,
        "versions": versions,
    })
}

/// The document at a version. What is too large for one answer is asked for in parts.
fn document(project: &Project, name: &str, version: &str) -> Value {
    let full = ask(project, &["show", name, "--at", version, "--full"]);
    if full["code"] != "too_large" {
        return shortened(full["document"].clone());
    }
    let mut document = ask(project, &["show", name, "--at", version])["document"].clone();
    for (key, part) in document["data"].as_object_mut().unwrap() {
        let pointer = format!("/data/{key}");
        let selected = ask(project, &["show", name, "--at", version, "--select", &pointer]);
        *part = shortened(selected["selected"][pointer].clone());
    }
    document
}

/// Replaces long texts by their digests.
fn shortened(value: Value) -> Value {
    match value {
        Value::String(text) if text.len() > TEXT_BYTES_MAX => {
            json!(format!("{} bytes, {}", text.len(), blake3::hash(text.as_bytes())))
        }
        Value::Object(fields) => {
            fields.into_iter().map(|(key, part)| (key, shortened(part))).collect()
        }
        Value::Array(items) => items.into_iter().map(shortened).collect(),
        other => other,
    }
}

/// Fails unless everything that is expected is there. A later program may say more.
fn check(expected: &Value, actual: &Value, place: &str) {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            for (key, part) in expected {
                let place = format!("{place}/{key}");
                let there = actual.get(key).unwrap_or_else(|| panic!("{place} is missing"));
                check(part, there, &place);
            }
        }
        (Value::Array(expected), Value::Array(actual)) => {
            assert_eq!(expected.len(), actual.len(), "{place}: {actual:?}");
            for (i, (part, there)) in expected.iter().zip(actual).enumerate() {
                check(part, there, &format!("{place}/{i}"));
            }
        }
        _ => assert_eq!(expected, actual, "{place}"),
    }
}

/// Saves once, in a new cycle if the last one is closed.
fn save_on_top(project: &Project, name: &str, workflow: &str) {
    let opened = refiner(project.path(), ["init", name, "--workflow", workflow, "--json"]);
    assert_eq!(opened.code, Some(0), "{opened:?}");
    let patch = json!({ "data": { "on top": "ünïcode" } }).to_string();
    let saved = refiner(project.path(), ["save", name, "--patch", &patch, "--json"]);
    assert_eq!((saved.code, &saved.json()["changed"]), (Some(0), &json!(true)), "{saved:?}");
    let selected = ask(project, &["show", name, "--select", "/data/on top"]);
    assert_eq!(selected["selected"]["/data/on top"], "ünïcode");
}

#[test]
fn what_earlier_programs_left_is_read_as_it_was() {
    let cases = Case::all();
    for (format, count) in [("v1", 5), ("v2", 1), ("v3", 6)] {
        let of_format = |case: &&Case| case.folder.iter().any(|part| part == format);
        assert!(cases.iter().filter(of_format).count() >= count, "cases of {format} are missing");
    }
    for case in cases {
        check(&case.expected(), &said(&case.project()), &case.name);
    }
}

/// Without the readable copies, what is said comes from the journal alone.
#[test]
fn what_earlier_programs_left_is_read_from_the_journal_alone() {
    for case in Case::all() {
        let (expected, project) = (case.expected(), case.project());
        for name in names(&case.project()) {
            std::fs::remove_file(project.of(&name, "state.json")).unwrap();
        }
        check(&expected["artifacts"], &said(&project)["artifacts"], &case.name);
    }
}

#[test]
fn what_is_saved_on_top_of_an_earlier_workspace_leaves_everything_as_it_was() {
    for case in Case::all() {
        let (expected, project) = (case.expected(), case.project());
        for (name, before) in expected["artifacts"].as_object().unwrap() {
            save_on_top(&project, name, before["briefing"]["workflow"].as_str().unwrap());
            let mut after = said_of(&project, name);
            let known = before["entries"].as_array().unwrap().len();
            let entries = after["entries"].as_array_mut().unwrap();
            assert!(entries.len() > known, "{name}: {entries:?}");
            entries.truncate(known);
            let place = format!("{}: {name}", case.name);
            check(&before["entries"], &after["entries"], &place);
            check(&before["versions"], &after["versions"], &place);
        }
        check_archives(&case, &project);
        let findings = ask(&project, &["doctor"])["findings"].clone();
        let mut findings = findings.as_array().unwrap().clone();
        findings.retain(|finding| finding["severity"] != "note");
        assert_eq!(findings, Vec::<Value>::new(), "{}", case.name);
    }
}

/// Fails unless the finalized cycles are there byte for byte.
fn check_archives(case: &Case, project: &Project) {
    if !case.workspace().join("history").exists() {
        return;
    }
    let frozen = Project::new();
    copy_folder(&case.workspace().join("history"), &frozen.file("history"));
    let there = project.digest();
    for (path, content) in frozen.digest() {
        assert_eq!(there.get(&path), Some(&content), "{}: {path}", case.name);
    }
}

#[test]
#[ignore = "writes data: run it by hand when a case is added"]
fn new_cases_get_what_the_program_says_of_them() {
    for case in Case::all() {
        let path = case.folder.join("expected.json");
        if !path.exists() {
            let text = serde_json::to_string_pretty(&said(&case.project())).unwrap();
            std::fs::write(path, text + "\n").unwrap();
        }
    }
}

/// A workspace with the artifact `a`, whose journal a newer program wrote, and `b`, which is ours.
fn with_a_newer_journal() -> Project {
    let project = Project::new();
    for name in ["a", "b"] {
        refiner(project.path(), ["init", name, "--workflow", "document"]);
        refiner(project.path(), ["save", name, "--patch", r#"{"data":{"x":1}}"#]);
    }
    let mut journal = Journal::read(&project, "a");
    let base = String::from_utf8(journal.lines[0].clone()).unwrap();
    let newer = base.replace(r#""format":3,"#, r#""format":4,"#);
    assert_ne!(newer, base);
    journal.lines[0] = framed(newer.as_bytes());
    journal.write();
    project
}

fn check_refusal(refusal: &Value, what: &str) {
    assert_eq!(refusal["code"], "unsupported", "{what}: {refusal}");
    let message = refusal["message"].as_str().unwrap();
    let named = ["a", "format 4", "up to 3"].iter().all(|part| message.contains(part));
    assert!(named, "{what}: {refusal}");
    let hint = refusal["hint"].as_str().unwrap();
    assert!(hint.contains("newer refiner") && hint.contains("update"), "{what}: {refusal}");
}

#[tokio::test]
async fn a_journal_of_a_newer_format_is_refused_by_every_tool_and_left_alone() {
    let project = with_a_newer_journal();
    let before = project.digest();
    let server = Server::start(project.path()).await;
    for (tool, mut arguments) in [
        ("load_state", json!({})),
        ("load_state", json!({ "at": "1" })),
        ("history", json!({})),
        ("save_state", json!({ "patch": { "data": { "x": 2 } } })),
        ("checkpoint", json!({ "label": "l" })),
        ("restore", json!({ "to": "1" })),
        ("transition", json!({ "event": "complete" })),
        ("finalize", json!({})),
        ("init_state", json!({ "workflow": "document" })),
    ] {
        arguments["name"] = json!("a");
        check_refusal(&server.call(tool, arguments).await.unwrap_err(), tool);
    }
    assert_eq!(project.digest(), before);
    let listed = server.call("list_artifacts", json!({})).await.unwrap();
    assert_eq!(listed["artifacts"][0]["name"], "b", "{listed}");
    assert!(listed["warnings"][0].as_str().unwrap().contains("format 4"), "{listed}");
    let save = json!({ "name": "b", "patch": { "data": { "x": 2 } } });
    assert_eq!(server.call("save_state", save).await.unwrap()["version"], 3);
    server.end().await;
}

#[test]
fn a_journal_of_a_newer_format_is_refused_on_the_command_line_and_named_by_doctor() {
    let project = with_a_newer_journal();
    let before = project.digest();
    for arguments in [
        &["show", "a", "--json"][..],
        &["history", "a", "--json"],
        &["save", "a", "--patch", r#"{"data":{"x":2}}"#, "--json"],
    ] {
        let finished = refiner(project.path(), arguments);
        assert_eq!(finished.code, Some(1), "{finished:?}");
        check_refusal(&finished.json(), arguments[0]);
    }
    let told = refiner(project.path(), ["show", "a"]);
    assert!(told.stderr.contains("format 4") && told.stderr.contains("update"), "{told:?}");
    for (arguments, artifacts) in [(&["doctor", "--json"][..], 2), (&["doctor", "a", "--json"], 1)]
    {
        let doctor = refiner(project.path(), arguments);
        assert_eq!((doctor.code, &doctor.json()["artifacts"]), (Some(1), &json!(artifacts)));
        let finding = &doctor.json()["findings"][0];
        assert_eq!(finding["severity"], "error", "{finding}");
        assert!(finding["problem"].as_str().unwrap().contains("format 4"), "{finding}");
        assert!(finding["advice"].as_str().unwrap().contains("update"), "{finding}");
    }
    assert_eq!(project.digest(), before);
}

/// Runs a subcommand at a terminal at which a person agrees.
fn agreed(project: &Project, arguments: &[&str]) {
    let mut command = command(project.path());
    command.args(arguments);
    let (code, screen) = on_terminal(command, "yes\n");
    assert_eq!(code, Some(0), "{arguments:?}: {screen}");
}

/// Goal: a program of format 1 never overlooks a removal. Method: what it left is removed by this one,
/// which has to go on in a segment whose format that one refuses.
#[test]
fn a_removal_from_an_earlier_workspace_begins_a_segment_that_earlier_programs_refuse() {
    for removal in [&["reset"][..], &["delete"], &["delete", "--purge"]] {
        let case = Case::all().into_iter().find(|case| case.name == "document").unwrap();
        let (project, before) = (case.project(), case.expected());
        let version = before["artifacts"]["notes"]["briefing"]["version"].as_u64().unwrap();
        let kept = if removal.contains(&"--purge") { 0 } else { version + 1 };
        agreed(&project, &[&removal[..1], &["notes"], &removal[1..]].concat());
        let segments = project.segments("notes");
        let newest = segments.last().unwrap();
        let first: u64 = newest.trim_end_matches(".jsonl").parse().unwrap();
        assert!(first > version, "{removal:?}: {segments:?}");
        let text =
            std::fs::read_to_string(project.of("notes", &format!("journal/{newest}"))).unwrap();
        let base: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(base["format"], FORMAT, "{removal:?}");

        let entries = ask(&project, &["history", "notes", "--limit", "100"])["entries"].clone();
        let entries = entries.as_array().unwrap();
        assert_eq!(entries.len() as u64, kept, "{removal:?}");
        if kept > 0 {
            check(
                &before["artifacts"]["notes"]["entries"],
                &json!(entries[..entries.len() - 1]),
                "what was before the removal",
            );
        }
        assert_eq!(ask(&project, &["doctor"])["healthy"], true, "{removal:?}");
        let opened = ask(&project, &["init", "notes", "--workflow", "document"]);
        let next = if removal[0] == "reset" { version + 1 } else { version + 2 };
        assert_eq!(opened["version"], next, "{removal:?}");
    }
}
